//! The list of all tools, and which of them are offered to whom.

use std::sync::LazyLock;

pub(crate) use self::doors::{through_own_door, uses};
pub use self::{
    allowance::Allowance,
    examples::{Example, example},
    failure::{failure, remedy},
    selection::{Offer, Selectors, ToolSelection},
    undo::{tools_with_undo, undo},
};
use crate::{
    client::Result,
    tailnet::{
        alerts, caller, changes, compliance, contacts, device_invites, devices, dns, funnel, keys,
        logging, monitoring, network, oauth_apps, operations, organization, policy_file, posture,
        routes, services, settings, tags, this_node, user_invites, users, webhooks,
    },
    tool::{ToolDef, Toolset},
};

mod allowance;
mod doors;
mod examples;
mod failure;
mod missing;
mod selection;
mod undo;

/// Every toolset, in the order of the manual.
pub const TOOLSETS: &[&Toolset] = &[
    &devices::tools::TOOLSET,
    &network::tools::TOOLSET,
    &tags::tools::TOOLSET,
    &policy_file::tools::TOOLSET,
    &dns::tools::TOOLSET,
    &routes::tools::TOOLSET,
    &services::tools::TOOLSET,
    &changes::tools::TOOLSET,
    &devices::tools::LIFECYCLE,
    &users::tools::TOOLSET,
    &user_invites::tools::TOOLSET,
    &device_invites::tools::TOOLSET,
    &contacts::tools::TOOLSET,
    &settings::tools::TOOLSET,
    &webhooks::tools::TOOLSET,
    &posture::tools::TOOLSET,
    &logging::tools::TOOLSET,
    &oauth_apps::tools::TOOLSET,
    &organization::tools::TOOLSET,
    &operations::tools::TOOLSET,
    &keys::tools::TOOLSET,
    &compliance::tools::TOOLSET,
    &monitoring::tools::TOOLSET,
    &alerts::tools::TOOLSET,
    &this_node::tools::TOOLSET,
    &funnel::tools::TOOLSET,
    &caller::tools::TOOLSET,
];

/// The generated toolsets: one for each group of operations in the OpenAPI document.
static GENERATED: LazyLock<Vec<Toolset>> = LazyLock::new(operations::tools::toolsets);

/// All tools that are not generated.
pub fn all() -> impl Iterator<Item = &'static ToolDef> {
    TOOLSETS.iter().flat_map(|set| set.tools)
}

/// All toolsets, including the generated ones.
pub fn toolsets() -> impl Iterator<Item = &'static Toolset> {
    TOOLSETS.iter().copied().chain(GENERATED.iter())
}

/// All tools of all toolsets.
pub fn every() -> impl Iterator<Item = &'static ToolDef> {
    toolsets().flat_map(|set| set.tools)
}

/// The tool called `name`.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it does not exist, with the nearest name.
pub fn named(name: &str) -> Result<&'static ToolDef> {
    every().find(|it| it.name == name).ok_or_else(|| {
        let names: Vec<&str> = all().map(|it| it.name).collect();
        selection::unknown("tool", name, &names)
    })
}

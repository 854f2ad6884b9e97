//! Completes prompt and resource arguments while the user types.

use std::collections::BTreeSet;

use rmcp::model::{CompleteRequestParams, CompletionInfo, Reference};

use super::{Server, resources};
use crate::{
    catalogue::{self, Offer},
    change::journal::Find,
    client::Result,
    tailnet::{devices::Device, tailnets::title_of},
};

/// How many recent changes are searched for a change number.
const CHANGES: usize = 100;

/// The completions for what was typed so far.
pub(super) async fn complete(
    server: &Server,
    offer: &Offer,
    request: &CompleteRequestParams,
) -> Result<CompletionInfo> {
    let first = offer.on(&title_of(server.tailnet()));
    let all = offer;
    let offer = &first;
    let typed = request.argument.value.to_lowercase();
    let argument = request.argument.name.as_str();
    let names = match &request.r#ref {
        Reference::Resource(it) if it.uri.starts_with(resources::OF_TAILNET) => {
            let names = server.tailnets().names().filter(|it| all.reaches(it));
            match argument {
                "tailnet" => names.map(str::to_owned).collect(),
                "resource" => resources::singles(all).into_iter().map(str::to_owned).collect(),
                _ => BTreeSet::new(),
            }
        }
        Reference::Resource(it) if it.uri.starts_with(resources::DEVICE) => {
            names(server, offer, Device::short_name).await?
        }
        Reference::Resource(it) if it.uri.starts_with(resources::CHANGE) => {
            changes(server, offer).await?
        }
        Reference::Prompt(it) if it.name == "why_no_connection" && argument != "port" => {
            names(server, offer, Device::short_name).await?
        }
        Reference::Prompt(it) if it.name == "review_policy_change" => words(server, offer).await?,
        _ => BTreeSet::new(),
    };
    // Names that start with the text come before names that contain it.
    let (begins, has): (Vec<String>, Vec<String>) = names
        .into_iter()
        .filter(|it| it.to_lowercase().contains(&typed))
        .partition(|it| it.to_lowercase().starts_with(&typed));
    let mut values = [begins, has].concat();
    let total = u32::try_from(values.len()).ok();
    let more = values.len() > CompletionInfo::MAX_VALUES;
    values.truncate(CompletionInfo::MAX_VALUES);
    Ok(CompletionInfo::with_pagination(values, total, more).unwrap_or_default())
}

fn may_list(offer: &Offer, tool: &str) -> bool {
    catalogue::named(tool).is_ok_and(|it| offer.takes(it))
}

async fn names(
    server: &Server,
    offer: &Offer,
    name: fn(&Device) -> &str,
) -> Result<BTreeSet<String>> {
    if !may_list(offer, "list_devices") {
        return Ok(BTreeSet::new());
    }
    let list = server.tailnet().devices().list().await?;
    Ok(list.iter().map(|it| name(it).to_owned()).collect())
}

/// Tags and users, for questions about policy changes.
async fn words(server: &Server, offer: &Offer) -> Result<BTreeSet<String>> {
    if !may_list(offer, "list_devices") {
        return Ok(BTreeSet::new());
    }
    let list = server.tailnet().devices().list().await?;
    let tags = list.iter().flat_map(Device::tags).cloned();
    let users = list.iter().filter_map(|it| it.user.clone());
    Ok(tags.chain(users).filter(|it| !it.is_empty()).collect())
}

async fn changes(server: &Server, offer: &Offer) -> Result<BTreeSet<String>> {
    if !may_list(offer, "list_changes") {
        return Ok(BTreeSet::new());
    }
    let find = Find { limit: CHANGES, ..Find::default() };
    let list = server.recorded().changes().list(&find).await?;
    Ok(list.changes.iter().map(|it| it.change.to_string()).collect())
}

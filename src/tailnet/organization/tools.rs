//! Organization tools.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::{DEFAULT_BASE_URL, Result},
    tool::{Edit, List, Page, Part, Toolset, all_but, edit, list},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "organization",
    about: "The tailnets of the organization (alpha).",
    instructions: "A new tailnet's secret appears only once, in `shown_once`. Tailnets cannot be deleted here.",
    default: false,
    tools: &[list::<ListOrganizationTailnets>(), edit::<CreateOrganizationTailnet>()],
};

/// List the organization's tailnets.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListOrganizationTailnets {}

impl List for ListOrganizationTailnets {
    const NAME: &'static str = "list_organization_tailnets";
    const OPERATIONS: &'static [Operation] = &[Operation::ListOrganizationTailnets];
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let all = tailnet.organization().tailnets().await?;
        Page::of("tailnets", all.iter().map(|it| all_but(it, &[])), &part)
    }
}

/// Create a tailnet in the organization (irreversible), with an OAuth client whose secret is shown once.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CreateOrganizationTailnet {
    /// Display name: letters, digits, spaces, apostrophes, hyphens.
    display_name: String,
}

impl Edit for CreateOrganizationTailnet {
    const NAME: &'static str = "create_organization_tailnet";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListOrganizationTailnets, Operation::CreateOrganizationTailnet];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let mut plan = tailnet.organization().plan_create(&self.display_name).await?;
        let url = &tailnet.settings().base_url;
        let elsewhere =
            (url.trim_end_matches('/') != DEFAULT_BASE_URL).then(|| format!(" --base-url {url}"));
        plan.notes.push(format!(
            "to manage it afterwards, save its OAuth client as a profile: `tailsteward auth set {} --oauth \
             CLIENT_ID{}`, with `oauthClient.id` of the answer; it asks for the secret",
            profile(&self.display_name),
            elsewhere.unwrap_or_default()
        ));
        Ok(plan)
    }
}

/// A name for the profile of a new tailnet: `production-staging`.
fn profile(display_name: &str) -> String {
    let letters = display_name.to_lowercase();
    let words = letters.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    if name.is_empty() { "NAME".to_owned() } else { name }
}

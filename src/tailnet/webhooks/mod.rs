//! Webhooks: URLs that Tailscale sends the tailnet's events to.

use serde_json::{Map, Value, json};

#[cfg(feature = "server")]
pub(crate) mod tools;

use crate::{
    Error, ErrorKind, Operation,
    change::{Plan, Secrets},
    client::Result,
    tailnet::resource::{Listed, Resource, ResourceSpec, Resources},
    values::joined,
};
pub use crate::{
    api::types::Webhook,
    values::{WebhookEvent, WebhookProvider},
};

pub(crate) const WEBHOOK: &ResourceSpec = &ResourceSpec {
    parameter: "webhook",
    listed: Some((Operation::ListWebhooks, "webhooks")),
    names: &["endpointUrl"],
    make: Some(Operation::CreateWebhook),
    change: Some(Operation::UpdateWebhook),
    patches: true,
    remove: Some(Operation::DeleteWebhook),
    once: &["secret"],
    actions: &[(TEST, Operation::TestWebhook), (ROTATE, Operation::RotateWebhookSecret)],
    explain: Some(explain),
    ..ResourceSpec::new(
        "webhook",
        "endpointId",
        "endpointId",
        Operation::GetWebhook,
        &["endpointUrl", "providerType", "subscriptions"],
    )
};

/// The name of the action that sends a test event.
const TEST: &str = "test";
/// The name of the action that replaces the signing secret.
const ROTATE: &str = "rotate_secret";

/// The definition of a new webhook.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NewWebhook {
    /// URL that receives the events: `https://…`.
    pub url: String,
    /// Events to subscribe to.
    pub subscriptions: Vec<String>,
    /// Chat provider whose message format is used; `None` for Tailscale's own format.
    pub provider: Option<WebhookProvider>,
}

impl Resource for Webhook {
    const SPEC: &'static ResourceSpec = WEBHOOK;
}

impl Listed for Webhook {}

/// The webhooks of a tailnet: [`list`](Resources::list) reads all
/// (`GET /tailnet/{tailnet}/webhooks`), [`get`](Resources::get) one by ID or URL
/// (`GET /webhooks/{endpointId}`), and [`plan_delete`](Resources::plan_delete) plans to delete one
/// (`DELETE /webhooks/{endpointId}`).
pub type Webhooks<'a> = Resources<'a, Webhook>;

impl Resources<'_, Webhook> {
    /// Plans to create a webhook (`POST /tailnet/{tailnet}/webhooks`). The report shows its secret
    /// once.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a URL without `https`, or without events.
    pub fn plan_create(&self, new: &NewWebhook) -> Result<Plan> {
        let url = new.url.trim();
        let host = url::Url::parse(url).ok().filter(|it| it.scheme() == "https");
        if host.is_none_or(|it| it.host_str().is_none()) {
            return Err(Error::invalid_input(
                "url",
                format!("is `{url}`; it must begin with https://"),
            ));
        }
        let (subscriptions, warnings) = checked(&new.subscriptions)?;
        let to = json!({
            "endpointUrl": url,
            "providerType": new.provider,
            "subscriptions": subscriptions,
        });
        Ok(WEBHOOK.plan_make("", url, &to, Secrets::new()).warned(warnings))
    }

    /// Plans to replace the events of a webhook (`PATCH /webhooks/{endpointId}`). Its other fields
    /// cannot be changed.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get); [`InvalidInput`](ErrorKind::InvalidInput) without events.
    pub async fn plan_subscriptions(&self, webhook: &str, events: &[String]) -> Result<Plan> {
        let (events, warnings) = checked(events)?;
        let (id, name) = self.identify(webhook).await?;
        let wanted: Map<String, Value> =
            [("subscriptions".to_owned(), events.into())].into_iter().collect();
        let now = WEBHOOK.get(self.tailnet(), &id).await?;
        let plan = WEBHOOK.plan_change(&id, &name, &now, &wanted, Secrets::new());
        Ok(plan.warned(warnings))
    }

    /// Plans to send a webhook a test event (`POST /webhooks/{endpointId}/test`).
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get).
    pub async fn plan_test(&self, webhook: &str) -> Result<Plan> {
        let (id, name) = self.identify(webhook).await?;
        let mut plan = WEBHOOK.plan_action(TEST, &id, &name);
        plan.notes
            .push("the event is sent shortly; check at the receiver whether it arrived".to_owned());
        Ok(plan)
    }

    /// Plans to give a webhook a new signing secret (`POST /webhooks/{endpointId}/rotate`). The
    /// report shows it once.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get).
    pub async fn plan_rotate(&self, webhook: &str) -> Result<Plan> {
        let (id, name) = self.identify(webhook).await?;
        let warning = "events are signed with the new secret immediately; give it to the receiver";
        Ok(WEBHOOK.plan_action(ROTATE, &id, &name).warned(vec![warning.to_owned()]))
    }
}

/// Removes duplicate events, and warns of unknown ones, which may be new in the API.
fn checked(events: &[String]) -> Result<(Vec<String>, Vec<String>)> {
    let mut all: Vec<String> = Vec::new();
    for event in events.iter().map(|it| it.trim()) {
        if !event.is_empty() && !all.iter().any(|it| it == event) {
            all.push(event.to_owned());
        }
    }
    if all.is_empty() {
        let should = format!("must have at least one event: {}", joined(WebhookEvent::ALL));
        return Err(Error::invalid_input("subscriptions", should));
    }
    let is_known = |name: &str| WebhookEvent::ALL.iter().any(|event| event.as_str() == name);
    let unknown = all.iter().filter(|name| !is_known(name));
    let warn = |it: &String| format!("`{it}` is not a known event");
    let warnings = unknown.map(warn).collect();
    Ok((all, warnings))
}

fn explain(error: Error) -> Error {
    let writes =
        matches!(error.operation(), Some(Operation::CreateWebhook | Operation::UpdateWebhook));
    if error.kind() != ErrorKind::Rejected || !writes {
        return error;
    }
    error.with_remedy(format!(
        "change the request as the message says; known events: {}",
        joined(WebhookEvent::ALL)
    ))
}

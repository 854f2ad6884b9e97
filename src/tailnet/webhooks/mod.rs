//! Webhooks: where Tailscale posts what happens in the tailnet.

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

/// A test event is sent.
const TEST: &str = "test";
/// Its secret becomes another one.
const ROTATE: &str = "rotate_secret";

/// What a webhook is made of.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct NewWebhook {
    /// Where events are posted to: `https://…`.
    pub url: String,
    /// The events.
    pub subscriptions: Vec<String>,
    /// In whose format; none for Tailscale's own.
    pub provider: Option<WebhookProvider>,
}

impl Resource for Webhook {
    const SPEC: &'static ResourceSpec = WEBHOOK;
}

impl Listed for Webhook {}

/// The webhooks of a tailnet: [`list`](Resources::list) (`GET /tailnet/{tailnet}/webhooks`),
/// [`get`](Resources::get) by id or URL (`GET /webhooks/{endpointId}`), and
/// [`plan_delete`](Resources::plan_delete) (`DELETE /webhooks/{endpointId}`).
pub type Webhooks<'a> = Resources<'a, Webhook>;

impl Resources<'_, Webhook> {
    /// Plans to make one (`POST /tailnet/{tailnet}/webhooks`). The report shows its secret, once.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a URL without `https` or no events.
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

    /// Plans to subscribe one to other events, all of them (`PATCH /webhooks/{endpointId}`).
    /// Nothing else of one can change.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); [`InvalidInput`](ErrorKind::InvalidInput) for no events.
    pub async fn plan_subscriptions(&self, webhook: &str, events: &[String]) -> Result<Plan> {
        let (events, warnings) = checked(events)?;
        let (id, name) = self.identify(webhook).await?;
        let wanted: Map<String, Value> =
            [("subscriptions".to_owned(), events.into())].into_iter().collect();
        let now = WEBHOOK.get(self.tailnet(), &id).await?;
        let plan = WEBHOOK.plan_change(&id, &name, &now, &wanted, Secrets::new());
        Ok(plan.warned(warnings))
    }

    /// Plans to send one a test event (`POST /webhooks/{endpointId}/test`).
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn plan_test(&self, webhook: &str) -> Result<Plan> {
        let (id, name) = self.identify(webhook).await?;
        let mut plan = WEBHOOK.plan_action(TEST, &id, &name);
        plan.notes.push(
            "the event is sent a little later; the receiver shows whether it came".to_owned(),
        );
        Ok(plan)
    }

    /// Plans to give one a new secret (`POST /webhooks/{endpointId}/rotate`). The report shows it,
    /// once.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn plan_rotate(&self, webhook: &str) -> Result<Plan> {
        let (id, name) = self.identify(webhook).await?;
        let warning = "events are signed with the new secret at once; give it to the receiver";
        Ok(WEBHOOK.plan_action(ROTATE, &id, &name).warned(vec![warning.to_owned()]))
    }
}

/// The events, each once, and warnings about them. The API adds events, so one that is
/// unknown here may be one.
fn checked(events: &[String]) -> Result<(Vec<String>, Vec<String>)> {
    let mut all: Vec<String> = Vec::new();
    for event in events.iter().map(|it| it.trim()) {
        if !event.is_empty() && !all.iter().any(|it| it == event) {
            all.push(event.to_owned());
        }
    }
    if all.is_empty() {
        let should = format!("must name at least one event: {}", joined(WebhookEvent::ALL));
        return Err(Error::invalid_input("subscriptions", should));
    }
    let is_known = |name: &str| WebhookEvent::ALL.iter().any(|event| event.as_str() == name);
    let unknown = all.iter().filter(|name| !is_known(name));
    let warn = |it: &String| format!("`{it}` is no event that is known here");
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
        "change what the message says; known events: {}",
        joined(WebhookEvent::ALL)
    ))
}

//! Webhooks. Events are posted to endpoints on this machine, and nowhere else.

mod notice;
mod post;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(crate) use self::{
    notice::{Happened, Notice},
    post::post,
};
use super::audit::{Event, Target};
use super::clock::whole_seconds;
use super::http::{Call, Failure, Outcome, Reply};
use super::ids;
use super::state::null_as_default;

/// The event types. The last two are categories, and missing in the API documentation.
const EVENTS: &[&str] = &[
    "nodeCreated",
    "nodeNeedsApproval",
    "nodeApproved",
    "nodeKeyExpiringInOneDay",
    "nodeKeyExpired",
    "nodeDeleted",
    "nodeSigned",
    "nodeNeedsSignature",
    "policyUpdate",
    "userCreated",
    "userNeedsApproval",
    "userSuspended",
    "userRestored",
    "userDeleted",
    "userApproved",
    "userRoleUpdated",
    "subnetIPForwardingNotEnabled",
    "exitNodeIPForwardingNotEnabled",
    "categoryTailnetManagement",
    "categoryDeviceMisconfigurations",
];

/// The formats in which events are sent; empty is Tailscale's own.
const PROVIDERS: &[&str] = &["", "slack", "mattermost", "googlechat", "discord"];

/// All webhooks, by endpoint ID.
pub(crate) type Webhooks = BTreeMap<String, Webhook>;

/// A webhook. Its secret is shown only when it is created or rotated.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook {
    endpoint_id: String,
    endpoint_url: String,
    provider_type: String,
    creator_login_name: String,
    created: Timestamp,
    last_modified: Timestamp,
    subscriptions: Vec<String>,
    secret: String,
}

impl Webhook {
    fn target(&self) -> Target {
        Target::webhook(&self.endpoint_id, &self.endpoint_url)
    }

    fn wire(&self, show_secret: bool) -> Value {
        let mut value = json!(self);
        if let Some(fields) = value.as_object_mut().filter(|_| !show_secret) {
            fields.remove("secret");
        }
        value
    }
}

impl Call<'_> {
    fn webhook(&self) -> Result<Webhook, Failure> {
        let found = self.state.webhooks.get(&self.param("endpointId"));
        found.cloned().ok_or_else(|| Failure::not_found("webhook not found"))
    }
}

fn checked(mut subscriptions: Vec<String>) -> Result<Vec<String>, Failure> {
    if let Some(bad) = subscriptions.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        return Err(Failure::bad_request(format!("invalid subscription {bad:?}")));
    }
    if subscriptions.is_empty() {
        return Err(Failure::bad_request("subscriptions cannot be empty"));
    }
    let mut seen = Vec::new();
    subscriptions.retain(|event| {
        let is_new = !seen.contains(event);
        seen.push(event.clone());
        is_new
    });
    Ok(subscriptions)
}

/// `GET /tailnet/{tailnet}/webhooks`.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let all: Vec<Value> = call.state.webhooks.values().map(|it| it.wire(false)).collect();
    Reply::json(&json!({ "webhooks": all }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default, deserialize_with = "null_as_default")]
    endpoint_url: String,
    #[serde(default, deserialize_with = "null_as_default")]
    provider_type: String,
    #[serde(default, deserialize_with = "null_as_default")]
    subscriptions: Vec<String>,
}

/// `POST /tailnet/{tailnet}/webhooks`: the response includes the secret.
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let wanted: Wanted = call.json()?;
    let host = wanted.endpoint_url.strip_prefix("https://").unwrap_or_default();
    // Tailscale takes `https` only; this is for tests that receive what is posted.
    let is_here = notice::is_here(&wanted.endpoint_url);
    if (host.is_empty() && !is_here) || wanted.endpoint_url.contains(char::is_whitespace) {
        return Err(Failure::bad_request("endpointUrl must be an https:// URL"));
    }
    if !PROVIDERS.contains(&wanted.provider_type.as_str()) {
        let message = format!("invalid providerType {:?}", wanted.provider_type);
        return Err(Failure::bad_request(message));
    }
    let subscriptions = checked(wanted.subscriptions)?;
    let creator = call.principal.user_id.as_deref().and_then(|id| call.state.users.get(id));
    let creator_login_name = creator.map(|user| user.login_name.to_string()).unwrap_or_default();
    let webhook = Webhook {
        endpoint_id: ids::letters(&mut call.state.rng, 12),
        endpoint_url: wanted.endpoint_url,
        provider_type: wanted.provider_type,
        creator_login_name,
        created: whole_seconds(call.now),
        last_modified: whole_seconds(call.now),
        subscriptions,
        secret: new_secret(call),
    };
    call.record(Event::new("CREATE", webhook.target()));
    save(call, webhook, true)
}

/// `GET /webhooks/{endpointId}`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    Reply::json(&call.webhook()?.wire(false))
}

#[derive(Deserialize)]
struct WantedSubscriptions {
    subscriptions: Option<Vec<String>>,
}

/// `PATCH /webhooks/{endpointId}`: replaces the subscriptions. Other fields cannot change.
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let mut webhook = call.webhook()?;
    let WantedSubscriptions { subscriptions } = call.json()?;
    let Some(subscriptions) = subscriptions else { return get(call) };
    let new = checked(subscriptions)?;
    let old = std::mem::replace(&mut webhook.subscriptions, new);
    if old == webhook.subscriptions {
        return get(call);
    }
    let event = Event::new("UPDATE", webhook.target());
    let new = json!(webhook.subscriptions);
    call.record(event.property("SUBSCRIBED_EVENTS", json!(old), new));
    webhook.last_modified = whole_seconds(call.now);
    save(call, webhook, false)
}

/// `DELETE /webhooks/{endpointId}`.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let webhook = call.webhook()?;
    call.state.webhooks.remove(&webhook.endpoint_id);
    call.record(Event::new("DELETE", webhook.target()));
    Ok(Reply::empty())
}

/// `POST /webhooks/{endpointId}/test`: responds with 202, and sends an event of the type `test`.
pub(crate) fn test(call: &mut Call<'_>) -> Outcome {
    let webhook = call.webhook()?;
    let tailnet = &call.state.identity.name;
    let notice = Happened::test().notice(&webhook, tailnet, call.now);
    call.state.notices.extend(notice);
    Ok(Reply { status: 202, ..Reply::empty() })
}

/// `POST /webhooks/{endpointId}/rotate`: the response includes the new secret.
pub(crate) fn rotate(call: &mut Call<'_>) -> Outcome {
    let mut webhook = call.webhook()?;
    webhook.secret = new_secret(call);
    webhook.last_modified = whole_seconds(call.now);
    let event = Event::new("UPDATE", webhook.target());
    call.record(event.property("SECRET", Value::Null, Value::Null));
    save(call, webhook, true)
}

fn new_secret(call: &mut Call<'_>) -> String {
    format!("tskey-webhook-{}", ids::letters(&mut call.state.rng, 32))
}

fn save(call: &mut Call<'_>, webhook: Webhook, show_secret: bool) -> Outcome {
    let reply = Reply::json(&webhook.wire(show_secret));
    call.state.webhooks.insert(webhook.endpoint_id.clone(), webhook);
    reply
}

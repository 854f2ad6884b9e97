//! The events that webhooks get. They follow from the audit log, and are signed as Tailscale signs them.

use std::fmt::Write as _;

use axum::http::Uri;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::Webhook;
use crate::audit::{Event, Target};

/// A message for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) url: String,
    /// The value of `Tailscale-Webhook-Signature`.
    pub(crate) signature: String,
    pub(crate) body: String,
}

/// An event that webhooks can subscribe to.
pub(crate) struct Happened {
    kind: &'static str,
    message: String,
    data: Value,
}

impl Happened {
    /// The event that a change means, if any.
    pub(crate) fn of(event: &Event, actor: &str) -> Option<Self> {
        let target = event.target();
        let (kind, what) = match (&*target.kind, event.action(), target.property()) {
            ("NODE", "CREATE", "") => ("nodeCreated", "was added"),
            ("NODE", "APPROVE", _) => ("nodeApproved", "was approved"),
            ("NODE", "REVOKE", _) => ("nodeNeedsApproval", "needs approval"),
            ("NODE", "DELETE", _) => ("nodeDeleted", "was removed"),
            ("NODE", "UPDATE", "KEY_EXPIRY_TIME") => ("nodeKeyExpired", "has an expired key"),
            ("TAILNET", "UPDATE", "ACL") => ("policyUpdate", "has a new policy file"),
            ("USER", "APPROVE", _) => ("userApproved", "was approved"),
            ("USER", "SUSPEND", _) => ("userSuspended", "was suspended"),
            ("USER", "RESTORE", _) => ("userRestored", "was restored"),
            ("USER", "DELETE", _) => ("userDeleted", "was deleted"),
            ("USER", "UPDATE", "USER_ROLE") => ("userRoleUpdated", "has another role"),
            _ => return None,
        };
        let message = format!("{} {what}", target.name);
        Some(Self { kind, message, data: data(target, event, actor) })
    }

    /// What the endpoint gets to try it out.
    pub(crate) fn test() -> Self {
        let message = "This is a test event".to_owned();
        Self { kind: "test", message, data: json!({}) }
    }

    /// Whether the webhook wants to know. A test is for the one that is tested.
    fn is_for(&self, webhook: &Webhook) -> bool {
        let wanted = |it: &String| it == self.kind || it == "categoryTailnetManagement";
        self.kind == "test" || webhook.subscriptions.iter().any(wanted)
    }

    /// The message for a webhook; `None` if it has not subscribed, or if its endpoint is not on this machine.
    pub(crate) fn notice(
        &self,
        webhook: &Webhook,
        tailnet: &str,
        now: Timestamp,
    ) -> Option<Notice> {
        if !self.is_for(webhook) || !is_here(&webhook.endpoint_url) {
            return None;
        }
        let body = json!([{
            "timestamp": now.to_string(),
            "version": 1,
            "type": self.kind,
            "tailnet": tailnet,
            "message": self.message,
            "data": self.data,
        }])
        .to_string();
        let signature = signature(&webhook.secret, now.as_second(), &body)?;
        Some(Notice { url: webhook.endpoint_url.clone(), signature, body })
    }
}

fn data(target: &Target, event: &Event, actor: &str) -> Value {
    let (old, new) = event.values();
    match &*target.kind {
        "NODE" => json!({ "nodeID": target.id, "deviceName": target.name, "actor": actor }),
        "USER" if target.property() == "USER_ROLE" => {
            json!({ "user": target.name, "actor": actor, "oldRoles": [old], "newRoles": [new] })
        }
        "USER" => json!({ "user": target.name, "actor": actor }),
        _ => json!({ "oldPolicy": old, "newPolicy": new, "actor": actor }),
    }
}

/// `t=1663781880,v1=…`: a time in seconds, and the HMAC-SHA-256 of it and the body under the webhook's secret.
fn signature(secret: &str, second: i64, body: &str) -> Option<String> {
    let mut hash = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    hash.update(format!("{second}.{body}").as_bytes());
    let mut text = format!("t={second},v1=");
    for byte in hash.finalize().into_bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    Some(text)
}

/// Whether an endpoint is on this machine. Nothing is sent anywhere else.
pub(super) fn is_here(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or_default();
    url.scheme_str() == Some("http") && ["127.0.0.1", "localhost", "[::1]"].contains(&host)
}

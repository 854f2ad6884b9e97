//! The rules that are there from the start, and why their numbers are what they are.

use serde_json::{Value, json};

use super::rule::Rule;

/// A rule that is there from the start, and why it is as it is.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    /// The rule.
    pub rule: Rule,
    /// Why it is as it is.
    pub why: &'static str,
}

/// The rules that are there from the start. None notifies anyone until it names a receiver.
pub fn built_in() -> Vec<BuiltIn> {
    let own = |ephemeral: bool| json!({ "ephemeral": ephemeral });
    let tagged = json!({ "tagged": true, "ephemeral": false });
    vec![
        rule(
            "router-offline",
            "a standby router takes over in about 15 s, and a reboot takes up to 10 min",
            json!({ "when": "route_unserved", "for": "10m", "severity": "critical" }),
        ),
        rule(
            "server-silent",
            "nobody sits in front of a tagged device who would notice",
            json!({ "when": "silent", "longer_than": "15m", "scope": tagged,
                "severity": "warning" }),
        ),
        rule(
            "many-offline",
            "so many at once means that a site or an uplink has failed",
            json!({ "when": "many_offline", "percent": 30, "within": "10m",
                "severity": "critical", "settle": "10m" }),
        ),
        rule(
            "headless-key",
            "nobody sees the login prompt of a tagged device, and a visit on site takes time",
            json!({ "when": "key_expires", "within": "14d", "scope": { "tagged": true },
                "severity": "critical" }),
        ),
        rule(
            "user-key",
            "the client itself asks its user to log in again",
            json!({ "when": "key_expires", "within": "3d", "scope": { "tagged": false },
                "severity": "info" }),
        ),
        rule(
            "credential-expiry",
            "nobody is asked to renew it, so whatever uses it stops working",
            json!({ "when": "credential_expires", "within": "7d", "kinds": ["auth", "api"],
                "severity": "warning" }),
        ),
        rule(
            "our-credential",
            "without it, nothing can be polled",
            json!({ "when": "our_credential", "within": "14d", "severity": "critical" }),
        ),
        rule(
            "vulnerable-client",
            "updates roll out over days; one message covers all devices",
            json!({ "when": "vulnerable", "for": "24h", "severity": "warning", "repeat": "7d" }),
        ),
        rule(
            "cloned-key",
            "it shows only while both machines are connected, so it fires at once",
            json!({ "when": "cloned", "severity": "critical", "settle": "1h" }),
        ),
        rule(
            "lock-error",
            "signing a new node takes a moment",
            json!({ "when": "lock_error", "for": "30m", "severity": "warning" }),
        ),
        rule(
            "waiting",
            "minutes or hours would wake people at night for nothing",
            json!({ "when": "waits_for_approval", "longer_than": "24h", "severity": "info" }),
        ),
        rule(
            "many-new",
            "a stolen reusable key adds many devices at once",
            json!({ "when": "many_new", "times": 10, "within": "1h", "scope": own(false),
                "severity": "critical" }),
        ),
        rule(
            "guard-lowered",
            "one event is enough; it ends by itself after a day",
            json!({ "when": "event", "severity": "critical", "settle": "0s", "events": [
                "TAILNET.DISABLE.TKA", "TAILNET.DISABLE.MACHINE_APPROVAL_NEEDED",
                "TAILNET.DISABLE.MACHINE_AUTH_NEEDED", "TAILNET.DISABLE.USER_APPROVAL_REQUIRED",
                "TAILNET.DISABLE.NETWORK_FLOW_LOGGING", "TAILNET.DISABLE.MAGIC_DNS",
                "TAILNET.DISABLE.HTTPS", "USER.UPDATE.USER_ROLE=admin",
                "USER.UPDATE.USER_ROLE=owner", "SECRET_SCANNER",
            ] }),
        ),
        rule(
            "stream-failing",
            "evidence is being lost",
            json!({ "when": "stream_failing", "for": "30m", "severity": "warning" }),
        ),
        rule(
            "not-watched",
            "a short outage of the API is no reason to alert",
            json!({ "when": "not_watched", "longer_than": "10m", "severity": "warning" }),
        ),
    ]
}

fn rule(name: &str, why: &'static str, fields: Value) -> BuiltIn {
    let mut rule: Rule = serde_json::from_value(fields).unwrap_or_default();
    name.clone_into(&mut rule.name);
    BuiltIn { rule, why }
}

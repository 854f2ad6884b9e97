//! How a report is made: sources, and what its words mean. Pure.

use super::Gathered;
use crate::{
    checks::{Facts, Known},
    report::{Definition, Method, SourceRead, Unread},
};

/// What words mean in a report.
const DEFINITIONS: &[(&str, &str)] = &[
    (
        "connected",
        "The device has a connection to Tailscale's coordination server. It does not mean that peers reach it, and \
         a device without that connection may still carry traffic for a while.",
    ),
    (
        "uptime",
        "The share of the known time in which a device was connected. Unknown time is left out, and with less than half of the window known there is no figure.",
    ),
    ("known", "Time that was polled, or of which the API says later when the connection ended."),
    (
        "server",
        "A tagged device, subnet router or exit node that is not ephemeral: it should always be connected.",
    ),
    (
        "outage",
        "A time in which a device was known not to be connected. Time that was not watched is no outage.",
    ),
    (
        "vulnerable",
        "The version lacks the fix of a security bulletin whose conditions the API confirms for that device.",
    ),
    (
        "score",
        "The share of checks that pass, by weight: critical 10, high 5, medium 3, low 1. Unknown and accepted ones do \
         not count. With a critical failure it is 49 at most.",
    ),
    ("relayed", "Traffic that passed a DERP relay. Traffic through a peer relay looks direct."),
    ("region, latency, NAT", "What the client last reported, at a time that the API does not say."),
    ("reaches", "The policy file allows it on at least one port. Device postures count as met."),
];

/// What the API can never say.
const NEVER_KNOWN: &[&str] = &[
    "whether two devices reach each other now, and on which path",
    "how many bytes a device moved, without network flow logs",
    "who signed in to which device over SSH",
    "when a key was last used",
    "what happened while nobody watched, but for the end of the last connection",
];

impl Gathered {
    pub(super) fn method(&self) -> Method {
        let definition = |(word, meaning): &(&str, &str)| Definition {
            word: (*word).to_owned(),
            meaning: (*meaning).to_owned(),
        };
        let source = |it: &(&str, &str, Option<&str>)| SourceRead {
            name: it.0.to_owned(),
            scope: it.1.to_owned(),
            was_read: it.2.is_none(),
        };
        Method {
            program: format!("tailsteward {}", env!("CARGO_PKG_VERSION")),
            sources: sources(&self.facts).iter().map(source).collect(),
            definitions: DEFINITIONS.iter().map(definition).collect(),
            never_known: NEVER_KNOWN.iter().map(|it| (*it).to_owned()).collect(),
        }
    }
}

/// What could not be read, and why.
pub(super) fn unread(facts: &Facts) -> Vec<Unread> {
    let failed = sources(facts).into_iter().filter_map(|(what, _, why)| Some((what, why?)));
    failed.map(|(what, why)| Unread { what: what.to_owned(), why: why.to_owned() }).collect()
}

/// Each source, its scope, and why it could not be read.
fn sources(facts: &Facts) -> Vec<(&'static str, &'static str, Option<&str>)> {
    fn why<T>(known: &Known<T>) -> Option<&str> {
        known.as_ref().err().map(|it| it.text.as_str())
    }
    vec![
        ("devices", "devices:core:read", why(&facts.devices)),
        ("users", "users:read", why(&facts.users)),
        ("keys", "auth_keys:read", why(&facts.keys)),
        ("policy file", "policy_file:read", why(&facts.policy)),
        ("settings", "feature_settings:read", why(&facts.settings)),
        ("log streaming", "log_streaming:read", why(&facts.stream)),
        ("webhooks", "webhooks:read", why(&facts.webhooks)),
        ("contacts", "account_settings:read", why(&facts.contacts)),
        ("posture integrations", "feature_settings:read", why(&facts.posture)),
        ("invitations of users", "", why(&facts.invites)),
        ("audit log", "logs:configuration:read", why(&facts.log)),
    ]
}

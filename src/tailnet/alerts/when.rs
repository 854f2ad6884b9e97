//! What a rule can look for, and the parameters of each.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a rule looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// a device is not connected for `longer_than`
    Silent,
    /// a device is connected
    Connected,
    /// a device lost its connection at least `times` times `within` this window
    Flapping,
    /// a device's key expires `within`
    KeyExpires,
    /// a device's key has expired
    KeyExpired,
    /// an auth key, API access token or OAuth client expires `within`
    CredentialExpires,
    /// the server's own credential expires `within` or is refused
    OurCredential,
    /// a device or user has needed approval for `longer_than`
    WaitsForApproval,
    /// a client lacks a security fix
    Vulnerable,
    /// a client is more than `minors` minor versions behind the newest of the tailnet
    Behind,
    /// several machines use one device's key
    Cloned,
    /// a device's Tailnet Lock signature is not accepted
    LockError,
    /// UDP does not work on a device
    UdpBlocked,
    /// no router of a route is connected
    RouteUnserved,
    /// a route has one router only
    RouteSingle,
    /// a device advertises a route that is not approved
    RouteUnapproved,
    /// fewer than `at_least` devices of the scope are connected
    TooFew,
    /// at least `percent` of the devices in scope, and at least 3, went offline `within`
    ManyOffline,
    /// a device was added `within`
    NewDevice,
    /// `times` devices were added `within`
    ManyNew,
    /// `setting` has the value `value`
    SettingIs,
    /// the audit log has one of these events
    Event,
    /// a check of the audit fails
    Finding,
    /// log streaming fails
    StreamFailing,
    /// a posture integration fails
    PostureSyncFailing,
    /// a source could not be read for `longer_than`
    NotWatched,
    /// a device moved more than `more_than` `within`
    Traffic,
    /// at least `percent` of the bytes of a device were relayed `within`, if it moved more than `more_than`
    Relayed,
}

/// The parameters of a rule that only some conditions take.
pub(super) const PARAMETERS: [&str; 12] = [
    "longer_than",
    "within",
    "times",
    "percent",
    "at_least",
    "minors",
    "kinds",
    "check",
    "setting",
    "value",
    "events",
    "more_than",
];

impl When {
    /// The name, as it is written.
    pub fn name(self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|it| it.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The parameters that it takes, and those that it needs.
    pub(super) fn parameters(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Silent => (&["longer_than"], &["longer_than"]),
            Self::Flapping | Self::ManyNew => (&["times", "within"], &["times", "within"]),
            Self::CredentialExpires => (&["within", "kinds"], &["within"]),
            Self::KeyExpires | Self::OurCredential | Self::NewDevice => (&["within"], &["within"]),
            Self::WaitsForApproval | Self::NotWatched => (&["longer_than"], &[]),
            Self::Behind => (&["minors"], &["minors"]),
            Self::TooFew => (&["at_least"], &["at_least"]),
            Self::ManyOffline => (&["percent", "within"], &["percent", "within"]),
            Self::SettingIs => (&["setting", "value"], &["setting", "value"]),
            Self::Event => (&["events"], &["events"]),
            Self::Finding => (&["check"], &["check"]),
            Self::Traffic => (&["more_than", "within"], &["more_than", "within"]),
            Self::Relayed => (&["percent", "within", "more_than"], &["percent", "within"]),
            Self::Connected
            | Self::KeyExpired
            | Self::Vulnerable
            | Self::Cloned
            | Self::LockError
            | Self::UdpBlocked
            | Self::RouteUnserved
            | Self::RouteSingle
            | Self::RouteUnapproved
            | Self::StreamFailing
            | Self::PostureSyncFailing => (&[], &[]),
        }
    }

    /// Whether it is about devices, so that a scope applies.
    pub(super) fn has_scope(self) -> bool {
        !matches!(
            self,
            Self::CredentialExpires
                | Self::OurCredential
                | Self::SettingIs
                | Self::Event
                | Self::Finding
                | Self::StreamFailing
                | Self::PostureSyncFailing
                | Self::NotWatched
        )
    }

    /// The source whose looks decide about such a rule; empty if none does.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::CredentialExpires | Self::OurCredential => "keys",
            Self::SettingIs => "settings",
            Self::Event => "audit log",
            Self::StreamFailing => "stream of audit logs",
            Self::PostureSyncFailing => "posture integrations",
            Self::Traffic | Self::Relayed => "flow logs",
            Self::Finding | Self::NotWatched => "",
            _ => "devices",
        }
    }

    /// What to do first about such an alert.
    pub(super) fn first_step(self) -> &'static str {
        match self {
            Self::Silent => "check its power, its network, and whether Tailscale runs on it",
            Self::Connected => "the device is connected again",
            Self::Flapping => "check its network and its power saving",
            Self::KeyExpires => "log in again on it, or disable key expiry if that is intended",
            Self::KeyExpired => "log in again on it",
            Self::CredentialExpires => "make a new one, and put it where the old one is used",
            Self::OurCredential => "make a new credential, and start the server with it",
            Self::WaitsForApproval => "approve it, or remove it",
            Self::Vulnerable | Self::Behind => "update its client",
            Self::Cloned => "log out on all but one of the machines, and log in again there",
            Self::LockError => "sign its node key on a signing node",
            Self::UdpBlocked => "allow outgoing UDP in its firewall",
            Self::RouteUnserved => "check the routers of the route",
            Self::RouteSingle => "add a second router for the route",
            Self::RouteUnapproved => "approve the route, or stop advertising it",
            Self::TooFew => "check the devices of the rule that are not connected",
            Self::ManyOffline => "check what they share: site, uplink, power",
            Self::NewDevice => "check that it was added on purpose",
            Self::ManyNew => "find out who added them, and revoke the key if nobody knows",
            Self::SettingIs => "check that the setting was changed on purpose",
            Self::Event => "ask the person who did it, and undo it if it was a mistake",
            Self::Finding => "see what the audit says",
            Self::StreamFailing => "check the destination and its credential",
            Self::PostureSyncFailing => "check the provider and its credential",
            Self::NotWatched => "check the credential, its scopes, and the network path to the API",
            Self::Traffic => "find out with whom and through which ports",
            Self::Relayed => "check its NAT and firewall, and allow outgoing UDP",
        }
    }
}

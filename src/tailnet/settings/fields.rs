//! The tailnet settings: their names, allowed values and OAuth scopes.

use serde_json::Value;

use crate::{Error, client::Result};

/// The setting that turns on auto-updates of clients.
pub(super) const AUTO_UPDATES: &str = "devices_auto_updates_on";

/// The maximum duration of node keys, in days.
const MAX_KEY_DAYS: u64 = 180;

/// The type of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Switch,
    /// A number of days.
    Days,
    /// A role: `none`, `admin` or `member`.
    Role,
    /// The URL of a page; empty for none.
    Link,
}

/// A tailnet setting.
#[derive(Debug)]
pub(super) struct Field {
    /// The name in this program.
    pub(super) name: &'static str,
    /// The name in the API.
    pub(super) api: &'static str,
    pub(super) shape: Shape,
    /// The OAuth scope to change the setting.
    pub(super) scope: &'static str,
}

const fn field(name: &'static str, api: &'static str, shape: Shape, scope: &'static str) -> Field {
    Field { name, api, shape, scope }
}

const FEATURES: &str = "feature_settings";
const EXTERNALLY_MANAGED: &str = "aclsExternallyManagedOn";

pub(super) const FIELDS: &[Field] = &[
    field("acls_externally_managed_on", EXTERNALLY_MANAGED, Shape::Switch, "policy_file"),
    field("acls_external_link", "aclsExternalLink", Shape::Link, "policy_file"),
    field("devices_approval_on", "devicesApprovalOn", Shape::Switch, FEATURES),
    field(AUTO_UPDATES, "devicesAutoUpdatesOn", Shape::Switch, FEATURES),
    field("devices_key_duration_days", "devicesKeyDurationDays", Shape::Days, FEATURES),
    field("users_approval_on", "usersApprovalOn", Shape::Switch, FEATURES),
    field(
        "users_role_allowed_to_join_external_tailnets",
        "usersRoleAllowedToJoinExternalTailnets",
        Shape::Role,
        FEATURES,
    ),
    field("network_flow_logging_on", "networkFlowLoggingOn", Shape::Switch, "logs:network"),
    field("regional_routing_on", "regionalRoutingOn", Shape::Switch, FEATURES),
    field("posture_identity_collection_on", "postureIdentityCollectionOn", Shape::Switch, FEATURES),
    field("https_enabled", "httpsEnabled", Shape::Switch, "networking_settings"),
];

impl Field {
    /// The OAuth scope to read the setting.
    pub(super) fn reads(&self) -> String {
        format!("{}:read", self.scope)
    }

    /// The value of the setting; `None` if the credential may not read it.
    pub(super) fn value(&self, now: &Value) -> Option<Value> {
        let there = |name| now.get(name).filter(|it| !it.is_null());
        let seen = there(self.api).cloned();
        // The API leaves out an empty link, too. If the switch of the same scope is readable, the
        // link is empty.
        let no_link = || (self.shape == Shape::Link).then(|| there(EXTERNALLY_MANAGED)).flatten();
        seen.or_else(|| no_link().map(|_| Value::from("")))
    }

    /// Checks that `to` is an allowed value.
    pub(super) fn check(&self, to: &Value) -> Result<()> {
        let should = match self.shape {
            Shape::Switch if to.is_boolean() => return Ok(()),
            Shape::Switch => "must be true or false".to_owned(),
            Shape::Days if to.as_u64().is_some_and(|it| (1..=MAX_KEY_DAYS).contains(&it)) => {
                return Ok(());
            }
            Shape::Days => format!("is {to}; it must be between 1 and {MAX_KEY_DAYS}"),
            Shape::Role if matches!(to.as_str(), Some("none" | "admin" | "member")) => {
                return Ok(());
            }
            Shape::Role => "must be `none`, `admin` or `member`".to_owned(),
            Shape::Link if to.as_str().is_some_and(is_link) => return Ok(()),
            Shape::Link => format!("is {to}; write it as `https://…`, or leave it empty for none"),
        };
        Err(Error::invalid_input(self.name, should))
    }

    /// A warning about side effects of a change.
    pub(super) fn warning(&self, from: Option<&Value>, to: &Value) -> Option<String> {
        let warning = match (self.api, to.as_bool()) {
            ("devicesApprovalOn", Some(false)) => "new devices need no approval",
            ("usersApprovalOn", Some(false)) => "new users need no approval",
            (EXTERNALLY_MANAGED, Some(true)) => {
                "the policy file cannot be edited in the admin console"
            }
            ("networkFlowLoggingOn", Some(true)) => "not every plan includes network flow logs",
            ("networkFlowLoggingOn", Some(false)) => "network flows are no longer logged",
            ("postureIdentityCollectionOn", Some(false)) => {
                "posture integrations can no longer match devices"
            }
            ("httpsEnabled", Some(false)) => "HTTPS certificates of devices are no longer renewed",
            ("httpsEnabled", Some(true)) => "names of devices with certificates become public",
            ("devicesAutoUpdatesOn", Some(true)) => {
                "clients update themselves, except on devices that opted out"
            }
            ("devicesKeyDurationDays", _) if from.and_then(Value::as_u64) > to.as_u64() => {
                "devices must log in again sooner"
            }
            _ => return None,
        };
        Some(warning.to_owned())
    }
}

fn is_link(text: &str) -> bool {
    text.is_empty() || url::Url::parse(text).is_ok_and(|it| matches!(it.scheme(), "https" | "http"))
}

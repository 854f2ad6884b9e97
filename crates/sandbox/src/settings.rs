//! Tailnet settings. Each field needs a scope of its own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::audit::{Event, Target};
use super::auth::Principal;
use super::http::{Call, Failure, Outcome, Reply};
use super::state::Identity;

/// The type of a setting.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Switch,
    /// A number of days from 1 to 180.
    Days,
    Role,
    /// A URL, or empty.
    Link,
}

/// A setting: its name, type, the scope that it needs, and its name in the audit log.
struct Field {
    name: &'static str,
    shape: Shape,
    scope: &'static str,
    property: &'static str,
}

const fn field(
    name: &'static str,
    shape: Shape,
    scope: &'static str,
    property: &'static str,
) -> Field {
    Field { name, shape, scope, property }
}

const FIELDS: &[Field] = &[
    field("aclsExternallyManagedOn", Shape::Switch, "policy_file", "ACL"),
    field("aclsExternalLink", Shape::Link, "policy_file", "ACL"),
    field("devicesApprovalOn", Shape::Switch, "feature_settings", "MACHINE_APPROVAL_NEEDED"),
    field("devicesAutoUpdatesOn", Shape::Switch, "feature_settings", "FEATURE"),
    field("devicesKeyDurationDays", Shape::Days, "feature_settings", "MAX_KEY_DURATION"),
    field("usersApprovalOn", Shape::Switch, "feature_settings", "USER_APPROVAL_REQUIRED"),
    field("usersRoleAllowedToJoinExternalTailnets", Shape::Role, "feature_settings", "FEATURE"),
    field("networkFlowLoggingOn", Shape::Switch, "logs:network", "NETWORK_FLOW_LOGGING"),
    field("regionalRoutingOn", Shape::Switch, "feature_settings", "GEOSTEERING"),
    field(
        "postureIdentityCollectionOn",
        Shape::Switch,
        "feature_settings",
        "COLLECT_POSTURE_IDENTITY",
    ),
    field("httpsEnabled", Shape::Switch, "networking_settings", "HTTPS"),
];

impl Field {
    fn accepts(&self, value: &Value) -> bool {
        match self.shape {
            Shape::Switch => value.is_boolean(),
            Shape::Days => value.as_i64().is_some_and(|days| (1..=180).contains(&days)),
            Shape::Role => matches!(value.as_str(), Some("none" | "admin" | "member")),
            Shape::Link => value.as_str().is_some_and(|it| it.is_empty() || it.contains("://")),
        }
    }

    fn event(&self, tailnet: &Identity, old: Value, new: Value) -> Event {
        let action = match (self.shape, new.as_bool()) {
            (Shape::Switch, Some(true)) => "ENABLE",
            (Shape::Switch, Some(false)) => "DISABLE",
            _ => "UPDATE",
        };
        Event::new(action, Target::tailnet(tailnet)).property(self.property, old, new)
    }
}

/// The settings as the API returns them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings(Map<String, Value>);

impl Settings {
    pub(crate) fn new() -> Self {
        let settings = json!({
            "aclsExternallyManagedOn": false,
            "aclsExternalLink": "",
            "devicesApprovalOn": true,
            "devicesAutoUpdatesOn": true,
            "devicesKeyDurationDays": 180,
            "usersApprovalOn": true,
            "usersRoleAllowedToJoinExternalTailnets": "admin",
            "networkFlowLoggingOn": true,
            "regionalRoutingOn": false,
            "postureIdentityCollectionOn": true,
            "httpsEnabled": true,
        });
        Self(settings.as_object().cloned().unwrap_or_default())
    }

    /// Whether a boolean setting is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The settings that the caller may see. Others are left out, which does not mean that they are off.
    /// Empty strings are left out, too.
    fn seen_by(&self, principal: &Principal) -> Map<String, Value> {
        let visible = FIELDS.iter().filter(|field| {
            principal.may(field.scope) || principal.may(&format!("{}:read", field.scope))
        });
        let pairs = visible.filter_map(|field| self.0.get_key_value(field.name));
        let pairs = pairs.filter(|(_, value)| *value != "");
        pairs.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// `GET /tailnet/{tailnet}/settings`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    Reply::json(&call.state.settings.seen_by(&call.principal))
}

/// `PATCH /tailnet/{tailnet}/settings`: merges the fields. Null leaves a field unchanged. If one field is
/// rejected, none is changed.
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let body: Map<String, Value> = call.json()?;
    let mut changes = Vec::new();
    for field in FIELDS {
        let Some(value) = body.get(field.name).filter(|value| !value.is_null()) else { continue };
        call.principal.require(field.scope)?;
        if !field.accepts(value) {
            return Err(Failure::bad_request(format!("invalid value for {}", field.name)));
        }
        if field.name == "networkFlowLoggingOn" && *value == true && call.state.free_plan {
            let message = "current plan does not allow enabling network flow logging";
            return Err(Failure::bad_request(message));
        }
        changes.push((field, value.clone()));
    }
    let mut events = Vec::new();
    for (field, new) in changes {
        let old = call.state.settings.0.insert(field.name.to_owned(), new.clone());
        let old = old.unwrap_or_default();
        if old != new {
            events.push(field.event(&call.state.identity, old, new));
        }
    }
    call.record_all(events);
    get(call)
}

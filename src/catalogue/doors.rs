//! Finds the tools that make a change directly. If the same change is requested in another way, by an undo or
//! a call by name, it has the risk of these tools, and is refused if none of them is offered.

use serde_json::Value;

use super::{Offer, named};
use crate::{
    Error, Operation,
    change::{Change, Item, Plan, Risk},
    client::Result,
    tailnet::operations,
    tool::ToolDef,
};

/// The names of the tools that make `change` of a resource of that kind directly. Empty for a call of an
/// operation, and for what no tool does.
fn names(kind: &str, change: &Change) -> &'static [&'static str] {
    match kind {
        "device" => of_device(change),
        "user" => of_user(change),
        "dns" => of_dns(change),
        "key" if change.from.is_null() => &["create_key", "rotate_key"],
        "key" if change.to.is_null() => &["revoke_key", "rotate_key"],
        "key" => &["update_key"],
        "policy file" => &["update_acl_policy", "rollback_acl_policy"],
        "tailnet settings" if change.field == "devices_auto_updates_on" => {
            &["update_tailnet_settings", "force_update"]
        }
        "tailnet settings" => &["update_tailnet_settings"],
        "accepted finding" => &["accept_finding"],
        "alert" => &["acknowledge_alert"],
        "alert rule" => &["set_alert_rules"],
        "mute" => &["mute_alerts"],
        "contact" if change.to.is_boolean() => &["resend_contact_verification"],
        "contact" => &["update_contact"],
        "tailnet" => &["create_organization_tailnet"],
        "shared device" => &["accept_device_invite"],
        "service host" => &["services_approve_host"],
        "AWS external id" if change.field == "role_arn" => &["validate_aws_external_id"],
        "AWS external id" => &["create_aws_external_id"],
        "node preferences" => of_node(change),
        "funnel" if change.to.is_null() || change.to == false => &["funnel_disable"],
        "funnel" => &["funnel_enable"],
        _ => of_resource(kind, change),
    }
}

/// Of the preferences of the machine that this program runs on.
fn of_node(change: &Change) -> &'static [&'static str] {
    match change.field.as_str() {
        "exit_node" | "allow_lan_access" => &["use_exit_node"],
        "advertised_routes" => &["advertise_routes", "advertise_exit_node", "enable_exit_node"],
        "accept_routes" => &["set_accept_routes"],
        _ => &["funnel_enable"],
    }
}

fn of_device(change: &Change) -> &'static [&'static str] {
    match (change.field.as_str(), &change.to) {
        ("authorized", Value::Bool(true)) => &["authorize_device", "approve_devices"],
        ("authorized", _) => &["revoke_device", "deauthorize_devices", "quarantine_device"],
        ("in_tailnet", _) => &["revoke_device", "remove_devices"],
        ("key_expired", _) => &["expire_device_key", "quarantine_device"],
        ("tags", _) => &["update_device", "add_tags", "remove_tags", "replace_tags"],
        ("enabled_routes", _) if adds_route(change, true) => &["enable_exit_node"],
        ("enabled_routes", _) if adds_route(change, false) => &["enable_subnet_router"],
        ("enabled_routes", _) => &["disable_subnet_router", "disable_exit_node"],
        ("key_expires", Value::Bool(true)) => &["update_device", "quarantine_device"],
        ("name" | "ipv4" | "key_expires", _) => &["update_device"],
        (_, Value::Null) => &["delete_device_attribute"],
        _ => &["set_device_attribute", "batch_update_device_attributes"],
    }
}

/// Whether the change approves a default route, or another one.
fn adds_route(change: &Change, default: bool) -> bool {
    let routes = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let before = routes(&change.from);
    let added = routes(&change.to).into_iter().filter(|route| !before.contains(route));
    let is_default = |route: &Value| route.as_str().is_some_and(|route| route.ends_with("/0"));
    added.into_iter().any(|route| is_default(&route) == default)
}

fn of_user(change: &Change) -> &'static [&'static str] {
    match (change.field.as_str(), change.to.as_bool()) {
        ("suspended", Some(true)) => &["suspend_user"],
        ("suspended", _) => &["restore_user"],
        ("approved", _) => &["approve_user"],
        ("in_tailnet", _) => &["delete_user"],
        _ => &["set_user_role"],
    }
}

fn of_dns(change: &Change) -> &'static [&'static str] {
    match (change.field.as_str(), &change.to) {
        ("nameservers", _) => &["configure_nameservers"],
        ("magic_dns", Value::Bool(true)) => &["enable_magic_dns"],
        ("magic_dns", _) => &["disable_magic_dns"],
        ("search_paths", _) => &["set_search_paths"],
        ("configuration", _) => &["configure_dns"],
        (_, Value::Null) => &["remove_dns_route"],
        _ => &["add_dns_route"],
    }
}

/// Of what is created, changed and deleted as one object.
fn of_resource(kind: &str, change: &Change) -> &'static [&'static str] {
    let tools: [&'static [&'static str]; 3] = match kind {
        "webhook" => match change.field.as_str() {
            "test" => return &["test_webhook"],
            "rotate_secret" => return &["rotate_webhook_secret"],
            _ => [&["create_webhook"], &["update_webhook"], &["delete_webhook"]],
        },
        "posture integration" => [
            &["create_posture_integration"],
            &["update_posture_integration"],
            &["delete_posture_integration"],
        ],
        "OAuth app" => [&["create_oauth_app"], &["update_oauth_app"], &["delete_oauth_app"]],
        "service" => [&["services_create"], &["services_update"], &["services_delete"]],
        "log stream" => {
            [&["set_log_streaming"], &["set_log_streaming"], &["disable_log_streaming"]]
        }
        "user invite" => [&["invite_users"], &["resend_user_invite"], &["delete_user_invite"]],
        "device invite" => {
            [&["share_device"], &["resend_device_invite"], &["delete_device_invite"]]
        }
        _ => return &[],
    };
    let [create, update, delete] = tools;
    match (&change.from, &change.to) {
        (_, Value::Bool(true)) => update,
        (Value::Null, _) => create,
        (_, Value::Null) => delete,
        _ => update,
    }
}

/// The risk of a call of an operation, or of what undoes it.
fn risk_of_call(change: &Change) -> Risk {
    let operation = Operation::named(&change.field);
    let undoes_creation = change.to.is_null();
    match operation {
        Some(operation) if !undoes_creation => operation.risk(),
        _ => Risk::Danger,
    }
}

/// The risk that the change has where a tool makes it directly.
fn risk(item: &Item, change: &Change) -> Risk {
    if item.kind() == operations::change::KIND {
        return risk_of_call(change);
    }
    let doors = names(item.kind(), change).iter().filter_map(|name| named(name).ok());
    doors.map(|tool| tool.risk).min().unwrap_or(Risk::Danger)
}

/// Makes the plan as risky as its changes are through their own tools, and checks that the caller is
/// offered one of these for each. `tool` made the plan.
///
/// # Errors
///
/// [`Refused`](crate::ErrorKind::Refused) with the tools that are not offered.
pub(crate) fn through_own_door(offer: &Offer, tool: &ToolDef, plan: &mut Plan) -> Result<()> {
    let mut least = Risk::Read;
    for item in plan.items() {
        for change in item.changes() {
            least = least.max(risk(item, change));
            let doors = names(item.kind(), change);
            if doors.is_empty() || doors.contains(&tool.name) {
                continue;
            }
            let is_offered = |name: &&str| named(name).is_ok_and(|door| offer.selects(door));
            if !doors.iter().any(is_offered) {
                return Err(Error::refused(
                    format!(
                        "this would do what {} does, which is not offered here",
                        doors.join(" or ")
                    ),
                    "leave these resources out, or ask the administrator of this server for that tool or \
                     for a token with it",
                ));
            }
        }
    }
    plan.at_least(least);
    Ok(())
}

/// How many resources of the plan that `tool` made count as a use of the tool `limited`: all if it is that tool,
/// otherwise those that this tool changes in the same way.
pub(crate) fn uses(tool: &ToolDef, plan: &Plan, limited: &ToolDef) -> usize {
    let is_own = |item: &Item, change: &Change| {
        if item.kind() == operations::change::KIND {
            let mut writes = limited.operations.iter().filter(|it| !it.reads());
            return writes.any(|it| it.id() == change.field);
        }
        names(item.kind(), change).contains(&limited.name)
    };
    let changed = plan.items().iter().filter(|item| !item.changes().is_empty());
    changed
        .filter(|item| {
            tool.name == limited.name || item.changes().iter().any(|change| is_own(item, change))
        })
        .count()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{named, names, operations};
    use crate::{change::Change, tailnet::SUBJECTS};

    /// A kind that is renamed, or a tool, would silently have no tool of its own any more.
    #[test]
    fn every_kind_of_change_has_tools_that_exist() {
        let states = [
            (Value::Null, json!({ "name": "new" })),
            (json!({ "name": "old" }), json!({ "name": "new" })),
            (json!({ "name": "old" }), Value::Null),
            (Value::Null, json!(true)),
        ];
        let kinds = SUBJECTS.iter().map(|subject| subject.kind());
        for kind in kinds.filter(|kind| *kind != operations::change::KIND) {
            for (from, to) in &states {
                let change = Change::new("configuration", from.clone(), to.clone());
                let tools = names(kind, &change);
                assert!(!tools.is_empty(), "{kind}: {change:?}");
                for tool in tools {
                    assert!(named(tool).is_ok(), "{kind}: there is no {tool}");
                }
            }
        }
    }
}

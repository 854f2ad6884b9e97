//! What to do first about an alert, with the tool for it.

use super::super::{Ready, When};

/// What to do first: as the rule says, or as is usual for what it looks for.
pub(super) fn first(rule: &Ready) -> String {
    if let Some(note) = &rule.rule.note {
        return note.clone();
    }
    let step = rule.when.first_step();
    let tools = tools(rule.when);
    if tools.is_empty() { step.to_owned() } else { format!("{step} ({})", tools.join(", ")) }
}

/// The tools that help.
pub(super) fn tools(when: When) -> &'static [&'static str] {
    match when {
        When::Silent
        | When::Flapping
        | When::TooFew
        | When::ManyOffline
        | When::Connected
        | When::NewDevice => &["get_device_history"],
        When::KeyExpires | When::KeyExpired => &["update_device"],
        When::CredentialExpires | When::OurCredential => &["rotate_key"],
        When::WaitsForApproval => &["authorize_device", "approve_user"],
        When::Vulnerable | When::Behind => &["force_update"],
        When::Cloned => &["quarantine_device"],
        When::LockError | When::UdpBlocked => &["get_device_details"],
        When::RouteUnserved | When::RouteSingle | When::RouteUnapproved => &["get_subnet_routes"],
        When::ManyNew => &["list_devices", "revoke_key"],
        When::SettingIs => &["get_tailnet_settings"],
        When::Event => &["get_audit_logs"],
        When::Finding => &["device_audit"],
        When::StreamFailing => &["get_log_streaming"],
        When::PostureSyncFailing => &["list_posture_integrations"],
        When::Traffic => &["monitor_bandwidth"],
        When::Relayed => &["get_device_details", "monitor_bandwidth"],
        When::NotWatched => &[],
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::{When, tools};
    use crate::catalogue;

    #[test]
    fn every_tool_of_a_first_step_exists() {
        let schema = When::json_schema(&mut schemars::SchemaGenerator::default());
        let all = schema.get("oneOf").unwrap().as_array().unwrap();
        assert!(all.len() > 20);
        for one in all {
            let when: When = serde_json::from_value(one["const"].clone()).unwrap();
            for tool in tools(when) {
                assert!(catalogue::named(tool).is_ok(), "{when:?}: there is no tool {tool}");
            }
        }
    }
}

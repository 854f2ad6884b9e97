//! Which tool carries the remedy of a check out.

/// The checks, and the tools that help. A check without a tool is not here.
const TOOLS: &[(&[&str], &[&str])] = &[
    (&["D1", "D2"], &["force_update"]),
    (&["D3"], &["find_stale_devices", "remove_devices"]),
    (&["D10"], &["find_duplicate_devices", "remove_devices"]),
    (&["D4", "D12"], &["update_device"]),
    (&["D5"], &["update_device"]),
    (&["D6"], &["get_device_details", "expire_device_key"]),
    (&["D8"], &["authorize_device", "revoke_device"]),
    (&["D11"], &["remove_tags"]),
    (&["K1", "K2", "K3"], &["create_key", "revoke_key"]),
    (&["K4", "K5"], &["update_key"]),
    (&["K6", "K7"], &["rotate_key"]),
    (&["P1", "P2", "P3", "P7", "P9"], &["policy_analyzer", "update_acl_policy"]),
    (&["P4", "P5", "P6", "P8"], &["update_acl_policy"]),
    (&["P10"], &["get_audit_logs", "get_acl_policy"]),
    (&["S1", "S2", "S3", "S4", "S5", "S10"], &["update_tailnet_settings"]),
    (&["S6"], &["get_log_streaming", "set_log_streaming"]),
    (&["S7"], &["create_webhook"]),
    (&["S8"], &["update_contact", "resend_contact_verification"]),
    (&["S9"], &["update_posture_integration"]),
    (&["U1"], &["set_user_role"]),
    (&["U2"], &["suspend_user", "offboard_user"]),
    (&["U3"], &["delete_user_invite", "resend_user_invite"]),
    (&["R1", "R2"], &["get_subnet_routes", "enable_subnet_router"]),
    (&["A1"], &["get_audit_logs"]),
    (&["A2"], &["list_keys"]),
];

/// The tools that help with a check that fails.
pub(crate) fn tools(check: &str) -> &'static [&'static str] {
    TOOLS.iter().find(|(ids, _)| ids.contains(&check)).map_or(&[], |(_, tools)| *tools)
}

#[cfg(test)]
mod tests {
    use super::{TOOLS, tools};
    use crate::{catalogue, checks};

    /// What no tool does: signing with Tailnet Lock, and a setting of the device itself.
    const BY_HAND: &[&str] = &["D7", "R3"];

    #[test]
    fn every_tool_of_a_remedy_exists_and_no_check_is_forgotten() {
        for (ids, tools) in TOOLS {
            for id in *ids {
                assert!(checks::find(id).is_some(), "there is no check {id}");
            }
            for tool in *tools {
                assert!(catalogue::named(tool).is_ok(), "{ids:?}: there is no tool {tool}");
            }
        }
        for check in checks::all() {
            let by_hand = BY_HAND.contains(&check.id);
            assert_eq!(tools(check.id).is_empty(), by_hand, "{}", check.id);
        }
    }
}

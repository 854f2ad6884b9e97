//! The table of changes in `docs/safety.md` is written by this test, so that it cannot be stale.

use std::{fmt::Write as _, fs};

use tailsteward::{catalogue, tool::Risk};

/// What `undo_change` does about the changes of a tool, and what does not come back.
const UNDO: &[(&str, &str)] = &[
    ("update_device", "yes; the first tag on a user's device stays: it ends that user's ownership"),
    ("approve_devices", "yes: the devices are deauthorized"),
    ("deauthorize_devices", "yes, all devices as one"),
    ("remove_devices", "no: the devices must be re-added"),
    ("quarantine_device", "the deauthorizing yes; the key no: somebody must log in on the device"),
    ("authorize_device", "yes: the device is deauthorized"),
    ("revoke_device", "deauthorizing yes; removing no: the device must be re-added"),
    ("expire_device_key", "no: somebody must log in on the device"),
    ("set_device_attribute", "yes, with its expiry"),
    ("delete_device_attribute", "yes, with its expiry"),
    ("batch_update_device_attributes", "yes, all devices as one"),
    ("force_update", "yes: the setting for auto-updates; updates that were made stay"),
    ("add_tags", "yes; the first tag on a user's device stays"),
    ("remove_tags", "yes"),
    ("replace_tags", "yes; the first tag on a user's device stays"),
    ("update_acl_policy", "yes, byte for byte, unless it was changed since"),
    ("rollback_acl_policy", "yes, byte for byte, unless it was changed since"),
    ("configure_dns", "yes"),
    ("configure_nameservers", "yes"),
    ("add_dns_route", "yes"),
    ("remove_dns_route", "yes"),
    ("set_search_paths", "yes"),
    ("enable_magic_dns", "yes"),
    ("disable_magic_dns", "yes"),
    ("enable_subnet_router", "yes"),
    ("disable_subnet_router", "yes"),
    ("enable_exit_node", "yes"),
    ("disable_exit_node", "yes"),
    ("services_create", "yes: the service is deleted"),
    ("services_update", "yes"),
    ("services_delete", "yes; its IPv6 address and the approvals of its hosts do not come back"),
    ("services_approve_host", "yes; \"undecided\" does not come back"),
    ("set_user_role", "yes"),
    ("approve_user", "no: suspend or delete the user"),
    ("suspend_user", "yes"),
    ("restore_user", "yes: the user is suspended again"),
    (
        "offboard_user",
        "users, devices and policy file yes; revoked keys, withdrawn invites and removed devices no",
    ),
    ("delete_user", "no: the user must be invited again; their devices are removed"),
    ("invite_users", "yes: the invites are deleted; mail that was sent stays sent"),
    ("resend_user_invite", "no: mail that was sent stays sent"),
    ("delete_user_invite", "no: make a new invite"),
    ("share_device", "yes: the invite is deleted; mail that was sent stays sent"),
    ("resend_device_invite", "no: mail that was sent stays sent"),
    ("delete_device_invite", "no: make a new invite"),
    ("accept_device_invite", "no: remove the shared device"),
    ("update_contact", "yes; the address has to be verified again"),
    ("resend_contact_verification", "no: mail that was sent stays sent"),
    ("update_tailnet_settings", "yes, except for settings that cannot be read"),
    ("create_webhook", "yes: the webhook is deleted"),
    ("update_webhook", "yes"),
    ("delete_webhook", "no: a new webhook has another ID and secret"),
    ("test_webhook", "no: the test event was sent"),
    ("rotate_webhook_secret", "no: the old secret is gone"),
    ("create_posture_integration", "yes: the integration is deleted"),
    ("update_posture_integration", "yes; a new secret stays"),
    ("delete_posture_integration", "no: its secret is needed again"),
    (
        "create_organization_tailnet",
        "no: the tailnet cannot be deleted from here; its secret is shown once",
    ),
    ("set_log_streaming", "yes if it needs no secret; logs that were sent stay sent"),
    ("disable_log_streaming", "yes if it needs no secret"),
    ("create_aws_external_id", "no: an ID that is not used does no harm"),
    ("validate_aws_external_id", "no: AWS was asked to let Tailscale in"),
    ("create_oauth_app", "yes: the app is deleted"),
    ("update_oauth_app", "yes"),
    ("delete_oauth_app", "no: a new app has another ID and secret"),
    ("call_api_operation", "yes where the path can be read, except `DELETE`; otherwise no"),
    ("create_key", "yes: the key is revoked; devices that joined with it stay"),
    ("update_key", "yes"),
    ("rotate_key", "yes while the old key is not revoked"),
    ("revoke_key", "no: create a new key"),
    ("accept_finding", "yes"),
    ("set_alert_rules", "yes"),
    ("acknowledge_alert", "yes"),
    ("mute_alerts", "yes"),
    ("use_exit_node", "yes, on the same machine"),
    ("advertise_routes", "yes, on the same machine"),
    ("advertise_exit_node", "yes, on the same machine"),
    ("set_accept_routes", "yes, on the same machine"),
    ("funnel_enable", "yes, on the same machine; what was public may have been seen"),
    ("funnel_disable", "no: enable the Funnel again"),
    ("undo_change", "yes: it is done again"),
];

#[test]
fn the_table_of_changes_is_fresh() {
    let mut table =
        String::from("| tool | class | asked | can be undone |\n| --- | --- | --- | --- |\n");
    for tool in catalogue::all().filter(|tool| tool.is_edit()) {
        let undo = UNDO.iter().find(|(name, _)| *name == tool.name);
        let (_, undo) = undo.unwrap_or_else(|| panic!("{} has no word on its undo", tool.name));
        let asked = match (tool.risk, tool.worst) {
            (Risk::Danger, _) => "always",
            (_, Risk::Danger) => "if the plan is destructive",
            _ => "no",
        };
        let class = match (tool.risk, tool.worst) {
            (risk, worst) if risk == worst => risk.to_string(),
            (risk, worst) => format!("{risk} to {worst}"),
        };
        let _ = writeln!(table, "| `{}` | {class} | {asked} | {undo} |", tool.name);
    }
    for (name, _) in UNDO {
        assert!(catalogue::named(name).is_ok(), "there is no {name}");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/safety.md");
    let text = fs::read_to_string(path).unwrap();
    let (start, end) = ("<!-- changes: written by cargo test -->\n", "<!-- end of changes -->");
    let (before, rest) = text.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let fresh = format!("{before}{start}{table}{end}{after}");
    if fresh != text {
        fs::write(path, &fresh).unwrap();
        panic!("docs/safety.md was out of date; it is written anew, commit it");
    }
}

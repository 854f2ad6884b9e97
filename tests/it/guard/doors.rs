//! One risk, whatever the door: the tool itself, an undo, a call by name, a token with few toolsets.

use std::sync::Arc;

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    catalogue::{self, Offer, Selectors, ToolSelection},
    change::store::Store,
    mcp::Setup,
    tool::Risk,
};

use crate::support::{
    agent::Agent,
    changes::{is_there, own, removal},
    edits::everything,
    fake_user::{Era, FakeUser, Says},
    tailnet::sandbox_of,
};

/// A change, and the tools that make its inverse directly.
struct Door {
    tool: &'static str,
    arguments: Value,
    inverse: &'static [&'static str],
}

fn door(tool: &'static str, arguments: Value, inverse: &'static [&'static str]) -> Door {
    Door { tool, arguments, inverse }
}

/// Changes that can be undone, of every kind of resource.
async fn doors(tailnet: &Tailnet) -> Vec<Door> {
    let devices = own(tailnet).await;
    let waiting = devices.iter().find(|it| !it.is_authorized()).unwrap().key().to_owned();
    let tagged = devices.iter().find(|it| !it.tags().is_empty()).unwrap().key().to_owned();
    let router = devices.iter().find(|it| it.is_subnet_router()).unwrap().clone();
    let route = router.enabled_routes.clone().unwrap_or_default().remove(0);
    let users = tailnet.users().list().await.unwrap();
    let member = users.iter().find(|it| {
        it.role.as_ref().is_some_and(|role| role.to_string() == "member")
            && it.status.as_ref().is_some_and(|status| status.to_string() == "active")
    });
    let member = member.unwrap().login_name.clone().unwrap();
    let tags = &["update_device", "add_tags", "remove_tags", "replace_tags"];
    vec![
        door(
            "authorize_device",
            json!({ "device": waiting }),
            &["revoke_device", "deauthorize_devices", "quarantine_device"],
        ),
        door("suspend_user", json!({ "user": member }), &["restore_user"]),
        door("set_user_role", json!({ "user": member, "role": "auditor" }), &["set_user_role"]),
        door("update_device", json!({ "device": tagged, "name": "renamed" }), &["update_device"]),
        door("add_tags", json!({ "devices": [tagged], "tags": ["tag:ci"] }), tags),
        door(
            "set_device_attribute",
            json!({ "device": tagged, "key": "custom:door", "value": "open" }),
            &["delete_device_attribute"],
        ),
        door(
            "disable_subnet_router",
            json!({ "device": router.key(), "routes": [route] }),
            &["enable_subnet_router"],
        ),
        door(
            "add_dns_route",
            json!({ "domain": "door.example.com", "nameservers": ["203.0.113.53"] }),
            &["remove_dns_route"],
        ),
        door(
            "set_search_paths",
            json!({ "search_paths": ["door.example.com"] }),
            &["set_search_paths"],
        ),
        door("disable_magic_dns", json!({}), &["enable_magic_dns"]),
        door(
            "services_create",
            json!({ "service": "svc:door", "ports": ["tcp:443"] }),
            &["services_delete"],
        ),
        door(
            "create_webhook",
            json!({ "url": "https://door.example.com/x", "subscriptions": ["nodeCreated"] }),
            &["delete_webhook"],
        ),
        door(
            "update_tailnet_settings",
            json!({ "devices_key_duration_days": 44 }),
            &["update_tailnet_settings"],
        ),
        door(
            "update_acl_policy",
            json!({ "edits": [{ "op": "set", "section": "hosts", "name": "door", "value": "10.9.9.9" }] }),
            &["update_acl_policy", "rollback_acl_policy"],
        ),
    ]
}

/// The risk of the least risky tool that makes the inverse directly.
fn class(inverse: &[&str]) -> Risk {
    inverse.iter().map(|name| catalogue::named(name).unwrap().risk).min().unwrap()
}

fn setup(store: &Arc<Store>, access: Risk, choose: impl Fn(&mut Selectors)) -> Setup {
    let mut selectors = Selectors::default();
    selectors.toolsets = vec!["all".to_owned()];
    choose(&mut selectors);
    let mut setup = Setup::new(access).unwrap();
    setup.offer = Offer::new(access, ToolSelection::read(&selectors).unwrap(), Vec::new());
    setup.store = Arc::clone(store);
    setup
}

// M1: an undo did what the same server or token refused to do directly, and asked nobody.
#[tokio::test]
async fn an_undo_is_as_risky_as_the_tool_that_does_the_same() {
    let (_sandbox, tailnet) = sandbox_of(60).await;
    for door in doors(&tailnet).await {
        let (_sandbox, tailnet) = sandbox_of(60).await;
        let mut all = everything();
        all.yes = true;
        let store = Arc::clone(&all.store);
        let agent = Agent::with(tailnet.clone(), all).await;
        let done = agent.call(door.tool, door.arguments.clone()).await;
        let undo = json!({ "change": done["change"] });
        let tool = door.tool;

        let excluded = setup(&store, Risk::Danger, |it| {
            it.exclude = door.inverse.iter().map(|name| (*name).to_owned()).collect();
        });
        let other = Agent::with(tailnet.clone(), excluded).await;
        let refused = other.fail("undo_change", undo.clone()).await;
        assert_eq!(refused["kind"], "refused", "{tool}: {refused}");
        assert!(
            refused["message"].as_str().unwrap().contains(door.inverse[0]),
            "{tool}: {refused}"
        );

        let few = setup(&store, Risk::Danger, |it| it.toolsets = vec!["changes".to_owned()]);
        let refused =
            Agent::with(tailnet.clone(), few).await.fail("undo_change", undo.clone()).await;
        assert_eq!(refused["kind"], "refused", "{tool}: {refused}");

        // At least as risky as the change itself was.
        let entry = agent.call("get_change", undo.clone()).await;
        let is_destructive = class(door.inverse) == Risk::Danger || entry["risk"] == "danger";
        let full = setup(&store, Risk::Danger, |_| {});
        let session = FakeUser::who(Says::No).at(&tailnet, full, Era::Sessions).await;
        if is_destructive {
            let refused = session.fails("undo_change", undo.clone()).await;
            assert_eq!(session.asked().len(), 1, "{tool}: {refused}");
            let access = setup(&store, Risk::Change, |_| {});
            let agent = Agent::with(tailnet.clone(), access).await;
            let refused = agent.fail("undo_change", undo.clone()).await;
            let said = refused.to_string();
            assert!(refused["kind"] == "refused" && said.contains("danger"), "{tool}: {said}");
        } else {
            let undone = session.done("undo_change", undo.clone()).await;
            assert_eq!((session.asked().len(), &undone["applied"]), (0, &json!(true)), "{tool}");
        }
    }
}

// M3: what creates a credential, lets somebody in, writes to outsiders or sends data out is destructive.
#[test]
fn what_lets_in_writes_out_or_creates_a_credential_is_destructive() {
    for tool in [
        "create_key",
        "create_oauth_app",
        "create_organization_tailnet",
        "update_oauth_app",
        "rotate_key",
        "update_key",
        "rotate_webhook_secret",
        "authorize_device",
        "approve_user",
        "restore_user",
        "set_user_role",
        "share_device",
        "accept_device_invite",
        "invite_users",
        "resend_user_invite",
        "resend_device_invite",
        "update_contact",
        "resend_contact_verification",
        "create_webhook",
        "update_webhook",
        "test_webhook",
        "set_log_streaming",
    ] {
        let tool = catalogue::named(tool).unwrap();
        assert_eq!(tool.risk, Risk::Danger, "{}", tool.name);
        // A call by name is checked less, and is never less risky than the tool. `POST` is always asked
        // about there, since it is not known how to undo it.
        for operation in tool.operations.iter().filter(|it| !it.reads() && it.method() != "POST") {
            assert_eq!(operation.risk(), Risk::Danger, "{} sends {operation}", tool.name);
        }
    }
}

// M1: a call by name is asked about like the tool, and refused where the tool is excluded.
#[tokio::test]
async fn a_call_by_name_is_as_risky_as_the_tool() {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    let device = own(&tailnet).await.remove(0);
    let call = json!({ "operation": "deleteDevice", "parameters": { "deviceId": device.key() } });
    let store = Arc::new(Store::in_memory());
    let asking = setup(&store, Risk::Danger, |_| {});
    let session = FakeUser::who(Says::No).at(&tailnet, asking, Era::Sessions).await;
    session.fails("call_api_operation", call.clone()).await;
    session.fails("revoke_device", removal(&device)).await;
    assert_eq!(session.asked().len(), 2);
    let excluded = setup(&store, Risk::Danger, |it| it.exclude = vec!["revoke_device".to_owned()]);
    let refused =
        Agent::with(tailnet.clone(), excluded).await.fail("call_api_operation", call).await;
    assert!(refused["message"].as_str().unwrap().contains("revoke_device"), "{refused}");
    assert!(is_there(&tailnet, &device).await);
}

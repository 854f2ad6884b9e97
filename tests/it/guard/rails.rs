//! Guardrails hold whatever the door: the tool, an undo, a batch, a call by name, the policy file.

use std::sync::Arc;

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    catalogue::{Offer, Selectors, ToolSelection},
    guard::ConfirmMode,
    guardrails::Guardrails,
    mcp::Setup,
    tailnet::devices::Device,
    tool::Risk,
};

use crate::support::{
    agent::Agent,
    changes::{approvals, own, person, removal, setup, with_plan},
    fake_user::{Era, FakeUser, Says},
    proxy::{Fault, proxied},
    tailnet::sandbox,
};

/// All tools, including those of single operations.
pub fn everything() -> Offer {
    let words = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut all = Selectors::default();
    all.toolsets = words(&["all", "api"]);
    Offer::new(Risk::Danger, ToolSelection::read(&all).unwrap(), Vec::new())
}

pub fn rails(change: impl FnOnce(&mut Guardrails)) -> Arc<Guardrails> {
    let mut rails = Guardrails::default();
    change(&mut rails);
    Arc::new(rails)
}

/// A server without questions, so that nothing but the guardrails stands in the way.
pub fn unasked(rails: Arc<Guardrails>) -> Setup {
    let mut setup = setup();
    setup.yes = true;
    setup.offer = everything();
    setup.guardrails = rails.into();
    setup
}

pub fn message(failure: &Value) -> &str {
    assert_eq!(failure["kind"], "refused", "{failure}");
    assert!(!failure["remedy"].as_str().unwrap_or_default().is_empty(), "{failure}");
    failure["message"].as_str().unwrap()
}

/// Ways to change a device, each through another door.
pub fn ways(device: &Device, other: &Device) -> Vec<(&'static str, Value)> {
    let (id, other) = (device.key(), other.key());
    let call = |operation: &str, arguments: Value| {
        ("call_api_operation", json!({ "operation": operation, "parameters": arguments }))
    };
    vec![
        ("revoke_device", json!({ "device": id, "how": "remove" })),
        ("update_device", json!({ "device": id, "name": "renamed" })),
        ("set_device_attribute", json!({ "device": id, "key": "custom:a", "value": "b" })),
        ("enable_exit_node", json!({ "device": id })),
        ("remove_devices", json!({ "devices": [other, id] })),
        ("quarantine_device", json!({ "device": id })),
        ("share_device", json!({ "device": id })),
        call("deleteDevice", json!({ "deviceId": id })),
        call("setDeviceName", json!({ "deviceId": id, "body": { "name": "renamed" } })),
        call("setDeviceTags", json!({ "deviceId": id, "body": { "tags": ["tag:ci"] } })),
        ("api_delete_device", json!({ "deviceId": id })),
        ("api_expire_device_key", json!({ "deviceId": device.id.as_deref().unwrap() })),
    ]
}

pub async fn refuses_each(
    tailnet: &Tailnet,
    rails: Arc<Guardrails>,
    ways: Vec<(&'static str, Value)>,
    why: &str,
) {
    let agent = Agent::with(tailnet.clone(), unasked(rails)).await;
    for (tool, arguments) in ways {
        let failure = agent.fail(tool, arguments).await;
        assert!(message(&failure).contains(why), "{tool}: {failure}");
    }
}

#[tokio::test]
async fn a_protected_device_is_changed_through_no_door() {
    let (sandbox, tailnet) = sandbox().await;
    let devices = own(&tailnet).await;
    let device = devices.iter().find(|it| it.tags().len() == 1 && it.is_subnet_router());
    let device = device.unwrap_or(&devices[0]);
    let other = devices.iter().find(|it| it.tags().is_empty()).unwrap();
    let names = [
        device.key(),
        device.id.as_deref().unwrap(),
        device.short_name(),
        device.name.as_deref().unwrap(),
    ];
    for name in names {
        let by_name =
            rails(|it| it.never.devices = vec![name.to_uppercase(), "unknown".to_owned()]);
        let why =
            format!("device {} is protected by the guardrails under `never`", device.short_name());
        refuses_each(&tailnet, by_name, ways(device, other), &why).await;
    }
    let tag = device.tags().first().cloned().unwrap();
    let by_tag = rails(|it| it.never.tags = vec![tag.clone()]);
    refuses_each(
        &tailnet,
        by_tag,
        ways(device, other),
        "protected by the guardrails under `never`",
    )
    .await;
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"));
    let missing = Agent::with(tailnet.clone(), unasked(Arc::default())).await;
    let missing = missing.fail("revoke_device", json!({ "device": device.key() })).await;
    assert!(
        missing["message"]
            .as_str()
            .unwrap()
            .contains("`how` is required: one of `deauthorize`, `remove`"),
        "{missing}"
    );
    // Others are changed as always, and a dry run shows what would be.
    let by_tag = rails(|it| it.never.tags = vec![tag]);
    let agent = Agent::with(tailnet.clone(), unasked(by_tag)).await;
    agent.call("revoke_device", removal(other)).await;
    let mut dry = removal(device);
    dry["dry_run"] = json!(true);
    let shown = agent.call("revoke_device", dry).await;
    let warning = shown["warnings"].to_string();
    assert!(warning.contains("would be refused now") && warning.contains("`never`"), "{shown}");
}

#[tokio::test]
async fn a_protected_tag_is_neither_given_nor_put_into_a_key() {
    let (sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet)
        .await
        .into_iter()
        .find(|it| !it.tags().is_empty() && it.tags().iter().all(|tag| tag != "tag:ci"))
        .unwrap();
    let protected = rails(|it| it.never.tags = vec!["tag:ci".to_owned()]);
    let key = json!({ "keyType": "auth", "capabilities": { "devices": { "create": { "tags": ["tag:ci"] } } } });
    let body = json!({ "deviceId": device.key(), "body": { "tags": ["tag:ci"] } });
    let ways = vec![
        ("add_tags", json!({ "devices": [device.key()], "tags": ["tag:ci"] })),
        ("replace_tags", json!({ "devices": [device.key()], "tags": ["tag:ci"] })),
        ("update_device", json!({ "device": device.key(), "add_tags": ["tag:ci"] })),
        ("create_key", json!({ "kind": "auth", "tags": ["tag:ci"] })),
        ("api_set_device_tags", body),
        ("call_api_operation", json!({ "operation": "createKey", "parameters": { "body": key } })),
    ];
    refuses_each(&tailnet, protected, ways, "`tag:ci` is protected").await;
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"));
}

#[tokio::test]
async fn a_protected_user_keeps_role_and_access() {
    let (sandbox, tailnet) = sandbox().await;
    let users = tailnet.users().list().await.unwrap();
    let is = |role: &str| {
        users
            .iter()
            .find(|it| it.role.as_ref().is_some_and(|known| known.to_string() == role))
            .unwrap()
    };
    let user = is("member");
    let (id, login) = (user.id.clone().unwrap(), user.login_name.clone().unwrap());
    for name in [&id, &login] {
        let protected = rails(|it| it.never.users = vec![name.clone()]);
        let by_name = |operation: &str, body: Option<Value>| {
            let mut arguments = json!({ "userId": id });
            if let Some(body) = body {
                arguments["body"] = body;
            }
            ("call_api_operation", json!({ "operation": operation, "parameters": arguments }))
        };
        let ways = vec![
            ("suspend_user", json!({ "user": login })),
            ("set_user_role", json!({ "user": login, "role": "admin" })),
            ("delete_user", json!({ "user": login })),
            ("offboard_user", json!({ "user": login })),
            by_name("suspendUser", None),
            by_name("updateUserRole", Some(json!({ "role": "admin" }))),
            ("api_delete_user", json!({ "userId": id })),
        ];
        refuses_each(&tailnet, protected, ways, &format!("user {login} is protected")).await;
    }
    // To offboard somebody, it is computed which rules name them.
    let writes =
        sandbox.requests().into_iter().filter(|it| it.0 != "GET" && !it.1.contains("/acl/"));
    assert_eq!(writes.count(), 0);
}

/// The arguments that replace the live policy file.
pub async fn deploy(tailnet: &Tailnet, text: &str) -> Value {
    let etag = tailnet.policy_file().get().await.unwrap().etag;
    json!({ "text": text, "etag": etag, "allow_lockout": true })
}

#[tokio::test]
async fn a_protected_section_of_the_policy_file_stays_also_in_an_old_version() {
    let (_sandbox, tailnet) = sandbox().await;
    let live = tailnet.policy_file().get().await.unwrap().text;
    let with = |section: &str| {
        let end = live.rfind('}').unwrap();
        format!("{}, {section} }}", live[..end].trim_end().trim_end_matches(','))
    };
    let posture = with("\"postures\": { \"posture:x\": [\"node:os == 'linux'\"] }");
    let plain = Agent::with(tailnet.clone(), unasked(Arc::default())).await;
    plain.call("update_acl_policy", deploy(&tailnet, &posture).await).await;
    let protecting = unasked(rails(|it| it.never.policy = vec!["Postures".to_owned()]));
    let guarded = Agent::with(tailnet.clone(), protecting).await;
    let failure = guarded.fail("update_acl_policy", deploy(&tailnet, &live).await).await;
    assert!(message(&failure).contains("section `Postures` of the policy file"), "{failure}");
    // Comments and other sections are not protected.
    let commented = format!("// mine\n{posture}");
    guarded.call("update_acl_policy", deploy(&tailnet, &commented).await).await;
}

#[tokio::test]
async fn undo_and_rollback_pass_the_guardrails_too() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let live = tailnet.policy_file().get().await.unwrap().text;
    let before = unasked(Arc::default());
    let store = Arc::clone(&before.store);
    let plain = Agent::with(tailnet.clone(), before).await;
    let renamed =
        plain.call("update_device", json!({ "device": device.key(), "name": "other" })).await;
    let text = live.replacen('{', "{ \"randomizeClientPort\": true,", 1);
    let written = plain.call("update_acl_policy", deploy(&tailnet, &text).await).await;

    let protected = rails(|it| {
        it.never.devices = vec![device.key().to_owned()];
        it.never.policy = vec!["randomizeClientPort".to_owned()];
    });
    let mut setup = unasked(protected);
    setup.store = store;
    let guarded = Agent::with(tailnet.clone(), setup).await;
    for (tool, arguments) in [
        ("undo_change", json!({ "change": renamed["change"] })),
        ("undo_change", json!({ "change": written["change"] })),
        ("rollback_acl_policy", json!({ "version": written["change"], "before": true })),
    ] {
        let failure = guarded.fail(tool, arguments).await;
        assert!(message(&failure).contains("protected"), "{tool}: {failure}");
    }
}

#[tokio::test]
async fn what_needs_approval_gets_it_from_a_person_whatever_its_class_and_despite_yes() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let setup = unasked(rails(|it| it.approval.devices = vec![device.key().to_owned()]));
    let agent = Agent::with(tailnet.clone(), setup.clone()).await;
    let rename = json!({ "device": device.key(), "name": "other" });

    let mut dry = rename.clone();
    dry["dry_run"] = json!(true);
    let warned = agent.call("update_device", dry).await["warnings"].to_string();
    assert!(warned.contains("needs a person's approval"), "{warned}");
    let shown = agent.call("update_device", rename.clone()).await;
    assert_eq!(shown["plan"]["applied"], false, "{shown}");
    let question = shown["question"].as_str().unwrap();
    assert!(
        question.contains("Needs approval: device ") && question.contains("`approval`"),
        "{shown}"
    );
    let id = shown["plan_id"].as_str().unwrap();
    approvals(&setup).decide(id, &person("ann"), true).await.unwrap();
    let done = agent.call("update_device", with_plan(rename.clone(), &shown)).await;
    assert_eq!((&done["applied"], &done["confirmed"]), (&json!(true), &json!("approved by ann")));

    // In a client with forms, the form is enough.
    let mut setup = setup;
    setup.yes = false;
    setup.confirm = ConfirmMode::Auto;
    let user = FakeUser::who(Says::Yes).at(&tailnet, setup, Era::Sessions).await;
    let back = user.done("update_device", json!({ "device": device.key(), "name": "third" })).await;
    assert_eq!((back["confirmed"].as_str(), user.asked().len()), (Some("person"), 1));
}

#[tokio::test]
async fn where_nobody_knows_what_is_protected_nothing_is_changed() {
    let (sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let url = proxied(&sandbox.base_url(), |it| {
        if it.path.contains("/users") {
            Fault::Answered(403, "{\"message\":\"no scope\"}")
        } else {
            Fault::Pass
        }
    })
    .await;
    let spoiled = Tailnet::new(crate::support::tailnet::settings(&url));
    let protected = rails(|it| it.never.users = vec!["somebody@example.com".to_owned()]);
    let agent = Agent::with(spoiled, unasked(protected)).await;

    let failure =
        agent.fail("update_device", json!({ "device": device.key(), "name": "other" })).await;

    assert!(
        failure["message"].as_str().unwrap().contains("guardrails could not be checked"),
        "{failure}"
    );
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"));
}

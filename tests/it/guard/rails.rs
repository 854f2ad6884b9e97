//! Guardrails hold whatever the door: the tool, an undo, a batch, a call by name, the policy file.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    catalogue::{Offer, Selectors, ToolSelection},
    change::store::Place,
    guard::ConfirmMode,
    guardrails::Guardrails,
    history::History,
    mcp::Setup,
    tailnet::devices::Device,
    tool::Risk,
};

use crate::support::{
    agent::Agent,
    changes::{approvals, is_there, own, person, removal, setup, with_plan},
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

fn rails(change: impl FnOnce(&mut Guardrails)) -> Arc<Guardrails> {
    let mut rails = Guardrails::default();
    change(&mut rails);
    Arc::new(rails)
}

/// A server without questions, so that nothing but the guardrails stands in the way.
fn unasked(rails: Arc<Guardrails>) -> Setup {
    let mut setup = setup();
    setup.yes = true;
    setup.offer = everything();
    setup.guardrails = rails;
    setup
}

fn message(failure: &Value) -> &str {
    assert_eq!(failure["kind"], "refused", "{failure}");
    assert!(!failure["remedy"].as_str().unwrap_or_default().is_empty(), "{failure}");
    failure["message"].as_str().unwrap()
}

/// Ways to change a device, each through another door.
fn ways(device: &Device, other: &Device) -> Vec<(&'static str, Value)> {
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

async fn refuses_each(
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
    // Others are changed as always, and a dry run shows what would be.
    let by_tag = rails(|it| it.never.tags = vec![tag]);
    let agent = Agent::with(tailnet.clone(), unasked(by_tag)).await;
    agent.call("revoke_device", removal(other)).await;
    let mut dry = removal(device);
    dry["dry_run"] = json!(true);
    agent.call("revoke_device", dry).await;
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
async fn changes_in_an_hour_are_counted_one_by_one_for_everybody() {
    let (_sandbox, tailnet) = sandbox().await;
    let devices: Vec<Device> =
        own(&tailnet).await.into_iter().filter(|it| !it.tags().is_empty()).collect();
    let setup = unasked(rails(|it| it.changes_per_hour = Some(3)));
    let agent = Agent::with(tailnet.clone(), setup.clone()).await;
    let other = Agent::with(tailnet.clone(), setup).await;
    let ids = |range: std::ops::Range<usize>| {
        devices[range].iter().map(|it| it.key().to_owned()).collect::<Vec<_>>()
    };
    let attribute = |at: usize, value: &str| json!({ "device": devices[at].key(), "key": "custom:wave", "value": value });

    let too_many = json!({ "devices": ids(0..4), "key": "custom:wave", "value": "1" });
    let failure = agent.fail("batch_update_device_attributes", too_many).await;
    assert!(
        message(&failure).contains("`changes_per_hour` allows 3 in an hour, 3 are left"),
        "{failure}"
    );
    assert!(failure["remedy"].as_str().unwrap().contains("split it"), "{failure}");
    let two = json!({ "devices": ids(0..2), "key": "custom:wave", "value": "1" });
    let done = agent.call("batch_update_device_attributes", two).await;
    other.call("set_device_attribute", attribute(2, "1")).await;

    let calls = [
        ("set_device_attribute", attribute(3, "1")),
        ("undo_change", json!({ "change": done["change"] })),
        ("revoke_device", removal(&devices[4])),
        ("api_delete_device", json!({ "deviceId": devices[4].key() })),
    ];
    for (tool, arguments) in calls {
        let failure = other.fail(tool, arguments).await;
        assert!(message(&failure).contains("0 are left"), "{tool}: {failure}");
        assert!(
            failure["remedy"].as_str().unwrap().starts_with("call again after 20"),
            "{failure}"
        );
    }
    assert!(is_there(&tailnet, &devices[4]).await);
}

#[tokio::test]
async fn of_many_changes_at_once_no_more_than_allowed_are_made() {
    let (_sandbox, tailnet) = sandbox().await;
    let devices = own(&tailnet).await;
    let agent =
        Agent::with(tailnet.clone(), unasked(rails(|it| it.changes_per_hour = Some(5)))).await;
    let calls = devices.iter().take(12).map(|device| {
        let arguments = json!({ "device": device.key(), "key": "custom:wave", "value": "1" });
        agent.ask("set_device_attribute", arguments)
    });

    let answers = futures_util::future::join_all(calls).await;

    assert_eq!(answers.iter().filter(|it| it.0["applied"] == true).count(), 5, "{answers:?}");
}

/// A window that is open now, or one that was closed an hour ago and opens in more than a day.
fn window(open: bool) -> tailsteward::guardrails::Window {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let today = Timestamp::now().to_zoned(TimeZone::UTC).weekday().to_monday_zero_offset();
    let day = usize::try_from(today).unwrap();
    // Not today, yesterday or tomorrow, so that midnight makes no difference.
    let days = if open { "mon-sun" } else { DAYS[(day + 3) % 7] };
    format!("{days} 00:00-24:00 UTC").parse().unwrap()
}

#[tokio::test]
async fn outside_of_the_windows_nothing_is_changed_through_any_door() {
    let (sandbox, tailnet) = sandbox().await;
    let devices = own(&tailnet).await;
    let device = devices.iter().find(|it| it.tags().len() == 1).unwrap();
    let other = devices.iter().find(|it| it.tags().is_empty()).unwrap();
    let closed = rails(|it| it.windows = vec![window(false)]);
    let mut all = ways(device, other);
    let text = "{ \"grants\": [{ \"src\": [\"*\"], \"dst\": [\"*\"], \"ip\": [\"*\"] }] }";
    all.push(("update_acl_policy", deploy(&tailnet, text).await));
    refuses_each(&tailnet, Arc::clone(&closed), all, "the guardrail `windows` allows changes")
        .await;
    let history = Arc::new(History::new(Place::Memory));
    let agent = Agent::with(tailnet.with_history(history), unasked(closed)).await;
    let failure = agent.fail("revoke_device", removal(device)).await;
    assert!(failure["remedy"].as_str().unwrap().contains("00:00 UTC"), "{failure}");
    agent.call("list_devices", json!({})).await;
    // What is only recorded here may be changed.
    agent.call("mute_alerts", json!({ "for": "1h", "reason": "maintenance" })).await;
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET" || it.1.contains("/acl/")));

    let open = rails(|it| it.windows = vec![window(false), window(true)]);
    let agent = Agent::with(tailnet.clone(), unasked(open)).await;
    agent.call("revoke_device", removal(device)).await;
}

#[tokio::test]
async fn a_limit_of_a_tool_counts_what_it_does_through_every_door() {
    let (_sandbox, tailnet) = sandbox().await;
    let devices = own(&tailnet).await;
    let mut setup = unasked(Arc::default());
    let limits = [("revoke_device", "2/hour"), ("list_devices", "3/day")];
    setup.local.limits =
        limits.map(|(tool, limit)| (tool.to_owned(), limit.parse().unwrap())).into();
    let agent = Agent::with(tailnet.clone(), setup).await;
    let id = |at: usize| devices[at].key().to_owned();

    let many = agent.fail("remove_devices", json!({ "devices": [id(0), id(1), id(2)] })).await;
    assert!(message(&many).contains("limited to 2/hour of `revoke_device`, 2 are left"), "{many}");
    agent.call("revoke_device", removal(&devices[0])).await;
    agent.call("api_delete_device", json!({ "deviceId": id(1) })).await;
    for (tool, arguments) in [
        ("revoke_device", removal(&devices[2])),
        ("remove_devices", json!({ "devices": [id(2)] })),
        (
            "call_api_operation",
            json!({ "operation": "deleteDevice", "parameters": { "deviceId": id(2) } }),
        ),
    ] {
        let failure = agent.fail(tool, arguments).await;
        assert!(message(&failure).contains("0 are left"), "{tool}: {failure}");
    }
    agent.call("update_device", json!({ "device": id(3), "name": "other" })).await;
    for _ in 0..3 {
        agent.call("list_devices", json!({})).await;
    }
    assert!(message(&agent.fail("list_devices", json!({})).await).contains("3/day"));
    assert!(is_there(&tailnet, &devices[2]).await);
}

#[tokio::test]
async fn where_nobody_knows_what_is_protected_nothing_is_changed() {
    let (sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let url = proxied(&sandbox.base_url(), |it| {
        if it.path.contains("/users") { Fault::Answered(403, "{}") } else { Fault::Pass }
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

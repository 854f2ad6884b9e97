//! What was changed is put back, unless somebody else changed it since.

use serde_json::{Value, json};
use tailsteward::tailnet::devices::Device;

use crate::support::changes::{own, setup};
use crate::support::{
    fake_user::{Era, FakeUser, Says, Session},
    proxy::{Fault, faulty},
    tailnet::{sandbox, settings},
};

async fn session(says: Says) -> (tailsteward::sandbox::Sandbox, tailsteward::Tailnet, Session) {
    let (sandbox, tailnet) = sandbox().await;
    let session = FakeUser::who(says).at(&tailnet, setup(), Era::Sessions).await;
    (sandbox, tailnet, session)
}

fn number(report: &Value) -> Value {
    json!({ "change": report["change"] })
}

#[tokio::test]
async fn every_field_that_can_be_put_back_is() {
    let (_sandbox, tailnet, session) = session(Says::Yes).await;
    let tagged = |it: &Device| it.tags().len() == 1;
    let device = own(&tailnet).await.into_iter().find(tagged).unwrap();
    let key = device.key();
    let before = tailnet.devices().get(key).await.unwrap();
    let arguments = json!({
        "device": key, "name": "elsewhere", "add_tags": ["tag:ci"], "key_expires": true,
        "ipv4": "100.99.7.7",
    });
    let done = session.done("update_device", arguments).await;
    let changed = tailnet.devices().get(key).await.unwrap();
    assert_eq!(changed.short_name(), "elsewhere");

    let undone = session.done("undo_change", number(&done)).await;

    let after = tailnet.devices().get(key).await.unwrap();
    assert_eq!(after.short_name(), before.short_name());
    assert_eq!(after.tags(), before.tags());
    assert_eq!(after.ipv4(), before.ipv4());
    assert_eq!(after.key_expiry_disabled, before.key_expiry_disabled);
    let fields: Vec<&str> = undone["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["ipv4", "key_expires", "tags", "name"], "the last one first");
    let entry = session.done("get_change", number(&done)).await;
    assert_eq!(entry["undone_by"], undone["change"]);
    let again = session.fails("undo_change", number(&done)).await;
    assert!(again["message"].as_str().unwrap().contains("was already undone by"), "{again}");

    // To undo the undoing makes the change again.
    session.done("undo_change", number(&undone)).await;
    assert_eq!(tailnet.devices().get(key).await.unwrap().short_name(), "elsewhere");
    // And what is in effect again can be taken back again.
    session.done("undo_change", number(&done)).await;
    assert_eq!(tailnet.devices().get(key).await.unwrap().short_name(), before.short_name());
}

/// The same change, made again later, is another one: the undo of the first is not about it.
#[tokio::test]
async fn what_was_undone_is_not_undone_again_through_a_later_change() {
    let (_sandbox, tailnet, session) = session(Says::Yes).await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let rename = json!({ "device": device.key(), "name": "again" });
    let first = session.done("update_device", rename.clone()).await;
    let undo = session.done("undo_change", number(&first)).await;
    let second = session.done("update_device", rename).await;

    let refused = session.fails("undo_change", number(&first)).await;

    let by = format!("already undone by change {}", undo["change"]);
    assert!(refused["message"].as_str().unwrap().contains(&by), "{refused}");
    assert_eq!(tailnet.devices().get(device.key()).await.unwrap().short_name(), "again");
    session.done("undo_change", number(&second)).await;
}

#[tokio::test]
async fn what_somebody_else_changed_since_is_left_alone() {
    let (_sandbox, tailnet, session) = session(Says::Yes).await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let rename = |to: &str| json!({ "device": device.key(), "name": to });
    let done = session.done("update_device", rename("mine")).await;
    session.done("update_device", rename("theirs")).await;

    let failure = session.fails("undo_change", number(&done)).await;

    assert_eq!(failure["kind"], "stale");
    assert!(failure["message"].as_str().unwrap().contains("theirs"), "{failure}");
    assert_eq!(tailnet.devices().get(device.key()).await.unwrap().short_name(), "theirs");
}

#[tokio::test]
async fn what_nothing_takes_back_is_said_to_stay() {
    let (_sandbox, tailnet, session) = session(Says::Yes).await;
    let device = own(&tailnet).await.remove(0);
    let done = session.done("revoke_device", crate::support::changes::removal(&device)).await;

    let failure = session.fails("undo_change", number(&done)).await;

    assert_eq!(failure["kind"], "refused");
    assert!(failure["message"].as_str().unwrap().contains("irreversible"), "{failure}");
    let unknown = session.fails("undo_change", json!({ "change": 999 })).await;
    assert_eq!(unknown["kind"], "not_found");
}

#[tokio::test]
async fn to_take_a_grave_change_back_is_as_grave() {
    let (_sandbox, tailnet, session) = session(Says::Yes).await;
    let device = own(&tailnet).await.into_iter().find(Device::is_authorized).unwrap();
    let off = json!({ "device": device.key(), "how": "deauthorize" });
    let done = session.done("revoke_device", off).await;

    session.done("undo_change", number(&done)).await;

    assert_eq!(session.asked().len(), 2, "{:?}", session.asked());
    assert!(tailnet.devices().get(device.key()).await.unwrap().is_authorized());
}

#[tokio::test]
async fn attributes_come_back_with_value_and_expiry_or_go_away() {
    let (_sandbox, tailnet, session) = session(Says::Yes).await;
    let device = own(&tailnet).await.remove(0);
    let set = |value: &str, expiry: Value| json!({ "device": device.key(), "key": "custom:tier", "value": value, "expiry": expiry });
    let read = async || {
        let read = tailnet.devices().attributes(device.key()).await.unwrap();
        (read.attributes.get("custom:tier").cloned(), read.expiries.get("custom:tier").cloned())
    };
    let first =
        session.done("set_device_attribute", set("gold", json!("2099-01-01T00:00:00Z"))).await;
    let had = read().await;
    let second = session.done("set_device_attribute", set("tin", Value::Null)).await;
    assert_ne!(read().await, had);

    session.done("undo_change", number(&second)).await;
    assert_eq!(read().await, had);
    session.done("undo_change", number(&first)).await;
    assert_eq!(read().await, (None, None));
}

#[tokio::test]
async fn a_change_whose_answer_got_lost_can_be_looked_at_and_rolled_back() {
    let (sandbox, direct) = sandbox().await;
    let device = own(&direct).await.into_iter().find(|it| it.tags().len() == 1).unwrap();
    // The write takes effect and its answer is lost; so is the look at it.
    let lost = faulty(&sandbox.base_url(), 0, Fault::AnswerLost).await;
    let flaky =
        crate::support::proxy::unreadable_after(&lost, device.key().to_owned().leak(), 2).await;
    let tailnet = tailsteward::Tailnet::new(settings(&flaky));
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;

    let failure =
        session.fails("update_device", json!({ "device": device.key(), "name": "lost" })).await;
    assert_eq!(failure["may_have_had_effect"], true, "{failure}");
    assert!(failure["message"].as_str().unwrap().contains("recorded as change 1"), "{failure}");

    let entry = session.done("get_change", json!({ "change": 1 })).await;
    assert_eq!(entry["outcome"], "unknown");
    assert_eq!(entry["steps"][0]["now"], "lost", "{entry}");
    assert!(entry["note"].as_str().unwrap().contains("an undo reverts"), "{entry}");
    session.done("undo_change", json!({ "change": 1 })).await;
    let now = direct.devices().get(device.key()).await.unwrap();
    assert_eq!(now.short_name(), device.short_name());
}

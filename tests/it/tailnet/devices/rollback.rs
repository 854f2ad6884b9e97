//! Every step fails once.

use serde_json::json;
use tailsteward::{
    Tailnet,
    tailnet::devices::{Device, Update},
};

use crate::support::{
    proxy::{Fault, faulty, unreadable_after},
    tailnet::{sandbox, settings},
};

fn tagged(devices: &[Device]) -> &Device {
    let taken = |it: &&Device| it.tags().iter().any(|tag| tag == "tag:web") && !it.is_shared_in();
    devices.iter().find(taken).unwrap()
}

fn update() -> Update {
    let mut it = Update::default();
    it.name = Some("elsewhere".to_owned());
    it.add_tags = vec!["tag:ci".to_owned()];
    it.key_expires = Some(true);
    it.ipv4 = Some("100.99.7.7".to_owned());
    it
}

/// What an update can change.
fn state(device: &Device) -> serde_json::Value {
    json!([
        device.short_name(),
        device.tags(),
        device.key_expiry_disabled,
        device.ipv4(),
        device.is_authorized(),
    ])
}

#[tokio::test]
async fn a_change_that_is_refused_takes_the_ones_before_it_back() {
    for nth in 0..4 {
        let (sandbox, direct) = sandbox().await;
        let proxy = faulty(&sandbox.base_url(), nth, Fault::Refused).await;
        let tailnet = Tailnet::new(settings(&proxy));
        let before = tagged(&direct.devices().list().await.unwrap()).clone();
        let plan = tailnet.devices().plan_update(before.key(), &update()).await.unwrap();
        assert_eq!(plan.changes().count(), 4);

        let error = tailnet.apply(&plan).await.unwrap_err();

        let after = direct.devices().get(before.key()).await.unwrap();
        assert_eq!(state(&after), state(&before), "step {nth} left something behind: {error}");
        assert!(!error.may_have_had_effect(), "{error}");
        assert_eq!(error.to_string().contains("rolled back"), nth > 0, "{error}");
    }
}

#[tokio::test]
async fn a_change_whose_answer_got_lost_is_looked_up_and_counts() {
    for nth in 0..4 {
        let (sandbox, direct) = sandbox().await;
        let proxy = faulty(&sandbox.base_url(), nth, Fault::AnswerLost).await;
        let tailnet = Tailnet::new(settings(&proxy));
        let before = tagged(&direct.devices().list().await.unwrap()).clone();
        let plan = tailnet.devices().plan_update(before.key(), &update()).await.unwrap();

        let done = tailnet.apply(&plan).await.unwrap();

        assert!(done.applied && done.changes.len() == 4, "step {nth}");
        let after = direct.devices().get(before.key()).await.unwrap();
        assert_eq!(after.short_name(), "elsewhere");
        assert_eq!(after.ipv4(), Some("100.99.7.7"));
        let writes = sandbox.requests().iter().filter(|it| it.0 == "POST").count();
        assert_eq!(writes, 4, "step {nth} was sent twice");
    }
}

#[tokio::test]
async fn what_cannot_be_rolled_back_comes_last() {
    let (sandbox, direct) = sandbox().await;
    let list = direct.devices().list().await.unwrap();
    let user = list.iter().find(|it| it.tags().is_empty() && !it.is_shared_in()).unwrap();
    let proxy = faulty(&sandbox.base_url(), 2, Fault::Refused).await;
    let tailnet = Tailnet::new(settings(&proxy));
    let update = {
        let mut it = update();
        it.key_expires = None;
        it
    };
    let plan = tailnet.devices().plan_update(user.key(), &update).await.unwrap();
    let final_one = plan.changes().last().unwrap();
    assert!(final_one.field == "tags" && final_one.inverse().is_none(), "{final_one:?}");

    let error = tailnet.apply(&plan).await.unwrap_err();

    let after = direct.devices().get(user.key()).await.unwrap();
    assert_eq!(state(&after), state(user), "{error}");
}

#[tokio::test]
async fn a_plan_does_not_overwrite_what_others_changed_meanwhile() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = tagged(&tailnet.devices().list().await.unwrap()).clone();
    let add = |tag: &str| {
        let mut it = Update::default();
        it.add_tags = vec![tag.to_owned()];
        it
    };
    let mine = tailnet.devices().plan_update(device.key(), &add("tag:ci")).await.unwrap();
    let theirs = tailnet.devices().plan_update(device.key(), &add("tag:k8s")).await.unwrap();
    tailnet.apply(&theirs).await.unwrap();

    let error = tailnet.apply(&mine).await.unwrap_err();

    assert_eq!(error.kind(), tailsteward::ErrorKind::Stale);
    let tags = tailnet.devices().get(device.key()).await.unwrap().tags().to_vec();
    assert!(tags.contains(&"tag:k8s".to_owned()) && !tags.contains(&"tag:ci".to_owned()));
}

#[tokio::test]
async fn an_attribute_that_cannot_be_read_back_was_still_written() {
    use tailsteward::tailnet::devices::{AttributeValue, attributes::AttributeChange};
    let (sandbox, direct) = sandbox().await;
    let device = tagged(&direct.devices().list().await.unwrap()).clone();
    // The third read of the attributes, after the change, gets no answer.
    let proxy = unreadable_after(&sandbox.base_url(), "/attributes", 2).await;
    let tailnet = Tailnet::new(settings(&proxy));
    let change = AttributeChange {
        key: "custom:fresh".to_owned(),
        value: Some(AttributeValue::Text("gold".to_owned())),
        expiry: None,
        comment: None,
    };

    let plan = tailnet.devices().plan_attribute(device.key(), &change).await.unwrap();
    let done = tailnet.apply(&plan).await.unwrap();

    assert!(done.applied && done.warnings[0].contains("was changed"), "{done:?}");
    let there = direct.devices().attributes(device.key()).await.unwrap();
    assert_eq!(there.attributes["custom:fresh"], "gold");
}

#[tokio::test]
async fn a_removal_whose_answer_got_lost_counts() {
    let (sandbox, direct) = sandbox().await;
    let proxy = faulty(&sandbox.base_url(), 0, Fault::AnswerLost).await;
    let tailnet = Tailnet::new(settings(&proxy));
    let device = tagged(&direct.devices().list().await.unwrap()).clone();
    let plan = tailnet.devices().plan_delete(device.key()).await.unwrap();

    let done = tailnet.apply(&plan).await.unwrap();

    assert!(done.applied);
    assert!(direct.devices().get(device.key()).await.is_err());
}

#[tokio::test]
async fn what_has_an_inverse_comes_back_by_it() {
    let (_sandbox, tailnet) = sandbox().await;
    let list = tailnet.devices().list().await.unwrap();
    let device = tagged(&list);

    let plan = tailnet.devices().plan_update(device.key(), &update()).await.unwrap();
    assert_eq!(plan.changes().count(), 4);
    for change in plan.changes() {
        let inverse = change.inverse().unwrap();
        assert_eq!((&inverse.from, &inverse.to), (&change.to, &change.from));
        assert_eq!(inverse.inverse().as_ref(), Some(change));
    }

    let user = list.iter().find(|it| it.tags().is_empty() && !it.is_shared_in()).unwrap();
    let first_tag = {
        let mut it = Update::default();
        it.add_tags = vec!["tag:ci".to_owned()];
        it
    };
    for lasting in [
        tailnet.devices().plan_delete(device.key()).await.unwrap(),
        tailnet.devices().plan_expire_key(user.key()).await.unwrap(),
        tailnet.devices().plan_update(user.key(), &first_tag).await.unwrap(),
    ] {
        assert!(lasting.is_irreversible());
        assert!(lasting.changes().all(|it| it.inverse().is_none()), "{lasting:?}");
    }
}

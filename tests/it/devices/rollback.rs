//! Every step fails once.

use serde_json::json;
use tailscale_mcp::{
    Tailnet,
    tailnet::devices::{Change, Device, Update},
};

use crate::support::tailnet::{Trouble, sandbox, settings, troubled};

fn tagged(devices: &[Device]) -> &Device {
    let taken = |it: &&Device| it.tags().iter().any(|tag| tag == "tag:web") && !it.is_shared_in();
    devices.iter().find(taken).unwrap()
}

fn update() -> Update {
    Update {
        name: Some("elsewhere".to_owned()),
        add_tags: vec!["tag:ci".to_owned()],
        key_expires: Some(true),
        ipv4: Some("100.99.7.7".to_owned()),
        ..Update::default()
    }
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
        let proxy = troubled(&sandbox.base_url(), nth, Trouble::Refused).await;
        let tailnet = Tailnet::new(settings(&proxy));
        let before = tagged(&direct.devices().list().await.unwrap()).clone();
        let plan = tailnet.devices().plan_update(before.key(), &update()).await.unwrap();
        assert_eq!(plan.changes().len(), 4);

        let error = tailnet.devices().apply(&plan).await.unwrap_err();

        let after = direct.devices().get(before.key()).await.unwrap();
        assert_eq!(state(&after), state(&before), "step {nth} left something behind: {error}");
        assert!(!error.may_have_had_effect(), "{error}");
        assert_eq!(error.to_string().contains("taken back"), nth > 0, "{error}");
    }
}

#[tokio::test]
async fn a_change_whose_answer_got_lost_is_looked_up_and_counts() {
    for nth in 0..4 {
        let (sandbox, direct) = sandbox().await;
        let proxy = troubled(&sandbox.base_url(), nth, Trouble::AnswerLost).await;
        let tailnet = Tailnet::new(settings(&proxy));
        let before = tagged(&direct.devices().list().await.unwrap()).clone();
        let plan = tailnet.devices().plan_update(before.key(), &update()).await.unwrap();

        let done = tailnet.devices().apply(&plan).await.unwrap();

        assert!(done.applied && done.changes.len() == 4, "step {nth}");
        let after = direct.devices().get(before.key()).await.unwrap();
        assert_eq!(after.short_name(), "elsewhere");
        assert_eq!(after.ipv4(), Some("100.99.7.7"));
        let writes = sandbox.requests().iter().filter(|it| it.0 == "POST").count();
        assert_eq!(writes, 4, "step {nth} was sent twice");
    }
}

#[tokio::test]
async fn a_removal_whose_answer_got_lost_counts() {
    let (sandbox, direct) = sandbox().await;
    let proxy = troubled(&sandbox.base_url(), 0, Trouble::AnswerLost).await;
    let tailnet = Tailnet::new(settings(&proxy));
    let device = tagged(&direct.devices().list().await.unwrap()).clone();
    let plan = tailnet.devices().plan_remove(device.key()).await.unwrap();

    let done = tailnet.devices().apply(&plan).await.unwrap();

    assert!(done.applied);
    assert!(direct.devices().get(device.key()).await.is_err());
}

#[test]
fn what_has_an_inverse_comes_back_by_it() {
    let changes = [
        Change::Authorized { from: true, to: false },
        Change::Name { from: "a".into(), to: "b".into() },
        Change::Tags { from: vec!["tag:a".into()], to: vec!["tag:b".into()] },
        Change::KeyExpires { from: true, to: false },
        Change::Ipv4 { from: "100.64.0.1".into(), to: "100.64.0.2".into() },
    ];
    for change in changes {
        let inverse = change.inverse().unwrap();
        assert_ne!(inverse, change);
        assert_eq!(inverse.inverse().as_ref(), Some(&change));
    }
    let lasting = [
        Change::ExpireKey,
        Change::Remove,
        Change::Tags { from: vec![], to: vec!["tag:a".into()] },
    ];
    assert!(lasting.iter().all(|it| it.inverse().is_none()));
}

//! When and how often changes may be made, whatever the door.

use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;
use tailsteward::{change::store::Place, history::History, tailnet::devices::Device};

use super::rails::{deploy, message, rails, refuses_each, unasked, ways};
use crate::support::{
    agent::Agent,
    changes::{is_there, own, removal},
    tailnet::sandbox,
};

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
    refuses_each(&tailnet, Arc::clone(&closed), all, "the guardrail `windows` only allows changes")
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

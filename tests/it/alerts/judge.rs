//! What rules find in a tailnet that changes, and what becomes of their alerts.

use std::sync::Arc;

use serde_json::{Value, json};
use tailsteward::{
    alerts::{Episode, State, Why},
    history::{Held, Seconds, Source},
    sandbox::{DeviceState, Fault, FaultKind},
    tailnet::devices::Device,
};

use super::watch::{Watch, rules};
use crate::support::changes::own;

const MINUTE: Seconds = 60;

fn is_server(device: &Device) -> bool {
    let routes = device.enabled_routes.as_ref().is_some_and(|it| !it.is_empty());
    device.is_online() && !device.tags().is_empty() && !routes
}

#[tokio::test]
async fn a_silent_server_fires_since_it_was_last_seen_and_ends_when_it_is_back() {
    let rule = json!([{ "name": "silent", "when": "silent", "longer_than": "15m",
        "scope": { "tagged": true } }]);
    let mut watch = Watch::new(20, &rule).await;
    let device = watch.device(is_server).await;
    watch.look_after(0).await;
    let before = watch.active("silent").len();
    watch.look_after(MINUTE).await;
    watch.switch(&device, false);
    let gone_at = watch.now;
    watch.look_after(MINUTE).await;
    assert_eq!(watch.active("silent").len(), before, "not for long enough");
    watch.look_after(15 * MINUTE).await;
    let fires: Vec<Episode> = watch.active("silent");
    let it = fires.iter().find(|it| it.subject.key == device.key()).unwrap();
    assert_eq!((it.since, it.state), (gone_at, State::Firing), "the fact's time, not the look's");
    assert_eq!(it.subject.name, device.short_name());

    watch.switch(&device, true);
    watch.look_after(MINUTE).await;
    let over_at = watch.now;
    watch.look_after(2 * MINUTE).await;
    let all = watch.of("silent");
    let it = all.iter().find(|it| it.subject.key == device.key()).unwrap();
    assert_eq!(it.ended, Some((over_at, Why::Over)));
    let past = watch.tailnet.alerts().past(0, 100).await.unwrap();
    assert!(past.iter().any(|kept| kept.id == it.id && kept.ended == it.ended));
}

#[tokio::test]
async fn while_nothing_can_be_read_nothing_ends_and_one_alert_says_so() {
    let rule = json!([
        { "name": "silent", "when": "silent", "longer_than": "15m", "scope": { "tagged": true } },
        { "name": "blind", "when": "not_watched", "longer_than": "10m" },
    ]);
    let mut watch = Watch::new(20, &rule).await;
    let device = watch.device(is_server).await;
    watch.look_after(0).await;
    watch.switch(&device, false);
    watch.look_after(20 * MINUTE).await;
    let firing = watch.active("silent");
    assert!(firing.iter().any(|it| it.subject.key == device.key()));

    // It is back, but nobody can know.
    watch.switch(&device, true);
    watch.sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("listTailnetDevices"));
    for _ in 0..6 {
        watch.look_after(5 * MINUTE).await;
    }
    assert_eq!(watch.active("silent").len(), firing.len(), "unknown never ends an alert");
    let it = &watch.active("silent")[0];
    assert!(it.unknown_since.is_some());
    let blind = watch.active("blind");
    assert_eq!(blind.len(), 1, "{blind:?}");
    assert_eq!(blind[0].subject.key, "devices");
    assert!(blind[0].summary.contains("403"), "{}", blind[0].summary);
    assert_eq!(it.explained_by.as_ref(), Some(&blind[0].id));

    watch.sandbox.clear_faults();
    watch.look_after(MINUTE).await;
    watch.look_after(3 * MINUTE).await;
    assert_eq!(watch.active("blind"), []);
    assert!(!watch.active("silent").iter().any(|it| it.subject.key == device.key()));
}

#[tokio::test]
async fn a_route_without_routers_explains_its_silent_routers() {
    let rule = json!([
        { "name": "silent", "when": "silent", "longer_than": "5m", "notify": ["chat"] },
        { "name": "route", "when": "route_unserved", "for": "5m", "notify": ["chat"] },
        { "name": "single", "when": "route_single" },
    ]);
    let mut watch = Watch::new(60, &rule).await;
    watch.look_after(0).await;
    let before: Vec<String> = watch.active("route").into_iter().map(|it| it.subject.key).collect();
    let routers: Vec<Device> = own(&watch.tailnet).await;
    let serves = |device: &Device, route: &str| {
        device.enabled_routes.as_ref().is_some_and(|it| it.iter().any(|it| it == route))
    };
    let route = routers
        .iter()
        .filter(|it| it.is_online())
        .flat_map(|it| it.enabled_routes.clone().unwrap_or_default())
        .find(|it| !it.ends_with("/0") && !before.contains(it))
        .unwrap();
    let of: Vec<&Device> = routers.iter().filter(|it| serves(it, &route)).collect();
    for router in &of {
        watch.switch(router, false);
    }
    let gone_at = watch.now;
    watch.look_after(MINUTE).await;
    watch.look_after(6 * MINUTE).await;
    let fires = watch.active("route");
    let it = fires.iter().find(|it| it.subject.key == route).unwrap();
    assert_eq!(it.since, gone_at);
    for silent in
        watch.active("silent").iter().filter(|it| of.iter().any(|of| of.key() == it.subject.key))
    {
        let explained = silent.explained_by.as_ref().unwrap();
        assert!(fires.iter().any(|it| it.id == *explained), "{silent:?}");
    }
    // One message about the route, none about its routers.
    let told = watch.history.due(&watch.tailnet.label(), watch.now, 100).await.unwrap();
    assert!(told.iter().any(|it| it.body.contains(&route)), "{told:?}");
    let of_rule = |it: &&tailsteward::history::Outgoing| it.body.contains("\"rule\":\"silent\"");
    for router in of {
        let name = format!("\"subject\":\"{}\"", router.short_name());
        assert!(!told.iter().filter(of_rule).any(|it| it.body.contains(&name)), "{name}");
    }
}

#[tokio::test]
async fn a_site_that_goes_is_one_alert() {
    let rule = json!([
        { "name": "many", "when": "many_offline", "percent": 30, "within": "10m" },
        { "name": "silent", "when": "silent", "longer_than": "5m" },
        { "name": "few", "when": "too_few", "at_least": 2, "scope": { "tags": ["tag:none"] } },
    ]);
    let mut watch = Watch::new(20, &rule).await;
    watch.look_after(0).await;
    assert_eq!(watch.active("many"), []);
    assert_eq!(watch.active("few").len(), 1, "none is connected of at least 2");
    let online: Vec<Device> =
        own(&watch.tailnet).await.into_iter().filter(Device::is_online).collect();
    for device in online.iter().skip(1).take(online.len() / 2) {
        watch.switch(device, false);
    }
    watch.look_after(MINUTE).await;
    let many = watch.active("many");
    assert_eq!(many.len(), 1);
    watch.look_after(5 * MINUTE).await;
    let silent = watch.active("silent");
    let of_it = silent.iter().filter(|it| it.explained_by.as_ref() == Some(&many[0].id)).count();
    assert_eq!(of_it, online.len() / 2, "{silent:?}");
}

type Change = fn(&mut DeviceState);

#[tokio::test]
async fn each_condition_of_a_device_fires_and_ends() {
    let cases: &[(&str, Value, Change, Change)] = &[
        (
            "cloned",
            json!({}),
            |it| it.multiple_connections = Some(true),
            |it| {
                it.multiple_connections = Some(false);
            },
        ),
        (
            "lock_error",
            json!({}),
            |it| it.tailnet_lock_error = Some("not signed".into()),
            |it| {
                it.tailnet_lock_error = Some(String::new());
            },
        ),
        (
            "behind",
            json!({ "minors": 3 }),
            |it| it.client_version = Some("1.10.0".into()),
            |it| {
                it.client_version = Some("1.200.0".into());
            },
        ),
        (
            "vulnerable",
            json!({}),
            |it| it.client_version = Some("1.30.0".into()),
            |it| {
                it.client_version = Some("1.200.0".into());
            },
        ),
        (
            "route_unapproved",
            json!({}),
            |it| it.advertised_routes = Some(vec!["10.99.0.0/24".into()]),
            |it| {
                it.advertised_routes = Some(Vec::new());
            },
        ),
        ("connected", json!({}), |it| it.online = Some(true), |it| it.online = Some(false)),
    ];
    for (when, parameters, begin, end) in cases {
        let mut rule =
            json!({ "name": "it", "when": when, "settle": "0s", "scope": { "os": "windows" } });
        rule.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        let mut watch = Watch::new(40, &json!([rule])).await;
        let device = watch
            .device(|it| {
                it.os.as_deref() == Some("windows") && it.is_authorized() && it.is_online()
            })
            .await;
        watch.set(&device, end);
        watch.look_after(0).await;
        watch.look_after(MINUTE).await;
        let of = |watch: &Watch| {
            watch.active("it").into_iter().find(|it| it.subject.key == device.key())
        };
        assert_eq!(of(&watch), None, "{when}");
        watch.set(&device, begin);
        watch.look_after(MINUTE).await;
        let it = of(&watch).unwrap_or_else(|| panic!("{when} does not fire"));
        assert!(!it.summary.is_empty() && it.since <= watch.now, "{it:?}");
        watch.set(&device, end);
        watch.look_after(MINUTE).await;
        assert_eq!(of(&watch), None, "{when} does not end");
    }
}

#[tokio::test]
async fn keys_new_devices_events_and_settings_fire() {
    let rule = json!([
        { "name": "expires", "when": "key_expires", "within": "180d" },
        { "name": "expired", "when": "key_expired" },
        { "name": "credential", "when": "credential_expires", "within": "90d", "kinds": ["auth", "api"] },
        { "name": "new", "when": "new_device", "within": "3650d" },
        { "name": "many", "when": "many_new", "times": 3, "within": "3650d" },
        { "name": "off", "when": "setting_is", "setting": "devicesApprovalOn", "value": "false" },
        { "name": "on", "when": "setting_is", "setting": "devicesApprovalOn", "value": "true" },
        { "name": "waits", "when": "waits_for_approval" },
        { "name": "log", "when": "event", "events": ["*.*.*"] },
        { "name": "stream", "when": "stream_failing" },
        { "name": "posture", "when": "posture_sync_failing" },
        { "name": "own", "when": "our_credential", "within": "14d" },
        { "name": "finding", "when": "finding", "check": "D3" },
        { "name": "udp", "when": "udp_blocked" },
        { "name": "flaps", "when": "flapping", "times": 2, "within": "1h" },
    ]);
    let mut watch = Watch::new(60, &rule).await;
    let device = watch.device(|it| it.is_online() && it.tags().is_empty()).await;
    watch.look_after(0).await;
    watch.tailnet.forget_lists();
    for rule in ["expires", "new", "many"] {
        assert!(!watch.active(rule).is_empty(), "{rule} does not fire");
    }
    let waiting = own(&watch.tailnet).await.iter().filter(|it| !it.is_authorized()).count();
    let devices =
        watch.active("waits").into_iter().filter(|it| it.subject.kind == "device").count();
    assert_eq!(devices, waiting);
    assert_eq!(watch.active("on").len() + watch.active("off").len(), 1, "it is one or the other");
    assert_eq!(watch.active("finding"), [], "no audit is kept, so nothing is known");
    assert_eq!(watch.active("stream"), [], "none is set up");

    for _ in 0..2 {
        watch.switch(&device, false);
        watch.look_after(MINUTE).await;
        watch.switch(&device, true);
        watch.look_after(MINUTE).await;
    }
    assert!(watch.active("flaps").iter().any(|it| it.subject.key == device.key()));
    // The sandbox writes its audit log by the clock of this machine, which is not that of this test: so events are
    // judged with an entry of the log as it is.
    let kept = watch.history.events(&watch.tailnet.label(), 0, 10).await.unwrap();
    let recent = kept.iter().filter(|it| watch.now - it.at < 86_400).count();
    assert_eq!(watch.active("log").len(), recent);
}

#[tokio::test]
async fn a_device_that_is_removed_ends_its_alerts() {
    let rule = json!([{ "name": "new", "when": "new_device", "within": "3650d" }]);
    let mut watch = Watch::new(20, &rule).await;
    let device = watch.device(|it| it.tags().is_empty()).await;
    watch.look_after(0).await;
    assert!(watch.active("new").iter().any(|it| it.subject.key == device.key()));
    watch.tailnet.api().unwrap().delete_device().device_id(device.key()).send().await.unwrap();
    watch.look_after(MINUTE).await;
    watch.look_after(MINUTE).await;
    let it = watch.of("new").into_iter().find(|it| it.subject.key == device.key()).unwrap();
    assert_eq!(it.ended.map(|it| it.1), Some(Why::Gone));
}

#[tokio::test]
async fn a_rule_that_describes_something_else_begins_anew() {
    let rule = |longer: &str, note: &str| json!([{ "name": "silent", "when": "silent", "longer_than": longer, "note": note }]);
    let mut watch = Watch::new(20, &rule("5m", "one")).await;
    watch.look_after(0).await;
    let ids = |watch: &Watch| -> Vec<String> {
        watch.active("silent").into_iter().map(|it| it.id).collect()
    };
    let first = ids(&watch);
    assert!(!first.is_empty());
    watch.tailnet = watch.tailnet.with_alert_setup(Arc::new(rules(&rule("5m", "two"))));
    watch.look_after(MINUTE).await;
    assert_eq!(ids(&watch), first, "another note is the same condition");
    watch.tailnet = watch.tailnet.with_alert_setup(Arc::new(rules(&rule("6m", "two"))));
    watch.look_after(MINUTE).await;
    assert!(ids(&watch).iter().all(|it| !first.contains(it)));
    let past = watch.tailnet.alerts().past(0, 1_000).await.unwrap();
    let ended =
        past.iter().filter(|it| it.ended.is_some_and(|it| it.1 == Why::RuleChanged)).count();
    assert_eq!(ended, first.len());

    let off = json!([{ "name": "silent", "when": "silent", "longer_than": "6m", "on": false }]);
    watch.tailnet = watch.tailnet.with_alert_setup(Arc::new(rules(&off)));
    watch.look_after(MINUTE).await;
    assert_eq!(ids(&watch), Vec::<String>::new());
}

#[tokio::test]
async fn a_clock_that_jumps_does_no_harm() {
    let rule = json!([{ "name": "silent", "when": "silent", "longer_than": "5m" }]);
    let mut watch = Watch::new(20, &rule).await;
    watch.look_after(0).await;
    watch.look_after(MINUTE).await;
    let before = watch.active("silent");
    let alerts = watch.tailnet.alerts();
    for jump in [-3_600, -86_400] {
        let held = watch.judge.judge(alerts, &mut watch.poller, watch.now + jump).await.unwrap();
        assert_eq!(held, Held::Yes);
    }
    assert_eq!(watch.active("silent"), before);
}

#[tokio::test]
async fn what_cannot_be_known_of_users_ends_no_alert_of_theirs() {
    let rule = json!([{ "name": "waits", "when": "waits_for_approval", "settle": "0s" }]);
    let mut watch = Watch::new(40, &rule).await;
    watch.look_after(0).await;
    let users = |watch: &Watch| {
        let mut all = watch.active("waits");
        all.retain(|it| it.subject.kind == "user");
        all
    };
    let before = users(&watch);
    assert!(!before.is_empty(), "nobody waits in the sandbox");
    watch.sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("listUsers"));
    watch.look_after(3_600).await;
    let now = users(&watch);
    assert_eq!(now.len(), before.len(), "the devices are known, the users are not");
    assert!(now.iter().all(|it| it.unknown_since.is_some()));
}

#[tokio::test]
async fn two_judgements_in_one_second_make_two_notices() {
    let rule = json!([{ "name": "waits", "when": "waits_for_approval", "notify": ["chat"] }]);
    let mut watch = Watch::new(40, &rule).await;
    let at = watch.now;
    for source in Source::all().into_iter().filter(|it| ["devices", "users"].contains(&it.name)) {
        watch.poller.look(&source, at).await.unwrap();
        let alerts = watch.tailnet.alerts();
        let _ = watch.judge.judge(alerts, &mut watch.poller, at).await.unwrap();
    }
    let due = watch.history.due(&watch.tailnet.label(), at, 10).await.unwrap();
    let listed: usize = due.iter().map(|it| it.body.matches("\"alert\":").count()).sum();
    assert_eq!(listed, watch.active("waits").len(), "{due:?}");
    assert_eq!(due.len(), 2);
}

//! Rules about traffic, judged by what the history keeps of the flow logs.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};
use tailsteward::{
    alerts::Episode,
    history::{Looked, Seconds, Source},
    sandbox::{Fault, FaultKind},
    traffic::{Coverage, DeviceTraffic, Question, Traffic},
};

use super::watch::{Watch, rules};
use crate::support::{
    agent::Agent,
    changes::own,
    edits::{everything, raw},
};

const MINUTE: Seconds = 60;
const HOUR: Seconds = 3_600;

/// Time passes, and then everything is looked at, the flow logs last, and judged.
async fn look_after(watch: &mut Watch, seconds: Seconds) -> Looked {
    watch.look_after(seconds).await;
    let looked = watch.poller.look(&Source::flow_logs(), watch.now).await.unwrap();
    judge(watch).await;
    looked
}

async fn judge(watch: &mut Watch) {
    let _ = watch.judge.judge(watch.tailnet.alerts(), &mut watch.poller, watch.now).await.unwrap();
}

fn of(rule: &str, when: &Value) -> Value {
    let mut rule = json!({ "name": rule, "settle": "0s" });
    rule.as_object_mut().unwrap().extend(when.as_object().unwrap().clone());
    rule
}

/// What each device moved in the last window that is kept, as `monitor_bandwidth` adds it up.
async fn moved(watch: &Watch, within: Seconds) -> Vec<DeviceTraffic> {
    let label = watch.tailnet.label();
    let all = watch.history.traffic(&label, 0, watch.now).await.unwrap();
    let until = all.spans.iter().next_back().unwrap().1;
    let kept = watch.history.traffic(&label, until - within, until).await.unwrap();
    assert_eq!((kept.read, kept.window), (within, (until - within, until)));
    let none = (String::new(), String::new());
    Traffic::of(&kept.totals, none, Coverage::default(), &[], &Question::default()).devices
}

fn bytes(it: &DeviceTraffic) -> u64 {
    it.amount.bytes() + it.carried + it.exit
}

fn keys(episodes: &[Episode]) -> BTreeSet<String> {
    episodes.iter().map(|it| it.subject.key.clone()).collect()
}

/// The limit that about half of the devices exceed.
async fn limit(watch: &Watch) -> u64 {
    let mut all: Vec<u64> = moved(watch, HOUR).await.iter().map(bytes).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

#[tokio::test]
async fn whoever_moved_too_much_in_the_last_window_fires_and_ends_with_it() {
    let mut watch = Watch::new(30, &json!([])).await;
    look_after(&mut watch, 0).await;
    let (limit, percent) = (limit(&watch).await, 20);
    let own: BTreeSet<String> =
        own(&watch.tailnet).await.iter().map(|it| it.key().to_owned()).collect();
    let heavy = json!({ "when": "traffic", "more_than": limit.to_string(), "within": "1h" });
    let relayed = |floor: &str| json!({ "when": "relayed", "percent": percent, "more_than": floor, "within": "1h" });
    let all = json!([
        of("heavy", &heavy),
        of("relayed", &relayed("10B")),
        of("little", &relayed("900TB")),
    ]);
    watch.tailnet = watch.tailnet.with_alert_setup(Arc::new(rules(&all)));
    let (mut began, mut ended) = ([0, 0], [0, 0]);
    let mut before = [BTreeSet::new(), BTreeSet::new()];
    for _ in 0..18 {
        look_after(&mut watch, 10 * MINUTE).await;
        let all = moved(&watch, HOUR).await;
        let ids = |fits: &dyn Fn(&DeviceTraffic) -> bool| -> BTreeSet<String> {
            let fit = all.iter().filter(|it| fits(it) && own.contains(&it.id));
            fit.map(|it| it.id.clone()).collect()
        };
        let is_relayed = |it: &DeviceTraffic| {
            it.relayed.is_some_and(|it| it.bytes > 10 && it.bytes_percent >= f64::from(percent))
        };
        let expected = [ids(&|it| bytes(it) > limit), ids(&is_relayed)];
        let found = [keys(&watch.active("heavy")), keys(&watch.active("relayed"))];
        assert_eq!(found, expected);
        assert_eq!(watch.of("little"), [], "too little to count");
        for (at, (now, was)) in found.iter().zip(&before).enumerate() {
            began[at] += now.difference(was).count();
            ended[at] += was.difference(now).count();
        }
        before = found;
    }
    assert!(began.iter().chain(&ended).all(|it| *it > 0), "{began:?} {ended:?}");
    let it = &watch.active("heavy")[0];
    assert!(it.summary.starts_with("moved ") && it.summary.contains("in 1 h, until"), "{it:?}");
    let it = &watch.active("relayed")[0];
    assert!(it.summary.contains(" % of ") && it.summary.contains("relayed in 1 h"), "{it:?}");
}

#[tokio::test]
async fn what_was_not_read_ends_no_alert_and_says_why() {
    let mut watch = Watch::minutes_ago(41, 30, &json!([])).await;
    look_after(&mut watch, 0).await;
    let heavy = json!({ "when": "traffic", "more_than": limit(&watch).await.to_string(),
        "within": "1h" });
    let one = json!([of("heavy", &heavy)]);
    watch.tailnet = watch.tailnet.with_alert_setup(Arc::new(rules(&one)));
    judge(&mut watch).await;
    let before = keys(&watch.active("heavy"));
    assert!(!before.is_empty());

    // The logs cannot be read: after half an hour, nothing is known.
    watch.sandbox.fail(Fault::new(FaultKind::Status { status: 500 }).on("listNetworkFlowLogs"));
    for _ in 0..4 {
        let looked = look_after(&mut watch, 10 * MINUTE).await;
        assert!(matches!(&looked, Looked::Not(why) if why.contains("500")), "{looked:?}");
        assert_eq!(keys(&watch.active("heavy")), before, "unknown never ends an alert");
    }
    assert!(watch.active("heavy").iter().all(|it| it.unknown_since.is_some()));
    let agent = Agent::with(&watch.tailnet, everything()).await;
    let notes = agent.call("get_active_alerts", json!({})).await["notes"].to_string();
    assert!(notes.contains("`heavy` cannot be known now") && notes.contains("500"), "{notes}");

    // They can be again, and what was missed is read.
    watch.sandbox.clear_faults();
    look_after(&mut watch, 5 * MINUTE).await;
    assert!(watch.active("heavy").iter().all(|it| it.unknown_since.is_none()));
    assert!(!watch.active("heavy").is_empty());

    // Somebody turns flow logs off.
    let off = json!({ "networkFlowLoggingOn": false });
    raw(&watch.sandbox, "PATCH", "/tailnet/-/settings", off).await;
    let before = keys(&watch.active("heavy"));
    for _ in 0..8 {
        look_after(&mut watch, 10 * MINUTE).await;
    }
    assert_eq!(keys(&watch.active("heavy")), before);
    assert!(watch.active("heavy").iter().all(|it| it.unknown_since.is_some()));
    // A device that is removed has no traffic, though.
    let gone = before.first().unwrap();
    watch.tailnet.api().unwrap().delete_device().device_id(gone).send().await.unwrap();
    look_after(&mut watch, MINUTE).await;
    look_after(&mut watch, MINUTE).await;
    assert!(!keys(&watch.active("heavy")).contains(gone));
}

/// A part of the window is missing: more than that cannot be less, but less can be more.
#[tokio::test]
async fn what_a_part_of_the_window_proves_is_known() {
    let mut watch = Watch::new(30, &json!([])).await;
    look_after(&mut watch, 0).await;
    let limit = limit(&watch).await.to_string();
    let heavy = json!({ "when": "traffic", "more_than": limit, "within": "24h" });
    let huge = json!({ "when": "traffic", "more_than": "900TB", "within": "24h",
        "unknown": "fire" });
    let relayed = json!({ "when": "relayed", "percent": 1, "more_than": "1kB", "within": "24h" });
    let all = json!([of("heavy", &heavy), of("huge", &huge), of("relayed", &relayed)]);
    watch.tailnet = watch.tailnet.with_alert_setup(Arc::new(rules(&all)));
    judge(&mut watch).await;

    let expected = moved(&watch, HOUR).await;
    let expected = expected.iter().filter(|it| bytes(it).to_string().len() >= limit.len());
    let expected = expected.filter(|it| bytes(it) > limit.parse().unwrap()).count();
    assert_eq!(watch.active("heavy").len(), expected);
    assert_eq!(watch.active("relayed"), [], "a share of a part says nothing");
    let unknown = watch.active("huge");
    assert_eq!(unknown.len(), 1, "that it cannot be known is what this rule asks for");
    assert!(unknown[0].summary.contains("cannot be known"), "{unknown:?}");
}

#[tokio::test]
async fn a_rule_about_traffic_is_previewed_from_what_is_kept() {
    let mut watch = Watch::recent(30, &json!([])).await;
    look_after(&mut watch, 0).await;
    let agent = Agent::with(&watch.tailnet, everything()).await;
    let limit = limit(&watch).await.to_string();
    let heavy = json!({ "name": "heavy", "when": "traffic", "more_than": limit, "within": "1h" });
    let before = watch.sandbox.requests().len();
    let dry = agent.call("set_alert_rules", json!({ "rules": [heavy], "dry_run": true })).await;
    let notes = dry["notes"].to_string();
    let asked = watch.sandbox.requests();
    let asked = asked[before..].iter().filter(|it| format!("{it:?}").contains("logging/network"));
    assert_eq!(asked.count(), 0, "nothing is asked for it");
    assert!(notes.contains("not the past"), "{notes}");

    agent.call("set_alert_rules", json!({ "rules": [heavy] })).await;
    judge(&mut watch).await;
    let fires = watch.active("heavy").len();
    assert!(fires > 0 && notes.contains(&format!("now for {fires}:")), "{fires}: {notes}");
    let firing = agent.call("get_active_alerts", json!({})).await;
    assert!(firing["alerts"][0]["first_step"].as_str().unwrap().contains("monitor_bandwidth"));

    let longer = json!({ "name": "day", "when": "traffic", "more_than": "900TB", "within": "24h" });
    let dry = agent.call("set_alert_rules", json!({ "rules": [longer], "dry_run": true })).await;
    let notes = dry["notes"].to_string();
    assert!(notes.contains("`day` cannot be known now: of the flow logs of"), "{notes}");
    assert!(!notes.contains("would not fire"), "{notes}");
}

#[tokio::test]
async fn a_rule_about_traffic_that_cannot_be_is_refused_with_what_would_be_right() {
    let watch = Watch::recent(5, &json!([])).await;
    let agent = Agent::with(&watch.tailnet, everything()).await;
    for (rule, words) in [
        (json!({ "when": "traffic", "within": "1h" }), "`more_than` is missing"),
        (json!({ "when": "traffic", "more_than": "1GB" }), "`within` is missing"),
        (
            json!({ "when": "traffic", "more_than": "1GB", "within": "1h", "percent": 5 }),
            "takes more_than, within",
        ),
        (
            json!({ "when": "relayed", "percent": 5, "within": "1h", "times": 2 }),
            "takes percent, within, more_than",
        ),
        (json!({ "when": "silent", "longer_than": "1h", "more_than": "1GB" }), "takes longer_than"),
        (json!({ "when": "traffic", "more_than": "lots", "within": "1h" }), "`500MB`"),
        (json!({ "when": "traffic", "more_than": "1GB", "within": "5m" }), "`10m` to `7d`"),
        (json!({ "when": "relayed", "percent": 5, "within": "8d" }), "`10m` to `7d`"),
        (json!({ "when": "relayed", "percent": 0, "within": "1h" }), "1 to 100"),
    ] {
        let rule = of("x", &rule);
        let error = agent.fail("set_alert_rules", json!({ "rules": [rule] })).await.to_string();
        assert!(error.contains(words), "{rule}: {error}");
    }
}

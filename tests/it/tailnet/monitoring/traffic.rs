//! Who moved how much, as a model sees it, live and from what is kept.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tailsteward::{
    ErrorKind, Tailnet,
    history::{History, Looked, Poller, Source},
    sandbox::{Fault, FaultKind, Sandbox},
    tailnet::{logging::Window, monitoring::traffic::Which},
    traffic::Traffic,
};

use crate::support::{
    agent::Agent,
    edits::{are_refused, everything, raw},
    tailnet::{sandbox_of, settings},
};

async fn ask(tailnet: &Tailnet, arguments: Value) -> Value {
    Agent::with(tailnet.clone(), everything()).await.call("monitor_bandwidth", arguments).await
}

/// The traffic from `since` to `until` minutes ago.
async fn traffic(tailnet: &Tailnet, since: i64, until: i64) -> Traffic {
    let now = Timestamp::now();
    let ago = |minutes| now - SignedDuration::from_mins(minutes);
    let window = Window::new(ago(since), ago(until)).unwrap();
    tailnet.monitoring().traffic(window, &Which::default(), now).await.unwrap()
}

#[tokio::test]
async fn each_view_has_its_rows_and_says_what_it_covers() {
    let (_sandbox, tailnet) = sandbox_of(60).await;

    for (by, field) in [
        ("devices", "device"),
        ("pairs", "from"),
        ("ports", "protocol"),
        ("exit_nodes", "is_exit_node"),
        ("tags", "bytes"),
    ] {
        let answer = ask(&tailnet, json!({ "by": by, "since": "3h" })).await;
        assert!(!answer["rows"][0][field].is_null(), "{by}: {answer}");
        assert_eq!(answer["coverage"]["percent"], 100.0, "{by}: {answer}");
        assert!(answer["rows"].as_array().unwrap().len() <= 5, "{by}: {answer}");
        assert_eq!(answer["covers_percent"].is_number(), by == "tags", "{answer}");
        let relayed = &answer["relayed"];
        assert!(relayed["bytes_percent"].is_number() && relayed["connections_percent"].is_number());
    }
    let all = traffic(&tailnet, 180, 20).await;
    assert!(!all.refusals.is_empty() && all.unreadable.is_nothing(), "{:?}", all.totals);
    assert!(all.pairs.iter().all(|it| it.sent >= it.received));
    // Both ends report nearly the same, and nobody counts twice.
    let both = all.pairs.iter().filter(|it| it.reported[0] > 0 && it.reported[1] > 0);
    let larger: u64 = both.clone().map(|it| it.sent + it.received).sum();
    let reported: u64 = both.map(|it| it.reported[0].max(it.reported[1])).sum();
    assert!(larger.abs_diff(reported) * 50 < larger, "{larger} {reported}");
}

#[tokio::test]
async fn one_device_is_all_that_is_shown_of_it() {
    let (_sandbox, tailnet) = sandbox_of(60).await;
    let all = ask(&tailnet, json!({ "since": "3h" })).await;
    let name = all["rows"][0]["device"].as_str().unwrap().to_owned();

    let pairs = json!({ "by": "pairs", "since": "3h", "device": name, "limit": 100 });
    let pairs = ask(&tailnet, pairs).await;

    for row in pairs["rows"].as_array().unwrap() {
        assert!(row["from"] == name || row["to"] == name, "{row}");
    }
    let inside = ask(&tailnet, json!({ "since": "3h", "kind": "virtual" })).await;
    assert_eq!((&inside["totals"]["exit"], &inside["totals"]["subnet"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    are_refused(&[
        ("monitor_bandwidth", json!({ "limit": 0 }), "invalid_input", "`limit`"),
        ("monitor_bandwidth", json!({ "since": "soon" }), "invalid_input", "`since`"),
        ("monitor_bandwidth", json!({ "since": "1h", "until": "2h" }), "invalid_input", "`until`"),
        ("monitor_bandwidth", json!({ "by": "ports", "kind": "exit" }), "invalid_input", "`kind`"),
        ("monitor_bandwidth", json!({ "by": "tags", "kind": "subnet" }), "invalid_input", "`kind`"),
        (
            "monitor_bandwidth",
            json!({ "by": "exit_nodes", "kind": "virtual" }),
            "invalid_input",
            "`kind`",
        ),
        ("monitor_bandwidth", json!({ "since": "25h" }), "invalid_input", "24 h"),
    ])
    .await;
}

#[tokio::test]
async fn why_there_are_no_flow_logs_is_told() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = Agent::with(tailnet.clone(), everything()).await;
    let off = json!({ "networkFlowLoggingOn": false });
    raw(&sandbox, "PATCH", "/tailnet/-/settings", off).await;

    let off = agent.fail("monitor_bandwidth", json!({})).await;
    assert!(off["message"].as_str().unwrap().contains("are off"), "{off}");
    assert!(off["remedy"].as_str().unwrap().contains("latencies"), "{off}");
    let on = json!({ "networkFlowLoggingOn": true });
    raw(&sandbox, "PATCH", "/tailnet/-/settings", on).await;
    sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("listNetworkFlowLogs"));
    let scope = agent.fail("monitor_bandwidth", json!({})).await;
    assert_eq!(scope["kind"], "forbidden", "{scope}");
    assert!(scope["remedy"].as_str().unwrap().contains("logs:network:read"), "{scope}");
}

/// Parts that fail are a gap, with the reason, and cost no other.
#[tokio::test]
async fn a_part_that_cannot_be_read_is_a_gap() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let broken = Fault { after: 2, ..Fault::new(FaultKind::Status { status: 500 }) };
    sandbox.fail(broken.on("listNetworkFlowLogs").times(1));

    let traffic = traffic(&tailnet, 100, 20).await;

    assert_eq!(traffic.coverage.gaps.len(), 1, "{:?}", traffic.coverage);
    assert!(traffic.coverage.gaps[0].why.contains("500"), "{:?}", traffic.coverage);
    assert!((80.0..95.0).contains(&traffic.coverage.percent), "{:?}", traffic.coverage);
}

/// An answer that breaks off is asked for in halves, and what it had counts once.
#[tokio::test]
async fn an_answer_that_breaks_off_is_halved_and_counts_once() {
    let (sandbox, tailnet) = straight(30).await;
    let now = Timestamp::now();
    let start = (now.as_second() - 4_800).div_euclid(600) * 600;
    let time = |at| Timestamp::from_second(at).unwrap();
    let window = Window::new(time(start), time(start + 2_400)).unwrap();
    let read =
        || async { tailnet.monitoring().traffic(window, &Which::default(), now).await.unwrap() };
    let whole = read().await;
    sandbox.fail(Fault::new(FaultKind::Truncated).on("listNetworkFlowLogs").times(3));

    let halved = read().await;

    assert!(whole == halved, "{:?}", halved.coverage);
    assert!(whole.totals.bytes > 0);
}

/// A sandbox with nothing between it and the client, which would wait for the rest of an answer that breaks off.
async fn straight(devices: usize) -> (Sandbox, Tailnet) {
    let (sandbox, _) = sandbox_of(devices).await;
    let mut settings = settings(&sandbox.base_url());
    settings.base_url = sandbox.base_url();
    (sandbox, Tailnet::new(settings))
}

#[tokio::test]
async fn a_part_that_always_breaks_off_is_given_up() {
    let (sandbox, tailnet) = straight(10).await;
    let now = Timestamp::now();
    let start = now.as_second().div_euclid(600) * 600 - 6_000;
    let time = |at| Timestamp::from_second(at).unwrap();
    let window = Window::new(time(start), time(start + 3_600)).unwrap();
    tailnet.devices().list().await.unwrap();
    sandbox.fail(Fault::new(FaultKind::Truncated).on("listNetworkFlowLogs").times(10_000));
    let asked = sandbox.requests().len();

    let error = tailnet.monitoring().traffic(window, &Which::default(), now).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Truncated, "{error}");
    // Three parts, each with a few tries, and what each try repeats by itself.
    let tries = sandbox.requests().len() - asked;
    assert!((12..150).contains(&tries), "{tries} requests");
}

async fn watched(devices: usize) -> (Sandbox, Tailnet, Poller) {
    let (sandbox, tailnet) = sandbox_of(devices).await;
    let tailnet = tailnet.with_history(History::in_memory());
    let poller = tailnet.watch("one").await.unwrap().unwrap();
    (sandbox, tailnet, poller)
}

async fn look(poller: &mut Poller, source: &Source, at: i64) -> usize {
    match poller.look(source, at).await.unwrap() {
        Looked::Recorded { seen, .. } => seen,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_kept_is_what_the_logs_say_however_often_it_is_read() {
    let (sandbox, tailnet, mut poller) = watched(30).await;
    let settings = Source::all().into_iter().find(|it| it.name == "settings").unwrap();
    let (flows, now) = (Source::flow_logs(), Timestamp::now().as_second());
    // Nobody knows yet whether flow logs are on.
    assert_eq!(look(&mut poller, &flows, now - 61).await, 0);
    look(&mut poller, &settings, now - 60).await;
    let asked = sandbox.requests().len();
    for at in (0..8).rev() {
        look(&mut poller, &flows, now - 1_300 - at).await;
    }
    let first = sandbox.requests().len() - asked;
    assert!((35..=37).contains(&first), "six hours, each slot once: {first}");
    assert_eq!(look(&mut poller, &flows, now - 1_299).await, 0, "nothing is due");
    assert_eq!(sandbox.requests().len() - asked, first);
    for at in [900, 600, 300, 0] {
        look(&mut poller, &flows, now - at).await;
    }

    let kept = traffic(&tailnet, 70, 0).await;
    let live = Tailnet::new(tailnet.settings().clone());
    let (from, to) = (kept.from.parse().unwrap(), kept.to.parse().unwrap());
    let window = Window::new(from, to).unwrap();
    let live = live.monitoring().traffic(window, &Which::default(), to).await.unwrap();

    assert!(kept.coverage.kept_percent > 70.0, "{:?}", kept.coverage);
    assert!((kept.coverage.percent - 100.0).abs() < 0.01, "{:?}", kept.coverage);
    assert_eq!((kept.totals, kept.relayed), (live.totals, live.relayed));
    assert_eq!(kept.coverage.records, live.coverage.records);
}

#[tokio::test]
async fn flow_logs_that_are_off_cost_no_request() {
    let (sandbox, _tailnet, mut poller) = watched(20).await;
    let off = json!({ "networkFlowLoggingOn": false });
    raw(&sandbox, "PATCH", "/tailnet/-/settings", off).await;
    let settings = Source::all().into_iter().find(|it| it.name == "settings").unwrap();
    let now = Timestamp::now().as_second();
    look(&mut poller, &settings, now - 60).await;
    let before = sandbox.requests().len();

    assert_eq!(look(&mut poller, &Source::flow_logs(), now).await, 0);

    assert_eq!(sandbox.requests().len(), before);
}

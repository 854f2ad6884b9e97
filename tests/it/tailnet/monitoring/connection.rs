//! Direct or relayed, and why, as a library and as a model see it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    sandbox::{Fault, FaultKind, Options, Sandbox},
    tailnet::{
        devices::Device,
        logging::Window,
        monitoring::connection::{ClientReport, Likely, PathState, Reason, RelayEstimate},
    },
};

use crate::support::{
    agent::Agent,
    edits::{are_refused, everything, raw},
    tailnet::{sandbox_of, settings},
};

/// A connected device that reported this.
fn device(name: &str, report: &Value) -> ClientReport {
    let device: Device = serde_json::from_value(json!({
        "nodeId": format!("n{name}"),
        "name": format!("{name}.example.ts.net"),
        "connectedToControl": true,
        "clientConnectivity": report,
    }))
    .unwrap();
    ClientReport::of(&device, Timestamp::now())
}

fn network(
    name: &str,
    udp: Value,
    hard_nat: Value,
    port_mapping: Value,
    ipv6: bool,
) -> ClientReport {
    let supports = json!({ "udp": udp, "upnp": port_mapping, "ipv6": ipv6 });
    device(name, &json!({ "mappingVariesByDestIP": hard_nat, "clientSupports": supports }))
}

#[test]
fn the_likely_reason_follows_from_what_both_ends_reported() {
    let net = |name, udp, nat, ports| network(name, json!(udp), json!(nat), json!(ports), false);
    let easy = |name| net(name, Some(true), Some(false), Some(false));
    let hard = |name| net(name, Some(true), Some(true), Some(false));
    let blocked = |name| net(name, Some(false), Some(false), Some(false));
    let mapped = |name| net(name, Some(true), Some(true), Some(true));
    let silent = |name| net(name, None, None, None);
    for (one, other, direct, reason, words) in [
        (blocked("a"), easy("b"), None, Reason::UdpBlocked, "UDP is blocked at a"),
        (hard("a"), blocked("b"), None, Reason::UdpBlocked, "UDP is blocked at b"),
        (blocked("a"), blocked("b"), None, Reason::UdpBlocked, "at both ends"),
        (hard("a"), hard("b"), None, Reason::BothHardNat, "both ends"),
        (easy("a"), hard("b"), Some(false), Reason::OneHardNat, "b is behind a hard NAT"),
        (hard("a"), silent("b"), None, Reason::OneHardNat, "of b too little is known"),
        (hard("a"), hard("b"), Some(true), Reason::BothHardNat, "a part went directly"),
        // Others know where a mapped port is.
        (mapped("a"), easy("b"), Some(false), Reason::Unexplained, "firewall"),
        (easy("a"), easy("b"), Some(true), Reason::Starting, "starts on a relay"),
        (easy("a"), easy("b"), None, Reason::Unexplained, "no obstacle is reported"),
        // What nobody reported is no obstacle, and not the absence of one.
        (easy("a"), silent("b"), Some(false), Reason::Unknown, "b reported neither"),
        (silent("a"), silent("b"), None, Reason::Unknown, "unknown"),
    ] {
        let likely = Likely::between(&one, &other, direct);
        assert_eq!(likely.reason, reason, "{one:?} {other:?}");
        assert!(likely.why.contains(words), "{words}: {}", likely.why);
        let turned = Likely::between(&other, &one, direct);
        assert_eq!(turned.reason, reason, "the same from the other end");
    }
    // NAT is no obstacle where both have IPv6; blocked UDP is.
    let six = |name, udp, nat| network(name, json!(udp), json!(nat), json!(false), true);
    let both = Likely::between(&six("a", true, true), &six("b", true, true), Some(false));
    assert_eq!(both.reason, Reason::Unexplained, "{both:?}");
    let both = Likely::between(&six("a", false, true), &six("b", true, true), Some(false));
    assert_eq!(both.reason, Reason::UdpBlocked, "{both:?}");
    let missing: Device = serde_json::from_value(json!({ "nodeId": "n1", "name": "c" })).unwrap();
    let missing = ClientReport::of(&missing, Timestamp::now());
    let unknown = Likely::between(&missing, &easy("b"), Some(false));
    assert_eq!(unknown.reason, Reason::Unknown);
    assert!(unknown.why.contains("no report"), "{}", unknown.why);
}

#[test]
fn a_relay_is_estimated_from_two_latencies_or_not_at_all() {
    let at = |name, latency: Value| device(name, &json!({ "latency": latency }));
    let ms = |ms: f64, home: bool| json!({ "latencyMs": ms, "preferred": home });
    let frankfurt =
        at("a", json!({ "Frankfurt": ms(5.26, true), "New York City": ms(90.0, false) }));
    let york = at("b", json!({ "Frankfurt": ms(85.0, false), "New York City": ms(8.0, true) }));

    let both = RelayEstimate::between(&frankfurt, &york);
    assert_eq!(
        json!(both),
        json!({ "round_trip_ms": { "Frankfurt": 90.3, "New York City": 98.0 } })
    );
    assert_eq!(both.least(), Some(90.3));

    // No latency is withheld, and none is none of zero.
    let far = at("c", json!({ "Tokyo": ms(4.0, true), "Frankfurt": ms(0.0, false) }));
    let none = RelayEstimate::between(&frankfurt, &far);
    assert_eq!(none.least(), None);
    assert_eq!(none.withheld.len(), 2, "{none:?}");
    assert!(none.withheld[0].contains("c reported no latency to it"), "{none:?}");
    assert!(none.withheld[1].contains("a reported no latency to it"), "{none:?}");
    let homeless =
        RelayEstimate::between(&frankfurt, &at("d", json!({ "Frankfurt": ms(7.0, false) })));
    assert_eq!(homeless.least(), Some(12.3), "through the home of one end");
    assert_eq!(homeless.withheld, ["the home region of d is unknown"]);
}

fn last(hours: i64) -> (Window, Timestamp) {
    let now = Timestamp::now();
    (Window::new(now - SignedDuration::from_hours(hours), now).unwrap(), now)
}

async fn ask(tailnet: &Tailnet, arguments: Value) -> Value {
    Agent::with(tailnet.clone(), everything()).await.call("get_connection_metrics", arguments).await
}

#[tokio::test]
async fn who_is_relayed_and_why_is_one_call() {
    let (_sandbox, tailnet) = sandbox_of(60).await;

    let answer = ask(&tailnet, json!({ "since": "3h" })).await;

    let rows = answer["relayed"].as_array().unwrap();
    // How many there are goes by the hour: the sandbox's traffic is another one at each.
    let all = answer["relayed_pairs"].as_u64().unwrap();
    assert_eq!(rows.len() as u64, all.min(10), "{answer}");
    let bytes: Vec<u64> = rows.iter().map(|it| it["relayed_bytes"].as_u64().unwrap()).collect();
    assert!(bytes.is_sorted_by(|a, b| a >= b) && bytes[0] > 0, "{bytes:?}");
    for row in rows {
        assert!(row["why"].as_str().is_some_and(|it| !it.is_empty()), "{row}");
        assert_eq!(row["between"].as_array().unwrap().len(), 2, "{row}");
    }
    let by_reason = answer["reasons"].as_object().unwrap().values().filter_map(Value::as_u64);
    assert_eq!(by_reason.sum::<u64>(), all, "each pair has one reason: {answer}");
    assert!(answer["pairs"].as_u64().unwrap() > all && all > 2, "{answer}");
    assert_eq!(answer["flows"]["read_percent"], 100.0, "{answer}");
    assert!(answer["path"]["relayed_bytes"].as_u64() > Some(bytes[0]), "{answer}");
    let is_withheld = rows.iter().any(|it| it["relay_ms"].is_null());
    assert_eq!(answer["notes"].to_string().contains("no relay_ms"), is_withheld, "{answer}");
    assert!(answer["notes"][0].as_str().unwrap().contains("does not tell"), "{answer}");
    let few = ask(&tailnet, json!({ "since": "3h", "limit": 2 })).await;
    assert_eq!(few["relayed"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_pair_and_a_device_say_how_they_are_connected() {
    let (_sandbox, tailnet) = sandbox_of(60).await;
    let (window, now) = last(3);
    let found = tailnet.monitoring().relayed(window, now).await.unwrap();
    let is_device = |name: &String| name.parse::<std::net::IpAddr>().is_err();
    let worst = found.relayed.iter().find(|it| it.between.iter().all(is_device)).unwrap();
    let [one, other] = &worst.ids;

    let pair = ask(&tailnet, json!({ "device": one, "with": other, "since": "3h" })).await;
    assert_eq!(pair["device"]["name"], worst.between[0], "{pair}");
    assert_eq!(pair["with"]["name"], worst.between[1], "{pair}");
    assert!(pair["device"]["latency_ms"].is_object() && pair["device"]["udp"] == true, "{pair}");
    assert_eq!(pair["path"]["state"], json!(worst.path.state), "{pair}");
    assert_ne!(worst.path.state, PathState::Direct);
    assert_eq!(pair["path"]["bytes"], json!(worst.path.bytes), "{pair}");
    assert!(pair["path"]["relayed_bytes"].as_u64().unwrap() > 0, "{pair}");
    assert_eq!(pair["likely"], worst.likely.why, "{pair}");
    assert!(pair["if_relayed"].is_object() && pair["relayed"].is_null(), "{pair}");

    let device = ask(&tailnet, json!({ "device": one, "since": "3h", "limit": 3 })).await;
    let rows = device["relayed"].as_array().unwrap();
    assert!((1..=3).contains(&rows.len()), "{device}");
    assert_eq!(rows[0]["with"], worst.between[1], "the worst first: {device}");
    assert!(device["if_relayed"]["at_least_ms"].as_f64().unwrap() > 0.0, "{device}");
    let all = tailnet.monitoring().connection(one, None, window, now).await.unwrap();
    let path = all.path.unwrap();
    assert!(all.relayed.iter().map(|it| it.path.relayed.bytes).sum::<u64>() <= path.relayed.bytes);
    assert!(path.relayed.bytes <= path.bytes && path.state != PathState::Direct, "{path:?}");
}

#[tokio::test]
async fn a_pair_without_traffic_is_unknown_and_never_direct() {
    let (_sandbox, tailnet) = sandbox_of(60).await;
    let (window, now) = last(1);
    let list = tailnet.devices().list().await.unwrap();
    let shared = list.iter().find(|it| it.is_shared_in()).unwrap();
    let off = list.iter().find(|it| !it.is_online() && !it.is_shared_in()).unwrap();

    let found =
        tailnet.monitoring().connection(off.key(), Some(shared.key()), window, now).await.unwrap();

    assert!(found.path.is_none() && found.flows.is_some(), "{found:?}");
    assert!(found.notes.iter().any(|it| it.contains("no traffic between them")), "{found:?}");
    assert!(found.with.unwrap().unknown.unwrap().contains("shared in"));
    assert!(found.device.seen.ends_with(" ago") || found.device.seen == "never");
    assert!(!found.if_relayed.unwrap().withheld.is_empty());
}

#[tokio::test]
async fn without_flow_logs_the_reports_remain_with_the_reason() {
    let options = Options { devices: 60, free_plan: true, ..Options::default() };
    let free = Sandbox::start(options).await.unwrap();
    let (off, tailnet) = sandbox_of(60).await;
    let setting = json!({ "networkFlowLoggingOn": false });
    raw(&off, "PATCH", "/tailnet/-/settings", setting).await;
    let (denied, forbidden) = sandbox_of(60).await;
    denied.fail(Fault::new(FaultKind::Status { status: 403 }).on("listNetworkFlowLogs"));
    for (tailnet, words) in [
        (Tailnet::new(settings(&free.base_url())), "direct or relayed is unknown"),
        (tailnet, "flow logs are off"),
        (forbidden, "logs:network:read"),
    ] {
        let answer = ask(&tailnet, json!({})).await;
        assert!(answer["flows"].is_null() && answer["relayed"].is_null(), "{answer}");
        assert!(answer["relayed_pairs"].is_null(), "unknown is not none: {answer}");
        let note = answer["notes"][1].as_str().unwrap();
        assert!(note.contains("direct or relayed is unknown") && note.contains(words), "{answer}");
        let first = &answer["obstacles"][0];
        assert!(first["why"].as_str().unwrap().contains("NAT"), "{answer}");
        assert!(answer["devices_with_obstacles"].as_u64() > Some(0), "{answer}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let list = sandbox_of(40).await.1.devices().list().await.unwrap();
    let name = list[0].short_name().to_owned();
    let tool = "get_connection_metrics";
    are_refused(&[
        (tool, json!({ "with": name }), "invalid_input", "`with` needs `device`"),
        (tool, json!({ "device": name, "with": name }), "invalid_input", "`with` must be another"),
        (tool, json!({ "device": name, "with": " " }), "invalid_input", "`with` is empty"),
        (tool, json!({ "device": name, "with": "nobody-has-it" }), "not_found", "`with`"),
        (tool, json!({ "device": name, "with": "x", "limit": 3 }), "invalid_input", "`limit`"),
        (tool, json!({ "limit": 51 }), "invalid_input", "`limit`"),
        (tool, json!({ "since": "0s" }), "invalid_input", "`since`"),
        (tool, json!({ "since": "25h" }), "invalid_input", "`since`"),
    ])
    .await;
}

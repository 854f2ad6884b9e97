//! Records of flow logs, added up.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tailsteward::traffic::{About, Coverage, Kind, KnownDevice, Question, Sums, Totals, Traffic};

const START: i64 = 1_800_000_000;
const WINDOW: (i64, i64) = (START, START + 3_600);

fn time(at: i64) -> String {
    Timestamp::from_second(at).unwrap().to_string()
}

fn node(number: usize) -> Value {
    json!({
        "nodeId": format!("n{number}"), "name": format!("host-{number}.tail.ts.net"),
        "addresses": [format!("100.64.0.{number}"), format!("fd7a:115c:a1e0::{number}")],
        "tags": if number.is_multiple_of(2) { json!(["tag:even"]) } else { json!([]) },
    })
}

/// A record of one node, five seconds from `at` on.
fn record(number: usize, at: i64, lists: Value) -> Value {
    let mut record = json!({
        "nodeId": format!("n{number}"), "start": time(at), "end": time(at + 5),
        "logged": time(at + 60), "srcNode": node(number),
    });
    for (name, list) in lists.as_object().unwrap() {
        record[name] = list.clone();
    }
    record
}

fn entry(src: &str, dst: &str, sent: u64, received: u64) -> Value {
    json!({ "proto": 6, "src": src, "dst": dst, "txPkts": 1, "txBytes": sent, "rxPkts": 1,
        "rxBytes": received })
}

/// What both ends report of a connection to port 443: one that asks, and one that answers.
fn both_ends(from: usize, to: usize, at: i64, up: u64, down: u64) -> [Value; 2] {
    let (client, server) = (format!("100.64.0.{from}:50000"), format!("100.64.0.{to}:443"));
    let there = json!({ "virtualTraffic": [entry(&client, &server, up, down)] });
    let back = json!({ "virtualTraffic": [entry(&server, &client, down, up)] });
    let (mut there, mut back) = (record(from, at, there), record(to, at, back));
    (there["dstNodes"], back["dstNodes"]) = (json!([node(to)]), json!([node(from)]));
    [there, back]
}

fn sums(records: &[Value]) -> Sums {
    let mut sums = Sums::new();
    for record in records {
        sums.add(record.to_string().as_bytes(), WINDOW);
    }
    sums
}

fn shown(totals: &Totals, question: &Question) -> Traffic {
    let window = (time(WINDOW.0), time(WINDOW.1));
    Traffic::of(totals, window, Coverage::default(), &[], question)
}

fn traffic(records: &[Value]) -> Traffic {
    shown(&sums(records).totals(&[]), &Question::default())
}

#[test]
fn what_both_ends_report_counts_once() {
    let records = both_ends(1, 2, START, 100, 900);

    let traffic = traffic(&records);

    assert_eq!((traffic.totals.bytes, traffic.totals.pairs), (1_000, 1));
    let pair = &traffic.pairs[0];
    assert_eq!((pair.from.as_str(), pair.to.as_str()), ("host-2", "host-1"));
    assert_eq!((pair.sent, pair.received, pair.reported), (900, 100, [1_000, 1_000]));
    assert_eq!(traffic.coverage.reporters, 2);
    let device = &traffic.devices[0];
    assert_eq!((device.amount.bytes(), device.peers), (1_000, 1));
    let service = &traffic.services[0];
    assert_eq!((service.at.as_str(), service.port, service.received), ("host-2", Some(443), 100));
    assert_eq!(traffic.services.len(), 1);
}

/// Both ends of 200 connections; a tenth of one end's records are missing.
#[test]
fn records_that_one_end_lost_cost_less_than_one_percent() {
    let (mut records, mut truth) = (Vec::new(), 0);
    for number in 0..200_i64 {
        let (up, down) = (1_000 + 17 * number.unsigned_abs(), 50_000 - number.unsigned_abs());
        truth += up + down;
        let [there, back] =
            both_ends(1 + usize::try_from(number % 3).unwrap(), 5, START + 5 * number, up, down);
        records.push(there);
        if number % 10 != 0 {
            records.push(back);
        }
    }
    // Late ones come at the end, and some twice.
    records.rotate_left(37);
    records.extend(records.clone().into_iter().step_by(7));

    let bytes = traffic(&records).totals.bytes;

    assert!(bytes.abs_diff(truth) * 100 <= truth, "{bytes} instead of {truth}");
}

#[test]
fn records_that_cannot_be_read_cost_no_other() {
    let mut odd = both_ends(1, 2, START, 10, 20)[0].clone();
    odd["virtualTraffic"].as_array_mut().unwrap().extend([
        json!("what is this"),
        json!({ "proto": 6, "src": "nowhere", "dst": "100.64.0.2:1", "txBytes": 5 }),
        json!({ "proto": 6, "src": "100.64.0.1:1", "dst": "100.64.0.2:443", "txBytes": -1 }),
        Value::Null,
        json!({ "proto": "tcp", "src": "100.64.0.1:50001", "dst": "[fd7a:115c:a1e0::2]:443",
            "txBytes": "7", "rxBytes": 3.0, "future": {} }),
    ]);
    odd["subnetTraffic"] = json!(7);
    odd["srcNode"]["tags"] = json!(1);
    let records = [odd, json!("text"), json!(null), json!({}), json!({ "nodeId": "n1" })];

    let traffic = traffic(&records);

    assert_eq!(traffic.totals.bytes, 40);
    assert_eq!((traffic.coverage.records, traffic.unreadable.records), (1, 3));
    assert_eq!(traffic.unreadable.entries, 4);
    assert_eq!(traffic.pairs.len(), 1, "both addresses of a node are one end: {:?}", traffic.pairs);
    assert_eq!(traffic.services[0].protocol, "tcp");
}

#[test]
fn exit_subnet_and_physical_traffic_are_kept_apart() {
    let relayed =
        |peer: usize, dst: &str, bytes| entry(&format!("100.64.0.{peer}:0"), dst, bytes, 0);
    let records = [
        record(
            1,
            START,
            json!({
                "exitTraffic": [{ "txBytes": 10, "rxBytes": 90 }],
                "subnetTraffic": [entry("100.64.0.1:40000", "10.0.0.5:5432", 5, 50)],
                "physicalTraffic": [relayed(2, "127.3.3.40:4", 30), relayed(3, "192.0.2.9:41641", 970)],
            }),
        ),
        // The exit node and router.
        record(
            2,
            START,
            json!({
                "exitTraffic": [{ "txBytes": 88, "rxBytes": 10 }],
                "subnetTraffic": [entry("10.0.0.5:5432", "100.64.0.1:40000", 50, 5)],
                "physicalTraffic": [relayed(1, "127.3.3.40:4", 30)],
            }),
        ),
    ];
    let mut router = KnownDevice::new("n2", "router", Vec::new());
    router.is_exit_node = true;
    let totals = sums(&records).totals(std::slice::from_ref(&router));

    let window = (time(WINDOW.0), time(WINDOW.1));
    let all = Traffic::of(&totals, window, Coverage::default(), &[router], &Question::default());

    assert_eq!((all.totals.inside, all.totals.subnet, all.totals.exit), (0, 55, 100));
    assert_eq!((all.pairs.len(), all.pairs[0].kind), (1, Kind::Subnet));
    assert_eq!(all.pairs[0].from, "10.0.0.5");
    assert_eq!((all.exit_nodes.len(), all.exit_nodes[0].is_exit_node), (2, false));
    let carried: Vec<u64> = all.devices.iter().map(|it| it.carried).collect();
    assert!(carried.contains(&55) && all.devices.iter().all(|it| it.device != "10.0.0.5"));
    // No port of a path is a service.
    assert_eq!(all.services.iter().map(|it| it.port).collect::<Vec<_>>(), [Some(5432)]);
    let relayed = all.relayed.unwrap();
    assert_eq!((relayed.bytes, relayed.bytes_percent), (30, 3.0));
    assert_eq!((relayed.connections, relayed.connections_percent), (1, 50.0));
    let mut question = Question::default();
    question.device = Some("n3".into());
    assert_eq!(shown(&totals, &question).totals.bytes, 0);
}

#[test]
fn a_refusal_names_who_refused_and_is_no_traffic() {
    let mut notice = entry("100.64.0.1:0", "100.64.0.2:0", 0, 40);
    (notice["proto"], notice["txPkts"]) = (json!(99), json!(0));
    let mut mirror = entry("100.64.0.2:0", "100.64.0.1:0", 40, 0);
    (mirror["proto"], mirror["rxPkts"]) = (json!(99), json!(0));
    let records = [
        record(1, START, json!({ "virtualTraffic": [notice] })),
        record(2, START, json!({ "virtualTraffic": [mirror] })),
    ];

    let traffic = traffic(&records);

    assert_eq!(traffic.totals.bytes, 0);
    let refusal = &traffic.refusals[0];
    assert_eq!((refusal.by.as_str(), refusal.to.as_str(), refusal.times), ("host-2", "host-1", 1));
    assert_eq!(traffic.refusals.len(), 1);
}

#[test]
fn tags_are_told_with_the_share_that_they_cover() {
    let mut records = both_ends(2, 4, START, 300, 0).to_vec();
    records.extend(both_ends(1, 2, START + 5, 100, 0));

    let traffic = traffic(&records);

    assert!((traffic.tags.covers_percent - 75.0).abs() < f64::EPSILON);
    let pair = &traffic.tags.pairs[0];
    assert_eq!((pair.from.as_str(), pair.to.as_str(), pair.bytes), ("tag:even", "tag:even", 300));
    assert_eq!(traffic.tags.tags[0].amount.received, 400);
}

#[test]
fn very_many_pairs_are_added_up_and_no_byte_is_lost() {
    let mut records = Vec::new();
    for number in 0..700_usize {
        let entries: Vec<Value> = (0..100)
            .map(|it| {
                let host = format!("10.{}.{}.{it}:443", number / 250, number % 250);
                entry("100.64.0.1:40000", &host, 1 + u64::try_from(it).unwrap(), 0)
            })
            .collect();
        let at = START + i64::try_from(number).unwrap();
        records.push(record(1, at, json!({ "subnetTraffic": entries })));
    }

    let traffic = traffic(&records);

    assert_eq!(traffic.totals.subnet, 700 * 5_050);
    assert!(traffic.totals.pairs <= 20_000, "{}", traffic.totals.pairs);
    assert!(traffic.totals.other_pairs > 0);
    assert_eq!(traffic.pairs[0].sent, 100, "the largest are kept apart");
}

#[test]
fn the_flows_of_one_device_are_from_its_side_and_count_once() {
    let mut records = both_ends(1, 2, START, 100, 900).to_vec();
    records.extend(both_ends(3, 2, START, 5, 5));
    // One that only the peer reports.
    records.push(both_ends(1, 2, START + 5, 11, 22)[1].clone());
    let own = vec!["100.64.0.1".parse().unwrap()];
    let known = [KnownDevice::new("n1", "one", own.clone())];
    let mut sums = Sums::about(About::new("n1", own));
    for record in &records {
        sums.add(record.to_string().as_bytes(), WINDOW);
    }

    let flows = sums.flows(&known);

    assert_eq!(flows.len(), 1, "{flows:?}");
    assert_eq!((flows[0].sent, flows[0].received, flows[0].inbound), (111, 922, false));
    assert_eq!((flows[0].peer.name.as_str(), flows[0].port), ("host-2", Some(443)));
}

fn any_records() -> impl Strategy<Value = Vec<Value>> {
    let talk = (1..5_usize, 5..9_usize, 0..600_i64, 0..10_000_u64, 0..10_000_u64, 0..6_u8);
    prop::collection::vec(talk, 1..20).prop_map(|talks| {
        let mut records = Vec::new();
        for (at, (from, to, start, up, down, kind)) in talks.into_iter().enumerate() {
            // Each record of a node begins at a time of its own.
            let start = START + start + 600 * i64::try_from(at % 5).unwrap();
            let [mut there, back] = both_ends(from, to, start, up, down);
            let path = if kind.is_multiple_of(2) { "127.3.3.40:4" } else { "192.0.2.1:41641" };
            there["physicalTraffic"] = json!([entry(&format!("100.64.0.{to}:0"), path, up, down)]);
            if kind == 3 {
                there["exitTraffic"] = json!([{ "txBytes": up, "rxBytes": down }]);
            }
            records.push(there);
            // Some ends never report.
            if kind < 5 {
                records.push(back);
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        records.retain(|it| seen.insert([&it["nodeId"], &it["start"]].map(ToString::to_string)));
        records
    })
}

proptest! {
    /// In whatever order records come, in however many answers, and however often.
    #[test]
    fn a_record_counts_once(
        records in any_records(),
        order in any::<u64>(),
        twice in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let expected = sums(&records).totals(&[]);
        let mut other = records.clone();
        other.extend(twice.iter().map(|it| it.get(&records).clone()));
        fastrand::Rng::with_seed(order).shuffle(&mut other);
        prop_assert_eq!(&sums(&other).totals(&[]), &expected);

        // Two windows that follow each other are what both are together.
        let middle = START + 1_200;
        let mut halves = Totals::default();
        for window in [(WINDOW.0, middle), (middle, WINDOW.1)] {
            let mut sums = Sums::new();
            for record in &other {
                sums.add(record.to_string().as_bytes(), window);
            }
            halves.absorb(&sums.totals(&[]));
        }
        let question = Question::default();
        let (whole, halves) = (shown(&expected, &question), shown(&halves, &question));
        prop_assert_eq!(whole.totals, halves.totals);
        prop_assert_eq!(whole.relayed, halves.relayed);
    }

    #[test]
    fn any_bytes_are_counted_or_not_but_never_fail(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut sums = Sums::new();
        sums.add(&bytes, WINDOW);
        prop_assert_eq!(sums.totals(&[]).records, 0);
    }
}

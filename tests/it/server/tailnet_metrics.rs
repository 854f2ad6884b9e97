//! What the watcher knows, as metrics for other systems.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde_json::json;
use tailsteward::{
    Tailnet,
    history::{History, Looked, Place, Poller, Source},
    mcp::{Server, Setup},
    sandbox::{Fault, FaultKind, Sandbox},
    server::{Ask, NewToken},
    tailnet::{
        Tailnets,
        alerts::Judge,
        devices::{Device, Filter},
        monitoring::metrics,
    },
    tool::Risk,
};

use crate::support::{
    http::{Served, add_token},
    tailnet::sandbox_of,
};

type Sample = (String, BTreeMap<String, String>, f64);

/// Reads the text format of Prometheus, and fails for what a Prometheus would refuse.
fn parse(text: &str) -> Vec<Sample> {
    assert!(text.is_empty() || text.ends_with('\n'));
    let (mut samples, mut series) = (Vec::new(), BTreeSet::new());
    let (mut family, mut families) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# HELP ") {
            head.split(' ').next().unwrap().clone_into(&mut family);
            assert!(families.insert(family.clone()), "{family} comes twice");
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            assert_eq!(kind, format!("{family} gauge"));
            continue;
        }
        let (name, rest) = line.split_once('{').unwrap_or_else(|| panic!("{line}"));
        assert_eq!(name, family, "{line}");
        assert!(series.insert(line.rsplit_once(' ').unwrap().0), "{line} comes twice");
        let (labels, value) = labels(rest);
        samples.push((name.to_owned(), labels, value.trim().parse().unwrap()));
    }
    samples
}

/// The labels, and what follows them.
fn labels(text: &str) -> (BTreeMap<String, String>, &str) {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return (labels, rest);
        }
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()));
        let (mut value, mut chars) = (String::new(), after.char_indices());
        rest = loop {
            match chars.next().unwrap() {
                (at, '"') => break &after[at + 1..],
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("\\{c} is no escape"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(labels.insert(name.to_owned(), value).is_none(), "{text}");
    }
}

fn of<'a>(samples: &'a [Sample], name: &str, with: &[(&str, &str)]) -> Vec<&'a Sample> {
    let fits = |it: &&Sample| {
        it.0 == name && with.iter().all(|(key, value)| it.1.get(*key).is_some_and(|it| it == value))
    };
    samples.iter().filter(fits).collect()
}

fn value(samples: &[Sample], name: &str, with: &[(&str, &str)]) -> Option<f64> {
    let found = of(samples, name, with);
    assert!(found.len() <= 1, "{found:?}");
    found.first().map(|it| it.2)
}

fn total(samples: &[Sample], name: &str) -> f64 {
    of(samples, name, &[]).iter().map(|it| it.2).sum()
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

fn now() -> i64 {
    Timestamp::now().as_second()
}

/// A tailnet with a history of its own, and the right to watch it.
async fn watched(devices: usize) -> (Sandbox, Tailnet, Poller) {
    let (sandbox, tailnet) = sandbox_of(devices).await;
    let tailnet = tailnet.with_history(History::in_memory());
    let poller = tailnet.watch("one").await.unwrap().unwrap();
    (sandbox, tailnet, poller)
}

async fn look_at_all(poller: &mut Poller) {
    for source in Source::all() {
        poller.look(&source, now()).await.unwrap();
    }
}

async fn told(tailnet: &Tailnet) -> Vec<Sample> {
    parse(&metrics::text(&tailnet.into(), Timestamp::now()).await)
}

async fn served(tailnet: &Tailnet, anyone: bool) -> Served {
    let server = Server::new(tailnet.clone(), Setup::new(Risk::Read).unwrap());
    let (metrics, state) = (server.clone(), server.clone());
    let set = move |options: &mut tailsteward::server::Options| {
        options.tailnet_metrics = Some(Ask::new(move || {
            let server = metrics.clone();
            async move { server.tailnet_metrics().await }
        }));
        options.watch = Some(Ask::new(move || {
            let server = state.clone();
            async move { server.watch_state().await }
        }));
    };
    Served::serve(server, anyone, set).await.0
}

#[tokio::test]
async fn every_fact_is_told_and_the_api_is_not_asked() {
    let (sandbox, tailnet, mut poller) = watched(40).await;
    look_at_all(&mut poller).await;
    let devices = tailnet.devices().list().await.unwrap();
    let served = served(&tailnet, true).await;
    let asked = sandbox.requests().len();

    let mut texts = Vec::new();
    for _ in 0..5 {
        let response = served.get("/metrics/tailnet").send().await.unwrap();
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8");
        texts.push(response.text().await.unwrap());
    }

    assert_eq!(sandbox.requests().len(), asked, "a request for a scrape");
    let all = parse(&texts[0]);
    assert!(all.iter().all(|it| it.1["tailnet"] == "-"));
    assert_eq!(value(&all, "tailscale_up", &[]), Some(1.0));
    assert_eq!(value(&all, "tailscale_watches", &[]), Some(1.0));
    assert!(value(&all, "tailscale_watched_seconds_ago", &[]).unwrap() < 60.0);
    assert_eq!(of(&all, "tailscale_devices_info", &[]).len(), devices.len());
    assert_eq!(total(&all, "tailscale_scrape_collector_success").to_string(), "5");
    let online = count(devices.iter().filter(|it| it.is_online()).count());
    assert_eq!(total(&all, "tailscale_devices_online").to_string(), online.to_string());
    assert_eq!(value(&all, "tailscale_devices", &[("state", "online")]), Some(online));
    for device in devices.iter() {
        one_device(&all, device);
    }
    for name in ["users_info", "keys_info", "tailnet_settings_info", "services_port"] {
        assert!(!of(&all, &format!("tailscale_{name}"), &[]).is_empty(), "{name}");
    }
    assert_eq!(
        value(&all, "tailscale_tailnet_settings_devices_key_duration_days", &[]),
        Some(180.0)
    );
    let client = [("id", Sandbox::OAUTH_CLIENT_ID), ("key_type", "client")];
    assert_eq!(value(&all, "tailscale_keys_info", &client), Some(1.0));
    assert_eq!(value(&all, "tailscale_keys_expires_timestamp", &client), None, "never is no time");
    let key = [("key_type", "auth")];
    assert_eq!(of(&all, "tailscale_keys_expires_timestamp", &key).len(), 2);
}

fn one_device(all: &[Sample], device: &Device) {
    let id = [("id", device.key())];
    let is = |name: &str| value(all, &format!("tailscale_devices_{name}"), &id);
    let flag = |it: bool| Some(f64::from(u8::from(it)));
    let info = of(all, "tailscale_devices_info", &id);
    let version = info[0].1.get("client_version").map_or("", String::as_str);
    let full = device.client_version.as_deref().unwrap_or_default();
    assert!(full.starts_with(version) && full.is_empty() == version.is_empty(), "{full}");
    assert!(!version.contains('-'), "{version}");
    assert_eq!(info[0].1["name"], device.name.clone().unwrap());
    assert_eq!(is("authorized"), flag(device.is_authorized()));
    assert_eq!(is("external"), flag(device.is_shared_in()));
    assert_eq!(is("update_available"), flag(device.update_available.unwrap_or_default()));
    let expiry_off = device.key_expiry_disabled.unwrap_or_default();
    assert_eq!(is("key_expiry_disabled"), flag(expiry_off));
    let expires = device.expires.as_ref().and_then(tailsteward::wire::Timestamp::instant);
    let expires = expires.filter(|_| !expiry_off).map(Timestamp::as_second);
    assert_eq!(is("expires_timestamp").map(|it| it.to_string()), expires.map(|it| it.to_string()));
    let advertised = device.advertised_routes.as_ref().map_or(0, Vec::len);
    assert_eq!(is("routes_advertised"), Some(count(advertised)));
    assert!(!device.is_online() || is("last_seen_timestamp").is_none());
}

#[tokio::test]
async fn only_tokens_with_the_right_to_it_read_the_inventory() {
    let (_sandbox, tailnet, mut poller) = watched(20).await;
    look_at_all(&mut poller).await;
    let served = served(&tailnet, false).await;
    let token = |name: &str, metrics: bool, tailnet_metrics: bool| {
        let new = NewToken { metrics, tailnet_metrics, ..NewToken::default() };
        add_token(&served.tokens, name, &new)
    };
    let all = token("all", false, false);
    let counters = token("counters", true, false);
    let inventory = token("inventory", false, true);
    let both = token("both", true, true);
    let status = async |path: &str, token: &str| {
        let response = served.get(path).bearer_auth(token).send().await.unwrap();
        response.status().as_u16()
    };

    for (token, expected) in
        [(&all, [403, 403]), (&counters, [200, 403]), (&inventory, [403, 200]), (&both, [200, 200])]
    {
        let got = [status("/metrics", token).await, status("/metrics/tailnet", token).await];
        assert_eq!(got, expected);
    }
    assert_eq!(served.get("/metrics/tailnet").send().await.unwrap().status(), 401);
    assert_eq!(served.initialize(&inventory).await.status(), 403);
    assert_eq!(served.initialize(&both).await.status(), 403);
    assert_eq!(served.initialize(&all).await.status(), 200);

    // Who may read metrics also reads how the tailnet is watched; the server is ready all the same.
    let ready = async |token: &str| -> serde_json::Value {
        let response = served.get("/health/ready").bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    };
    let state = &ready(&counters).await["watch"]["-"];
    assert_eq!((&state["stale"], &state["watches"]), (&json!(false), &json!(true)), "{state}");
    assert!(state["seconds_ago"].as_i64().unwrap() < 60);
    for other in [&all, &inventory] {
        assert!(ready(other).await.get("watch").is_none());
    }
}

#[tokio::test]
async fn who_is_blind_says_so_and_still_serves() {
    let (sandbox, tailnet, mut poller) = watched(20).await;
    let devices = Source::devices();
    let looked = poller.look(&devices, now() - 3_600).await.unwrap();
    assert!(matches!(looked, Looked::Recorded { .. }), "{looked:?}");
    let served = served(&tailnet, true).await;

    let all = told(&tailnet).await;
    let response = served.get("/health/ready").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let body: serde_json::Value = response.json().await.unwrap();

    assert_eq!((&body["status"], &body["watch"]["-"]["stale"]), (&json!("ready"), &json!(true)));
    assert!(body["watch"]["-"]["seconds_ago"].as_i64().unwrap() >= 3_600);
    assert_eq!(value(&all, "tailscale_up", &[]), Some(0.0));
    assert!(value(&all, "tailscale_watched_seconds_ago", &[]).unwrap() >= 3_600.0);
    // A look that fails is seen at once; what was seen before stays.
    poller.look(&devices, now()).await.unwrap();
    assert_eq!(value(&told(&tailnet).await, "tailscale_up", &[]), Some(1.0));
    sandbox.fail(Fault::new(FaultKind::Status { status: 404 }).on("listTailnetDevices"));
    poller.look(&devices, now() + 1).await.unwrap();
    let all = told(&tailnet).await;
    assert_eq!(value(&all, "tailscale_up", &[]), Some(0.0));
    assert_eq!(value(&all, "tailscale_scrape_collector_success", &[]), Some(0.0));
    assert!(of(&all, "tailscale_devices_info", &[]).len() >= 20);
}

#[tokio::test]
async fn what_is_not_known_is_left_out() {
    let (sandbox, tailnet, mut poller) = watched(20).await;
    let all = told(&tailnet).await;
    let names: BTreeSet<&str> = all.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(
        names,
        BTreeSet::from(["tailscale_up", "tailscale_watches"]),
        "before the first look"
    );
    assert_eq!(value(&all, "tailscale_up", &[]), Some(0.0));

    sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("listUsers"));
    look_at_all(&mut poller).await;
    let all = told(&tailnet).await;
    assert!(!all.iter().any(|it| it.0.starts_with("tailscale_users")));
    let users = [("collector", "users")];
    assert_eq!(value(&all, "tailscale_scrape_collector_success", &users), Some(0.0));
    assert!(!all.iter().any(|it| it.0 == "tailscale_check"));
}

#[tokio::test]
async fn a_process_that_does_not_watch_tells_how_it_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let history = || Arc::new(History::new(Place::File(folder.path().join("history.db"))));
    let (_sandbox, tailnet) = sandbox_of(20).await;
    let watcher = tailnet.with_history(history());
    let mut poller = watcher.watch("one").await.unwrap().unwrap();
    look_at_all(&mut poller).await;

    let other = told(&tailnet.with_history(history())).await;

    assert_eq!(value(&other, "tailscale_watches", &[]), Some(0.0));
    assert_eq!(value(&other, "tailscale_up", &[]), Some(1.0));
    assert!(value(&other, "tailscale_watched_seconds_ago", &[]).unwrap() < 60.0);
    assert_eq!(of(&other, "tailscale_scrape_collector_success", &[]).len(), 5);
    assert!(!other.iter().any(|it| it.0.starts_with("tailscale_devices")), "no inventory");
    // One that stops watching has none any more, either.
    assert!(of(&told(&watcher).await, "tailscale_devices_info", &[]).len() >= 20);
    drop(poller);
    assert!(of(&told(&watcher).await, "tailscale_devices_info", &[]).is_empty());
}

#[tokio::test]
async fn names_of_strangers_are_only_values() {
    let (sandbox, tailnet, mut poller) = watched(5).await;
    let evil = "x\"} 1\nevil_total{a=\"\\\u{202e}b";
    let id = sandbox.add_device(evil).unwrap();
    look_at_all(&mut poller).await;

    let all = told(&tailnet).await;

    assert!(!all.iter().any(|it| it.0.contains("evil")));
    let labels = &of(&all, "tailscale_devices_info", &[("id", &id)])[0].1;
    let shown = evil.replace('\n', "\\u{a}").replace('\u{202e}', "\\u{202e}");
    assert_eq!(labels["hostname"], shown);
}

#[tokio::test]
async fn above_5000_devices_only_their_number_is_told() {
    let (_sandbox, tailnet, mut poller) = watched(5_001).await;
    look_at_all(&mut poller).await;
    let all = told(&tailnet).await;
    assert!(value(&all, "tailscale_devices", &[("state", "all")]).unwrap() >= 5_001.0);
    assert!(value(&all, "tailscale_devices", &[("state", "online")]).unwrap() > 1_000.0);
    assert!(of(&all, "tailscale_devices_online", &[]).is_empty());
    assert!(of(&all, "tailscale_devices_info", &[]).is_empty());
}

#[tokio::test]
async fn each_tailnet_has_its_label_and_alerts_are_counted() {
    let (_one, first) = sandbox_of(5).await;
    let (_two, second) = sandbox_of(10).await;
    let history = History::in_memory();
    let old = json!({ "failing": ["D1"] });
    history.record_audit(&second.label(), now() - 90_000, &old).await.unwrap();
    let named = vec![("acme".to_owned(), first), ("bolt".to_owned(), second)];
    let tailnets = Tailnets::new(named).unwrap().with_history(&history);
    let acme = tailnets.first().clone();
    let mut poller = acme.watch("one").await.unwrap().unwrap();
    look_at_all(&mut poller).await;
    let report = acme.compliance().audit(&Filter::default(), &[]).await.unwrap();
    acme.compliance().remember(&report, Timestamp::now()).await.unwrap();
    let judged = poller.looked_at().unwrap();
    let _ = Judge::default().judge(acme.alerts(), &mut poller, judged).await.unwrap();
    let firing = acme.alerts().active(false, Timestamp::now()).await.unwrap();
    let rule = firing[0].episode.rule.clone();
    let of_rule = firing.iter().filter(|it| it.episode.rule == rule).count();

    let all = parse(&metrics::text(&tailnets, Timestamp::now()).await);

    let labels: Vec<&str> =
        of(&all, "tailscale_up", &[]).iter().map(|it| it.1["tailnet"].as_str()).collect();
    assert_eq!(labels, ["acme", "bolt"]);
    assert_eq!(value(&all, "tailscale_up", &[("tailnet", "bolt")]), Some(0.0));
    let labels = [("tailnet", "acme"), ("rule", rule.as_str()), ("state", "firing")];
    let counted = u32::try_from(of_rule).unwrap();
    assert_eq!(value(&all, "tailscale_alerts", &labels), Some(f64::from(counted)));
    assert!(of(&all, "tailscale_alerts", &[("tailnet", "bolt")]).is_empty());
    let checks = of(&all, "tailscale_check", &[("tailnet", "acme")]);
    let fails = |it: &&&Sample| it.2 > 0.0;
    assert!(checks.iter().any(|it| fails(&it)) && checks.iter().any(|it| !fails(&it)));
    // What an audit of the day before yesterday said is no news.
    assert!(of(&all, "tailscale_check", &[("tailnet", "bolt")]).is_empty());
}

//! Connections and uptime over time, as a model sees them.

mod connection;
mod traffic;
mod usage;

use jiff::Timestamp;
use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    history::{History, Looked, Poller, Seconds, Source},
    sandbox::{DeviceState, Sandbox},
    tailnet::devices::Device,
};

use crate::support::{agent::Agent, changes::own, edits::everything, tailnet::sandbox_of};

const HOUR: Seconds = 3_600;

/// A sandbox that is looked at each hour, the first time `hours` ago.
struct Watched {
    sandbox: Sandbox,
    tailnet: Tailnet,
    poller: Poller,
    source: Source,
    now: Seconds,
}

impl Watched {
    async fn new() -> Self {
        let (sandbox, tailnet) = sandbox_of(20).await;
        let tailnet = tailnet.with_history(History::in_memory());
        let poller = tailnet.watch("test").await.unwrap().unwrap();
        let mut source = Source::devices();
        source.interval = HOUR;
        Self { sandbox, tailnet, poller, source, now: Timestamp::now().as_second() }
    }

    async fn look(&mut self, hours_ago: Seconds) {
        let looked = self.poller.look(&self.source, self.now - hours_ago * HOUR).await.unwrap();
        assert!(matches!(looked, Looked::Recorded { .. }), "{looked:?}");
    }

    fn switch(&self, device: &Device, online: bool) {
        let mut state = DeviceState::default();
        state.online = Some(online);
        assert!(self.sandbox.set_device(device.key(), &state));
    }

    async fn agent(&self) -> Agent {
        self.tailnet.forget_lists();
        Agent::with(self.tailnet.clone(), everything()).await
    }
}

fn of<'a>(list: &'a Value, device: &Device) -> Option<&'a Value> {
    list["devices"].as_array().unwrap().iter().find(|it| it["name"] == device.short_name())
}

#[tokio::test]
async fn uptime_is_told_with_what_is_known() {
    let mut watched = Watched::new().await;
    let server = own(&watched.tailnet).await.into_iter().find(Device::is_online).unwrap();
    for hours_ago in (0..=40).rev() {
        match hours_ago {
            10 => watched.switch(&server, false),
            8 => watched.switch(&server, true),
            _ => {}
        }
        watched.look(hours_ago).await;
    }
    let agent = watched.agent().await;
    let ask = async |window: &str| {
        let arguments = json!({ "devices": [server.short_name()], "window": window });
        agent.call("get_uptime_statistics", arguments).await
    };

    let day = ask("24h").await;
    let row = of(&day, &server).unwrap();
    let up = row["up_percent"].as_f64().unwrap();
    assert!((up - 100.0 * 22.0 / 24.0).abs() < 0.05, "{day}");
    assert_eq!((&row["disconnects"], &row["longest_outage"]["lasted"]), (&json!(1), &json!("2 h")));
    assert!(row["known_percent"].as_f64().unwrap() > 99.9, "{day}");

    // Of a month, two days are known: no figure, and why.
    let month = ask("30d").await;
    let row = of(&month, &server).unwrap();
    assert!(row["up_percent"].is_null() && row["disconnects"].is_null(), "{month}");
    assert!(row["withheld"].as_str().unwrap().contains("6 %"), "{month}");
    assert!(month["watched"]["since"].is_string(), "{month}");
}

#[tokio::test]
async fn without_names_it_is_about_what_should_always_be_there() {
    let mut watched = Watched::new().await;
    for hours_ago in (0..=12).rev() {
        watched.look(hours_ago).await;
    }
    let agent = watched.agent().await;

    let all = agent.call("get_uptime_statistics", json!({ "window": "12h" })).await;
    assert!(all["about"].as_str().unwrap().contains("tagged"), "{all}");
    let servers = own(&watched.tailnet).await.into_iter().filter(|it| {
        let serves = !it.tags().is_empty() || it.is_subnet_router() || it.is_exit_node();
        serves && it.is_ephemeral != Some(true)
    });
    assert_eq!(all["total"], json!(servers.count()), "{all}");
    let routers = json!({ "subnet_router": true, "window": "12h" });
    let routers = agent.call("get_uptime_statistics", routers).await;
    assert!(routers["total"].as_u64() < all["total"].as_u64() && routers["about"].is_null());
}

#[tokio::test]
async fn who_never_watched_gets_an_error_that_says_how() {
    let (_sandbox, tailnet) = sandbox_of(20).await;
    for tailnet in [tailnet.clone(), tailnet.with_history(History::in_memory())] {
        let agent = Agent::with(tailnet.clone(), everything()).await;
        let device = own(&tailnet).await.remove(0);
        for (tool, arguments) in [
            ("get_uptime_statistics", json!({})),
            ("get_device_history", json!({ "device": device.short_name() })),
        ] {
            let error = agent.fail(tool, arguments).await;
            assert_eq!(error["kind"], "history", "{error}");
            assert!(error["remedy"].as_str().unwrap().contains("serve --watch"), "{error}");
        }
        // What is now can be told, and what is not known is said.
        let now = agent.call("control_connectivity", json!({})).await;
        assert!(now["notes"].to_string().contains("flapping is unknown"), "{now}");
        assert!(now["watched"].is_null() && now["counts"]["connected"].is_u64(), "{now}");
    }
}

#[tokio::test]
async fn connections_are_sorted_by_what_is_worst() {
    let mut watched = Watched::new().await;
    let flapping = own(&watched.tailnet).await.into_iter().find(Device::is_online).unwrap();
    for hours_ago in (0..=24).rev() {
        watched.switch(&flapping, hours_ago % 3 == 0);
        watched.look(hours_ago).await;
    }
    let agent = watched.agent().await;

    let found = agent.call("control_connectivity", json!({})).await;
    assert_eq!(found["devices"][0]["name"], flapping.short_name(), "{found}");
    assert_eq!(found["devices"][0]["state"], "flapping");
    assert!(found["devices"][0]["disconnects_24h"].as_u64() >= Some(5), "{found}");
    assert!(found["notes"].is_null() && found["watched"]["last_look"].is_string(), "{found}");
    let total: u64 = found["counts"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    let devices = watched.tailnet.devices().list().await.unwrap();
    assert_eq!(total, devices.len() as u64, "each device is in one state");

    let silent = agent.call("control_connectivity", json!({ "state": "silent" })).await;
    for row in silent["devices"].as_array().unwrap() {
        assert!(row["seen"].as_str().unwrap().ends_with(" ago"), "{row}");
    }
    let longer = json!({ "state": "silent", "silent_for": "5000d" });
    assert_eq!(agent.call("control_connectivity", longer).await["total"], 0);
    let by = agent.call("control_connectivity", json!({ "count_by": "tag" })).await;
    assert!(by["by"]["untagged"].is_object(), "{by}");
}

#[tokio::test]
async fn the_past_of_a_device_is_a_tool_and_a_resource() {
    let mut watched = Watched::new().await;
    let device = own(&watched.tailnet).await.into_iter().find(Device::is_online).unwrap();
    watched.look(3).await;
    let mut state = DeviceState::default();
    state.client_version = Some("1.99.1".to_owned());
    watched.sandbox.set_device(device.key(), &state);
    watched.look(2).await;
    watched.switch(&device, false);
    watched.look(1).await;
    let agent = watched.agent().await;

    let past = agent.call("get_device_history", json!({ "device": device.short_name() })).await;
    assert_eq!(past["changes"][0]["what"], "disconnected", "{past}");
    let version = &past["changes"][1];
    assert_eq!((&version["what"], &version["to"]), (&json!("clientVersion"), &json!("1.99.1")));
    assert!(version["from"].as_str().unwrap().starts_with("1."), "{past}");
    let uri = format!("tailnet://device/{}/history", device.key());
    let resource = agent.read(&uri).await;
    assert!(resource.contains("disconnected"), "{resource}");
}

#[tokio::test]
async fn the_network_status_says_since_when_it_is_watched() {
    let mut watched = Watched::new().await;
    watched.look(5).await;
    watched.look(4).await;
    let before = watched.sandbox.requests().len();
    let agent = watched.agent().await;
    let status = agent.call("get_network_status", json!({})).await;
    assert!(status["watched"]["last_look"].as_str().unwrap().contains("4 h ago"), "{status}");
    assert_eq!(watched.sandbox.requests().len() - before, 3, "still three requests");
    let unwatched = watched.tailnet.with_history(History::in_memory());
    let agent = Agent::with(unwatched, everything()).await;
    assert!(agent.call("get_network_status", json!({})).await["watched"].is_null());
}

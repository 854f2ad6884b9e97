//! Trends by day, as a library and as a model see them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    history::{History, Looked, Poller, Seconds, Source},
    sandbox::{DeviceState, Fault, FaultKind, Options, Sandbox},
    tailnet::{
        devices::Device,
        logging::Window,
        monitoring::{traffic::Which, usage::Usage},
    },
};

use crate::support::{
    agent::Agent,
    edits::{are_refused, everything, raw},
    tailnet::{sandbox_of, settings},
};

const HOUR: Seconds = 3_600;
const DAY: Seconds = 86_400;

fn time(at: Seconds) -> Timestamp {
    Timestamp::from_second(at).unwrap()
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

/// A sandbox whose clock stands at eight in the morning, and somebody who looks every three hours.
struct Watched {
    sandbox: Sandbox,
    tailnet: Tailnet,
    poller: Poller,
    source: Source,
    now: Seconds,
}

impl Watched {
    async fn new(devices: usize) -> Self {
        let start: Timestamp = "2026-06-10T08:00:00Z".parse().unwrap();
        let options = Options { devices, now: Some(start), ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let tailnet = Tailnet::new(settings(&sandbox.base_url()));
        let tailnet = tailnet.with_history(History::in_memory());
        let poller = tailnet.watch("test").await.unwrap().unwrap();
        let mut source = Source::devices();
        source.interval = 3 * HOUR;
        Self { sandbox, tailnet, poller, source, now: start.as_second() }
    }

    async fn look(&mut self) {
        self.tailnet.forget_lists();
        let looked = self.poller.look(&self.source, self.now).await.unwrap();
        assert!(matches!(looked, Looked::Recorded { .. }), "{looked:?}");
    }

    /// Looks every three hours.
    async fn watch(&mut self, hours: i64) {
        for _ in 0..hours / 3 {
            self.look().await;
            self.pass(3);
        }
        self.look().await;
    }

    fn pass(&mut self, hours: i64) {
        self.now += hours * HOUR;
        self.sandbox.advance(std::time::Duration::from_secs((hours * HOUR).unsigned_abs()));
    }

    async fn usage(&self, window: SignedDuration) -> Usage {
        self.tailnet.forget_lists();
        self.tailnet.monitoring().usage(window, time(self.now)).await.unwrap()
    }
}

fn counted(device: &Device) -> bool {
    !device.is_shared_in() && device.is_ephemeral != Some(true)
}

#[tokio::test]
async fn each_day_says_what_is_known_of_it_and_sums_change_nothing() {
    let mut watched = Watched::new(40).await;
    watched.watch(48).await;
    let list = watched.tailnet.devices().list().await.unwrap();
    let own: Vec<&Device> = list.iter().filter(|it| counted(it)).collect();
    let online: Vec<&&Device> = own.iter().filter(|it| it.is_online()).collect();
    let (first, second) = (online[0].key().to_owned(), online[1].key().to_owned());
    // One is updated, one goes offline, and one is removed.
    let mut state = DeviceState::default();
    state.client_version = Some("1.100.2".to_owned());
    watched.sandbox.set_device(&first, &state);
    let mut state = DeviceState::default();
    state.online = Some(false);
    watched.sandbox.set_device(&second, &state);
    let gone = online[2].key().to_owned();
    raw(&watched.sandbox, "DELETE", &format!("/device/{gone}"), Value::Null).await;
    watched.pass(1);
    watched.watch(45).await;

    let usage = watched.usage(days(30)).await;

    let total = u64::try_from(own.len()).unwrap();
    let up = u64::try_from(online.len()).unwrap();
    let of = |day: &str| usage.rows.iter().find(|it| it.day == day).unwrap();
    assert_eq!((usage.rows.len(), usage.unknown), (5, 25), "{:?}", usage.rows);
    // Of the first day, the hours from 8 to 24 were watched.
    assert!((of("2026-06-10").watched - 66.7).abs() < 0.01, "{:?}", of("2026-06-10"));
    let full = of("2026-06-11");
    assert!((full.watched - 100.0).abs() < 0.01, "{full:?}");
    assert_eq!((full.devices, full.connected), (Some(total), Some(up)));
    assert!(
        (full.online.unwrap() - f64::from(u32::try_from(up).unwrap())).abs() < 0.01,
        "{full:?}"
    );
    assert_eq!((full.new, full.gone), (Some(0), Some(0)));
    assert!(full.users.is_some_and(|it| it > 0 && it < total), "{full:?}");
    let change = of("2026-06-12");
    assert_eq!((change.devices, change.gone), (Some(total - 1), Some(1)), "{change:?}");
    assert_eq!(change.connected, Some(up));
    let after = of("2026-06-13");
    assert_eq!(after.connected, Some(up - 2), "{after:?}");
    // The version is in the table from the day on which it came.
    let sum = |versions: &Option<Vec<u64>>| versions.as_ref().unwrap().iter().sum::<u64>();
    assert_eq!((sum(&full.versions), sum(&after.versions)), (total, total - 1));
    assert_ne!(full.versions, after.versions);
    assert_eq!(usage.now.online, online.len() - 2);

    let (history, label) = (watched.tailnet.history().unwrap(), watched.tailnet.label());
    while history.sum_up(watched.poller.lease(), &label, watched.now).await.unwrap() > 0 {}
    assert_eq!(history.summed_until(&label).await.unwrap(), watched.now.div_euclid(DAY));
    assert_eq!(watched.usage(days(30)).await.rows, usage.rows, "sums of days say the same");
    // Above 60 days, a row is a week.
    let weeks = watched.usage(days(90)).await;
    assert_eq!((weeks.rows.len(), weeks.unknown), (1, 12), "{:?}", weeks.rows);
    assert_eq!((weeks.rows[0].connected, weeks.rows[0].gone), (Some(up), Some(1)));
}

#[tokio::test]
async fn of_a_day_that_is_known_for_less_than_half_there_is_no_figure() {
    let mut watched = Watched::new(20).await;
    // From 8 to 11, and from 8 on the next day on.
    watched.watch(3).await;
    watched.pass(21);
    watched.watch(27).await;

    let usage = watched.usage(days(4)).await;

    assert_eq!(usage.unknown, 1, "{:?}", usage.rows);
    let first = &usage.rows[0];
    assert!((first.watched - 12.5).abs() < 0.01, "{first:?}");
    assert!(first.online.is_none() && first.connected.is_none() && first.devices.is_none());
    assert!(first.new.is_none() && first.gone.is_none() && first.versions.is_none());
    assert!(first.users.is_none() && first.bytes.is_none() && first.flows.is_none());
    assert!(usage.rows[1].online.is_some(), "16 of 24 hours: {:?}", usage.rows[1]);
    assert!(usage.notes.iter().any(|it| it.contains("no traffic is kept")), "{:?}", usage.notes);
}

#[tokio::test]
async fn traffic_by_day_is_what_is_kept_of_it() {
    let mut watched = Watched::new(30).await;
    watched.look().await;
    let settings = Source::all().into_iter().find(|it| it.name == "settings").unwrap();
    watched.poller.look(&settings, watched.now).await.unwrap();
    for _ in 0..8 {
        watched.poller.look(&Source::flow_logs(), watched.now).await.unwrap();
    }

    let usage = watched.usage(days(2)).await;

    let today = usage.rows.last().unwrap();
    let (history, label) = (watched.tailnet.history().unwrap(), watched.tailnet.label());
    let day = watched.now.div_euclid(DAY) * DAY;
    let kept = history.traffic(&label, day, watched.now).await.unwrap();
    let expected = 100.0 * f64::from(u32::try_from(kept.read).unwrap()) / (8.0 * 3_600.0);
    assert!((today.flows.unwrap() - expected).abs() < 0.06, "{today:?}: {expected}");
    assert!((60.0..80.0).contains(&expected), "six of eight hours: {expected}");
    let (from, to) =
        kept.spans.iter().fold((Seconds::MAX, 0), |(from, to), it| (from.min(it.0), to.max(it.1)));
    let window = Window::new(time(from), time(to)).unwrap();
    let monitoring = watched.tailnet.monitoring();
    let read = monitoring.traffic(window, &Which::default(), time(watched.now)).await.unwrap();
    assert_eq!(today.bytes, Some(read.totals.bytes), "{today:?}");
    assert_eq!(today.relayed, read.relayed.map(|it| it.bytes_percent));
    assert!(today.bytes > Some(0));
    // The devices were seen once, and a moment is no time: traffic alone makes the row.
    assert!(today.online.is_none(), "{today:?}");
}

#[tokio::test]
async fn without_a_history_there_is_what_is_now_and_how_to_keep_one() {
    let (sandbox, tailnet) = sandbox_of(30).await;
    sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("listUsers"));
    for tailnet in [tailnet.clone(), tailnet.with_history(History::in_memory())] {
        let agent = Agent::with(tailnet.clone(), everything()).await;

        let answer = agent.call("get_usage_analytics", json!({})).await;

        assert!(answer["rows"].is_null() && answer["watched"].is_null(), "{answer}");
        let list = tailnet.devices().list().await.unwrap();
        assert_eq!(answer["now"]["devices"], json!(list.iter().filter(|it| counted(it)).count()));
        let versions = answer["now"]["versions"].as_object().unwrap().values();
        let sum: u64 = versions.filter_map(Value::as_u64).sum();
        assert_eq!(answer["now"]["devices"], sum, "{answer}");
        let notes = answer["notes"].to_string();
        assert!(
            notes.contains("nobody has watched") && notes.contains("serve --watch"),
            "{answer}"
        );
        assert!(
            answer["now"]["users"].is_null() && notes.contains("may not read users"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn the_table_is_compact_and_its_columns_fit() {
    let (_sandbox, tailnet) = sandbox_of(30).await;
    let tailnet = tailnet.with_history(History::in_memory());
    let mut poller = tailnet.watch("test").await.unwrap().unwrap();
    let mut source = Source::devices();
    source.interval = 6 * HOUR;
    let now = Timestamp::now().as_second();
    for at in (0..=32 * 4).rev() {
        poller.look(&source, now - at * 6 * HOUR).await.unwrap();
    }

    let answer =
        Agent::with(tailnet, everything()).await.call("get_usage_analytics", json!({})).await;

    let columns = answer["columns"].as_array().unwrap();
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &columns[0]), (30, &json!("day")), "{answer}");
    assert!(rows.iter().all(|it| it.as_array().unwrap().len() == columns.len()), "{answer}");
    assert!(!columns.contains(&json!("bytes")), "nothing is known of it: {answer}");
    assert!(columns.contains(&json!("online")) && columns.contains(&json!("other")), "{answer}");
    let tokens = tiktoken_rs::cl100k_base_singleton();
    let cost = tokens.encode_with_special_tokens(&answer.to_string()).len();
    assert!(cost <= 2_000, "{cost} tokens");
    assert_eq!(answer["now"]["users"]["total"].as_u64().map(|it| it > 0), Some(true), "{answer}");
}

#[tokio::test]
async fn a_window_that_cannot_be_is_refused() {
    let tool = "get_usage_analytics";
    are_refused(&[
        (tool, json!({ "window": "1h" }), "invalid_input", "`window`"),
        (tool, json!({ "window": "367d" }), "invalid_input", "`window`"),
        (tool, json!({ "window": "soon" }), "invalid_input", "`window`"),
    ])
    .await;
}

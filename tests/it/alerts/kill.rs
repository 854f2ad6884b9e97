//! The watcher is killed a thousand times, at any point between a fact and its delivery: no alert is lost, what
//! comes twice has one ID, and what somebody takes care of stays so.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::json;
use tailsteward::{
    Credential, Settings, Tailnet,
    history::{Field, History, Place, Poller, Seconds, Source},
    sandbox::{DeviceState, Options, Sandbox},
    tailnet::{
        alerts::{Deliverer, Judge},
        devices::Device,
    },
};

use super::{day::setup, receiver::Double};
use crate::support::changes::{own, recorded};

const KILLS: usize = 1_000;
/// A little more than an hour, in seconds.
const HOUR: Seconds = 3_660;

/// A process that watches.
struct Process {
    tailnet: Tailnet,
    poller: Poller,
    judge: Judge,
    deliverer: Deliverer,
}

impl Process {
    async fn new(tailnet: &Tailnet, path: &Path, double: &Double) -> Self {
        let tailnet = tailnet.with_history(Arc::new(History::new(Place::File(path.into()))));
        let mut poller = tailnet.watch("one").await.unwrap().unwrap();
        let mut judge = Judge::default();
        // What the one before saw and may not have judged.
        poller.recall().await.unwrap();
        if let Some(seen) = poller.looked_at() {
            let _ = judge.judge(tailnet.alerts(), &mut poller, seen).await.unwrap();
        }
        Self { tailnet, poller, judge, deliverer: Deliverer::new(double.receivers()) }
    }

    /// Looks, judges and delivers.
    async fn round(&mut self, source: &Source, now: Seconds) {
        self.poller.look(source, now).await.unwrap();
        let _ = self.judge.judge(self.tailnet.alerts(), &mut self.poller, now).await.unwrap();
        let lease = self.poller.lease().clone();
        self.deliverer.deliver(self.tailnet.alerts(), &lease, now).await.unwrap();
    }
}

#[tokio::test]
async fn a_thousand_kills_lose_no_alert() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let start = Timestamp::now().as_second();
    let options = Options { devices: 12, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    settings.rate = 1e6;
    let mut with = setup();
    // Cloned keys show only while both machines are connected: nothing dates them, and they may be gone at the next
    // look.
    with.rules
        .push(json!({ "name": "cloned", "when": "cloned", "settle": "0s", "notify": ["chat"],
        "repeat": "never" }));
    let tailnet = Tailnet::new(settings).with_alert_setup(Arc::new(with));
    let double = Double::start().await;
    let devices: Vec<Device> = own(&tailnet).await.into_iter().filter(Device::is_online).collect();
    let source = Source::devices();
    let mut rng = Rng::with_seed(7);
    let mut process = Process::new(&tailnet, &path, &double).await;
    let mut now = start;
    process.round(&source, now).await;

    let (mut kills, mut rounds) = (0, 0);
    while kills < KILLS {
        // After more than an hour, an alert that comes back is another one.
        now += HOUR;
        sandbox.advance(Duration::from_secs(HOUR.unsigned_abs()));
        rounds += 1;
        // One device is cloned for one look, another one is not any more.
        let device = &devices[rounds % devices.len()];
        let before = &devices[(rounds - 1) % devices.len()];
        for (device, is_cloned) in [(before, false), (device, true)] {
            let mut state = DeviceState::default();
            state.multiple_connections = Some(is_cloned);
            assert!(sandbox.set_device(device.key(), &state));
        }
        let wait = Duration::from_micros(rng.u64(..25_000));
        if tokio::time::timeout(wait, process.round(&source, now)).await.is_err() {
            kills += 1;
            drop(process);
            process = Process::new(&tailnet, &path, &double).await;
        }
    }
    for _ in 0..200 {
        now += 60;
        let lease = process.poller.lease().clone();
        process.deliverer.deliver(process.tailnet.alerts(), &lease, now).await.unwrap();
    }
    // Each time that the database knows a device to have been cloned was notified, and no other.
    let history = process.tailnet.history().unwrap();
    let mut seen = BTreeSet::new();
    for device in &devices {
        let label = process.tailnet.label();
        for it in history.transitions(&label, device.key(), start).await.unwrap() {
            if it.field == Field::MULTIPLE_CONNECTIONS && it.to == "1" {
                seen.insert((device.short_name().to_owned(), it.at));
            }
        }
    }
    let received = double.received();
    let cloned = received.iter().filter(|it| it["rule"] == "cloned");
    let lines = cloned.flat_map(|it| it["lines"].as_array().unwrap().clone());
    let firing = lines.filter(|it| it["status"] == "firing").map(|it| {
        let since: Timestamp = it["since"].as_str().unwrap().parse().unwrap();
        (it["subject"].as_str().unwrap().to_owned(), since.as_second())
    });
    let firing: BTreeSet<_> = firing.collect();
    let lost: Vec<_> = seen.difference(&firing).collect();
    let untrue: Vec<_> = firing.difference(&seen).collect();
    assert!(lost.is_empty() && untrue.is_empty(), "lost {lost:?}, untrue {untrue:?}");
    assert!(seen.len() > KILLS / 4, "only {} alerts", seen.len());
    println!(
        "{kills} kills in {rounds} rounds: {} alerts, 0 lost; {} notices, {} deliveries",
        seen.len(),
        received.len(),
        double.deliveries()
    );
}

#[tokio::test]
async fn what_somebody_takes_care_of_stays_so_when_the_watcher_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let sandbox = Sandbox::start(Options { devices: 12, ..Options::default() }).await.unwrap();
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    settings.rate = 1e6;
    let mut with = setup();
    with.rules.push(json!({ "name": "silent", "when": "silent", "longer_than": "10m",
        "notify": ["chat"], "repeat": "1h" }));
    let tailnet = Tailnet::new(settings).with_alert_setup(Arc::new(with));
    let double = Double::start().await;
    let source = Source::devices();
    let mut process = Process::new(&tailnet, &path, &double).await;
    let mut now = Timestamp::now().as_second();
    process.round(&source, now).await;
    let active = process.tailnet.alerts().active(false, Timestamp::now()).await.unwrap();
    let first = &active[0].episode;
    let (as_ann, _store) = recorded(&process.tailnet);
    let plan =
        as_ann.alerts().plan_acknowledge(Some(&first.id), None, "on my way", None).await.unwrap();
    as_ann.apply(&plan).await.unwrap();
    for _ in 0..20 {
        drop(process);
        process = Process::new(&tailnet, &path, &double).await;
        now += 900;
        sandbox.advance(Duration::from_mins(15));
        process.round(&source, now).await;
    }
    let reminded: BTreeSet<String> = double
        .received()
        .iter()
        .flat_map(|it| it["lines"].as_array().unwrap().clone())
        .filter(|it| it["status"] == "reminder")
        .map(|it| it["alert"].as_str().unwrap().to_owned())
        .collect();
    assert!(!reminded.contains(&first.id), "nobody is reminded of what is taken care of");
    assert_eq!(reminded.len(), active.len() - 1, "and of all others");
}

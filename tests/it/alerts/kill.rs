//! The watcher is killed a thousand times, at any point between a fact and its delivery: no alert is lost, what
//! comes twice has one ID, and what somebody takes care of stays so.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::json;
use tailsteward::{
    Credential, Settings, Tailnet,
    history::{History, Place, Poller, Seconds, Source},
    sandbox::{DeviceState, Options, Sandbox},
    tailnet::{
        alerts::{Deliverer, Judge},
        devices::Device,
    },
};

use super::{day::setup, receiver::Double};
use crate::support::changes::{own, recorded};

const KILLS: usize = 1_000;

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

    let (mut kills, mut rounds, mut cloned) = (0, 0, BTreeMap::new());
    while kills < KILLS {
        now += 60;
        sandbox.advance(Duration::from_mins(1));
        rounds += 1;
        // One device is cloned for one look, another one is not any more.
        let device = &devices[rounds % devices.len()];
        let mut state = DeviceState::default();
        state.multiple_connections = Some(rounds % 2 == 0);
        assert!(sandbox.set_device(device.key(), &state));
        let wait = Duration::from_micros(rng.u64(..40_000));
        if tokio::time::timeout(wait, process.round(&source, now)).await.is_err() {
            kills += 1;
            drop(process);
            process = Process::new(&tailnet, &path, &double).await;
        }
        // What the database knows to have been seen must be told.
        let history = process.tailnet.history().unwrap();
        for key in history
            .had(
                &process.tailnet.label(),
                tailsteward::history::Field::MULTIPLE_CONNECTIONS,
                "1",
                0,
            )
            .await
            .unwrap()
        {
            cloned.entry(key).or_insert(now);
        }
    }
    for late in 0..200 {
        now += 60 + late;
        let lease = process.poller.lease().clone();
        process.deliverer.deliver(process.tailnet.alerts(), &lease, now).await.unwrap();
    }
    let received = double.received();
    let told: BTreeSet<String> = received
        .iter()
        .filter(|it| it["rule"] == "cloned")
        .flat_map(|it| it["lines"].as_array().unwrap().clone())
        .filter(|it| it["status"] == "firing")
        .map(|it| it["subject"].as_str().unwrap().to_owned())
        .collect();
    let lost: Vec<&Device> = devices
        .iter()
        .filter(|it| cloned.contains_key(it.key()) && !told.contains(it.short_name()))
        .collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(cloned.len() > 3, "{cloned:?}");
    println!(
        "{kills} kills in {rounds} rounds: {} devices cloned, all told; {} notices, {} deliveries",
        cloned.len(),
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

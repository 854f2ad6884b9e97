//! A day that nobody attends: the sandbox's devices come and go by their schedule, the API fails, the watcher is
//! restarted, and the receiver is down now and then. What is delivered is what the schedule dictates.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tailsteward::{
    Credential, Settings, Tailnet,
    alerts::Setup,
    history::{Held, History, Looked, Place, Seconds, Source},
    sandbox::{Fault, FaultKind, Options, Sandbox},
    tailnet::{
        alerts::{Deliverer, Judge, defaults::built_in},
        devices::Update,
    },
};

use super::receiver::Double;

const MINUTE: Seconds = 60;
const MINUTES: Seconds = 24 * 60;
const LONG: Seconds = 10 * MINUTE;

pub(super) fn setup() -> Setup {
    let mut setup = Setup::default();
    let off = built_in().into_iter().map(|it| json!({ "name": it.rule.name, "on": false }));
    setup.rules = off.collect();
    setup.rules.push(json!({ "name": "silent", "when": "silent", "longer_than": "10m",
        "notify": ["chat"], "repeat": "never" }));
    setup.receivers = vec!["chat".into()];
    setup
}

struct Day {
    sandbox: Sandbox,
    tailnet: Tailnet,
    start: Timestamp,
    /// Node IDs, names, and when they were last connected before the day.
    devices: Vec<(String, String, Option<Seconds>)>,
    /// When the devices were looked at.
    looked: Vec<Seconds>,
}

impl Day {
    async fn new(start: Timestamp) -> Self {
        // From the first move of the clock on, the devices follow their schedule.
        let before = start - SignedDuration::from_mins(1);
        let options =
            Options { devices: 30, now: Some(before), devices_move: true, ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
        settings.base_url = sandbox.base_url();
        settings.rate = 1e6;
        settings.deadline = Duration::from_millis(500);
        let tailnet = Tailnet::new(settings);
        // Only the schedule decides: no key expires on that day, and all devices are approved.
        let listed = tailnet.devices().list().await.unwrap();
        let mut devices = Vec::new();
        for device in listed.iter().filter(|it| !it.is_shared_in()) {
            let mut update = Update::default();
            update.key_expires = Some(false);
            let plan = tailnet.devices().plan_update(device.key(), &update).await.unwrap();
            tailnet.apply(&plan).await.unwrap();
            let plan = tailnet.devices().plan_authorized(device.key(), true).await.unwrap();
            tailnet.apply(&plan).await.unwrap();
            let seen = device.last_seen.as_ref().and_then(tailsteward::wire::Timestamp::instant);
            let (key, name) = (device.key().to_owned(), device.short_name().to_owned());
            devices.push((key, name, seen.map(Timestamp::as_second)));
        }
        sandbox.advance(Duration::from_mins(1));
        let tailnet = tailnet.with_alert_setup(Arc::new(setup()));
        Self { sandbox, tailnet, start, devices, looked: Vec::new() }
    }

    fn fault(&self, rng: &mut Rng) {
        let kind = match rng.u8(..4) {
            0 => FaultKind::Status { status: 403 },
            1 => FaultKind::Status { status: 504 },
            2 => FaultKind::Truncated,
            _ => FaultKind::Reset,
        };
        self.sandbox.fail(Fault::new(kind).on("listTailnetDevices"));
    }

    /// Runs the day, and returns what was received.
    async fn run(&mut self, path: &Path, rng: &mut Rng, double: &Double) -> Vec<Value> {
        let open = |tailnet: &Tailnet| {
            tailnet.with_history(Arc::new(History::new(Place::File(path.into()))))
        };
        let mut tailnet = open(&self.tailnet);
        let mut poller = tailnet.watch("one").await.unwrap().unwrap();
        let (mut judge, mut deliverer) = (Judge::default(), Deliverer::new(double.receivers()));
        let source = Source::devices();
        let mut bad_until = 0;
        for minute in 0..MINUTES {
            let now = self.start.as_second() + minute * MINUTE;
            if minute > 0 {
                self.sandbox.advance(Duration::from_mins(1));
            }
            if minute == bad_until {
                self.sandbox.clear_faults();
                double.mend();
            } else if minute > bad_until && rng.u8(..60) == 0 {
                // The API is down for up to 20 minutes, or the receiver is.
                bad_until = minute + rng.i64(1..20);
                if rng.bool() { self.fault(rng) } else { double.fail(rng.bool()) }
            }
            if rng.u8(..90) == 0 {
                // The process ends, and another one takes its place.
                tailnet = open(&self.tailnet);
                poller = tailnet.watch("one").await.unwrap().unwrap();
                (judge, deliverer) = (Judge::default(), Deliverer::new(double.receivers()));
            }
            if let Looked::Recorded { .. } = poller.look(&source, now).await.unwrap() {
                self.looked.push(now);
            }
            let alerts = tailnet.alerts();
            assert_eq!(judge.judge(alerts, &mut poller, now).await.unwrap(), Held::Yes);
            deliverer.deliver(alerts, poller.lease(), now).await.unwrap().unwrap();
        }
        // What waits for its next try comes after the day.
        double.mend();
        for late in 0..90 {
            let now = self.start.as_second() + (MINUTES + late) * MINUTE;
            deliverer.deliver(tailnet.alerts(), poller.lease(), now).await.unwrap().unwrap();
        }
        double.received()
    }

    /// Each time that a device was away for so long that a look could see it: its name and since when; and when
    /// it was back.
    fn expected(&self) -> BTreeMap<(String, Seconds), Option<Seconds>> {
        let (from, to) = (self.start.as_second(), self.start.as_second() + MINUTES * MINUTE);
        // Long enough before, for those that are away when the day begins.
        let before = self.start - SignedDuration::from_hours(24 * 39);
        let end = Timestamp::from_second(to).unwrap();
        let mut expected = BTreeMap::new();
        for (key, name, seen) in &self.devices {
            let on = self.sandbox.scheduled(key, before, end);
            // Some have no schedule, and stay away.
            if let (true, Some(seen)) = (on.is_empty(), seen) {
                expected.insert((name.clone(), *seen), None);
            }
            for (at, (_, away)) in on.iter().enumerate() {
                let away = away.as_second();
                let back = on.get(at + 1).map(|it| it.0.as_second());
                let is_seen =
                    |look: &Seconds| *look >= away + LONG && back.is_none_or(|back| *look < back);
                let within = away < to && back.is_none_or(|back| back > from);
                if within && self.looked.iter().any(is_seen) {
                    expected.insert((name.clone(), away), back);
                }
            }
        }
        expected
    }
}

fn seconds(text: &Value) -> Seconds {
    text.as_str().unwrap().parse::<Timestamp>().unwrap().as_second()
}

#[tokio::test]
async fn a_day_that_nobody_attends_delivers_what_the_schedule_dictates() {
    for seed in 1..=2 {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = Rng::with_seed(seed);
        let double = Double::start().await;
        let mut day = Day::new("2026-03-03T00:00:00Z".parse().unwrap()).await;
        let received = day.run(&folder.path().join("history.db"), &mut rng, &double).await;
        let lines: Vec<Value> =
            received.iter().flat_map(|it| it["lines"].as_array().unwrap().clone()).collect();
        let told = |what: &str| -> Vec<&Value> {
            lines.iter().filter(|it| it["status"] == what).collect()
        };

        let fired: BTreeSet<(String, Seconds)> = told("firing")
            .iter()
            .map(|it| (it["subject"].as_str().unwrap().to_owned(), seconds(&it["since"])))
            .collect();
        let expected = day.expected();
        let missing: Vec<_> = expected.keys().filter(|it| !fired.contains(*it)).collect();
        let untrue: Vec<_> = fired.iter().filter(|it| !expected.contains_key(*it)).collect();
        assert!(
            missing.is_empty() && untrue.is_empty(),
            "seed {seed}: missing {missing:?}, untrue {untrue:?}"
        );
        assert!(fired.len() > 20, "only {} alerts on a day", fired.len());

        // Whatever was back for long enough was told to be over, and nothing else.
        let ended: Vec<(&Value, &Value)> =
            told("resolved").iter().map(|it| (&it["alert"], &it["subject"])).collect();
        let started = told("firing").len();
        let last = *day.looked.last().unwrap();
        let open = expected
            .values()
            .filter(|back| back.is_none_or(|back| back > last - 4 * MINUTE))
            .count();
        assert!(ended.len() <= started, "seed {seed}: {} of {started} ended", ended.len());
        assert!(
            ended.len() + open >= started,
            "seed {seed}: {} of {started} ended, {open} open",
            ended.len()
        );
        println!(
            "seed {seed}: {} alerts, {} notices, {} deliveries; 0 missing, 0 untrue",
            fired.len(),
            received.len(),
            double.deliveries()
        );
    }
}

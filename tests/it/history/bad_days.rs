//! Days on which everything goes wrong, at random: what is remembered stays true, and nothing is invented.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fastrand::Rng;
use jiff::Timestamp;
use tailsteward::{
    Credential, Settings, Tailnet,
    history::{History, Looked, Place, Poller, Seconds, Source, uptime::uptime},
    sandbox::{DeviceState, Fault, FaultKind, Options, Sandbox},
    tailnet::devices::Device,
};

use crate::support::changes::own;

const STEPS: usize = 150;
const MINUTE: Seconds = 60;

/// What really was: since when each device was on or off.
type Truth = HashMap<String, Vec<(Seconds, bool)>>;

fn truth_at(truth: &[(Seconds, bool)], at: Seconds) -> bool {
    truth.iter().rev().find(|it| it.0 <= at).is_some_and(|it| it.1)
}

fn fault(rng: &mut Rng) -> Fault {
    let kind = match rng.u8(..6) {
        0 => FaultKind::Status { status: 403 },
        1 => FaultKind::Status { status: 504 },
        2 => FaultKind::NotJson { status: 200 },
        3 => FaultKind::Truncated,
        4 => FaultKind::Reset,
        _ => FaultKind::Stalled,
    };
    Fault::new(kind).on("listTailnetDevices")
}

struct Day {
    rng: Rng,
    sandbox: Sandbox,
    tailnet: Tailnet,
    path: std::path::PathBuf,
    history: Arc<History>,
    devices: Vec<Device>,
    truth: Truth,
    now: Seconds,
    /// When a look was recorded.
    good: Vec<Seconds>,
}

impl Day {
    async fn new(seed: u64, path: std::path::PathBuf) -> Self {
        let start: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let options = Options { devices: 8, now: Some(start), ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        // No judge stands between: what is broken on purpose is no business of the document.
        let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
        settings.base_url = sandbox.base_url();
        settings.rate = 1e6;
        settings.deadline = Duration::from_millis(200);
        let history = Arc::new(History::new(Place::File(path.clone())));
        let tailnet = Tailnet::new(settings).with_history(history.clone());
        let devices: Vec<Device> =
            own(&tailnet).await.into_iter().filter(Device::is_online).collect();
        let now = start.as_second();
        let truth = devices.iter().map(|it| (it.key().to_owned(), vec![(now, true)])).collect();
        let rng = Rng::with_seed(seed);
        Self { rng, sandbox, tailnet, path, history, devices, truth, now, good: Vec::new() }
    }

    fn advance(&mut self, by: Seconds) {
        self.sandbox.advance(Duration::from_secs(u64::try_from(by).unwrap()));
        self.now += by;
    }

    /// Some devices come or go.
    fn switch(&mut self) {
        for device in &self.devices {
            if self.rng.u8(..8) > 0 {
                continue;
            }
            let states = self.truth.get_mut(device.key()).unwrap();
            let is_on = !states.last().unwrap().1;
            let mut state = DeviceState::default();
            state.online = Some(is_on);
            assert!(self.sandbox.set_device(device.key(), &state));
            states.push((self.now, is_on));
        }
    }

    async fn poller(&self) -> Poller {
        self.tailnet.watch("one").await.unwrap().unwrap()
    }

    /// The process ends, and another one takes its place.
    async fn restart(&mut self) -> Poller {
        self.history = Arc::new(History::new(Place::File(self.path.clone())));
        self.tailnet = self.tailnet.with_history(self.history.clone());
        self.poller().await
    }

    async fn step(&mut self, poller: &mut Poller, source: &Source) {
        let gap = if self.rng.u8(..12) == 0 { 30 } else { 1 };
        self.advance(gap * MINUTE);
        self.switch();
        match self.rng.u8(..10) {
            0 | 1 => {
                self.sandbox.fail(fault(&mut self.rng));
                let looked = poller.look(source, self.now).await.unwrap();
                assert!(matches!(looked, Looked::Not(_)), "{looked:?}");
                self.sandbox.clear_faults();
            }
            2 => {
                // It is killed in the middle of a look.
                let wait = Duration::from_micros(self.rng.u64(..4_000));
                let looked = tokio::time::timeout(wait, poller.look(source, self.now)).await;
                if matches!(looked, Ok(Ok(Looked::Recorded { .. }))) {
                    self.good.push(self.now);
                } else {
                    *poller = self.restart().await;
                }
            }
            3 => {
                let looked = poller.look(source, self.now - 3_600).await.unwrap();
                assert!(
                    matches!(looked, Looked::Not(_) | Looked::Recorded { .. }),
                    "a clock that goes back: {looked:?}"
                );
                if matches!(looked, Looked::Recorded { .. }) {
                    // Nothing was seen before, so nothing says that this clock is wrong.
                    self.good.push(self.now - 3_600);
                }
            }
            4 => *poller = self.restart().await,
            _ => {
                let looked = poller.look(source, self.now).await.unwrap();
                assert!(matches!(looked, Looked::Recorded { .. }), "{looked:?}");
                self.good.push(self.now);
            }
        }
    }

    /// What is remembered agrees with what was.
    async fn check(&self) {
        let label = self.tailnet.label();
        let spans = self.history.spans(&label, 0, Seconds::MAX).await.unwrap().unwrap();
        let begun = spans.iter().next().unwrap().0;
        let seen = self.history.devices(&label, begun, None).await.unwrap();
        for (key, truth) in &self.truth {
            let found = seen.iter().find(|it| it.key == *key).unwrap();
            let ordered = found.states.windows(2).all(|it| it[0].0 < it[1].0);
            assert!(ordered, "{:?}", found.states);
            let at = |at: Seconds| uptime(&found.states, &spans, (at, at + 1), None);
            for good in self.good.iter().filter(|it| **it > begun && **it < self.now) {
                let claimed = at(*good);
                if claimed.watched == 1 {
                    let was = truth_at(truth, *good);
                    assert_eq!(claimed.up == 1, was, "{key} at {good}: {:?}", found.states);
                }
            }
            // What is told of a time in which nobody looked is only that it was away.
            for moment in (begun..self.now).step_by(30) {
                let looked = spans.iter().any(|(from, to)| (from..to).contains(&moment));
                let claimed = at(moment);
                if !looked && claimed.watched == 1 {
                    assert_eq!(claimed.up, 0, "{key} at {moment}");
                    assert!(!truth_at(truth, moment), "{key} at {moment}: {truth:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn whatever_happens_what_is_remembered_is_true() {
    for seed in 1..=3 {
        let folder = tempfile::tempdir().unwrap();
        let mut day = Day::new(seed, folder.path().join("history.db")).await;
        let source = Source::devices();
        let mut poller = day.poller().await;
        poller.look(&source, day.now).await.unwrap();
        day.good.push(day.now);
        for _ in 0..STEPS {
            day.step(&mut poller, &source).await;
        }
        // It recovers by itself.
        for _ in 0..2 {
            day.advance(MINUTE);
            let looked = poller.look(&source, day.now).await.unwrap();
            assert!(matches!(looked, Looked::Recorded { .. }), "{looked:?}");
            day.good.push(day.now);
        }
        day.check().await;
        let last = day.history.looks(&day.tailnet.label()).await.unwrap();
        assert!(last.iter().all(|it| it.error.is_none()), "{last:?}");
    }
}

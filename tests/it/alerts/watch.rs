//! A sandbox that is watched by hand.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Value, json};
use tailsteward::{
    Credential, Settings, Tailnet,
    alerts::{Episode, Setup},
    history::{Held, History, Poller, Seconds, Source},
    sandbox::{DeviceState, Options, Sandbox},
    tailnet::{alerts::Judge, devices::Device},
};

use crate::support::changes::own;

/// A sandbox that is watched by hand, with its clock.
pub(super) struct Watch {
    pub(super) sandbox: Sandbox,
    pub(super) tailnet: Tailnet,
    pub(super) history: Arc<History>,
    pub(super) poller: Poller,
    pub(super) judge: Judge,
    pub(super) now: Seconds,
}

pub(super) fn rules(rules: &Value) -> Setup {
    let mut setup = Setup::default();
    // Those from the start are switched off, so that only these fire.
    let off = tailsteward::tailnet::alerts::defaults::built_in().into_iter();
    setup.rules = off.map(|it| json!({ "name": it.rule.name, "on": false })).collect();
    setup.rules.extend(rules.as_array().unwrap().iter().cloned());
    setup.receivers = vec!["chat".into()];
    setup
}

impl Watch {
    pub(super) async fn new(devices: usize, with: &Value) -> Self {
        Self::from("2026-03-02T08:00:00Z".parse().unwrap(), devices, with).await
    }

    /// From a moment ago on, for tools, which go by the clock of this machine.
    pub(super) async fn recent(devices: usize, with: &Value) -> Self {
        Self::minutes_ago(10, devices, with).await
    }

    pub(super) async fn minutes_ago(minutes: i64, devices: usize, with: &Value) -> Self {
        let ago = jiff::SignedDuration::from_mins(minutes);
        Self::from(Timestamp::now().checked_sub(ago).unwrap(), devices, with).await
    }

    async fn from(start: Timestamp, devices: usize, with: &Value) -> Self {
        let options = Options { devices, now: Some(start), ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
        settings.base_url = sandbox.base_url();
        settings.rate = 1e6;
        settings.deadline = Duration::from_secs(2);
        let history = History::in_memory();
        let tailnet = Tailnet::new(settings)
            .with_history(history.clone())
            .with_alert_setup(Arc::new(rules(with)));
        let poller = tailnet.watch("one").await.unwrap().unwrap();
        let now = start.as_second();
        Self { sandbox, tailnet, history, poller, judge: Judge::default(), now }
    }

    pub(super) async fn device(&self, fits: impl Fn(&Device) -> bool) -> Device {
        own(&self.tailnet).await.into_iter().find(fits).unwrap()
    }

    pub(super) fn set(&self, device: &Device, change: impl Fn(&mut DeviceState)) {
        let mut state = DeviceState::default();
        change(&mut state);
        assert!(self.sandbox.set_device(device.key(), &state));
    }

    pub(super) fn switch(&self, device: &Device, on: bool) {
        self.set(device, |it| it.online = Some(on));
    }

    /// Time passes, and then all sources are looked at and judged.
    pub(super) async fn look_after(&mut self, seconds: Seconds) {
        self.sandbox.advance(Duration::from_secs(u64::try_from(seconds).unwrap()));
        self.now += seconds;
        for source in Source::all() {
            self.poller.look(&source, self.now).await.unwrap();
        }
        let alerts = self.tailnet.alerts();
        let held = self.judge.judge(alerts, &mut self.poller, self.now).await.unwrap();
        assert_eq!(held, Held::Yes);
    }

    pub(super) fn all(&self) -> Vec<Episode> {
        self.judge.episodes().cloned().collect()
    }

    pub(super) fn of(&self, rule: &str) -> Vec<Episode> {
        let mut all: Vec<Episode> = self.all().into_iter().filter(|it| it.rule == rule).collect();
        all.sort_by(|a, b| a.subject.cmp(&b.subject));
        all
    }

    pub(super) fn active(&self, rule: &str) -> Vec<Episode> {
        self.of(rule).into_iter().filter(Episode::is_active).collect()
    }
}

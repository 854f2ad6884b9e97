//! Judges the alert rules after each look, and keeps what they find. The process that watches does it.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{
    Acknowledged, Alerts, Circumstances, Mute, Outcome, Ready, TrafficWindows, Working, read,
    recorded::Recorded, write,
};
use crate::{
    Error, ErrorKind,
    alerts::Episode,
    client::Result,
    history::{AlertChanges, Held, History, Known, Outgoing, Poller, Seconds},
};

/// Judges the alert rules of a tailnet again and again.
#[derive(Debug, Default)]
pub struct Judge {
    /// None until they are read, and after a judgement that could not be recorded.
    working: Option<Working>,
    /// Rules that cannot be used, as they were last logged.
    broken: Vec<String>,
    /// What was last read of traffic.
    traffic: Arc<TrafficWindows>,
    /// When rules were last judged.
    judged_at: Seconds,
}

/// What a judgement goes by, besides what is in the poller's memory.
struct Inputs {
    label: String,
    title: String,
    rules: Vec<Ready>,
    acknowledged: Vec<Acknowledged>,
    mutes: Vec<Mute>,
    recorded: Recorded,
}

impl Judge {
    /// Judges the rules at `now` by what was last seen, and records what became of the alerts.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if it cannot be recorded. The next judgement finds the same.
    pub async fn judge(
        &mut self,
        alerts: Alerts<'_>,
        poller: &mut Poller,
        now: Seconds,
    ) -> Result<Held> {
        // A clock that went back.
        if now < self.judged_at || poller.looked_at().is_some_and(|at| now < at) {
            return Ok(Held::Yes);
        }
        let history = alerts.history()?;
        let working = if let Some(working) = self.working.take() {
            working
        } else {
            let open = history.open_alerts(&alerts.tailnet.label()).await?;
            Working::of(open.iter().filter_map(read).collect())
        };
        let inputs = self.inputs(alerts, history, now).await?;
        let judged = poller.with_known(move |known| {
            let mut working = working;
            let outcome = inputs.judge(&mut working, known, now);
            (working, outcome)
        });
        let (working, outcome) = judged.await?;
        let held = record(history, poller, &outcome, now).await?;
        self.working = Some(working);
        self.judged_at = now;
        Ok(held)
    }

    async fn inputs(
        &mut self,
        alerts: Alerts<'_>,
        history: &History,
        now: Seconds,
    ) -> Result<Inputs> {
        let tailnet = alerts.tailnet;
        let label = tailnet.label();
        let (rules, broken) = alerts.rules().await?;
        let broken: Vec<String> =
            broken.into_iter().map(|it| format!("`{}`: {}", it.name, it.why)).collect();
        if broken != self.broken {
            for rule in &broken {
                tracing::warn!(
                    tailnet = tailnet.title(),
                    rule,
                    "an alert rule is not as it should be"
                );
            }
            self.broken = broken;
        }
        let at = Timestamp::from_second(now).unwrap_or_default();
        let traffic = Arc::clone(&self.traffic);
        let recorded = alerts.recorded(history, &rules, traffic, now).await?;
        self.traffic = Arc::clone(&recorded.traffic);
        Ok(Inputs {
            title: tailnet.title(),
            acknowledged: alerts.acknowledged().await?,
            mutes: alerts.mutes(at).await?,
            recorded,
            rules,
            label,
        })
    }

    /// The alerts, as far as they are known here.
    pub fn episodes(&self) -> impl Iterator<Item = &Episode> {
        self.working.iter().flat_map(Working::all)
    }
}

impl Inputs {
    fn judge(
        &self,
        working: &mut Working,
        known: &HashMap<&'static str, &Known>,
        now: Seconds,
    ) -> Outcome {
        let facts = self.recorded.facts(now, known.clone());
        let by = Circumstances {
            label: &self.label,
            tailnet: &self.title,
            rules: &self.rules,
            acknowledged: &self.acknowledged,
            mutes: &self.mutes,
        };
        working.evaluate(by, &facts)
    }
}

async fn record(
    history: &History,
    poller: &Poller,
    outcome: &Outcome,
    now: Seconds,
) -> Result<Held> {
    let kept: Vec<_> = outcome.changed.iter().map(write).collect();
    let mut outgoing = Vec::new();
    for (receiver, notice) in &outcome.notices {
        let body = serde_json::to_string(notice).map_err(|error| {
            Error::new(ErrorKind::History, format!("a notice cannot be kept: {error}"))
        })?;
        outgoing.push(Outgoing {
            id: notice.id.clone(),
            receiver: receiver.clone(),
            body,
            tries: 0,
            made: now,
            error: None,
        });
    }
    if kept.is_empty() && outcome.dropped.is_empty() && outgoing.is_empty() {
        return Ok(Held::Yes);
    }
    let changes = AlertChanges {
        changed: &kept,
        dropped: &outcome.dropped,
        outgoing: &outgoing,
        is_news: outcome.is_news,
    };
    history.record_alerts(poller.lease(), changes, now).await
}

//! Delivers notices to their receivers, at least once. The process that watches does it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    pin::Pin,
    sync::Arc,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};

use super::{
    Alerts, Circumstances,
    evaluate::{line, notice},
    read,
};
use crate::{
    alerts::{Notice, Outcome, Receivers, Severity, Status},
    client::Result,
    history::{Delivery, Held, Lease, Outgoing, Seconds},
    live::Live,
};

/// How many notices are tried in one round.
const ROUND: i64 = 100;
/// The wait before the second try, in seconds. Each further one is twice as long.
const FIRST_WAIT: Seconds = 10;
/// The longest wait between two tries, in seconds.
const LONGEST_WAIT: Seconds = 3_600;
/// After how long a notice is given up, in seconds.
const GIVE_UP: Seconds = 86_400;

/// Delivers what is due.
#[derive(Debug)]
pub struct Deliverer {
    receivers: Live<Receivers>,
    /// Those of the last round.
    known: Arc<Receivers>,
    /// Receivers that want no more notices, and why.
    off: HashMap<String, String>,
    /// Receivers that did not take a notice, and until when they are left alone.
    waiting: HashMap<String, Seconds>,
    /// When receivers that forget were last notified of what still fires.
    resent: HashMap<String, Seconds>,
}

/// How a round went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// How many notices were delivered.
    pub delivered: usize,
    /// How many are tried again.
    pub again: usize,
    /// How many were given up.
    pub given_up: usize,
}

impl Deliverer {
    /// One for these receivers.
    pub fn new(receivers: impl Into<Live<Receivers>>) -> Self {
        let receivers = receivers.into();
        let known = receivers.get();
        Self {
            receivers,
            known,
            off: HashMap::new(),
            waiting: HashMap::new(),
            resent: HashMap::new(),
        }
    }

    /// Delivers what is due at `now`, to all receivers at once and to each in order. None if somebody else
    /// watches now.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if what is due cannot be read, or what was done not recorded. A
    /// notice that was delivered then comes again, with the same ID.
    pub async fn deliver(
        &mut self,
        alerts: Alerts<'_>,
        lease: &Lease,
        now: Seconds,
    ) -> Result<Option<Round>> {
        self.look_again();
        let history = alerts.history()?;
        let due = history.due(&alerts.tailnet.label(), now, ROUND).await?;
        let mut by_receiver: BTreeMap<String, Vec<Outgoing>> = BTreeMap::new();
        for it in due {
            if self.waiting.get(&it.receiver).is_none_or(|until| *until <= now) {
                by_receiver.entry(it.receiver.clone()).or_default().push(it);
            }
        }
        let mut under_way: FuturesUnordered<UnderWay<'_>> = FuturesUnordered::new();
        for (receiver, due) in by_receiver {
            let off = self.off.get(&receiver).cloned();
            let receivers = Arc::clone(&self.known);
            under_way
                .push(Box::pin(one_receiver(alerts, lease, receivers, receiver, due, off, now)));
        }
        let mut round = Round::default();
        while let Some(done) = under_way.next().await {
            let Some(done) = done? else { return Ok(None) };
            round.delivered += done.round.delivered;
            round.again += done.round.again;
            round.given_up += done.round.given_up;
            self.off.extend(done.off);
            self.waiting.extend(done.waits);
        }
        drop(under_way);
        self.resend(alerts, now).await?;
        Ok(Some(round))
    }

    /// Takes the receivers of the configuration, which may have been read again. One that was switched off gets
    /// another chance then.
    fn look_again(&mut self) {
        let now = self.receivers.get();
        if !Arc::ptr_eq(&now, &self.known) {
            self.known = now;
            self.off.clear();
            self.waiting.clear();
        }
    }

    /// Tells receivers that forget what still fires.
    async fn resend(&mut self, alerts: Alerts<'_>, now: Seconds) -> Result<()> {
        let names: HashSet<String> = self.known.names().map(str::to_owned).collect();
        for name in names {
            let Some(every) = self.known.resends(&name) else { continue };
            let every = Seconds::try_from(every.as_secs()).unwrap_or(Seconds::MAX);
            if self.resent.get(&name).is_some_and(|at| now - at < every) {
                continue;
            }
            self.resent.insert(name.clone(), now);
            for notice in alerts.firing_for(&name, now).await? {
                if let Outcome::Retry { why, .. } | Outcome::Failed { why } =
                    self.known.deliver(&name, &notice).await
                {
                    tracing::debug!(receiver = name, why, "firing alerts could not be resent");
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The delivery of the notices of one receiver.
type UnderWay<'a> = Pin<Box<dyn Future<Output = Result<Option<Done>>> + Send + 'a>>;

/// How the notices of one receiver went.
#[derive(Default)]
struct Done {
    round: Round,
    off: Option<(String, String)>,
    waits: Option<(String, Seconds)>,
}

/// Delivers the notices of one receiver, in order, until one has to wait. None if somebody else watches now.
async fn one_receiver(
    alerts: Alerts<'_>,
    lease: &Lease,
    receivers: Arc<Receivers>,
    name: String,
    due: Vec<Outgoing>,
    mut off: Option<String>,
    now: Seconds,
) -> Result<Option<Done>> {
    let history = alerts.history()?;
    let mut done = Done::default();
    for it in due {
        let outcome = match (&off, serde_json::from_str::<Notice>(&it.body)) {
            (Some(why), _) => Outcome::Failed { why: why.clone() },
            (None, Ok(notice)) => receivers.deliver(&name, &notice).await,
            (None, Err(error)) => Outcome::Failed { why: format!("it cannot be read: {error}") },
        };
        let delivery = match outcome {
            Outcome::Delivered => {
                done.round.delivered += 1;
                Delivery::Done
            }
            Outcome::Retry { why, after } if now - it.made < GIVE_UP => {
                tracing::warn!(
                    receiver = name,
                    why,
                    tries = it.tries + 1,
                    "an alert could not be delivered; trying again"
                );
                let after = after.map(|it| Seconds::try_from(it.as_secs()).unwrap_or(LONGEST_WAIT));
                let at = now + after.unwrap_or_else(|| wait(it.tries));
                done.round.again += 1;
                done.waits = Some((name.clone(), at));
                Delivery::Again(at, why)
            }
            Outcome::Retry { why, .. } | Outcome::Failed { why } => {
                tracing::error!(
                    receiver = name,
                    why,
                    "an alert could not be delivered, and is given up"
                );
                done.round.given_up += 1;
                Delivery::GivenUp(why)
            }
            Outcome::Off { why } => {
                tracing::error!(
                    receiver = name,
                    why,
                    "the receiver answered 410 and is switched off"
                );
                let why = format!("switched off until the next start: {why}");
                off = Some(why.clone());
                done.off = Some((name.clone(), why.clone()));
                done.round.given_up += 1;
                Delivery::GivenUp(why)
            }
        };
        if history.record_delivery(lease, &it, &delivery).await? == Held::No {
            return Ok(None);
        }
        if done.waits.is_some() {
            break;
        }
    }
    Ok(Some(done))
}

/// How long to wait after so many tries, in seconds: between half and all of twice the time before.
fn wait(tries: i64) -> Seconds {
    let doubled = u32::try_from(tries).ok().and_then(|it| FIRST_WAIT.checked_shl(it.min(20)));
    let longest = doubled.unwrap_or(LONGEST_WAIT).clamp(FIRST_WAIT, LONGEST_WAIT);
    fastrand::i64(longest / 2..=longest)
}

impl Alerts<'_> {
    /// Notices of all that fires and that this receiver was notified of.
    async fn firing_for(self, receiver: &str, now: Seconds) -> Result<Vec<Notice>> {
        let label = self.tailnet.label();
        let title = self.tailnet.title();
        let open = self.history()?.open_alerts(&label).await?;
        let (rules, _) = self.rules().await?;
        let mut by_rule: BTreeMap<(String, Severity), Vec<_>> = BTreeMap::new();
        for it in open.iter().filter_map(read) {
            if it.is_active() && it.notified.iter().any(|name| name == receiver) {
                let line = line(&it, Status::Reminder);
                by_rule.entry((it.rule, it.severity)).or_default().push(line);
            }
        }
        let by = Circumstances {
            label: &label,
            tailnet: &title,
            rules: &rules,
            acknowledged: &[],
            mutes: &[],
        };
        let notices = by_rule.iter().map(|((name, severity), lines)| {
            let rule = rules.iter().find(|rule| rule.rule.name == *name);
            notice(by, name, rule, *severity, lines, now)
        });
        Ok(notices.collect())
    }
}

//! Watches tailnets: looks at each source again and again, and records what changed. Of several processes
//! that share a history, one does it for each tailnet.

use std::{collections::HashMap, future::Future, pin::pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::{
    Tailnet,
    alerts::Receivers,
    guard::nonce,
    history::{Held, History, LEASE, Lease, Looked, Poller, Seconds, Source},
    tailnet::{
        Tailnets,
        alerts::{Deliverer, Judge},
    },
};

/// How often a process that does not watch tries to take over.
const TAKE_OVER: Duration = Duration::from_secs(5);
/// The longest wait before the first look at a source, so that not all are asked at once.
const SPREAD: Duration = Duration::from_mins(1);
/// How often what is due is delivered.
const DELIVERIES: Duration = Duration::from_secs(2);
/// How often days are summed up, and old rows deleted.
const TIDY: Duration = Duration::from_hours(1);

/// Watches all `tailnets` that have a history, until `ending` is cancelled.
pub(crate) async fn watch(
    tailnets: &Tailnets,
    receivers: &Arc<Receivers>,
    ending: &CancellationToken,
) {
    let each = tailnets.all().map(|tailnet| watch_one(tailnet, receivers, ending));
    futures_util::future::join_all(each).await;
}

async fn watch_one(tailnet: &Tailnet, receivers: &Arc<Receivers>, ending: &CancellationToken) {
    let Some(history) = tailnet.history() else { return };
    let Ok(holder) = nonce() else { return tracing::error!("the system has no random bytes") };
    loop {
        match tailnet.watch(&holder).await {
            Ok(Some(poller)) => {
                let mut turn = Turn::new(tailnet, poller, history);
                let lease = turn.poller.lease().clone();
                let ended = tokio::select! {
                    ended = turn.run(ending) => ended,
                    () = deliver(tailnet, &lease, receivers) => Ended::TakenOver,
                };
                if ended == Ended::Stopped {
                    return;
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the history cannot be used; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(TAKE_OVER) => {}
            () = ending.cancelled() => return,
        }
    }
}

#[derive(PartialEq, Eq)]
enum Ended {
    /// The process ends.
    Stopped,
    /// Another process watches now.
    TakenOver,
}

/// The time in which this process watches a tailnet.
struct Turn<'a> {
    title: String,
    tailnet: &'a Tailnet,
    poller: Poller,
    judge: Judge,
    history: &'a History,
    /// Each source, and when it is due.
    due: Vec<(Instant, Source)>,
    /// Why sources could not be read, by name: it is logged once, not each time.
    failing: HashMap<&'static str, String>,
    tidy_at: Instant,
}

impl<'a> Turn<'a> {
    fn new(tailnet: &'a Tailnet, poller: Poller, history: &'a History) -> Self {
        let now = Instant::now();
        let when = |source: &Source| {
            // The devices first; the others spread over the first minute.
            let wait = SPREAD.mul_f64(fastrand::f64());
            if source.name == "devices" { now } else { now + wait }
        };
        let due = Source::all().into_iter().map(|source| (when(&source), source)).collect();
        Self {
            title: tailnet.title(),
            tailnet,
            poller,
            judge: Judge::default(),
            history,
            due,
            failing: HashMap::new(),
            tidy_at: now + SPREAD,
        }
    }

    async fn run(&mut self, ending: &CancellationToken) -> Ended {
        tracing::info!(tailnet = self.title, "watching");
        let (lease, history) = (self.poller.lease().clone(), self.history);
        if holding(history, &lease, self.take_up()).await == Some(Ended::TakenOver) {
            return Ended::TakenOver;
        }
        loop {
            let next = self.due.iter().map(|it| it.0).min().unwrap_or(self.tidy_at);
            let wait = tokio::time::sleep_until(next.min(self.tidy_at));
            let step = async {
                wait.await;
                self.step().await
            };
            let ended = tokio::select! {
                ended = holding(history, &lease, step) => ended,
                () = ending.cancelled() => Some(Ended::Stopped),
            };
            match ended {
                None => {}
                Some(Ended::Stopped) => {
                    // So that another one need not wait until the lease ends.
                    if let Err(error) = history.release(&lease).await {
                        tracing::debug!(%error, "the lease could not be given back");
                    }
                    return Ended::Stopped;
                }
                Some(Ended::TakenOver) => {
                    tracing::warn!(tailnet = self.title, "another process watches now");
                    return Ended::TakenOver;
                }
            }
        }
    }

    /// Looks at the source that is due, or tidies up.
    async fn step(&mut self) -> Option<Ended> {
        let now = Instant::now();
        if self.tidy_at <= now {
            self.tidy_at = now + TIDY;
            if let Err(error) = self.poller.tidy(Timestamp::now().as_second()).await {
                tracing::warn!(%error, "old entries of the history could not be deleted");
            }
            return None;
        }
        let (at, source) = self.due.iter_mut().min_by_key(|it| it.0)?;
        let time = Timestamp::now().as_second();
        let looked = self.poller.look(source, time).await;
        let interval = u64::try_from(self.poller.interval(source)).unwrap_or(u64::MAX);
        // A little sooner or later, so that replicas and tailnets do not fall into step.
        let wait = Duration::from_secs(interval).mul_f64(0.95 + fastrand::f64() * 0.1);
        *at = Instant::now() + wait;
        let source = source.name;
        match looked {
            Ok(Looked::TakenOver) => return Some(Ended::TakenOver),
            Ok(looked) => self.note(source, looked),
            Err(error) => {
                tracing::warn!(tailnet = self.title, source, %error, "nothing was recorded");
                return None;
            }
        }
        self.judge(time).await
    }

    /// Logs how a look ended, if that is another way than the last time.
    fn note(&mut self, source: &'static str, looked: Looked) {
        let tailnet = self.title.as_str();
        match looked {
            Looked::Recorded { seen, facts } => {
                tracing::debug!(source, seen, facts, "looked");
                if self.failing.remove(source).is_some() {
                    tracing::warn!(tailnet, source, "polled again");
                }
            }
            Looked::Not(why) if self.failing.get(source) != Some(&why) => {
                tracing::warn!(tailnet, source, why, "poll failed; nothing is recorded");
                self.failing.insert(source, why);
            }
            _ => {}
        }
    }

    /// Judges the alert rules by what was last seen.
    async fn judge(&mut self, now: Seconds) -> Option<Ended> {
        match self.judge.judge(self.tailnet.alerts(), &mut self.poller, now).await {
            Ok(Held::Yes) => None,
            Ok(Held::No) => Some(Ended::TakenOver),
            Err(error) => {
                tracing::warn!(tailnet = self.title, %error, "alerts could not be judged");
                None
            }
        }
    }

    /// Judges what the one before saw and may not have judged.
    async fn take_up(&mut self) -> Option<Ended> {
        if let Err(error) = self.poller.recall().await {
            tracing::warn!(tailnet = self.title, %error, "what was seen could not be read");
            return None;
        }
        let seen = self.poller.looked_at()?;
        self.judge(seen).await
    }
}

/// Delivers what is due again and again, until somebody else watches.
async fn deliver(tailnet: &Tailnet, lease: &Lease, receivers: &Arc<Receivers>) {
    let mut deliverer = Deliverer::new(Arc::clone(receivers));
    let mut failing = false;
    loop {
        tokio::time::sleep(DELIVERIES).await;
        let now = Timestamp::now().as_second();
        match deliverer.deliver(tailnet.alerts(), lease, now).await {
            Ok(Some(_)) => failing = false,
            Ok(None) => return,
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "deliveries could not be recorded; trying again");
                }
                failing = true;
            }
        }
    }
}

/// Waits for `step`, and renews the lease meanwhile.
async fn holding(
    history: &History,
    lease: &Lease,
    step: impl Future<Output = Option<Ended>>,
) -> Option<Ended> {
    let mut step = pin!(step);
    let mut renewal = tokio::time::interval(LEASE / 3);
    renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
    renewal.reset();
    loop {
        tokio::select! {
            ended = &mut step => return ended,
            _ = renewal.tick() => match history.renew(lease).await {
                Ok(true) => {}
                Ok(false) => return Some(Ended::TakenOver),
                Err(error) => tracing::warn!(%error, "the right to watch could not be renewed"),
            },
        }
    }
}

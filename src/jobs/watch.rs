//! Watches tailnets: looks at each source again and again, and records what changed. Of several processes
//! that share a history, one does it for each tailnet.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Heartbeat, heard};
use crate::{
    Tailnet,
    alerts::Receivers,
    guard::nonce,
    history::{Held, History, Lease, Looked, Memory, Poller, Seconds, Source},
    live::Live,
    tailnet::{
        Tailnets,
        alerts::{Deliverer, Judge},
        reports::Schedule,
    },
};

/// The target under which the log says who watches.
const LOG: &str = "watch";
/// How often a process that does not watch tries to take over.
const TAKE_OVER: Duration = Duration::from_secs(5);
/// How often the right to watch is renewed. Other processes are heard as often.
const RENEWAL: Duration = Duration::from_millis(6_500);
/// The longest wait before the first look at a source, so that not all are asked at once.
const SPREAD: Duration = Duration::from_mins(1);
/// How often what is due is delivered.
const DELIVERIES: Duration = Duration::from_secs(2);
/// The shortest time between two looks at a source that somebody asked for.
const PAUSE: Duration = Duration::from_secs(10);
/// The same for a source that is looked at less often because it is large.
const LARGE_PAUSE: Duration = Duration::from_mins(1);
/// How often it is looked whether a report is due, and how long before the first time: after the first looks.
const REPORTS: Duration = Duration::from_mins(2);
const FIRST_REPORT: Duration = Duration::from_secs(15);
/// How often days are summed up, and old rows deleted.
const TIDY: Duration = Duration::from_hours(1);

/// What a process that watches does beside it.
#[derive(Clone)]
pub(crate) struct Duties {
    /// Who is notified of alerts.
    pub(crate) receivers: Live<Receivers>,
    /// Called while this process watches.
    pub(crate) heartbeat: Option<Heartbeat>,
    /// How often reports are made.
    pub(crate) reports: Option<Schedule>,
}

/// Watches all `tailnets` that have a history, until `ending` is cancelled.
pub(crate) async fn watch(tailnets: &Tailnets, duties: &Duties, ending: &CancellationToken) {
    let each = tailnets.all().map(|it| watch_one(it, duties, ending));
    futures_util::future::join_all(each).await;
}

async fn watch_one(tailnet: &Tailnet, duties: &Duties, ending: &CancellationToken) {
    let Some(history) = tailnet.history() else { return };
    let Ok(holder) = holder() else { return tracing::error!("the system has no random bytes") };
    let mut stands_by = false;
    loop {
        match tailnet.watch(&holder).await {
            Ok(Some(poller)) => {
                say_who(tailnet, &holder, stands_by);
                stands_by = false;
                let mut turn = Turn::new(tailnet, poller, history, duties);
                let lease = turn.poller.lease().clone();
                let ended = tokio::select! {
                    ended = turn.run(ending) => ended,
                    () = deliver(tailnet, &lease, &duties.receivers) => Ended::TakenOver,
                };
                if let Some(heartbeat) = &duties.heartbeat {
                    heartbeat.leave(&tailnet.label());
                }
                if ended == Ended::Stopped {
                    return;
                }
            }
            Ok(None) if stands_by => {}
            Ok(None) => {
                stands_by = true;
                let who = history.holder(&tailnet.label()).await.ok().flatten();
                let who = who.as_deref().map_or("another process", place);
                tracing::info!(target: LOG, tailnet = tailnet.title(), "standing by: {who} watches");
            }
            Err(error) => tracing::warn!(%error, "the history cannot be used; trying again"),
        }
        tokio::select! {
            () = tokio::time::sleep(TAKE_OVER) => {}
            () = ending.cancelled() => return,
        }
    }
}

/// This process, by machine and number, with what tells it from all others.
fn holder() -> crate::client::Result<String> {
    let machine = whoami::hostname().unwrap_or_else(|_| "this machine".to_owned());
    Ok(format!("process {} on {machine} {}", std::process::id(), nonce()?))
}

/// The part of a holder that people read.
fn place(holder: &str) -> &str {
    holder.rsplit_once(' ').map_or(holder, |it| it.0)
}

fn say_who(tailnet: &Tailnet, holder: &str, took_over: bool) {
    let (tailnet, who) = (tailnet.title(), place(holder));
    if took_over {
        tracing::info!(target: LOG, tailnet, "{who} has taken over and watches");
    } else {
        tracing::info!(target: LOG, tailnet, "{who} watches");
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
    label: String,
    poller: Poller,
    judge: Judge,
    history: &'a History,
    /// Each source, and when it is due.
    due: Vec<(Instant, Source)>,
    /// Why sources could not be read, by name: it is logged once, not each time.
    failing: HashMap<&'static str, String>,
    /// When each source was last looked at, by name.
    looked_at: HashMap<&'static str, Instant>,
    tidy_at: Instant,
    /// When it is looked whether a report is due.
    report_at: Option<Instant>,
    duties: &'a Duties,
}

impl<'a> Turn<'a> {
    fn new(tailnet: &'a Tailnet, poller: Poller, history: &'a History, duties: &'a Duties) -> Self {
        let now = Instant::now();
        let when = |source: &Source| {
            // The devices first; the others spread over the first minute.
            let wait = SPREAD.mul_f64(fastrand::f64());
            if source.name == "devices" { now } else { now + wait }
        };
        let sources = Source::all().into_iter().chain([Source::flow_logs()]);
        let due = sources.map(|source| (when(&source), source)).collect();
        Self {
            title: tailnet.title(),
            label: tailnet.label(),
            tailnet,
            poller,
            judge: Judge::default(),
            history,
            due,
            failing: HashMap::new(),
            looked_at: HashMap::new(),
            tidy_at: now + SPREAD,
            report_at: duties.reports.map(|_| now + FIRST_REPORT),
            duties,
        }
    }

    async fn run(&mut self, ending: &CancellationToken) -> Ended {
        let (lease, history) = (self.poller.lease().clone(), self.history);
        let memory = Arc::clone(self.poller.memory());
        let mut holding = Holding::new(history, &lease, &memory);
        if holding.during(self.take_up()).await == Some(Ended::TakenOver) {
            return Ended::TakenOver;
        }
        loop {
            let next = self.due.iter().map(|it| it.0).min().unwrap_or(self.tidy_at);
            let next = self.report_at.map_or(next, |at| next.min(at));
            let wait = tokio::time::sleep_until(next.min(self.tidy_at));
            let step = async {
                tokio::select! {
                    () = wait => self.step().await,
                    sources = memory.asked_for() => {
                        self.hurry(&sources);
                        None
                    }
                }
            };
            let ended = tokio::select! {
                ended = holding.during(step) => ended,
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

    /// Looks at these sources as soon as possible.
    fn hurry(&mut self, sources: &BTreeSet<&'static str>) {
        for (at, source) in self.due.iter_mut().filter(|it| sources.contains(it.1.name)) {
            let is_large = self.poller.interval(source) > source.interval;
            let pause = if is_large { LARGE_PAUSE } else { PAUSE };
            let now = Instant::now();
            let soonest = self.looked_at.get(source.name).map_or(now, |it| now.max(*it + pause));
            *at = soonest.min(*at);
        }
    }

    /// Tells the heartbeat how a look at the devices went.
    fn beat(&self, source: &str, is_good: bool) {
        match self.duties.heartbeat.as_ref().filter(|_| source == "devices") {
            Some(heartbeat) if is_good => heartbeat.seen(&self.label),
            Some(heartbeat) => heartbeat.blind(&self.label),
            None => {}
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
        if let (Some(at), Some(schedule)) = (self.report_at, self.duties.reports)
            && at <= now
        {
            self.report_at = Some(now + REPORTS);
            Box::pin(self.report(schedule)).await;
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
        self.looked_at.insert(source, now);
        self.beat(source, matches!(looked, Ok(Looked::Recorded { .. })));
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

    /// Makes a report if one is due.
    async fn report(&self, schedule: Schedule) {
        let tailnet = self.title.as_str();
        match self.tailnet.reports().make_due(schedule, Timestamp::now()).await {
            Ok(Some(report)) => {
                tracing::info!(target: LOG, tailnet, id = report.id(), "made a report");
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(tailnet, %error, "a report is due and could not be made"),
        }
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
async fn deliver(tailnet: &Tailnet, lease: &Lease, receivers: &Live<Receivers>) {
    let mut deliverer = Deliverer::new(receivers.clone());
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

/// Renews the lease, and hears what other processes ask for.
struct Holding<'a> {
    history: &'a History,
    lease: &'a Lease,
    memory: &'a Memory,
    /// How often other processes have asked for a look.
    asked: i64,
    /// When the lease is to be renewed. Kept over all steps, so that none puts it off.
    renew_at: Instant,
}

impl<'a> Holding<'a> {
    fn new(history: &'a History, lease: &'a Lease, memory: &'a Memory) -> Self {
        Self { history, lease, memory, asked: lease.asked(), renew_at: Instant::now() + RENEWAL }
    }

    /// Waits for `step`, and renews the lease meanwhile. Both go on at once, because a database may have one
    /// connection for both.
    async fn during(&mut self, step: impl Future<Output = Option<Ended>>) -> Option<Ended> {
        tokio::select! {
            ended = step => ended,
            ended = self.renew() => Some(ended),
        }
    }

    /// Renews the lease again and again, until somebody else has taken over.
    async fn renew(&mut self) -> Ended {
        loop {
            tokio::time::sleep_until(self.renew_at).await;
            let asked = self.history.renew_and_hear(self.lease).await;
            self.renew_at = Instant::now() + RENEWAL;
            match asked {
                Ok(Some(asked)) if asked != self.asked => {
                    self.asked = asked;
                    self.memory.look_soon(&heard::PUSHED);
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ended::TakenOver,
                Err(error) => tracing::warn!(%error, "the right to watch could not be renewed"),
            }
        }
    }
}

//! Reports the progress of a call: how many requests it has sent, and whether it waits for the rate limit.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout};

/// The time between two reports. Some clients give up after 5 s without one.
const INTERVAL: Duration = Duration::from_secs(2);

tokio::task_local! {
    /// The observer of the call that this task works for.
    static OBSERVER: Arc<Observer>;
}

/// Progress of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The number of requests that were answered.
    pub(crate) requests: usize,
    /// Whether most of the time since the last report was spent on waiting for the rate limit.
    pub(crate) is_limited: bool,
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, is_limited } = *self;
        let limit = if is_limited { ", waiting for the rate limit" } else { "" };
        let plural = if requests == 1 { "" } else { "s" };
        write!(f, "{requests} request{plural} sent{limit}")
    }
}

/// Reports the progress of a call every two seconds; a call that is faster is not reported.
pub(crate) struct Observer {
    report: Box<dyn Fn(Observed) + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    requests: usize,
    waited: Duration,
    reported: Instant,
}

impl Observer {
    /// An observer that calls `report`.
    pub(crate) fn new(report: impl Fn(Observed) + Send + Sync + 'static) -> Self {
        let state = State { requests: 0, waited: Duration::ZERO, reported: Instant::now() };
        Self { report: Box::new(report), state: Mutex::new(state) }
    }

    fn note(&self, answered: usize, waited: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests += answered;
        state.waited += waited;
        let since = state.reported.elapsed();
        if since < INTERVAL {
            return;
        }
        let is_limited = state.waited >= since / 2;
        let observed = Observed { requests: state.requests, is_limited };
        state.waited = Duration::ZERO;
        state.reported = Instant::now();
        drop(state);
        (self.report)(observed);
    }
}

/// Runs `work` with `observer`, if there is one, on the requests that it sends.
pub(crate) async fn observed<F: Future>(observer: Option<Arc<Observer>>, work: F) -> F::Output {
    match observer {
        Some(observer) => OBSERVER.scope(observer, work).await,
        None => work.await,
    }
}

/// The observer of this task, to be handed to another one.
pub(crate) fn observer() -> Option<Arc<Observer>> {
    OBSERVER.try_with(Arc::clone).ok()
}

/// Waits for the answer to a request, and counts it.
pub(super) async fn answered<F: Future>(request: F) -> F::Output {
    let answer = ticking(request, |_| Duration::ZERO).await;
    if let Some(observer) = observer() {
        observer.note(1, Duration::ZERO);
    }
    answer
}

/// Waits for `turn`, which the rate limit delays.
pub(super) async fn limited<F: Future>(turn: F) -> F::Output {
    ticking(turn, |elapsed| elapsed).await
}

/// Waits for `work`, and reports meanwhile. `limited` says how much of the time counts as waiting for the
/// rate limit.
async fn ticking<F: Future>(work: F, limited: impl Fn(Duration) -> Duration) -> F::Output {
    let Some(observer) = observer() else { return work.await };
    let mut work = std::pin::pin!(work);
    loop {
        let started = Instant::now();
        let done = timeout(INTERVAL / 4, work.as_mut()).await;
        observer.note(0, limited(started.elapsed()));
        if let Ok(done) = done {
            return done;
        }
    }
}

//! Rate and concurrency limits, for each client and in total.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use tokio::sync::Notify;

/// A rate limit for each principal.
pub(super) struct Rate {
    turns: DefaultKeyedRateLimiter<Arc<str>>,
    clock: DefaultClock,
}

impl Rate {
    /// `rate` sustained requests per second, with a burst of twice as many.
    pub(super) fn new(rate: NonZeroU32) -> Self {
        let quota = Quota::per_second(rate)
            .allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        Self { turns: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Admits a request, or returns how long to wait.
    pub(super) fn take(&self, who: &Arc<str>) -> Result<(), Duration> {
        self.turns.check_key(who).map_err(|it| it.wait_time_from(self.clock.now()))
    }
}

/// A limited number of slots, with a maximum for each principal.
#[derive(Clone)]
pub(super) struct Places(Arc<Inner>);

struct Inner {
    all: usize,
    each: usize,
    taken: Mutex<HashMap<Arc<str>, usize>>,
    emptied: Notify,
}

/// A slot, taken until this is dropped.
pub(super) struct Place {
    of: Places,
    who: Arc<str>,
}

impl Places {
    /// `all` slots, of which one principal gets at most `each`.
    pub(super) fn new(all: usize, each: usize) -> Self {
        Self(Arc::new(Inner { all, each, taken: Mutex::default(), emptied: Notify::new() }))
    }

    /// A slot for `who`, if one is free.
    pub(super) fn take(&self, who: &Arc<str>) -> Option<Place> {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.get(who).copied().unwrap_or_default();
        if own >= self.0.each || taken.values().sum::<usize>() >= self.0.all {
            return None;
        }
        taken.insert(Arc::clone(who), own + 1);
        Some(Place { of: self.clone(), who: Arc::clone(who) })
    }

    /// Waits until all slots are free.
    pub(super) async fn empty(&self) {
        loop {
            let emptied = self.0.emptied.notified();
            if self.taken() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// The number of slots in use.
    pub(super) fn taken(&self) -> usize {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.who) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.who)),
        }
        if taken.is_empty() {
            self.of.0.emptied.notify_waiters();
        }
    }
}

//! How fast requests may leave: a rate per endpoint, a cap over all, and pauses the API asks for.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until, timeout_at},
};

use super::{Error, ErrorKind, Result, Settings};
use crate::Operation;

/// Lets requests go, each when it is its turn.
pub(super) struct Limit {
    rate: DefaultKeyedRateLimiter<Operation>,
    in_flight: Semaphore,
    /// Until when the API wants an endpoint left alone.
    paused: Mutex<HashMap<Operation, Instant>>,
}

impl Limit {
    pub(super) fn new(settings: &Settings) -> Self {
        // A rate that is no number becomes one a second.
        let period = Duration::try_from_secs_f64(1.0 / settings.rate.clamp(0.001, 1e6));
        let period = period.unwrap_or(Duration::from_secs(1));
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(settings.burst));
        Self {
            rate: RateLimiter::keyed(quota.allow_burst(settings.burst)),
            in_flight: Semaphore::new(settings.in_flight.max(1)),
            paused: Mutex::default(),
        }
    }

    /// Waits until a request to `operation` may go, at most until `deadline`.
    pub(super) async fn turn(
        &self,
        operation: Operation,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>> {
        let turn = async {
            self.rate.until_key_ready(&operation).await;
            loop {
                while let Some(until) = self.pause(operation) {
                    sleep_until(until).await;
                }
                let permit = self.in_flight.acquire().await;
                // The API may have asked for a pause while this waited for others to end.
                if self.pause(operation).is_none() {
                    return permit;
                }
            }
        };
        // A pause beyond the deadline is not waited for: the caller can do better with the time.
        if self.pause(operation).is_some_and(|until| until > deadline) {
            return Err(self.too_late(operation));
        }
        match timeout_at(deadline, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(self.too_late(operation)),
        }
    }

    /// Leaves `operation` alone for `wait`.
    pub(super) fn hold(&self, operation: Operation, wait: Duration) {
        let until = Instant::now() + wait;
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let known = paused.entry(operation).or_insert(until);
        *known = (*known).max(until);
    }

    fn pause(&self, operation: Operation) -> Option<Instant> {
        let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.get(&operation).copied().filter(|until| *until > Instant::now())
    }

    fn too_late(&self, operation: Operation) -> Error {
        let wait = self.pause(operation).map(|until| until - Instant::now());
        let kind = if wait.is_some() { ErrorKind::RateLimited } else { ErrorKind::Timeout };
        Error::new(kind, "the request's turn did not come before its deadline; nothing was sent")
            .after(wait)
    }
}

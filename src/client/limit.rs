//! Rate limits: per endpoint, over all requests in flight, and pauses that the API asks for.

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

/// Delays requests to stay within the rate limits.
pub(super) struct Limit {
    rate: DefaultKeyedRateLimiter<Operation>,
    burst: u32,
    in_flight: Semaphore,
    /// The end of the pause that the API asked for, by endpoint.
    paused: Mutex<HashMap<Operation, Instant>>,
}

impl Limit {
    pub(super) fn new(settings: &Settings) -> Self {
        // A rate that is not a number becomes one per second.
        let period = Duration::try_from_secs_f64(1.0 / settings.rate.clamp(0.001, 1e6));
        let period = period.unwrap_or(Duration::from_secs(1));
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(settings.burst));
        Self {
            rate: RateLimiter::keyed(quota.allow_burst(settings.burst)),
            burst: settings.burst.get(),
            in_flight: Semaphore::new(settings.in_flight.max(1)),
            paused: Mutex::default(),
        }
    }

    /// Waits until a request to `operation` may be sent, at most until `deadline`.
    pub(super) async fn turn(
        &self,
        operation: Operation,
        deadline: Instant,
    ) -> Result<SemaphorePermit<'_>> {
        let turn = async {
            loop {
                while let Some(until) = self.pause(operation) {
                    sleep_until(until).await;
                }
                self.rate.until_key_ready(&operation).await;
                let permit = self.in_flight.acquire().await;
                // The API may have asked for a pause while this request was waiting.
                if self.pause(operation).is_none() {
                    return permit;
                }
            }
        };
        // A pause that ends after the deadline fails at once, so that the caller loses no time.
        if self.pause(operation).is_some_and(|until| until > deadline) {
            return Err(self.too_late(operation));
        }
        match timeout_at(deadline, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(self.too_late(operation)),
        }
    }

    /// Pauses `operation` for `wait` and uses up its burst, so that waiting requests are sent at
    /// the sustained rate afterwards. Sent all at once, the API would refuse them again.
    pub(super) fn hold(&self, operation: Operation, wait: Duration) {
        for _ in 0..self.burst {
            if self.rate.check_key(&operation).is_err() {
                break;
            }
        }
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
        Error::new(kind, "the rate limit delayed the request past its deadline; nothing was sent")
            .after(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Credential;

    const READ: Operation = Operation::GetTailnetSettings;
    const OTHER: Operation = Operation::ListTailnetDevices;

    fn one_place() -> Limit {
        let mut settings = Settings::new(Credential::ApiKey("k".into()));
        settings.in_flight = 1;
        // The rate limiter uses the real clock, not tokio's paused one.
        settings.rate = 1e6;
        Limit::new(&settings)
    }

    fn in_seconds(count: u64) -> Instant {
        Instant::now() + Duration::from_secs(count)
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_gets_no_place_before_its_deadline_is_not_sent() {
        let limit = one_place();
        let taken = limit.turn(READ, in_seconds(9)).await.unwrap();

        let error = limit.turn(OTHER, in_seconds(9)).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Timeout);
        drop(taken);
        drop(limit.turn(OTHER, in_seconds(9)).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_waited_for_if_the_deadline_allows_and_told_if_not() {
        let limit = one_place();
        let started = Instant::now();
        limit.hold(READ, Duration::from_secs(10));
        // A shorter pause does not end a longer one.
        limit.hold(READ, Duration::from_secs(1));

        let error = limit.turn(READ, in_seconds(5)).await.unwrap_err();
        drop(limit.turn(OTHER, in_seconds(5)).await.unwrap());
        assert_eq!(started.elapsed(), Duration::ZERO);
        drop(limit.turn(READ, in_seconds(20)).await.unwrap());

        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(10)));
        assert!(started.elapsed() >= Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_begins_while_a_call_waits_for_its_place_holds_it_but_not_the_place() {
        let limit = one_place();
        let started = Instant::now();
        let taken = limit.turn(READ, in_seconds(60)).await.unwrap();

        let asked = async {
            drop(limit.turn(READ, in_seconds(60)).await.unwrap());
            started.elapsed()
        };
        let other = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            limit.hold(READ, Duration::from_secs(10));
            drop(taken);
            drop(limit.turn(OTHER, in_seconds(60)).await.unwrap());
            started.elapsed()
        };
        let (held, other) = tokio::join!(asked, other);

        assert!(held >= Duration::from_secs(11), "{held:?}");
        assert!(other < Duration::from_secs(2), "{other:?}");
    }

    #[tokio::test]
    async fn a_refusal_takes_the_burst_away() {
        let mut settings = Settings::new(Credential::ApiKey("k".into()));
        settings.rate = 10.0;
        let limit = Limit::new(&settings);
        limit.hold(READ, Duration::ZERO);
        let started = std::time::Instant::now();

        for _ in 0..3 {
            drop(limit.turn(READ, in_seconds(9)).await.unwrap());
        }
        let slow = started.elapsed();
        for _ in 0..10 {
            drop(limit.turn(OTHER, in_seconds(9)).await.unwrap());
        }

        assert!(slow >= Duration::from_millis(250), "{slow:?}");
        assert!(
            started.elapsed() < slow + Duration::from_millis(500),
            "another endpoint waits too"
        );
    }
}

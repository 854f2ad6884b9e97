//! When failed requests are retried.

use std::{error::Error as _, io, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::HeaderMap;

use super::ErrorKind;

/// The longest wait that a server can impose.
pub(super) const MAX_WAIT: Duration = Duration::from_mins(5);

/// Delays between attempts: five, doubling from 250 ms, with jitter.
pub(super) fn delays() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(5)
        .with_jitter()
        .build()
}

/// The wait that a `Retry-After` header asks for, in seconds or as an HTTP date, at most [`MAX_WAIT`].
pub(super) fn after(headers: &HeaderMap) -> Option<Duration> {
    after_at_most(headers, MAX_WAIT)
}

/// The wait that a `Retry-After` header asks for, in seconds or as an HTTP date, at most `longest`.
pub(super) fn after_at_most(headers: &HeaderMap, longest: Duration) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(std::time::SystemTime::now())
            .unwrap_or_default(),
    };
    Some(wait.min(longest))
}

/// The kind of error for a request that got no answer.
pub(super) fn failure(error: &reqwest::Error) -> ErrorKind {
    let mut source = error.source();
    while let Some(cause) = source {
        if is_tls(cause) {
            return ErrorKind::Tls;
        }
        // The resolver's error type is private, but its message is not.
        if cause.to_string().contains("dns error") {
            return ErrorKind::Dns;
        }
        source = cause.source();
    }
    if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Unreachable }
}

/// Whether an error or one of its causes is a TLS error. Looks into I/O errors, too: the error that
/// one wraps is not its source.
fn is_tls(cause: &(dyn std::error::Error + 'static)) -> bool {
    let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    cause.is::<rustls::Error>() || inner.is_some_and(|it| is_tls(it))
}

/// The innermost cause as text: outer errors only repeat that sending failed.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "no response in time".to_owned() } else { cause.to_string() }
}

/// Whether the request surely never reached the server.
pub(super) fn never_arrived(error: &reqwest::Error) -> bool {
    error.is_connect()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn asked(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::RETRY_AFTER, text.parse().unwrap());
        after(&headers)
    }

    #[test]
    fn a_wait_is_in_seconds_or_until_a_date_and_never_too_long() {
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_mins(1));
        let late = httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(24));

        assert_eq!(asked(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(asked("0"), Some(Duration::ZERO));
        assert_eq!(asked("18446744073709551615"), Some(MAX_WAIT));
        assert!((55..=60).contains(&asked(&soon).unwrap().as_secs()));
        assert_eq!(asked(&late), Some(MAX_WAIT));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn a_wait_that_makes_no_sense_is_none() {
        for text in ["", "soon", "-1", "1.5", "18446744073709551616"] {
            assert_eq!(asked(text), None, "{text}");
        }
        assert_eq!(after(&HeaderMap::new()), None);
    }

    #[test]
    fn delays_double_and_are_never_the_same() {
        let all: Vec<Vec<Duration>> = (0..20).map(|_| delays().collect()).collect();

        for delays in &all {
            assert_eq!(delays.len(), 5);
            for (index, delay) in delays.iter().enumerate() {
                let least = Duration::from_millis(250 << index);
                assert!(*delay >= least && *delay <= least * 2, "{delay:?}");
            }
        }
        assert!(all.iter().any(|it| it[0] != all[0][0]));
    }
}

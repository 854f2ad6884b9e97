//! What may be sent again, and when.

use std::{error::Error as _, io, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use http::HeaderMap;

use super::ErrorKind;

/// The longest wait that a server can impose.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// Delays between attempts: they double from a quarter of a second, with jitter, for five tries.
pub(super) fn delays() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(250))
        .with_max_delay(Duration::from_secs(10))
        .with_max_times(5)
        .with_jitter()
        .build()
}

/// What `Retry-After` asks for, in seconds or as an HTTP date, capped.
pub(super) fn after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(std::time::SystemTime::now())
            .unwrap_or_default(),
    };
    Some(wait.min(LONGEST_WAIT))
}

/// The class of a failure to get an answer.
pub(super) fn failure(error: &reqwest::Error) -> ErrorKind {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<rustls::Error>() || wraps_tls(cause) {
            return ErrorKind::Tls;
        }
        // The resolver's error is private; its words are not.
        if cause.to_string().contains("dns error") {
            return ErrorKind::Dns;
        }
        source = cause.source();
    }
    if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Unreachable }
}

fn wraps_tls(cause: &(dyn std::error::Error + 'static)) -> bool {
    let io = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match io {
        Some(inner) => inner.is::<rustls::Error>(),
        None => false,
    }
}

/// What happened, from the innermost cause: the outer ones only repeat that sending failed.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "nothing came in time".to_owned() } else { cause.to_string() }
}

/// Whether the request surely never reached the server.
pub(super) fn never_arrived(error: &reqwest::Error) -> bool {
    error.is_connect()
}

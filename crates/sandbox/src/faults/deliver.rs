//! Turns a fault into what the client sees.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::Response;
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use super::super::clock::later;
use super::super::connection::Cut;
use super::super::http::{Failure, Reply};
use super::FaultKind;

/// How long after the first half of a response the connection is closed.
const HEAD_START: Duration = Duration::from_millis(50);

/// The response to a request that the fault prevents from being executed; `None` if the fault lets it be
/// executed.
pub(crate) fn refusal(fault: &FaultKind, now: Timestamp) -> Option<Reply> {
    let reply = match *fault {
        FaultKind::RateLimit { seconds, as_date } => {
            let mut failure = Failure::new(429, "rate limit exceeded");
            // The client compares a date with its own clock, not with the sandbox's.
            let at = later(Timestamp::now(), i64::from(seconds));
            let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            failure.headers.push(("retry-after", if as_date { date } else { seconds.to_string() }));
            failure.into()
        }
        FaultKind::Status { status } => {
            Failure::new(status, format!("injected fault at {now}")).into()
        }
        FaultKind::Refused { status, ref message } => Failure::new(status, message).into(),
        FaultKind::NotJson { status } => Reply {
            status,
            ..Reply::text("text/html", "<html><body><h1>Bad gateway</h1></body></html>")
        },
        FaultKind::Unauthorized => Failure::unauthorized().into(),
        FaultKind::StaleEtag => Failure::new(412, "precondition failed, invalid old hash").into(),
        FaultKind::Reset => Reply::empty(),
        FaultKind::LostResponse
        | FaultKind::Truncated
        | FaultKind::Slow { .. }
        | FaultKind::Stalled => return None,
    };
    Some(reply)
}

/// Sends a response as the fault demands.
pub(crate) async fn deliver(
    fault: &FaultKind,
    response: Response<Body>,
    cut: &Cut,
) -> Response<Body> {
    match *fault {
        FaultKind::Reset | FaultKind::LostResponse => cut.now(),
        FaultKind::Slow { milliseconds } => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
        FaultKind::Truncated => return halved(response, false).await,
        FaultKind::Stalled => return halved(response, true).await,
        _ => {}
    }
    response
}

/// A response that announces its full length but sends only half of its body.
async fn halved(response: Response<Body>, stalls: bool) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    // Our own bodies are in memory, so reading them cannot fail.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let length = bytes.len().max(2);
    head.headers.insert("content-length", length.into());
    let half = bytes.slice(..bytes.len() / 2);
    let start = stream::once(async { Ok::<Bytes, std::io::Error>(half) });
    let body = if stalls {
        Body::from_stream(start.chain(stream::pending()))
    } else {
        let end = stream::once(async {
            tokio::time::sleep(HEAD_START).await;
            Err(std::io::ErrorKind::ConnectionReset.into())
        });
        Body::from_stream(start.chain(end))
    };
    Response::from_parts(head, body)
}

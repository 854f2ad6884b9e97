//! Posts messages to endpoints on this machine.

use std::time::Duration;

use axum::{body::Body, http::Request};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::notice::Notice;

/// How long an endpoint has for its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pauses before an endpoint that failed is tried again.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Posts a message, and again if the endpoint does not take it. Tailscale tries for a day, this only for
/// seconds.
pub(crate) async fn post(notice: Notice) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let mut pauses = PAUSES.iter();
    loop {
        let request = Request::post(&notice.url)
            .header("content-type", "application/json")
            .header("tailscale-webhook-signature", &notice.signature)
            .body(Body::from(notice.body.clone()));
        let Ok(request) = request else { return };
        let answer = tokio::time::timeout(TIMEOUT, client.request(request)).await;
        if matches!(answer, Ok(Ok(answer)) if answer.status().is_success()) {
            return;
        }
        let Some(pause) = pauses.next() else { return };
        tokio::time::sleep(*pause).await;
    }
}

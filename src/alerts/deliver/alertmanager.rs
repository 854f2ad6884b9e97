//! A Prometheus Alertmanager, API v2. It forgets an alert that it does not hear of again before it ends, so what
//! fires is sent every two minutes, and ends ten minutes after the last time.

use std::time::Duration;

use http::HeaderMap;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    super::{
        notice::{Line, Notice},
        receivers::Outcome,
    },
    http::{Endpoint, bearer},
    text::{Reader, identifier, is_ended, now, summary, time},
};
use crate::{client::post::Poster, history::Seconds};

/// How often what fires is sent.
pub(super) const RESEND_INTERVAL: Duration = Duration::from_mins(2);
/// For how long an alert fires after it was sent.
const LASTS: Seconds = 600;

pub(super) struct Alertmanager {
    endpoint: Endpoint,
    headers: HeaderMap,
}

impl Alertmanager {
    /// # Errors
    ///
    /// If the token has characters that it cannot have.
    pub(super) fn new(endpoint: Endpoint, secret: Option<&SecretString>) -> Result<Self, String> {
        let headers = bearer(secret)?;
        let endpoint = secret.into_iter().fold(endpoint, Endpoint::with_secret);
        Ok(Self { endpoint, headers })
    }

    pub(super) async fn deliver(&self, poster: &Poster, notice: &Notice) -> Outcome {
        let now = now();
        let alerts: Vec<_> = notice.lines.iter().map(|line| alert(notice, line, now)).collect();
        let url = self.endpoint.url().and_then(|mut url| {
            url.path_segments_mut().ok()?.pop_if_empty().extend(["api", "v2", "alerts"]);
            Some(url)
        });
        self.endpoint.post(poster, url, self.headers.clone(), json!(alerts).to_string()).await
    }
}

fn alert(notice: &Notice, line: &Line, now: Seconds) -> Value {
    let text = Reader::Program;
    let ends = match &line.ended {
        _ if !is_ended(line) => now + LASTS,
        Some((at, _)) => (*at).min(now),
        None => now,
    };
    json!({
        "labels": {
            "alertname": text.name(&notice.rule),
            "severity": notice.severity,
            "tailnet": text.name(&notice.tailnet),
            "subject": text.name(&line.subject),
            "alert": identifier(&line.alert),
        },
        "annotations": {
            "summary": summary(line, text),
            "first_step": text.sentence(&notice.first_step),
        },
        "startsAt": time(line.since),
        // An alert that ends before it starts is refused.
        "endsAt": time(ends.max(line.since)),
    })
}

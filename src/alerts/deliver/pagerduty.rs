//! `PagerDuty`, Events API v2: one event for each alert, with the alert's ID as the key that events are joined by.

use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{
    super::{
        notice::{Line, Notice},
        receivers::Outcome,
    },
    http::Endpoint,
    text::{Reader, identifier, is_ended, summary, time},
};
use crate::client::post::{Poster, TIMEOUT};

/// How many events are under way at a time.
const AT_ONCE: usize = 4;

pub(super) struct PagerDuty {
    pub(super) endpoint: Endpoint,
    pub(super) routing_key: SecretString,
}

impl PagerDuty {
    /// Sends all events, also those of an earlier try again: the key makes one incident of both.
    pub(super) async fn deliver(&self, poster: &Poster, notice: &Notice) -> Outcome {
        let events: Vec<Value> = notice.lines.iter().map(|it| self.event(notice, it)).collect();
        let events = stream::iter(events)
            .map(|event| async move { self.endpoint.send(poster, HeaderMap::new(), &event).await });
        let all = events.buffer_unordered(AT_ONCE).fold(Outcome::Delivered, async |one, other| {
            if rank(&other) > rank(&one) { other } else { one }
        });
        tokio::time::timeout(TIMEOUT, all).await.unwrap_or_else(|_| Outcome::Retry {
            why: "no response in time".to_owned(),
            after: None,
        })
    }

    fn event(&self, notice: &Notice, line: &Line) -> Value {
        let (routing_key, key) = (self.routing_key.expose_secret(), identifier(&line.alert));
        if is_ended(line) {
            return json!({ "routing_key": routing_key, "dedup_key": key, "event_action": "resolve" });
        }
        let text = Reader::Program;
        let [subject, tailnet] = [&line.subject, &notice.tailnet].map(|it| text.name(it));
        json!({
            "routing_key": routing_key,
            "dedup_key": key,
            "event_action": "trigger",
            "client": "Tailsteward",
            "payload": {
                "summary": summary(line, text),
                // An event without a source is refused.
                "source": if subject.is_empty() { &tailnet } else { &subject },
                "severity": notice.severity,
                "timestamp": time(line.since),
                "group": tailnet,
                "class": text.name(&notice.rule),
                "custom_details": { "first_step": text.sentence(&notice.first_step) },
            },
        })
    }
}

/// What of several outcomes counts for all: whatever may work later is tried again.
fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Delivered => 0,
        Outcome::Failed { .. } => 1,
        Outcome::Off { .. } => 2,
        Outcome::Retry { .. } => 3,
    }
}

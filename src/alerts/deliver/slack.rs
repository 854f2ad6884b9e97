//! Incoming webhooks of Slack, Mattermost, and Discord with `/slack`. All three take a text and attachments;
//! Discord knows no blocks, and Mattermost none of Slack's ways to switch markup off.

use http::HeaderMap;
use serde_json::json;

use super::{
    super::{
        notice::{Notice, Severity},
        receivers::Outcome,
    },
    http::Endpoint,
    text::{Reader, body, headline, is_over},
};
use crate::client::post::Poster;

/// Discord's limit is 4,096 characters.
const MAX_BODY: usize = 3500;

pub(super) struct Slack {
    pub(super) endpoint: Endpoint,
}

impl Slack {
    pub(super) async fn deliver(&self, poster: &Poster, notice: &Notice) -> Outcome {
        let text = body(notice, Reader::Chat, MAX_BODY);
        let headline = headline(notice, Reader::Chat);
        let color = match notice.severity {
            _ if is_over(notice) => "#2eb67d",
            Severity::Critical => "#d00000",
            Severity::Warning => "#e0a000",
            Severity::Info => "#439fe0",
        };
        let message = json!({
            "text": headline,
            "mrkdwn": false,
            "parse": "none",
            "link_names": false,
            "unfurl_links": false,
            "unfurl_media": false,
            "attachments": [{ "color": color, "fallback": headline, "text": text, "mrkdwn_in": [] }],
        });
        self.endpoint.send(poster, HeaderMap::new(), &message).await
    }
}

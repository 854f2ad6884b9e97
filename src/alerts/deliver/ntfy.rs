//! A topic of an ntfy server. Published as JSON, where a title cannot become a header.

use http::HeaderMap;
use secrecy::SecretString;
use serde_json::json;

use super::{
    super::{
        notice::{Notice, Severity},
        receivers::Outcome,
    },
    http::{Endpoint, bearer},
    text::{Reader, body, headline, is_over},
};
use crate::client::post::Poster;

/// A message above 4,096 bytes would become an attachment.
const MAX_BODY: usize = 3900;

pub(super) struct Ntfy {
    endpoint: Endpoint,
    topic: String,
    headers: HeaderMap,
}

impl Ntfy {
    /// # Errors
    ///
    /// If the URL names no topic.
    pub(super) fn new(endpoint: Endpoint, secret: Option<&SecretString>) -> Result<Self, String> {
        let url = endpoint.url();
        let topic = url.as_ref().and_then(|url| url.path().trim_matches('/').rsplit('/').next());
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let topic = topic
            .filter(|topic| (1..=64).contains(&topic.len()) && topic.chars().all(fits))
            .ok_or("its `url` must end with the topic: 1 to 64 letters, digits, `-` and `_`")?
            .to_owned();
        let headers = bearer(secret)?;
        let endpoint = secret.into_iter().fold(endpoint, Endpoint::with_secret);
        Ok(Self { endpoint, topic, headers })
    }

    pub(super) async fn deliver(&self, poster: &Poster, notice: &Notice) -> Outcome {
        let (priority, tag) = match notice.severity {
            _ if is_over(notice) => (3, "white_check_mark"),
            Severity::Critical => (5, "rotating_light"),
            Severity::Warning => (4, "warning"),
            Severity::Info => (3, "information_source"),
        };
        let message = json!({
            "topic": self.topic,
            "title": headline(notice, Reader::Plain),
            "message": body(notice, Reader::Plain, MAX_BODY),
            "priority": priority,
            "tags": [tag],
        });
        // JSON is published at the server's root: the URL without the topic.
        let root = self.endpoint.url().and_then(|mut url| {
            url.path_segments_mut().ok()?.pop_if_empty().pop().push("");
            Some(url)
        });
        self.endpoint.post(poster, root, self.headers.clone(), message.to_string()).await
    }
}

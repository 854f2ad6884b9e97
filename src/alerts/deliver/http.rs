//! Posts JSON to a receiver, and says in words without secrets how it went.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::{super::receivers::Outcome, text::Reader};
use crate::client::post::{Answered, Poster, is_private_url};

/// What is shorter is in any text.
const MIN_SECRET: usize = 4;

/// Where to post, and what must not be repeated of it.
pub(super) struct Endpoint {
    /// Many URLs are secrets.
    url: SecretString,
    secrets: Vec<SecretString>,
}

impl Endpoint {
    /// # Errors
    ///
    /// What is wrong with the URL.
    pub(super) fn new(url: SecretString, private: bool) -> Result<Self, String> {
        let parsed = Url::parse(url.expose_secret()).map_err(|_| "its `url` is not a URL")?;
        if !private && is_private_url(&parsed) {
            return Err("its address is on this machine or in a private network; \
                        `private = true` allows it"
                .to_owned());
        }
        Ok(Self { secrets: parts(&parsed), url })
    }

    /// Keeps `secret` out of what is reported, too.
    pub(super) fn with_secret(mut self, secret: &SecretString) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    pub(super) fn url(&self) -> Option<Url> {
        Url::parse(self.url.expose_secret()).ok()
    }

    /// Posts `body` to `url`, which is that of the endpoint or derived from it.
    pub(super) async fn post(
        &self,
        poster: &Poster,
        url: Option<Url>,
        mut headers: HeaderMap,
        body: String,
    ) -> Outcome {
        let Some(url) = url else {
            return Outcome::Failed { why: "its `url` is not a URL".to_owned() };
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match poster.post(url, headers, body).await {
            Ok(answer) => self.outcome(&answer),
            Err(error) => {
                Outcome::Retry { why: self.without_secrets(&error.to_string()), after: None }
            }
        }
    }

    /// [`post`](Self::post) to the endpoint itself.
    pub(super) async fn send(&self, poster: &Poster, headers: HeaderMap, body: &Value) -> Outcome {
        self.post(poster, self.url(), headers, body.to_string()).await
    }

    fn outcome(&self, answer: &Answered) -> Outcome {
        let status = answer.status;
        let quoted = match self.without_secrets(&answer.text) {
            text if text.is_empty() => String::new(),
            text => format!(": {text}"),
        };
        let why = format!("it answered {status}{quoted}");
        match status {
            200..=299 => Outcome::Delivered,
            300..=399 => Outcome::Failed {
                why: format!(
                    "it answered {status}, a redirect, which is not followed; correct its `url`"
                ),
            },
            408 | 425 | 429 | 500..=599 => Outcome::Retry { why, after: answer.retry_after },
            410 => Outcome::Off { why },
            _ => Outcome::Failed { why },
        }
    }

    fn without_secrets(&self, text: &str) -> String {
        without_secrets(&self.secrets, text)
    }
}

/// The start of a text from outside; nothing of it if it repeats one of `secrets`.
pub(super) fn without_secrets(secrets: &[SecretString], text: &str) -> String {
    let lower = text.to_lowercase();
    let decoded = percent_decode_str(&lower).decode_utf8_lossy();
    let repeats = |secret: &SecretString| {
        let secret = secret.expose_secret().to_lowercase();
        lower.contains(&secret) || decoded.contains(&secret)
    };
    if secrets.iter().any(repeats) { String::new() } else { Reader::Program.name(text) }
}

/// The parts of a URL that may be secrets: all but scheme, host and port, and what is very short.
fn parts(url: &Url) -> Vec<SecretString> {
    let path = url.path().split('/');
    let query = url.query_pairs().map(|(_, value)| value.into_owned());
    let user = [url.username(), url.password().unwrap_or_default()];
    let texts = path.chain(user).map(str::to_owned).chain(query).flat_map(|text| {
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        [text, decoded]
    });
    let long = texts.filter(|text| text.len() >= MIN_SECRET);
    long.map(SecretString::from).collect()
}

/// `Authorization: Bearer …`, if there is a token.
///
/// # Errors
///
/// If it has characters that a header cannot have.
pub(super) fn bearer(token: Option<&SecretString>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        let text = format!("Bearer {}", token.expose_secret());
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| "its `secret` has characters that a token cannot have")?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Sets a header whose value is made of harmless characters.
pub(super) fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

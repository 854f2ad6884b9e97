//! What an authorization server says of itself, and requests to it.

use std::time::{Duration, Instant};

use http::HeaderMap;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::Mutex;
use url::Url;

use crate::client::{Error, ErrorKind, Result, is_loopback, post::Poster};

/// The largest document.
const MAX_DOCUMENT: usize = 512 << 10;
/// How long the metadata count.
const METADATA_FRESH: Duration = Duration::from_hours(1);

/// An authorization server.
pub(super) struct Source {
    issuer: Url,
    http: Poster,
    metadata: Mutex<Option<(Instant, Metadata)>>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Source").field(&self.issuer.as_str()).finish()
    }
}

/// The part of the metadata that a resource server needs (RFC 8414).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) jwks_uri: Option<Url>,
    pub(super) introspection_endpoint: Option<Url>,
}

/// Fails unless what is sent to the URL is encrypted, or stays on this machine.
pub(super) fn check(field: &str, url: &Url) -> Result<()> {
    let is_here = url.host().is_some_and(|it| is_loopback(&it));
    if url.scheme() == "https" || (url.scheme() == "http" && is_here) {
        return Ok(());
    }
    Err(Error::invalid_input(field, format!("is {url}; use https://")))
}

impl Source {
    pub(super) fn new(issuer: Url) -> Self {
        // The operator chose the authorization server, so it may be in a private network.
        Self { issuer, http: Poster::new(true), metadata: Mutex::default() }
    }

    /// What the server says of itself.
    pub(super) async fn metadata(&self) -> Result<Metadata> {
        let mut known = self.metadata.lock().await;
        if let Some((_, metadata)) = known.as_ref().filter(|it| it.0.elapsed() < METADATA_FRESH) {
            return Ok(metadata.clone());
        }
        let mut last = None;
        for url in self.places() {
            match self.get::<Metadata>(url).await {
                Ok(found) if found.issuer == self.own_name() => {
                    *known = Some((Instant::now(), found.clone()));
                    return Ok(found);
                }
                Ok(found) => {
                    let why = format!(
                        "the authorization server calls itself {}, not {}",
                        crate::visible::visible_up_to(&found.issuer, 255),
                        self.own_name()
                    );
                    let error = Error::new(ErrorKind::Config, why);
                    return Err(error.with_remedy(
                        "set --oauth-issuer to exactly the name that the server uses",
                    ));
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::Upstream, "the authorization server has no metadata")
        }))
    }

    /// The issuer as it is written in tokens.
    pub(super) fn own_name(&self) -> &str {
        super::issuer_name(&self.issuer)
    }

    /// Where the metadata can be (RFC 8414, `OpenID` Connect Discovery).
    fn places(&self) -> Vec<Url> {
        let path = self.issuer.path().trim_end_matches('/');
        let at = |path: String| {
            let mut url = self.issuer.clone();
            url.set_path(&path);
            url.set_query(None);
            url
        };
        vec![
            at(format!("/.well-known/oauth-authorization-server{path}")),
            at(format!("{path}/.well-known/openid-configuration")),
        ]
    }

    /// Reads a document of JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T> {
        check("metadata", &url)?;
        let body = self.http.get(url.clone(), MAX_DOCUMENT).await;
        let body = body.map_err(|error| error.context(&format!("reading {url}")))?;
        unreadable(&url, serde_json::from_slice(&body))
    }

    /// Posts a form, and reads the answer of JSON. `None` if the server does not accept what is in the form.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        url: Url,
        headers: HeaderMap,
        form: String,
    ) -> Result<Option<T>> {
        check("metadata", &url)?;
        let answer = self.http.post(url.clone(), headers, form).await?;
        let failure: Option<Failure> = serde_json::from_str(&answer.text).ok();
        // 400 is about the form, unless it is about who sends it.
        if answer.status == 400 && failure.is_some_and(|it| it.error != "invalid_client") {
            return Ok(None);
        }
        if answer.status != 200 {
            let why = format!("{url} responded with {}", answer.status);
            return Err(Error::new(ErrorKind::Upstream, why));
        }
        unreadable(&url, serde_json::from_str(&answer.text)).map(Some)
    }
}

/// An error of an authorization server (RFC 6749).
#[derive(Deserialize)]
struct Failure {
    error: String,
}

fn unreadable<T>(url: &Url, read: serde_json::Result<T>) -> Result<T> {
    read.map_err(|error| Error::new(ErrorKind::NotJson, format!("{url} cannot be read: {error}")))
}

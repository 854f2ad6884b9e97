//! Posts to servers other than the API: without a credential of the API, without following redirects, and to
//! private addresses only where that is allowed.

use std::{sync::OnceLock, time::Duration};

use http::HeaderMap;
use url::Url;

use super::{Error, ErrorKind, Result, http as built, outside, retry};

/// The longest time that a request and its answer may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const MAX_ANSWER: usize = 16 << 10;
/// The longest wait that a server can impose.
const MAX_WAIT: Duration = Duration::from_hours(1);

/// Posts to servers, to private addresses only if it was made for them.
pub(crate) struct Poster {
    private: bool,
    /// Built at the first request, because reading the system's certificates is slow.
    https: OnceLock<Result<reqwest::Client>>,
    plain: OnceLock<Result<reqwest::Client>>,
}

/// What a server answered.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    /// The start of the answer.
    pub(crate) text: String,
}

impl Poster {
    pub(crate) fn new(private: bool) -> Self {
        Self { private, https: OnceLock::new(), plain: OnceLock::new() }
    }

    /// The client for a URL, if requests may go there.
    fn client(&self, url: &Url) -> Result<&reqwest::Client> {
        if !self.private && outside::names_private_address(url) {
            return Err(Error::new(ErrorKind::Unreachable, outside::PRIVATE));
        }
        let is_plain = url.scheme() != "https";
        let client = if is_plain { &self.plain } else { &self.https };
        let client = client.get_or_init(|| built::build_post(self.private, is_plain, TIMEOUT));
        client.as_ref().map_err(Clone::clone)
    }

    /// Reads `url`, up to `limit` bytes. Any status but one of success is an error.
    #[cfg(feature = "server")]
    pub(crate) async fn get(&self, url: Url, limit: usize) -> Result<bytes::Bytes> {
        let client = self.client(&url)?;
        built::read(client, url, "application/json", limit).await
    }

    /// Posts `body` to `url`. An answer of any status is no error, even if it ends early.
    pub(crate) async fn post(
        &self,
        url: Url,
        headers: HeaderMap,
        body: String,
    ) -> Result<Answered> {
        let client = self.client(&url)?;
        let sent = client.post(url).headers(headers).body(body).send().await;
        let mut answer =
            sent.map_err(|error| Error::new(retry::failure(&error), retry::words(&error)))?;
        let mut start = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            start.extend(chunk.iter().take(MAX_ANSWER - start.len()));
            if start.len() >= MAX_ANSWER {
                break;
            }
        }
        Ok(Answered {
            status: answer.status().as_u16(),
            retry_after: retry::after_at_most(answer.headers(), MAX_WAIT),
            text: String::from_utf8_lossy(&start).into_owned(),
        })
    }
}

/// Whether the host of `url` is a private address, written as such.
pub(crate) fn is_private_url(url: &Url) -> bool {
    outside::names_private_address(url)
}

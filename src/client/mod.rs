//! The API client, which sends all requests.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

mod action;
mod attempt;
mod body;
pub(crate) mod call;
mod credential;
mod error;
mod http;
#[cfg(feature = "server")]
pub(crate) mod ingress;
mod lenient;
mod limit;
#[cfg_attr(not(feature = "server"), expect(dead_code, reason = "used by the server only"))]
pub(crate) mod observe;
#[cfg(feature = "journal")]
mod outside;
#[cfg(feature = "journal")]
pub(crate) mod post;
pub(crate) mod program;
pub(crate) mod records;
pub(crate) mod redact;
pub(crate) mod response;
mod retry;
mod settings;
mod texts;
mod tokens;
mod transport;
mod unread;

#[cfg(feature = "server")]
pub(crate) use self::outside::is_private;
#[cfg(feature = "email")]
pub(crate) use self::outside::public_addresses;
pub(crate) use self::settings::is_loopback;
pub use self::{
    action::{Action, Setting},
    credential::{Credential, IdentityToken, resolve},
    error::{Error, ErrorKind, PolicyProblem, Result},
    lenient::UNREADABLE,
    response::Response,
    settings::{DEFAULT_BASE_URL, Settings},
    unread::Unread,
};
use self::{response::Answer, transport::Transport};
use crate::Operation;

/// The maximum number of cached lists.
const CACHED_LISTS: u64 = 64;

/// Encodes `text` as one path segment.
pub(crate) fn path_segment(text: &str) -> String {
    progenitor_client::encode_path(text).replace('\\', "%5C")
}

/// The client for one tailnet. Cheap to clone; clones share connections, tokens, rate limits and cache.
#[derive(Clone)]
pub(crate) struct Client(Arc<Inner>);

struct Inner {
    settings: Settings,
    transport: Transport,
    /// Built at the first request, because reading the system's certificates is slow.
    http: OnceLock<Result<reqwest::Client>>,
    /// The HTTP client for servers other than the API.
    #[cfg(feature = "server")]
    outside: OnceLock<Result<reqwest::Client>>,
    policy_texts: texts::Texts,
    cache: moka::future::Cache<(u64, String), Arc<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(settings: Settings) -> Self {
        let transport = Transport::new(&settings);
        let cache = moka::future::Cache::builder()
            .max_capacity(CACHED_LISTS)
            .time_to_live(settings.cache_for)
            .build();
        Self(Arc::new(Inner {
            settings,
            transport,
            http: OnceLock::new(),
            #[cfg(feature = "server")]
            outside: OnceLock::new(),
            policy_texts: texts::Texts::default(),
            cache,
        }))
    }

    /// The tailnet's ID, or `-` for the one that the credential belongs to.
    pub(crate) fn tailnet(&self) -> &str {
        &self.0.settings.tailnet
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The HTTP client for requests to the API.
    pub(crate) fn http(&self) -> Result<&reqwest::Client> {
        let build = || http::build(&self.0.settings);
        self.0.http.get_or_init(build).as_ref().map_err(Clone::clone)
    }

    /// The policy file texts that were read or sent, by version.
    pub(crate) fn policy_texts(&self) -> &texts::Texts {
        &self.0.policy_texts
    }

    /// The URL in front of the API's paths, such as `https://api.tailscale.com/api/v2`.
    pub(crate) fn base_url(&self) -> String {
        format!("{}/api/v2", self.settings().origin())
    }

    /// Sends a request of `operation`. Returns a successful response or the error.
    pub(crate) async fn send(
        &self,
        operation: Operation,
        request: reqwest::Request,
    ) -> Result<Answer> {
        self.0.transport.exchange(self.http()?, operation, request, body::Body::whole()).await
    }

    /// Sends a request of `operation`, and hands the parts of a successful response to `sink` as they arrive.
    pub(crate) async fn stream(
        &self,
        operation: Operation,
        mut request: reqwest::Request,
        sink: &mut body::Sink<'_>,
    ) -> Result<()> {
        *request.timeout_mut() = Some(body::STREAM_DEADLINE);
        let body = body::Body::to(sink);
        self.0.transport.exchange(self.http()?, operation, request, body).await.map(drop)
    }

    /// Reads from a server that is not the API, without the credential.
    #[cfg(feature = "server")]
    pub(crate) async fn read_elsewhere(
        &self,
        url: url::Url,
        accept: &str,
        limit: usize,
    ) -> Result<bytes::Bytes> {
        let inner = &*self.0;
        let client = inner.outside.get_or_init(|| http::build_outside(&inner.settings));
        if !inner.settings.private_resolvers && outside::names_private_address(&url) {
            return Err(Error::new(ErrorKind::Unreachable, outside::PRIVATE));
        }
        http::read(client.as_ref().map_err(Clone::clone)?, url, accept, limit).await
    }

    /// Invalidates all cached lists.
    pub(crate) fn forget_lists(&self) {
        self.0.transport.forget_lists();
    }

    /// A list from the cache, or from `read`. Equal reads at the same time share one request. Any change
    /// through this client invalidates all lists.
    pub(crate) async fn cached<T, F>(&self, key: String, read: F) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>>,
    {
        if self.0.settings.cache_for.is_zero() {
            return read.await.map(Arc::new);
        }
        // The count is part of the key, so a list that was requested before a change is not used
        // after it.
        let key = (self.0.transport.changes(), key);
        let read = async { read.await.map(|it| Arc::new(it) as Arc<dyn Any + Send + Sync>) };
        // Boxed, because the future is large and every caller would contain it.
        let held = Box::pin(self.0.cache.try_get_with(key, read))
            .await
            .map_err(|error| (*error).clone())?;
        held.downcast::<T>().map_err(|_| Error::invalid_input("key", "names two kinds of lists"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_segment_stays_one() {
        assert_eq!(path_segment("a/b\\c?d#e%2F"), "a%2Fb%5Cc%3Fd%23e%252F");
    }
}

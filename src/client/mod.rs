//! The way to the API: one door, through which every request leaves.

use std::{
    any::Any,
    fmt,
    sync::{Arc, OnceLock},
};

use progenitor_client::ResponseValue;
use serde::de::DeserializeOwned;

mod attempt;
pub(crate) mod call;
mod credential;
mod error;
#[cfg(test)]
mod fixtures;
mod http;
mod lenient;
mod limit;
mod redact;
pub(crate) mod response;
mod retry;
mod settings;
mod tokens;
mod transport;

pub(crate) use self::settings::is_loopback;
pub use self::{
    credential::{Credential, IdentityToken, resolve},
    error::{Error, ErrorKind, PolicyProblem, Result},
    lenient::UNREADABLE,
    settings::{DEFAULT_BASE_URL, Settings},
    transport::Transport,
};
use crate::{Operation, api};

/// How many lists are kept.
const CACHED_LISTS: u64 = 64;

/// `text` as one segment of a path, whatever is in it.
pub(crate) fn path_segment(text: &str) -> String {
    progenitor_client::encode_path(text).replace('\\', "%5C")
}

/// Talks to one tailnet. Cheap to clone; clones share connections, tokens, turns and cache.
#[derive(Clone)]
pub(crate) struct Client(Arc<Inner>);

struct Inner {
    settings: Settings,
    transport: Transport,
    /// Built at the first request: reading the system's certificates takes a while.
    api: OnceLock<Result<api::Client>>,
    /// For other servers than the API.
    #[cfg(feature = "server")]
    outside: OnceLock<Result<reqwest::Client>>,
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
            api: OnceLock::new(),
            #[cfg(feature = "server")]
            outside: OnceLock::new(),
            cache,
        }))
    }

    /// The tailnet's id, or `-`.
    pub(crate) fn tailnet(&self) -> &str {
        &self.0.settings.tailnet
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The generated client.
    pub(crate) fn api(&self) -> Result<&api::Client> {
        let inner = &*self.0;
        let build = || {
            let client = http::build(&inner.settings)?;
            let base = format!("{}/api/v2", inner.settings.origin());
            Ok(api::Client::new_with_client(&base, client, inner.transport.clone()))
        };
        inner.api.get_or_init(build).as_ref().map_err(Clone::clone)
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
        http::read(client.as_ref().map_err(Clone::clone)?, url, accept, limit).await
    }

    /// What `operation` answered, as its type.
    pub(crate) fn value<T: DeserializeOwned>(
        operation: Operation,
        answer: Result<ResponseValue<T>, api::Error<()>>,
    ) -> Result<T> {
        response::value(operation, answer)
    }

    /// A list from the cache, or from `read`. Equal reads at one time share one request, and any
    /// change through this client makes all lists stale.
    pub(crate) async fn cached<T, F>(&self, key: String, read: F) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>>,
    {
        if self.0.settings.cache_for.is_zero() {
            return read.await.map(Arc::new);
        }
        // A list that was asked for before a change is filed under the count before it.
        let key = (self.0.transport.changes(), key);
        let read = async { read.await.map(|it| Arc::new(it) as Arc<dyn Any + Send + Sync>) };
        // Boxed: it is large, and every reader of a list would carry it.
        let held = Box::pin(self.0.cache.try_get_with(key, read))
            .await
            .map_err(|error| (*error).clone())?;
        held.downcast::<T>().map_err(|_| Error::invalid_input("key", "names two kinds of lists"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::types;

    #[test]
    fn an_empty_list_is_sent_as_an_empty_list_and_none_not_at_all() {
        let none: Vec<String> = Vec::new();

        let tags: types::SetDeviceTagsBody =
            types::SetDeviceTagsBody::builder().tags(none.clone()).try_into().unwrap();
        let routes: types::SetDeviceRoutesBody =
            types::SetDeviceRoutesBody::builder().routes(none.clone()).try_into().unwrap();
        let nameservers: types::SetDnsNameserversBody =
            types::SetDnsNameserversBody::builder().dns(none.clone()).try_into().unwrap();
        let paths: types::DnsSearchPaths =
            types::DnsSearchPaths::builder().search_paths(none).try_into().unwrap();
        let untouched: types::DnsSearchPaths = types::DnsSearchPaths::builder().try_into().unwrap();

        assert_eq!(json!(tags).to_string(), r#"{"tags":[]}"#);
        assert_eq!(json!(routes).to_string(), r#"{"routes":[]}"#);
        assert_eq!(json!(nameservers).to_string(), r#"{"dns":[]}"#);
        assert_eq!(json!(paths).to_string(), r#"{"searchPaths":[]}"#);
        assert_eq!(json!(untouched).to_string(), "{}");
    }

    #[test]
    fn a_path_segment_stays_one() {
        assert_eq!(path_segment("a/b\\c?d#e%2F"), "a%2Fb%5Cc%3Fd%23e%252F");
    }
}

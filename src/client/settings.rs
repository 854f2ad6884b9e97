//! Settings of a client.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use url::Host;

use super::Credential;

/// The origin of the public API.
pub const DEFAULT_BASE_URL: &str = "https://api.tailscale.com";

/// How a client connects to the API. Start from [`Settings::new`] and change fields.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The credential.
    pub credential: Credential,
    /// The tailnet's id, or `-` for the one that the credential belongs to.
    pub tailnet: String,
    /// The API's origin, without `/api/v2`.
    pub base_url: String,
    /// Sustained requests per second and endpoint.
    pub rate: f64,
    /// Requests that an endpoint may receive in a burst before the rate applies.
    pub burst: NonZeroU32,
    /// The maximum number of concurrent requests to all endpoints.
    pub in_flight: usize,
    /// The maximum time for one call, including retries and waiting for the rate limit.
    pub deadline: Duration,
    /// The maximum time for one attempt.
    pub attempt_timeout: Duration,
    /// The maximum size of an answer, in bytes after decompression. A list of devices may have eight times
    /// as much.
    pub max_body: usize,
    /// How long a list is cached; zero turns the cache off.
    pub cache_for: Duration,
    /// A PEM file with certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether other servers than the API, such as name servers of the tailnet's DNS configuration, may be
    /// asked although they are on this machine or in a private network.
    pub private_resolvers: bool,
    /// Where a look at a Funnel from outside goes, instead of the public addresses of its name.
    pub funnel_ingress: Option<std::net::SocketAddr>,
}

impl Settings {
    /// The default settings with `credential`.
    pub fn new(credential: Credential) -> Self {
        Self {
            credential,
            tailnet: "-".to_owned(),
            base_url: DEFAULT_BASE_URL.to_owned(),
            rate: 1.0,
            burst: NonZeroU32::MIN.saturating_add(9),
            in_flight: 8,
            deadline: Duration::from_mins(1),
            attempt_timeout: Duration::from_secs(30),
            max_body: 32 << 20,
            cache_for: Duration::from_secs(5),
            ca_file: None,
            private_resolvers: false,
            funnel_ingress: None,
        }
    }

    /// The origin without trailing slash or `/api/v2`.
    pub(crate) fn origin(&self) -> &str {
        let base = self.base_url.trim_end_matches('/');
        base.strip_suffix("/api/v2").unwrap_or(base)
    }
}

/// Whether `host` is a loopback address, where plain HTTP exposes no credential.
pub(crate) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

//! A client of servers on this machine.

use std::sync::Arc;

/// An HTTP client without TLS.
pub fn plain_http() -> reqwest::Client {
    builder().build().unwrap()
}

/// How it is built.
pub fn builder() -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy()
}

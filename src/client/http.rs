//! The HTTP client: TLS, connections, and size limits for answers.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use oauth2::{HttpRequest, HttpResponse};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use secrecy::SecretString;
use tokio::time::Instant;

#[cfg(feature = "journal")]
use super::outside::PublicOnly;
use super::{
    Error, ErrorKind, Result, Settings, program::Door, response, retry, settings::is_loopback,
};

/// The maximum size of the token endpoint's answers.
const TOKEN_BODY: usize = 1 << 20;
/// How often a failed token request is repeated.
const TOKEN_RETRIES: usize = 2;

/// Builds the HTTP client that all requests to the API share.
pub(super) fn build(settings: &Settings) -> Result<reqwest::Client> {
    // Plain HTTP is allowed only to this machine, without a proxy: the request contains the credential.
    let plain = plain(settings)?;
    let builder = builder(tls(settings)?)
        .timeout(settings.attempt_timeout)
        .pool_max_idle_per_host(settings.in_flight);
    built(if plain { builder.no_proxy() } else { builder })
}

/// The settings shared by all HTTP clients.
fn builder(tls: rustls::ClientConfig) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // The transport handles redirects, because it knows the operation.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .user_agent(concat!("tailsteward/", env!("CARGO_PKG_VERSION")))
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    builder.build().map_err(|error| {
        Error::config(format!("cannot create the HTTP client: {error}"), "report this as a bug")
    })
}

/// Whether the base URL is plain HTTP, which is allowed only on a loopback address.
fn plain(settings: &Settings) -> Result<bool> {
    let wrong = |why: &str| {
        Error::config(format!("the base URL {} {why}", settings.base_url), "use https://")
    };
    let url = url::Url::parse(&settings.base_url).map_err(|error| wrong(&error.to_string()))?;
    let host = url.host().ok_or_else(|| wrong("has no host"))?;
    match url.scheme() {
        "https" => Ok(false),
        "http" if is_loopback(&host) => Ok(true),
        _ => Err(wrong("would send the credential unencrypted")),
    }
}

/// Builds a client for servers other than the API. It never sends the credential.
#[cfg(feature = "server")]
pub(super) fn build_outside(settings: &Settings) -> Result<reqwest::Client> {
    outside(builder(with_roots(settings.ca_file.as_deref())?), settings.private_resolvers)
}

/// Builds a client that posts to servers other than the API. It has no credential. What is sent in `plain` text
/// does not go through a proxy.
#[cfg(feature = "journal")]
pub(super) fn build_post(private: bool, plain: bool, timeout: Duration) -> Result<reqwest::Client> {
    let tls = if plain { without_roots()? } else { with_roots(None)? };
    let builder = builder(tls).timeout(timeout);
    outside(if plain { builder.no_proxy() } else { builder }, private)
}

/// Builds a client for one host at these addresses, without a proxy, which shows the certificate.
#[cfg(feature = "server")]
pub(super) fn build_ingress(
    host: &str,
    addresses: &[std::net::SocketAddr],
    ca_file: Option<&Path>,
    timeout: Duration,
) -> Result<reqwest::Client> {
    let builder = builder(with_roots(ca_file)?).no_proxy().timeout(timeout).tls_info(true);
    built(builder.resolve_to_addrs(host, addresses))
}

/// Builds a client for a program on this machine. It has no credential, and uses no proxy.
pub(super) fn build_program(door: &Door) -> Result<reqwest::Client> {
    let builder = builder(without_roots()?).no_proxy();
    match door {
        #[cfg(unix)]
        Door::Socket(path) => built(builder.unix_socket(path.clone())),
        #[cfg(windows)]
        Door::Pipe(name) => built(builder.windows_named_pipe(name.clone())),
        Door::Port(..) => built(builder),
        #[cfg(not(all(unix, windows)))]
        _ => Err(Error::config(
            "this kind of socket is not supported on this system",
            "leave out the socket, or give one that this system supports",
        )),
    }
}

#[cfg(feature = "journal")]
fn outside(builder: reqwest::ClientBuilder, private: bool) -> Result<reqwest::Client> {
    if private {
        return built(builder);
    }
    // A proxy would resolve the name itself.
    built(builder.no_proxy().dns_resolver(Arc::new(PublicOnly)))
}

/// Reads `url`, up to `limit` bytes.
#[cfg(feature = "server")]
pub(super) async fn read(
    client: &reqwest::Client,
    url: url::Url,
    accept: &str,
    limit: usize,
) -> Result<Bytes> {
    let sent = client.get(url).header(::http::header::ACCEPT, accept).send().await;
    let answer = sent.map_err(|error| Error::new(retry::failure(&error), retry::words(&error)))?;
    let status = answer.status();
    if !status.is_success() {
        let why = format!("it responded with {status}");
        return Err(Error::new(ErrorKind::Upstream, why).answered(status.as_u16(), None));
    }
    body(answer, limit).await
}

/// The TLS configuration. For plain HTTP, it skips reading the system's certificates, which is slow.
fn tls(settings: &Settings) -> Result<rustls::ClientConfig> {
    if settings.base_url.starts_with("http://") {
        return without_roots();
    }
    with_roots(settings.ca_file.as_deref())
}

fn without_roots() -> Result<rustls::ClientConfig> {
    let none = rustls::RootCertStore::empty();
    Ok(config()?.with_root_certificates(none).with_no_client_auth())
}

fn failed(error: &rustls::Error) -> Error {
    Error::new(ErrorKind::Tls, format!("TLS cannot be set up: {error}"))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn config() -> Result<rustls::ConfigBuilder<rustls::ClientConfig, rustls::WantsVerifier>> {
    rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))
}

/// A TLS configuration that trusts the system's certificates and those of the CA file.
fn with_roots(ca_file: Option<&Path>) -> Result<rustls::ClientConfig> {
    let builder = config()?;
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(extra(ca_file)?, provider())
            .map_err(|error| failed(&error))?;
    // rustls calls any verifier but its own dangerous; this one is the platform's.
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    Ok(builder.with_no_client_auth())
}

fn extra(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>> {
    let Some(path) = ca_file else { return Ok(Vec::new()) };
    let wrong = |why: String| {
        Error::config(
            format!("the CA file {}: {why}", path.display()),
            "set TAILSTEWARD_CA_FILE to a PEM file with at least one certificate",
        )
    };
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?.collect();
    match found {
        Ok(found) if found.is_empty() => Err(wrong("it contains no certificate".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// Reads an answer to its end, up to `limit` bytes.
pub(super) async fn body(mut response: reqwest::Response, limit: usize) -> Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                return Err(Error::new(
                    ErrorKind::TooLarge,
                    format!("the response is larger than {limit} bytes"),
                ));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.freeze()),
            Err(error) if error.is_timeout() => {
                return Err(Error::new(ErrorKind::Timeout, "the response stalled"));
            }
            Err(_) => {
                return Err(Error::new(
                    ErrorKind::Truncated,
                    format!("the response ended early, after {} bytes", body.len()),
                ));
            }
        }
    }
}

/// Sends a token request, and repeats it after temporary failures. Repeating it is harmless.
pub(super) async fn token_request(
    client: &reqwest::Client,
    request: HttpRequest,
    deadline: Instant,
    secrets: &[SecretString],
) -> Result<HttpResponse> {
    let wrong = |error: reqwest::Error| {
        Error::config(format!("the base URL is invalid: {error}"), "correct the base URL")
    };
    let request = reqwest::Request::try_from(request).map_err(wrong)?;
    let mut waits = retry::delays().take(TOKEN_RETRIES);
    while let Some(once) = request.try_clone() {
        let error = match token_answer(client, once, secrets).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let passing = matches!(
            error.kind(),
            ErrorKind::RateLimited
                | ErrorKind::Upstream
                | ErrorKind::Truncated
                | ErrorKind::Timeout
                | ErrorKind::Unreachable
        );
        let Some(wait) = waits.next().filter(|_| passing) else { return Err(error) };
        let wait = error.retry_after().filter(|it| !it.is_zero()).unwrap_or(wait);
        if Instant::now() + wait >= deadline {
            return Err(error);
        }
        tokio::time::sleep(wait).await;
    }
    Err(Error::new(
        ErrorKind::Unreachable,
        "cannot get an access token: the request could not be sent",
    ))
}

async fn token_answer(
    client: &reqwest::Client,
    request: reqwest::Request,
    secrets: &[SecretString],
) -> Result<HttpResponse> {
    let answer = client.execute(request).await.map_err(|error| {
        Error::new(
            retry::failure(&error),
            format!("cannot get an access token: {}", retry::words(&error)),
        )
    })?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let id = response::request_id(&headers);
    let body = body(answer, TOKEN_BODY)
        .await
        .map_err(|error| error.answered(status.as_u16(), id.clone()))?;
    if status.is_success() {
        let mut built = ::http::Response::new(body.to_vec());
        *built.status_mut() = status;
        built.headers_mut().insert(
            ::http::header::CONTENT_TYPE,
            ::http::HeaderValue::from_static("application/json"),
        );
        return Ok(built);
    }
    let kind = match status.as_u16() {
        429 => ErrorKind::RateLimited,
        300..=399 => ErrorKind::Redirected,
        500..=599 => ErrorKind::Upstream,
        _ => ErrorKind::Unauthorized,
    };
    let error =
        Error::new(kind, format!("the API refused an access token for this client: {status}"))
            .answered(status.as_u16(), id)
            .with_upstream(response::error_body(&body, secrets).0, Vec::new())
            .after(retry::after(&headers));
    Err(if kind == ErrorKind::Unauthorized {
        error.with_remedy(
            "check the client's ID and secret, and that it was not revoked; a new client may take \
             a minute to start working",
        )
    } else {
        error
    })
}

//! A sandbox and a client of it; and a proxy between them that makes trouble.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{
    judge::{Judged, judged},
    loopback::plain_http,
};
use axum::{Router, body::Bytes, extract::State, http, response::Response};
use tailsteward::{
    Credential, Settings, Tailnet,
    sandbox::{Options, Sandbox},
};

/// A sandbox with `devices` devices, and a client of it that nothing slows down.
pub async fn sandbox_of(devices: usize) -> (Sandbox, Tailnet) {
    let sandbox = Sandbox::start(Options { devices, ..Options::default() }).await.unwrap();
    let tailnet = Tailnet::new(settings(&sandbox.base_url()));
    (sandbox, tailnet)
}

/// The usual sandbox.
pub async fn sandbox() -> (Sandbox, Tailnet) {
    sandbox_of(100).await
}

pub fn settings(base_url: &str) -> Settings {
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = judged(base_url, Judged::Both);
    settings.rate = 10_000.0;
    settings
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The write does not reach the API; it is answered with 400.
    Refused,
    /// The write takes effect; its answer is a 504.
    AnswerLost,
    /// The write takes seven seconds.
    Slow,
}

struct Proxy {
    to: String,
    client: reqwest::Client,
    /// The request that fails, counted from 0 over those that count.
    nth: usize,
    trouble: Trouble,
    /// Reads of paths that end so count; if empty, writes do.
    reads_of: &'static str,
    counted: AtomicUsize,
}

/// The address of a proxy in front of `to`, where the `nth` write gets into `trouble`.
pub async fn troubled(to: &str, nth: usize, trouble: Trouble) -> String {
    proxy(to, nth, trouble, "").await
}

/// The address of a proxy in front of `to`, where the `nth` read of a path that ends in `what` is
/// refused.
pub async fn unreadable_after(to: &str, what: &'static str, nth: usize) -> String {
    proxy(to, nth, Trouble::Refused, what).await
}

async fn proxy(to: &str, nth: usize, trouble: Trouble, reads_of: &'static str) -> String {
    let proxy = Arc::new(Proxy {
        to: to.to_owned(),
        client: plain_http(),
        nth,
        trouble,
        reads_of,
        counted: AtomicUsize::new(0),
    });
    let router = Router::new().fallback(forward).with_state(proxy);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

async fn forward(
    State(proxy): State<Arc<Proxy>>,
    method: http::Method,
    uri: http::Uri,
    headers: http::HeaderMap,
    body: Bytes,
) -> Response {
    let read = method == http::Method::GET;
    let counts = if proxy.reads_of.is_empty() {
        !read
    } else {
        read && uri.path().ends_with(proxy.reads_of)
    };
    let bad = counts && proxy.counted.fetch_add(1, Ordering::SeqCst) == proxy.nth;
    let answer = |status: u16, text: &'static str| {
        let answer = Response::builder().status(status).header("content-type", "application/json");
        answer.body(text.into()).unwrap()
    };
    if bad && proxy.trouble == Trouble::Refused {
        return answer(400, r#"{"message":"not today"}"#);
    }
    let url = format!("{}{}", proxy.to, uri.path_and_query().unwrap());
    let mut headers = headers;
    headers.remove("host");
    if bad && proxy.trouble == Trouble::Slow {
        tokio::time::sleep(std::time::Duration::from_secs(7)).await;
    }
    let sent = proxy.client.request(method, url).headers(headers).body(body).send().await.unwrap();
    if bad && proxy.trouble == Trouble::AnswerLost {
        return answer(504, r#"{"message":"request took too long to process"}"#);
    }
    let status = sent.status();
    let json = || http::HeaderValue::from_static("application/json");
    let kind = sent.headers().get("content-type").cloned().unwrap_or_else(json);
    let body = sent.bytes().await.unwrap();
    Response::builder().status(status).header("content-type", kind).body(body.into()).unwrap()
}

//! A proxy in front of a sandbox: what goes wrong on the way to the API and back.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http, response::Response};
use tailsteward::sandbox::Sandbox;

use super::loopback::plain_http;

/// A request on its way.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// Below `/api/v2/tailnet/-`.
    pub path: String,
    pub body: String,
    /// How many of this method and path there were before it.
    pub nth: usize,
}

impl Asked {
    pub fn is(&self, method: &str, path: &str) -> bool {
        (self.method.as_str(), self.path.as_str()) == (method, path)
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it passes.
    Pass,
    /// It does not reach the API; it is answered with 400.
    Refused,
    /// It does not reach the API; this is the answer.
    Answered(u16, &'static str),
    /// It is carried out; the answer is a 504.
    AnswerLost,
    /// It is carried out seven seconds later.
    Slow,
    /// Somebody else writes this policy file just before it.
    PolicyWritten(String),
    /// It is carried out; the answer has no version.
    NoVersion,
    /// It is carried out; the answer is this.
    AnsweredInstead(&'static str),
    /// It is carried out with this body instead.
    SentInstead(String),
}

type Script = dyn Fn(&Asked) -> Fault + Send + Sync;

struct Proxy {
    to: String,
    client: reqwest::Client,
    script: Box<Script>,
    seen: Mutex<HashMap<(String, String), usize>>,
}

/// The address of a proxy in front of `to`, which does to each request what `script` says.
pub async fn proxied(to: &str, script: impl Fn(&Asked) -> Fault + Send + Sync + 'static) -> String {
    let proxy = Arc::new(Proxy {
        to: to.to_owned(),
        client: plain_http(),
        script: Box::new(script),
        seen: Mutex::default(),
    });
    let router = Router::new().fallback(forward).with_state(proxy);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// The address of a proxy in front of `to`, where `fault` befalls the `nth` write, counted from 0.
pub async fn faulty(to: &str, nth: usize, fault: Fault) -> String {
    befall_nth(to, nth, fault, |asked| asked.method != "GET").await
}

/// The address of a proxy in front of `to`, where the `nth` read of a path that ends in `what` is
/// refused.
pub async fn unreadable_after(to: &str, what: &'static str, nth: usize) -> String {
    let counts = move |asked: &Asked| asked.method == "GET" && asked.path.ends_with(what);
    befall_nth(to, nth, Fault::Refused, counts).await
}

async fn befall_nth(
    to: &str,
    nth: usize,
    fault: Fault,
    counts: impl Fn(&Asked) -> bool + Send + Sync + 'static,
) -> String {
    let counted = AtomicUsize::new(0);
    proxied(to, move |asked| {
        let befalls = counts(asked) && counted.fetch_add(1, Ordering::SeqCst) == nth;
        if befalls { fault.clone() } else { Fault::Pass }
    })
    .await
}

/// Puts `text` in the place of the policy file, whatever it is now.
pub async fn write_policy(sandbox: &str, text: &str) {
    let request = plain_http().post(format!("{sandbox}/api/v2/tailnet/-/acl"));
    let request = request.header("content-type", "application/hujson").body(text.to_owned());
    let answer = request.bearer_auth(Sandbox::API_KEY).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn forward(
    State(proxy): State<Arc<Proxy>>,
    method: http::Method,
    uri: http::Uri,
    mut headers: http::HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches("/api/v2/tailnet/-").to_owned();
    let nth = {
        let mut seen = proxy.seen.lock().unwrap();
        let count = seen.entry((method.to_string(), path.clone())).or_default();
        *count += 1;
        *count - 1
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let asked = Asked { method: method.to_string(), path, body: text, nth };
    let fault = (proxy.script)(&asked);
    let answer = |status: u16, text: &'static str| {
        let answer = Response::builder().status(status).header("content-type", "application/json");
        answer.body(text.into()).unwrap()
    };
    match &fault {
        Fault::Refused => return answer(400, r#"{"message":"not today"}"#),
        Fault::Answered(status, text) => return answer(*status, text),
        Fault::PolicyWritten(text) => write_policy(&proxy.to, text).await,
        Fault::Slow => tokio::time::sleep(Duration::from_secs(7)).await,
        _ => {}
    }
    headers.remove("host");
    headers.remove("content-length");
    let body = if let Fault::SentInstead(text) = &fault { text.clone().into() } else { body };
    let url = format!("{}{}", proxy.to, uri.path_and_query().unwrap());
    let sent = proxy.client.request(method, url).headers(headers).body(body).send().await.unwrap();
    match fault {
        Fault::AnswerLost => {
            return answer(504, r#"{"message":"request took too long to process"}"#);
        }
        Fault::AnsweredInstead(text) => return answer(200, text),
        _ => {}
    }
    let mut response = Response::builder().status(sent.status());
    let json = http::HeaderValue::from_static("application/json");
    let kind = sent.headers().get("content-type").cloned().unwrap_or(json);
    response = response.header("content-type", kind);
    if let Some(version) = sent.headers().get("etag").filter(|_| fault != Fault::NoVersion) {
        response = response.header("etag", version);
    }
    response.body(sent.bytes().await.unwrap().into()).unwrap()
}

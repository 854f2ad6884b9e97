//! A hop in front of Prism, which stands between the tests and the sandbox and judges both by
//! upstream's document. `.ci/judges` sets it up; without it tests talk to the sandbox themselves.
//!
//! test → this hop → Prism → `tests/judges/dispatch.mjs` → the sandbox of the test

use std::{
    fs::OpenOptions,
    io::Write as _,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, http, response::Response};
use serde_json::Value;

use super::loopback::plain_http;

/// Where Prism listens.
const PRISM: &str = "TAILSTEWARD_TEST_PRISM";

/// The file that gets a line for each exchange: whose it was, method, path, status, violations.
const LOG: &str = "TAILSTEWARD_TEST_PRISM_LOG";

/// Who is judged.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code, reason = "each test binary has its own copy, and not all need both")]
pub enum Judged {
    /// The client and the sandbox.
    Both,
    /// Only the answers: the request is wrong on purpose.
    Answers,
}

struct Hop {
    prism: String,
    sandbox: String,
    judged: Judged,
    client: reqwest::Client,
    log: Option<Mutex<std::fs::File>>,
}

/// Whether there is a judge.
#[allow(dead_code, reason = "each test binary has its own copy, and one does not ask")]
pub fn is_judged() -> bool {
    std::env::var_os(PRISM).is_some()
}

/// The address to use instead of a sandbox's own.
pub fn judged(sandbox: &str, judged: Judged) -> String {
    let Ok(prism) = std::env::var(PRISM) else { return sandbox.to_owned() };
    let log = std::env::var(LOG)
        .ok()
        .map(|path| Mutex::new(OpenOptions::new().create(true).append(true).open(path).unwrap()));
    let hop = Hop { prism, sandbox: sandbox.to_owned(), judged, client: plain_http(), log };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let router = Router::new().fallback(pass).with_state(Arc::new(hop));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

async fn pass(
    State(hop): State<Arc<Hop>>,
    method: http::Method,
    uri: http::Uri,
    mut headers: http::HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path_and_query().unwrap().to_string();
    headers.remove("host");
    headers.remove("transfer-encoding");
    headers.remove("accept-encoding");
    // Prism does not pass on what is no JSON, a bare 0 or null, nor a body where none belongs.
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    let of_parts = json.is_some_and(|it| it.is_object() || it.is_array());
    let is_json = headers.get("content-type").is_none_or(|it| it == "application/json");
    let passable = body.is_empty() || (method != http::Method::GET && (of_parts || !is_json));
    let is_api = path.starts_with("/api/v2/") && passable;
    let to = if is_api { &hop.prism } else { &hop.sandbox };
    let request = hop.client.request(method.clone(), format!("{to}{path}")).headers(headers);
    let request = request.header("x-sandbox", &hop.sandbox).body(body);
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            note(&hop, &format!("{method} {path} lost {error}"), "");
            return Response::builder().status(502).body(error.to_string().into()).unwrap();
        }
    };
    let answered = answer.headers().clone();
    let own = answered.get("x-status").and_then(|it| it.to_str().ok()?.parse().ok());
    let status = own.unwrap_or(answer.status());
    let violations = answered.get("sl-violations").map_or("", |it| it.to_str().unwrap_or("?"));
    if is_api {
        note(&hop, &format!("{method} {path} {}", status.as_u16()), violations);
    }
    let mut response = Response::new(answer.bytes().await.unwrap_or_default().into());
    *response.status_mut() = status;
    for (name, value) in &answered {
        if !matches!(name.as_str(), "transfer-encoding" | "content-length" | "connection") {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

fn note(hop: &Hop, what: &str, violations: &str) {
    let Some(log) = &hop.log else { return };
    let line = format!("{:?}\t{what}\t{violations}\n", hop.judged);
    log.lock().unwrap().write_all(line.as_bytes()).unwrap();
}

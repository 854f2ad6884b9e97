//! The sandbox over real HTTP: what a client of the admin API can rely on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    clippy::missing_panics_doc,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "a test says that it failed by panicking"
)]

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};
use tailsteward_sandbox::{Options, Sandbox};

use judge::{Judged, judged};
use loopback::plain_http as http;

mod apps;
mod attributes;
mod contacts;
mod credentials;
mod devices;
mod dns;
mod faults;
mod fuzz;
mod invites;
#[path = "../../../../tests/it/support/judge.rs"]
mod judge;
mod keys;
mod logs;
#[path = "../../../../tests/it/support/loopback.rs"]
mod loopback;
mod outside;
mod paths;
mod policy;
mod policy_tests;
mod posted;
mod posture;
mod scopes;
mod seed;
mod services;
mod settings;
mod streams;
mod tailnets;
mod users;
mod webhooks;

const NOW: &str = "2026-06-15T12:00:00Z";

/// The response to a request. An empty body is read as null.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: Value,
    text: String,
    headers: reqwest::header::HeaderMap,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.body
    }

    #[track_caller]
    fn ok_and_empty(&self) {
        assert_eq!((self.status, self.text.as_str()), (200, ""));
    }

    #[track_caller]
    fn ok_and_object(&self) {
        assert_eq!((self.status, self.text.as_str()), (200, "{}"));
        assert_eq!(self.header("content-type"), "application/json");
    }

    #[track_caller]
    fn refused(&self, status: u16, message: &str) {
        assert_eq!((self.status, self.message()), (status, message), "{}", self.text);
    }
}

struct Tailnet {
    sandbox: Sandbox,
    base_url: String,
    http: reqwest::Client,
}

impl Tailnet {
    async fn with(options: Options) -> Self {
        let sandbox = Sandbox::start(options).await.unwrap();
        let base_url = judged(&sandbox.base_url(), Judged::Answers);
        Self { sandbox, base_url, http: http() }
    }

    async fn new() -> Self {
        Self::with(Options { now: Some(NOW.parse().unwrap()), ..Options::default() }).await
    }

    /// An unauthenticated request below `/api/v2`.
    fn bare(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}/api/v2{path}", self.base_url))
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, body, text, headers }
    }

    async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let mut request = self.bare(method, path).bearer_auth(token);
        if !body.is_null() {
            request = request.json(&body);
        }
        self.send(request).await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call_as(Sandbox::API_KEY, method, path, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, body).await
    }

    async fn devices(&self) -> Vec<Value> {
        let list = self.get("/tailnet/-/devices?fields=all").await.ok();
        list["devices"].as_array().unwrap().clone()
    }

    /// The first device for which all the given properties have the given values.
    async fn device_with(&self, properties: Value) -> Value {
        let wanted = properties.as_object().unwrap();
        let fits = |device: &&Value| wanted.iter().all(|(key, value)| device[key] == *value);
        self.devices().await.iter().find(fits).cloned().unwrap_or_else(|| panic!("{properties}"))
    }

    async fn device(&self, id: &str) -> Value {
        self.get(&format!("/device/{id}?fields=all")).await.ok()
    }

    /// A user's own device: untagged, approved, not external.
    async fn personal(&self) -> Value {
        let own = |device: &&Value| {
            device["tags"].is_null()
                && device["authorized"] == true
                && device["isExternal"] == false
                && device["connectedToControl"] == true
                && device["keyExpiryDisabled"] == false
        };
        self.devices().await.iter().find(own).cloned().unwrap()
    }

    async fn external(&self) -> Value {
        self.device_with(json!({ "isExternal": true })).await
    }

    async fn token(&self, secret: &str, scope: &str) -> Answer {
        let mut fields = vec![("client_id", "anything"), ("client_secret", secret)];
        if !scope.is_empty() {
            fields.push(("scope", scope));
        }
        self.send(form(self.bare("POST", "/oauth/token"), &fields)).await
    }

    async fn audit(&self, filters: &str) -> Vec<Value> {
        let window = "start=2026-01-01T00:00:00Z&end=2027-01-01T00:00:00Z";
        let path = format!("/tailnet/-/logging/configuration?{window}{filters}");
        self.get(&path).await.ok()["logs"].as_array().unwrap().clone()
    }
}

fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

fn id_of(device: &Value) -> &str {
    text(&device["nodeId"])
}

#[tokio::test]
async fn a_server_that_is_waited_for_keeps_running() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let url = format!("{}/api/v2/tailnet/-/devices", sandbox.base_url());
    let running = tokio::spawn(sandbox.stopped());
    let request = http().get(url).bearer_auth(Sandbox::API_KEY);
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert!(!running.is_finished());
}

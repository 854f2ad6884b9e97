//! Injected faults, through the admin endpoint and from Rust.

use super::*;
use tailsteward_sandbox::{Fault, FaultKind};

const DEVICES: &str = "/tailnet/-/devices";

async fn admin(tailnet: &Tailnet, method: &str, path: &str, body: Value) -> Answer {
    let url = format!("{}/_sandbox/{path}", tailnet.sandbox.base_url());
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    tailnet.send(tailnet.http.request(method, url).json(&body)).await
}

async fn inject(tailnet: &Tailnet, fault: Value) {
    admin(tailnet, "POST", "faults", fault).await.ok_and_empty();
}

/// A request that may get no response.
async fn attempt(tailnet: &Tailnet, method: &str, path: &str) -> Result<Answer, reqwest::Error> {
    let request = tailnet.bare(method, path).bearer_auth(Sandbox::API_KEY);
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    Ok(Answer { status, body: Value::Null, text, headers })
}

#[tokio::test]
async fn a_rate_limit_is_told_in_seconds_or_as_a_date() {
    let tailnet = Tailnet::new().await;
    inject(&tailnet, json!({"fault": "rate-limit", "seconds": 7, "times": 1})).await;
    let answer = tailnet.get(DEVICES).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "7"));
    tailnet.get(DEVICES).await.ok();
    inject(&tailnet, json!({"fault": "rate-limit", "seconds": 60, "asDate": true, "times": 1}))
        .await;
    let answer = tailnet.get(DEVICES).await;
    let at = httpdate::parse_http_date(answer.header("retry-after")).unwrap();
    let left = at.duration_since(std::time::SystemTime::now()).unwrap();
    assert!(left <= Duration::from_mins(1), "{left:?}");
}

#[tokio::test]
async fn statuses_and_pages_take_the_place_of_an_answer() {
    let tailnet = Tailnet::new().await;
    for (fault, status, message) in [
        (json!({"fault": "status", "status": 504, "times": 1}), 504, ""),
        (json!({"fault": "unauthorized", "times": 1}), 401, "API token invalid"),
        (json!({"fault": "stale-etag", "times": 1}), 412, "precondition failed, invalid old hash"),
    ] {
        inject(&tailnet, fault).await;
        let answer = tailnet.get(DEVICES).await;
        assert_eq!(answer.status, status);
        assert!(answer.message().contains(message));
    }
    inject(&tailnet, json!({"fault": "not-json", "status": 502, "times": 1})).await;
    let answer = tailnet.get(DEVICES).await;
    assert_eq!((answer.status, answer.header("content-type")), (502, "text/html"));
    assert!(answer.body.is_null() && answer.text.contains("<html>"));
}

#[tokio::test]
async fn a_reset_does_nothing_and_a_lost_answer_hides_what_was_done() {
    let tailnet = Tailnet::new().await;
    let device = id_of(&tailnet.personal().await).to_owned();
    let path = format!("/device/{device}");
    inject(&tailnet, json!({"fault": "reset", "times": 1})).await;
    assert!(attempt(&tailnet, "DELETE", &path).await.is_err());
    tailnet.get(&path).await.ok();
    inject(&tailnet, json!({"fault": "lost-response", "method": "DELETE", "times": 1})).await;
    tailnet.get(&path).await.ok();
    assert!(attempt(&tailnet, "DELETE", &path).await.is_err());
    assert_eq!(tailnet.get(&path).await.status, 404);
}

#[tokio::test]
async fn bodies_end_too_soon_or_never() {
    let tailnet = Tailnet::new().await;
    tailnet.sandbox.fail(Fault::new(FaultKind::Truncated).on("listTailnetDevices").times(1));
    assert!(attempt(&tailnet, "GET", DEVICES).await.is_err());
    let response = attempt(&tailnet, "GET", DEVICES).await.unwrap();
    assert_eq!(response.status, 200);
    tailnet.sandbox.fail(Fault::new(FaultKind::Stalled).times(1));
    let request = tailnet.bare("GET", DEVICES).bearer_auth(Sandbox::API_KEY);
    let response = request.timeout(Duration::from_millis(300)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.unwrap_err().is_timeout());
    tailnet.sandbox.fail(Fault::new(FaultKind::Slow { milliseconds: 60_000 }).times(1));
    let request = tailnet.bare("GET", DEVICES).bearer_auth(Sandbox::API_KEY);
    let late = request.timeout(Duration::from_millis(300)).send().await;
    assert!(late.unwrap_err().is_timeout());
    tailnet.get(DEVICES).await.ok();
}

#[tokio::test]
async fn a_fault_is_chosen_by_operation_method_and_path() {
    let tailnet = Tailnet::new().await;
    let device = id_of(&tailnet.personal().await).to_owned();
    let path = format!("/device/{device}");
    for fault in [
        json!({"fault": "status", "status": 500, "operation": "getDevice"}),
        json!({"fault": "status", "status": 500, "path": "/device/*"}),
        json!({"fault": "status", "status": 500, "path": path, "method": "get"}),
    ] {
        inject(&tailnet, fault.clone()).await;
        assert_eq!(tailnet.get(&path).await.status, 500, "{fault}");
        tailnet.get(DEVICES).await.ok();
        tailnet.get(&format!("{path}/routes")).await.ok();
        tailnet.post(&format!("{path}/name"), json!({ "name": "x" })).await.ok_and_empty();
        admin(&tailnet, "DELETE", "faults", Value::Null).await.ok_and_empty();
        tailnet.get(&path).await.ok();
    }
}

#[tokio::test]
async fn a_fault_comes_after_some_and_as_often_as_was_said() {
    let tailnet = Tailnet::new().await;
    inject(&tailnet, json!([{"fault": "unauthorized", "after": 2, "times": 2}])).await;
    let listed = admin(&tailnet, "GET", "faults", Value::Null).await.ok();
    assert_eq!(listed["faults"][0]["after"], 2);
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(tailnet.get(DEVICES).await.status);
    }
    assert_eq!(seen, [200, 200, 401, 401, 200, 200]);
    let left = admin(&tailnet, "GET", "faults", Value::Null).await.ok();
    assert_eq!(left, json!({ "faults": [] }));
}

#[tokio::test]
async fn the_seed_decides_which_requests_a_likely_fault_befalls() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let fault = Fault { probability: 0.5, ..Fault::new(FaultKind::Status { status: 503 }) };
        let options = Options { seed, faults: vec![fault], devices: 1, ..Options::default() };
        let tailnet = Tailnet::with(options).await;
        let mut seen = Vec::new();
        for _ in 0..40 {
            seen.push(tailnet.get("/tailnet/-/settings").await.status);
        }
        runs.push(seen);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let failed = runs[0].iter().filter(|status| **status == 503).count();
    assert!((8..=32).contains(&failed), "{failed}");
}

#[tokio::test]
async fn a_fault_that_is_not_understood_is_refused() {
    let tailnet = Tailnet::new().await;
    for fault in [
        json!({"fault": "earthquake"}),
        json!({"fault": "status"}),
        json!({"fault": "status", "status": 99}),
        json!({"fault": "reset", "probability": 2}),
        json!({"fault": "reset", "operaton": "getDevice"}),
        json!([{"fault": "reset"}, {"fault": "x"}]),
        json!(3),
    ] {
        assert_eq!(admin(&tailnet, "POST", "faults", fault.clone()).await.status, 400, "{fault}");
    }
    tailnet.get(DEVICES).await.ok();
}

/// L9: no web page can reset a sandbox, whatever name its site has.
#[tokio::test]
async fn l9_web_pages_are_kept_away_from_the_controls() {
    let tailnet = Tailnet::new().await;
    let url = format!("{}/_sandbox/faults", tailnet.sandbox.base_url());
    let send = async |name: &str, value: &str| {
        let request = tailnet.http.get(&url).header(name, value);
        tailnet.send(request).await
    };
    for bad in ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1@evil", ""]
    {
        send("host", bad).await.refused(403, "host must be a loopback address");
    }
    for bad in
        ["http://evil.example", "https://evil.example:1", "null", "http://[::1].evil.example"]
    {
        send("origin", bad).await.refused(403, "origin must be a loopback address");
    }
    for good in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]", "[::1]:8080"] {
        send("host", good).await.ok();
        send("origin", &format!("http://{good}")).await.ok();
    }
    let id = id_of(&tailnet.devices().await[0]).to_owned();
    tailnet.call("DELETE", &format!("/device/{id}"), Value::Null).await.ok_and_empty();
    let reset = format!("{}/_sandbox/reset", tailnet.sandbox.base_url());
    let request = tailnet.http.post(reset).header("origin", "http://evil.example");
    assert_eq!(tailnet.send(request).await.status, 403);
    assert_eq!(tailnet.get(&format!("/device/{id}")).await.status, 404);
}

#[tokio::test]
async fn the_clock_and_a_reset_are_at_hand() {
    let tailnet = Tailnet::new().await;
    let moved = admin(&tailnet, "POST", "clock", json!({ "advanceSeconds": 3600 })).await.ok();
    assert_eq!(moved["now"], "2026-06-15T13:00:00Z");
    assert_eq!(admin(&tailnet, "GET", "clock", Value::Null).await.ok(), moved);
    let before = tailnet.devices().await;
    let id = id_of(&before[0]);
    tailnet.call("DELETE", &format!("/device/{id}"), Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.devices().await.len(), before.len() - 1);
    admin(&tailnet, "POST", "reset", Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.devices().await.len(), before.len());
    assert_eq!(admin(&tailnet, "GET", "nothing", Value::Null).await.status, 404);
    assert_eq!(admin(&tailnet, "PATCH", "clock", Value::Null).await.status, 405);
}

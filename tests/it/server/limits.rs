//! How much one client, and all of them, may take.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tailsteward::server::NewToken;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::http::{Served, add_token, message};

#[tokio::test]
async fn each_token_has_its_own_rate() {
    let (served, token) = Served::guarded(|it| it.limits.rate = 1.try_into().unwrap()).await;
    let other = add_token(&served.tokens, "other", &NewToken::default());
    let mut refused = None;
    for _ in 0..5 {
        let response = served.initialize(&token).await;
        if response.status() == 429 {
            refused = Some(response);
        }
    }

    let refused = refused.expect("five at once are more than two");
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(message(refused).await["error"]["message"].as_str().unwrap().contains("too many"));
    assert_eq!(served.initialize(&other).await.status(), 200);
}

#[tokio::test]
async fn a_large_body_is_not_read() {
    let served = Served::open(|it| it.limits.body = 1000).await;
    let large = "x".repeat(1001);
    let told = served.raw(large.clone()).send().await.unwrap();
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>(large)]);
    let untold = served.raw(reqwest::Body::wrap_stream(chunks)).send().await.unwrap();

    assert_eq!((told.status().as_u16(), untold.status().as_u16()), (413, 413));
    assert!(message(told).await["error"]["message"].as_str().unwrap().contains("1000 bytes"));
    let exact = "x".repeat(1000);
    assert_eq!(served.raw(exact).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_slow_body_and_a_slow_head_are_not_waited_for() {
    let served = Served::open(|it| {
        it.limits.body_within = Duration::from_millis(200);
        it.limits.head_within = Duration::from_millis(200);
    })
    .await;
    let send = async |start: &str| {
        let mut stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(20), read).await.expect("it is waited for").ok();
        answer
    };

    let body = send(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: 100\r\n\r\n{",
    )
    .await;
    let head = send("POST /mcp HTTP/1.1\r\nhost: local").await;

    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    assert!(!head.contains("200"), "{head}");
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_again() {
    let (served, token) = Served::guarded(|it| it.limits.requests = 4).await;
    let other = add_token(&served.tokens, "other", &NewToken::default());
    let sleep = || served.call("sleep", &json!({ "ms": 1500 })).bearer_auth(&token).send();
    let calls = join_all((0..4).map(|_| sleep()));
    let late = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        served.answer("whoami", &other).await
    };

    let (calls, late) = tokio::join!(calls, late);

    let mut statuses: Vec<u16> =
        calls.iter().map(|it| it.as_ref().unwrap().status().as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503], "one token gets half");
    assert_eq!(late["name"], "other", "and the rest is for others");
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_ended_with_a_remedy() {
    let served = Served::open(|it| it.limits.call = Duration::from_millis(100)).await;

    let response = served.call("sleep", &json!({ "ms": 60_000 })).send().await.unwrap();

    let answer = message(response).await;
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("timeout") && text.contains("remedy"), "{text}");
    let counted = r#"tailsteward_tool_calls_total{tool="sleep",outcome="timed_out"}"#;
    assert!(served.counter(counted).await > 0.5);
}

#[tokio::test]
async fn what_is_no_message_gets_an_answer_of_the_protocol() {
    let served = Served::open(|_| {}).await;
    for (body, code) in [
        ("{\"jsonrpc\":", -32700),
        ("", -32700),
        ("\u{0}\u{0}", -32700),
        ("[]", -32600),
        ("{}", -32600),
        ("42", -32600),
    ] {
        let response = served.raw(body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{body:?}");
        let answer = message(response).await;
        assert_eq!(answer["error"]["code"], code, "{body:?}");
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(null)));
    }
    let deep = "[".repeat(100_000);
    assert_eq!(served.raw(deep).send().await.unwrap().status(), 400);
}

// L4: one peer without a token took all connections, and health checks of others waited 22 s.
#[tokio::test]
async fn idle_connections_of_one_address_keep_no_health_check_waiting() {
    let served = Served::open(|it| it.limits.connections = 20).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(tokio::net::TcpStream::connect(served.address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;

    let begun = std::time::Instant::now();
    let healthy = served.get("/health").send().await.unwrap();
    assert_eq!(healthy.status(), 200);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let refused = served.post(&crate::support::http::initialize()).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(message(refused).await["error"]["message"].as_str().unwrap().contains("connections"));

    drop(idle);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let served_again = served.post(&crate::support::http::initialize()).send().await.unwrap();
    assert_eq!(served_again.status(), 200);
}

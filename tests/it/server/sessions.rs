//! A session belongs to whoever opened it, and does not stay for ever.

use std::time::Duration;

use serde_json::json;
use tailsteward::server::NewToken;

use crate::support::http::{Served, add_token, message};

#[tokio::test]
async fn nobody_else_gets_into_a_session() {
    let (served, token) = Served::guarded(|_| {}).await;
    let other = add_token(&served.tokens, "other", &NewToken::default());
    let session = served.session(&token).await;
    let ping = json!({ "jsonrpc": "2.0", "id": 5, "method": "ping" });
    let tried = |token: &str, session: &str| {
        let with = |it: reqwest::RequestBuilder| {
            let accept = "application/json, text/event-stream";
            it.bearer_auth(token).header("mcp-session-id", session).header("accept", accept)
        };
        [with(served.get("/mcp")), with(served.delete()), with(served.post(&ping))]
    };

    for request in tried(&other, &session).into_iter().chain(tried(&token, "no-such")) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 404);
        assert_eq!(message(response).await["error"]["code"], -32001);
    }
    let own = served.post(&ping).bearer_auth(&token).header("mcp-session-id", &session);
    assert_eq!(own.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn there_are_so_many_and_no_token_gets_more_than_half() {
    let (served, token) = Served::guarded(|it| it.limits.sessions = 4).await;
    let other = add_token(&served.tokens, "other", &NewToken::default());
    let first = served.session(&token).await;
    served.session(&token).await;

    let refused = served.initialize(&token).await;

    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "30");
    served.session(&other).await;
    let end = served.delete().bearer_auth(&token).header("mcp-session-id", &first);
    // first-use 29: clients take 202 for a failure.
    assert_eq!(end.send().await.unwrap().status(), 204);
    served.session(&token).await;
}

#[tokio::test]
async fn a_session_in_which_nothing_is_said_ends() {
    let (served, token) = Served::guarded(|it| {
        it.limits.call = Duration::from_millis(100);
        it.limits.idle = Duration::from_millis(300);
        it.limits.sessions = 2;
    })
    .await;
    let session = served.session(&token).await;
    let status = async || {
        let ping = json!({ "jsonrpc": "2.0", "id": 5, "method": "ping" });
        let ping = served.post(&ping).bearer_auth(&token).header("mcp-session-id", &session);
        ping.send().await.unwrap().status()
    };
    assert_eq!(status().await, 200);

    // Each look would keep it open.
    tokio::time::sleep(Duration::from_millis(1500)).await;

    assert_eq!(status().await, 404);
    served.session(&token).await;
}

#[tokio::test]
async fn without_state_there_are_no_sessions() {
    let (served, token) = Served::guarded(|it| it.stateless = true).await;
    let response = served.initialize(&token).await;

    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(!response.headers().contains_key("mcp-session-id"));
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call",
        "params": { "name": "whoami", "arguments": {} } });
    let call = served.post(&call).bearer_auth(&token).header("mcp-protocol-version", "2025-11-25");
    let answer = message(call.send().await.unwrap()).await;
    assert!(
        answer["result"]["content"][0]["text"].as_str().unwrap().contains("\"ci\""),
        "{answer}"
    );
}

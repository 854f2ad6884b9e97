//! Authentication, and the answers to refused requests.

use std::net::SocketAddr;

use serde_json::json;
use tailsteward::{
    ErrorKind,
    server::{Access, Http, NewToken, Options},
};

use crate::support::http::{Served, add_token, initialize, message};

#[tokio::test]
async fn without_a_valid_token_nobody_comes_in_and_is_told_where_to_look() {
    let (served, token) = Served::guarded(|_| {}).await;
    let tried = [
        served.post(&initialize()),
        served.post(&initialize()).bearer_auth("tailsteward_wrong"),
        served.post(&initialize()).bearer_auth(""),
        served.post(&initialize()).basic_auth(&token, Some(&token)),
        served.post(&initialize()).query(&[("access_token", &token)]),
        served.get("/mcp"),
        served.delete(),
    ];
    for request in tried {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
        // A client that is told of metadata looks for an authorization server, and there is none.
        assert!(
            ["Bearer", r#"Bearer error="invalid_token""#].contains(&challenge.as_str()),
            "{challenge}"
        );
        let body = message(response).await;
        assert!(
            body["error"]["message"].as_str().unwrap().contains("Authorization: Bearer"),
            "{body}"
        );
    }
    assert_eq!(served.initialize(&token).await.status(), 200);
}

// With tokens only there is no authorization server that metadata could name.
#[tokio::test]
async fn there_is_no_metadata_of_an_authorization_server() {
    let (served, token) = Served::guarded(|_| {}).await;
    for path in ["oauth-protected-resource", "oauth-protected-resource/mcp"] {
        let path = format!("/.well-known/{path}");
        assert_eq!(served.get(&path).send().await.unwrap().status(), 404);
        assert_eq!(served.get(&path).bearer_auth(&token).send().await.unwrap().status(), 404);
    }
    let response = served.post(&initialize()).send().await.unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn the_handler_learns_who_asks_and_never_the_token() {
    let (served, token) = Served::guarded(|_| {}).await;
    let reader = NewToken {
        read_only: true,
        toolsets: Some(vec!["devices".to_owned()]),
        ..NewToken::default()
    };
    let reader = add_token(&served.tokens, "reader", &reader);

    let ci = served.answer("whoami", &token).await;
    let reader = served.answer("whoami", &reader).await;

    let all = json!({ "name": "ci", "read_only": false, "toolsets": null, "proof": false });
    assert_eq!(ci, all);
    assert_eq!((&reader["name"], &reader["read_only"]), (&json!("reader"), &json!(true)));
    assert_eq!(reader["toolsets"], json!(["devices"]));
}

#[tokio::test]
async fn a_token_for_metrics_is_for_nothing_else() {
    let (served, token) = Served::guarded(|_| {}).await;
    let metrics = NewToken { metrics: true, ..NewToken::default() };
    let metrics = add_token(&served.tokens, "prometheus", &metrics);
    let status = async |request: reqwest::RequestBuilder, token: &str| {
        let response = request.bearer_auth(token).send().await.unwrap();
        let challenge = response.headers().get("www-authenticate");
        let scope = challenge.is_some_and(|it| it.to_str().unwrap().contains("insufficient_scope"));
        (response.status().as_u16(), scope)
    };

    assert_eq!(status(served.get("/metrics"), &metrics).await, (200, false));
    assert_eq!(status(served.post(&initialize()), &metrics).await, (403, true));
    assert_eq!(status(served.get("/metrics"), &token).await, (403, true));
    let refused = served.get("/metrics").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    // A stranger learns how to send a token, and nothing of the administrator's commands.
    let refused = refused.text().await.unwrap();
    assert!(
        refused.contains("Authorization: Bearer") && !refused.contains("tailsteward"),
        "{refused}"
    );
}

#[tokio::test]
async fn names_that_are_not_ours_are_refused() {
    let served = Served::open(|it| it.hosts = vec!["mcp.example.com".to_owned()]).await;
    let port = served.address.port();
    let cases = [
        ("localhost".to_owned(), 200),
        (format!("127.0.0.1:{port}"), 200),
        ("[::1]:99".to_owned(), 200),
        ("MCP.example.com.".to_owned(), 200),
        ("evil.example.com".to_owned(), 403),
        ("localhost.evil.example.com".to_owned(), 403),
        (format!("127.0.0.1.nip.io:{port}"), 403),
    ];
    for (host, status) in cases {
        for path in ["/metrics", "/mcp"] {
            let request =
                if path == "/mcp" { served.post(&initialize()) } else { served.get(path) };
            let response = request.header("host", &host).send().await.unwrap();
            assert_eq!(response.status(), status, "{host} {path}");
        }
    }
    // Whoever asks after health knows an address only.
    let response = served.get("/health").header("host", "10.1.2.3").send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let served = Served::open(|it| {
        it.origins = vec!["https://app.example.com".to_owned(), "http://dev.example.com:*".into()];
    })
    .await;
    for (origin, status) in [
        ("http://localhost:6274", 200),
        ("https://app.example.com", 200),
        ("https://app.example.com:443", 200),
        ("http://dev.example.com:3000", 200),
        ("https://app.example.com:8443", 403),
        ("http://app.example.com", 403),
        ("https://evil.example.com", 403),
        ("http://localhost.evil.example.com", 403),
        ("null", 403),
        ("nonsense", 403),
    ] {
        let response = served.post(&initialize()).header("origin", origin).send().await.unwrap();
        assert_eq!(response.status(), status, "{origin}");
        let may_read = response.headers().get("access-control-allow-origin");
        assert_eq!(may_read.is_some_and(|it| it == origin), status == 200, "{origin}");
    }
}

#[tokio::test]
async fn it_does_not_listen_elsewhere_without_tokens() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let address: SocketAddr = address.parse().unwrap();
        let error = Http::bind(address, Options::new(Access::Anyone)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.remedy().unwrap().contains("token add"), "{error}");
    }
}

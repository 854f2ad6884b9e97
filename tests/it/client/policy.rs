//! The policy file: byte for byte, and never over somebody else's change.

use serde_json::json;
use tailscale_mcp::{ErrorKind, Tailnet, tailnet::devices::Update};

use crate::support::{Reply, Seen, Server};

const TEXT: &str = "// Süß.\r\n{\n\t\"acls\": [ /* none */ ],\n\t\"x\": 1.0e2,\n}\n\n";

/// Holds [`TEXT`] under the version `v1`, and takes what is based on it.
async fn policy() -> Server {
    Server::start(|it: &Seen| {
        let hujson = Reply::new(200).header("content-type", "application/hujson");
        match it.method.as_str() {
            "GET" => hujson.header("etag", "\"v1\"").text(TEXT),
            _ if it.header("if-match") == Some("\"v1\"") => {
                hujson.header("etag", "\"v2\"").text(it.body.clone())
            }
            _ => Reply::new(412).of(&json!({ "message": "precondition failed" })),
        }
    })
    .await
}

#[tokio::test]
async fn a_policy_file_is_read_byte_for_byte_with_its_version() {
    let server = policy().await;

    let file = server.tailnet().policy_file().get().await.unwrap();

    assert_eq!((file.text.as_str(), file.etag.as_str()), (TEXT, "v1"));
    assert_eq!(server.seen()[0].path(), "/api/v2/tailnet/-/acl");
    assert_eq!(server.seen()[0].header("accept"), Some("application/hujson"));
}

#[tokio::test]
async fn a_policy_file_is_replaced_byte_for_byte_if_it_is_still_the_one_that_was_read() {
    let server = policy().await;
    let tailnet = server.tailnet();
    let read = tailnet.policy_file().get().await.unwrap();
    let text = TEXT.replace("none", "still none");

    let written = tailnet.policy_file().replace(&text, &read.etag).await.unwrap();

    assert_eq!((written.text.as_str(), written.etag.as_str()), (text.as_str(), "v2"));
    let sent = &server.seen()[1];
    assert_eq!((sent.method.as_str(), sent.body.as_str()), ("POST", text.as_str()));
    assert_eq!(sent.header("content-type"), Some("application/hujson"));
    assert_eq!(sent.header("accept"), Some("application/hujson"));
}

#[tokio::test]
async fn a_policy_file_that_somebody_else_changed_is_stale() {
    let server = policy().await;

    for version in ["v0", "\"v0\"", "W/\"v1\""] {
        let tailnet = server.tailnet();
        let error = tailnet.policy_file().replace(TEXT, version).await.unwrap_err();

        assert_eq!((error.kind(), error.status()), (ErrorKind::Stale, Some(412)));
        assert!(error.remedy().unwrap().contains("read it again"));
        assert!(!error.may_have_had_effect());
        assert_eq!(error.resource(), Some("tailnet/-"));
    }
}

#[tokio::test]
async fn a_policy_file_whose_answer_is_lost_is_not_sent_again() {
    let server = Server::says(vec![Reply::nothing(), Reply::new(200).text(TEXT)]).await;

    let error = server.tailnet().policy_file().replace(TEXT, "v1").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert!(error.remedy().unwrap().contains("getPolicyFile"), "{:?}", error.remedy());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_empty_policy_file_is_not_sent() {
    let server = policy().await;

    for text in ["", " \n"] {
        let error = server.tailnet().policy_file().replace(text, "v1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_policy_file_without_a_version_is_read_all_the_same() {
    let server = Server::says(vec![Reply::new(200).text("{}")]).await;

    let file = server.tailnet().policy_file().get().await.unwrap();

    assert_eq!((file.text.as_str(), file.etag.as_str()), ("{}", ""));
}

// Bodies of other writes.

#[tokio::test]
async fn a_body_says_what_changes_and_nothing_else() {
    let server = Server::start(|it: &Seen| {
        let device = json!({ "nodeId": "n1", "name": "web-1.example.ts.net", "tags": ["tag:a"] });
        match it.path() {
            "/api/v2/tailnet/-/devices" => Reply::json(&json!({ "devices": [device] })),
            "/api/v2/tailnet/-/acl" => Reply::json(&json!({ "tagOwners": { "tag:b": [] } })),
            _ => Reply::json(&device),
        }
    })
    .await;
    let tailnet: Tailnet = server.tailnet();
    let update = Update {
        set_tags: Some(vec!["tag:b".to_owned()]),
        key_expires: Some(false),
        ..Update::default()
    };
    let plan = tailnet.devices().plan_update("web-1", &update).await.unwrap();
    tailnet.apply(&plan).await.unwrap();
    tailnet.tailnet_settings().set_auto_updates(false).await.unwrap();

    let sent: Vec<(String, String)> = server
        .seen()
        .into_iter()
        .filter(|it| it.method != "GET")
        .map(|it| (it.path().replace("/api/v2", ""), it.body))
        .collect();
    assert_eq!(
        sent,
        [
            ("/device/n1/tags".to_owned(), r#"{"tags":["tag:b"]}"#.to_owned()),
            ("/device/n1/key".to_owned(), r#"{"keyExpiryDisabled":true}"#.to_owned()),
            ("/tailnet/-/settings".to_owned(), r#"{"devicesAutoUpdatesOn":false}"#.to_owned()),
        ]
    );
}

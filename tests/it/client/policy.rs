//! The policy file: byte for byte, and never over somebody else's change.

use std::sync::Mutex;

use serde_json::json;
use tailsteward::{
    ErrorKind, Tailnet,
    tailnet::{devices::Update, policy_file::Draft},
};

use crate::support::{Reply, Seen, Server, set_auto_updates};

const TEXT: &str = "// Süß.\r\n{\n\t\"acls\": [ /* none */ ],\n\t\"x\": 1.0e2,\n}\n\n";

/// Holds [`TEXT`] under the version `v1`, finds everything valid, and takes what is based on what it
/// holds.
async fn policy() -> Server {
    let held = Mutex::new((1, TEXT.to_owned()));
    Server::start(move |it: &Seen| {
        let mut held = held.lock().unwrap();
        if it.path().ends_with("/validate") {
            return Reply::json(&json!({}));
        }
        if it.method == "POST" {
            if it.header("if-match") != Some(&format!("\"v{}\"", held.0)) {
                return Reply::new(412).of(&json!({ "message": "precondition failed" }));
            }
            *held = (held.0 + 1, it.body.clone());
        }
        let hujson = Reply::new(200).header("content-type", "application/hujson");
        hujson.header("etag", &format!("\"v{}\"", held.0)).text(held.1.clone())
    })
    .await
}

fn writes(server: &Server) -> Vec<Seen> {
    server
        .seen()
        .into_iter()
        .filter(|it| it.method == "POST" && it.path().ends_with("/acl"))
        .collect()
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
    for quoted in [false, true] {
        let server = policy().await;
        let tailnet = server.tailnet();
        let read = tailnet.policy_file().get().await.unwrap();
        let text = TEXT.replace("none", "still none");
        let etag = if quoted { format!("\"{}\"", read.etag) } else { read.etag };

        let plan = tailnet.policy_file().plan_text(&Draft::new(&text, etag)).await.unwrap();
        tailnet.apply(&plan).await.unwrap();

        assert_eq!(tailnet.policy_file().get().await.unwrap().text, text);
        let [sent] = &writes(&server)[..] else { panic!("one write") };
        assert_eq!(sent.body, text);
        assert_eq!(sent.header("if-match"), Some("\"v1\""));
        assert_eq!(sent.header("content-type"), Some("application/hujson"));
        assert_eq!(sent.header("accept"), Some("application/hujson"));
    }
}

#[tokio::test]
async fn a_version_that_nobody_read_here_is_stale() {
    let server = policy().await;

    for version in ["v0", "\"v0\"", "W/\"v0\""] {
        let tailnet = server.tailnet();
        let draft = Draft::new(TEXT.replace("none", "x"), version);
        let error = tailnet.policy_file().plan_text(&draft).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Stale);
        assert!(error.remedy().unwrap().contains("read it again"));
        assert!(!error.may_have_had_effect());
    }
    assert!(writes(&server).is_empty());
}

#[tokio::test]
async fn a_version_that_a_proxy_marked_as_weak_is_the_same_version() {
    let server = Server::start(|it: &Seen| match it.path() {
        path if path.ends_with("/validate") => Reply::json(&json!({})),
        _ => Reply::new(200).header("etag", "W/\"v1\"").text(TEXT),
    })
    .await;
    let tailnet = server.tailnet();
    let draft = Draft::new(TEXT.replace("none", "x"), "v1");
    let plan = tailnet.policy_file().plan_text(&draft).await.unwrap();

    // The server keeps the old text, so it is not verified; what counts is what was sent.
    tailnet.apply(&plan).await.unwrap_err();

    assert_eq!(writes(&server)[0].header("if-match"), Some("\"v1\""));
}

#[tokio::test]
async fn a_policy_file_whose_answer_is_lost_is_not_sent_again() {
    let server = Server::start(|it: &Seen| match (it.method.as_str(), it.path()) {
        ("GET", _) => Reply::new(200).header("etag", "\"v1\"").text(TEXT),
        (_, path) if path.ends_with("/validate") => Reply::json(&json!({})),
        _ => Reply::nothing(),
    })
    .await;
    let tailnet = server.tailnet();
    let draft = Draft::new(TEXT.replace("none", "x"), "v1");
    let plan = tailnet.policy_file().plan_text(&draft).await.unwrap();

    let error = tailnet.apply(&plan).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert!(error.to_string().contains("it was not changed"), "{error}");
    assert!(error.remedy().unwrap().contains("getPolicyFile"), "{:?}", error.remedy());
    assert_eq!(writes(&server).len(), 1);
}

#[tokio::test]
async fn an_empty_policy_file_is_not_sent() {
    let server = policy().await;

    for text in ["", " \n"] {
        let tailnet = server.tailnet();
        let draft = Draft::new(text, "v1");
        let error = tailnet.policy_file().plan_text(&draft).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("default policy"), "{error}");
    }
    assert_eq!(server.methods("POST"), 0);
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
    let update = {
        let mut it = Update::default();
        it.set_tags = Some(vec!["tag:b".to_owned()]);
        it.key_expires = Some(false);
        it
    };
    let plan = tailnet.devices().plan_update("web-1", &update).await.unwrap();
    tailnet.apply(&plan).await.unwrap();
    set_auto_updates(&tailnet, false).await.unwrap();

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

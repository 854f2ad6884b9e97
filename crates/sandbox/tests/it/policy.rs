//! The policy file: versions, validation and previews.

use super::*;
use base64::Engine as _;

const PATH: &str = "/tailnet/-/acl";

async fn read(tailnet: &Tailnet, accept: &str) -> Answer {
    let request = tailnet.bare("GET", PATH).bearer_auth(Sandbox::API_KEY);
    tailnet.send(request.header("accept", accept)).await
}

async fn write(tailnet: &Tailnet, if_match: &str, body: &str) -> Answer {
    let mut request = tailnet.bare("POST", PATH).bearer_auth(Sandbox::API_KEY);
    if !if_match.is_empty() {
        request = request.header("if-match", if_match);
    }
    let request = request.header("content-type", "application/hujson");
    tailnet.send(request.body(body.to_owned())).await
}

#[tokio::test]
async fn it_reads_as_json_or_hujson() {
    let tailnet = Tailnet::new().await;
    let raw = read(&tailnet, "*/*").await;
    assert!(raw.text.contains("// "));
    assert_eq!(raw.header("content-type"), "application/hujson");
    let json = read(&tailnet, "application/json").await;
    assert!(json.body["tagOwners"].is_object());
    assert_eq!(json.header("etag"), raw.header("etag"));
    assert!(raw.header("etag").starts_with('"'));
    for query in ["true", "1"] {
        let details = tailnet.get(&format!("{PATH}?details={query}")).await.ok();
        let acl = base64::engine::general_purpose::STANDARD.decode(text(&details["acl"]));
        assert_eq!(acl.unwrap(), raw.text.as_bytes());
        assert_eq!((&details["warnings"], &details["errors"]), (&json!([]), &json!(null)));
    }
}

#[tokio::test]
async fn hujson_is_kept_byte_for_byte() {
    let tailnet = Tailnet::new().await;
    let body = "// mine\n{ \"grants\": [  ],\t/* ü */ \"tagOwners\": {\"tag:a\": [],}, }\n\n";
    let answer = write(&tailnet, "", body).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, body));
    assert_eq!(read(&tailnet, "").await.text, body);
}

#[tokio::test]
async fn an_etag_guards_against_lost_updates() {
    let tailnet = Tailnet::new().await;
    let first = read(&tailnet, "").await;
    let etag = first.header("etag").to_owned();
    let second = write(&tailnet, &etag, &first.text).await;
    assert_eq!(second.status, 200);
    // The `ETag` changes even if the file did not.
    assert_ne!(second.header("etag"), etag);
    let late = write(&tailnet, &etag, "{}").await;
    late.refused(412, "precondition failed, invalid old hash");
    assert_eq!(read(&tailnet, "").await.text, first.text);
    let unquoted = second.header("etag").trim_matches('"').to_owned();
    assert_eq!(write(&tailnet, &unquoted, "{}").await.status, 200);
}

#[tokio::test]
async fn an_empty_body_brings_the_default_back() {
    let tailnet = Tailnet::new().await;
    assert_eq!(write(&tailnet, "\"ts-default\"", "{}").await.status, 412);
    let reset = write(&tailnet, "", "").await;
    assert_eq!(reset.status, 200);
    assert!(read(&tailnet, "application/json").await.body["grants"].is_array());
    assert_eq!(write(&tailnet, "\"ts-default\"", "{\"acls\": []}").await.status, 200);
    assert_eq!(write(&tailnet, "\"ts-default\"", "{}").await.status, 412);
}

#[tokio::test]
async fn a_bad_policy_changes_nothing() {
    let tailnet = Tailnet::new().await;
    let before = read(&tailnet, "").await;
    for body in [
        "{",
        "[]",
        "{grants: []}",
        "{\"grant\": []}",
        "{\"tagOwners\": {\"web\": []}}",
        "{\"tagOwners\": {\"tag:web\": 3}}",
        "{\"groups\": []}",
    ] {
        let answer = write(&tailnet, "", body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.message().is_empty());
    }
    let after = read(&tailnet, "").await;
    assert_eq!((&after.text, after.header("etag")), (&before.text, before.header("etag")));
    // Comments under the wrong content type.
    let request = tailnet.bare("POST", PATH).bearer_auth(Sandbox::API_KEY);
    let request = request.header("content-type", "application/json").body("{} // x");
    let answer = tailnet.send(request).await;
    answer.refused(400, "exactly one capability scope must be populated");
}

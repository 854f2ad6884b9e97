//! Errors: every way to fail has its kind, its words and its remedy.

use std::time::Duration;

use serde_json::json;
use tailsteward::{Error, ErrorKind, Operation, Tailnet};

use crate::support::{Reply, Server, millis, set_auto_updates, settings};

async fn said(reply: Reply) -> Error {
    let server = Server::says(vec![reply.header("x-tailscale-request-id", "req-1")]).await;
    let mut settings = server.settings();
    settings.deadline = millis(200);
    Tailnet::new(settings).tailnet_settings().get().await.unwrap_err()
}

#[tokio::test]
async fn every_status_has_its_kind_and_keeps_what_was_said() {
    let cases = [
        (400, ErrorKind::Rejected, "400 Bad Request", "change the request"),
        (401, ErrorKind::Unauthorized, "401 Unauthorized", "nor revoked"),
        (402, ErrorKind::PlanLimit, "402 Payment Required", "pricing"),
        (403, ErrorKind::Forbidden, "403 Forbidden", "OAuth scope"),
        (404, ErrorKind::NotFound, "404 Not Found", "check the tailnet ID"),
        (409, ErrorKind::Conflict, "409 Conflict", "read the existing resource"),
        (412, ErrorKind::Stale, "412 Precondition Failed", "read it again"),
        (418, ErrorKind::Rejected, "418 I'm a teapot", "change the request"),
        (422, ErrorKind::Rejected, "422 Unprocessable Entity", "change the request"),
        (429, ErrorKind::RateLimited, "429 Too Many Requests", "wait a minute"),
        (500, ErrorKind::Upstream, "500 Internal Server Error", "status.tailscale.com"),
        (501, ErrorKind::Unsupported, "501 Not Implemented", "admin console"),
        (502, ErrorKind::Upstream, "502 Bad Gateway", "try again later"),
        (503, ErrorKind::Upstream, "503 Service Unavailable", "try again later"),
        (504, ErrorKind::Upstream, "504 Gateway Timeout", "try again later"),
    ];
    for (status, kind, reason, remedy) in cases {
        let error = said(Reply::new(status).of(&json!({ "message": "so it is" }))).await;

        assert_eq!((error.kind(), error.status()), (kind, Some(status)));
        assert_eq!(error.upstream_message(), Some("so it is"));
        assert_eq!(error.request_id(), Some("req-1"));
        assert_eq!(error.operation(), Some(Operation::GetTailnetSettings));
        assert_eq!(error.resource(), Some("tailnet/-"));
        assert!(error.remedy().unwrap().contains(remedy), "{:?}", error.remedy());
        assert!(!error.may_have_had_effect());
        assert_eq!(
            error.to_string(),
            format!("getTailnetSettings on tailnet/-: {reason}: so it is (request id req-1)")
        );
    }
}

#[tokio::test]
async fn a_403_names_the_scope_that_it_takes() {
    let answer = Reply::new(403).of(&json!({ "message": "calling actor does not have enough" }));
    let server = Server::says(vec![answer]).await;

    let error = server.tailnet().devices().list().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert!(error.remedy().unwrap().contains("`devices:core:read`"), "{:?}", error.remedy());
}

#[tokio::test]
async fn a_403_or_400_for_what_the_plan_lacks_is_no_matter_of_scopes() {
    for status in [403, 400] {
        let words = "this feature is not available on your current plan";
        let error = said(Reply::new(status).of(&json!({ "message": words }))).await;

        assert_eq!(error.kind(), ErrorKind::PlanLimit);
        assert!(error.remedy().unwrap().contains("pricing"));
    }
}

#[tokio::test]
async fn a_rejected_policy_says_for_whom_and_why() {
    let body = json!({
        "message": "test(s) failed",
        "data": [
            { "user": "ann@example.com", "errors": ["address \"web:22\": want: Accept"] },
            { "user": "", "warnings": ["an unused group"], "errors": null },
        ],
    });
    let error = said(Reply::new(400).of(&body)).await;

    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(error.policy_problems().len(), 2);
    assert_eq!(error.policy_problems()[0].user, "ann@example.com");
    assert_eq!(error.policy_problems()[0].errors, ["address \"web:22\": want: Accept"]);
    assert_eq!(error.policy_problems()[1].warnings, ["an unused group"]);
    assert!(error.to_string().contains("test(s) failed; ann@example.com: address"), "{error}");
}

#[tokio::test]
async fn a_word_under_another_name_is_heard_as_well() {
    for body in [json!({ "error": "so it is" }), json!({ "message": null, "error": "so it is" })] {
        assert_eq!(said(Reply::new(400).of(&body)).await.upstream_message(), Some("so it is"));
    }
}

#[tokio::test]
async fn an_error_that_is_no_json_is_quoted_in_short() {
    let page = format!("<html>\r\n<h1>502</h1>{}", "x".repeat(1000));
    let error = said(Reply::new(404).text(page)).await;
    let empty = said(Reply::new(404)).await;

    let words = error.upstream_message().unwrap();
    assert!(words.starts_with("the response is not JSON: <html><h1>502</h1>xxx"), "{words}");
    assert!(words.len() < 300);
    assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, Some(404)));
    assert_eq!(empty.upstream_message(), Some("the response has no body"));
}

#[tokio::test]
async fn a_success_that_is_no_json_is_told_from_one_that_breaks_off() {
    let page = said(Reply::new(200).text("<html>Sign in</html>")).await;
    let cut = said(Reply::new(200).text(r#"{"devicesApprovalOn": tr"#)).await;

    assert_eq!(page.kind(), ErrorKind::NotJson);
    assert!(page.remedy().unwrap().contains("login page"));
    assert_eq!(cut.kind(), ErrorKind::Truncated);
    assert!(page.to_string().starts_with("getTailnetSettings"), "{page}");
}

#[tokio::test]
async fn a_success_of_another_shape_is_an_error() {
    for body in [json!([]), json!("text"), json!(5)] {
        let error = said(Reply::json(&body)).await;

        assert_eq!(error.kind(), ErrorKind::NotJson, "{body}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_with_its_status() {
    let length =
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nx-tailscale-request-id: r\r\n\r\n{\"a\":1";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{\"a\":1\r\n";
    for raw in [length, chunked] {
        let server = Server::says(vec![Reply::raw(raw)]).await;
        let mut settings = server.settings();
        settings.deadline = millis(1000);

        let error = Tailnet::new(settings).tailnet_settings().get().await.unwrap_err();

        assert_eq!((error.kind(), error.status()), (ErrorKind::Truncated, Some(200)));
        assert!(error.to_string().contains("after 6 bytes"), "{error}");
        assert!(server.seen().len() > 1);
    }
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_read() {
    let error = {
        let server = Server::says(vec![Reply::new(200).text(vec![b' '; 5000])]).await;
        let mut settings = server.settings();
        settings.max_body = 4096;
        let error = Tailnet::new(settings).tailnet_settings().get().await.unwrap_err();
        assert_eq!(server.seen().len(), 1);
        error
    };

    assert_eq!((error.kind(), error.status()), (ErrorKind::TooLarge, Some(200)));
    assert!(error.to_string().contains("larger than 4096 bytes"), "{error}");
    assert!(error.remedy().unwrap().contains("shorter time window"));
}

#[tokio::test]
async fn a_silent_server_is_a_timeout() {
    let server = Server::says(vec![Reply::new(200).late(Duration::from_mins(1))]).await;
    let mut settings = server.settings();
    settings.attempt_timeout = millis(100);
    settings.deadline = millis(250);

    let error = Tailnet::new(settings).tailnet_settings().get().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.remedy().unwrap().contains("longer deadline"));
}

#[tokio::test]
async fn a_host_that_nobody_knows_is_named_as_such() {
    let tailnet = Tailnet::new(settings("https://nonexistent.invalid"));

    let read = tailnet.tailnet_settings().get().await.unwrap_err();
    let write = set_auto_updates(&tailnet, true).await.unwrap_err();

    for error in [read, write] {
        assert_eq!(error.kind(), ErrorKind::Dns, "{error}");
        assert!(error.remedy().unwrap().contains("DNS"));
        assert!(!error.may_have_had_effect());
    }
}

#[tokio::test]
async fn a_base_url_that_is_none_is_an_error_and_no_panic() {
    for base in ["", "no url", "ftp://127.0.0.1", "http://"] {
        let error = Tailnet::new(settings(base)).tailnet_settings().get().await.unwrap_err();

        assert!(!error.to_string().is_empty());
    }
}

#[tokio::test]
async fn a_credential_with_odd_characters_is_named_and_not_shown() {
    let server = Server::says(vec![Reply::json(&json!({}))]).await;
    let mut settings = server.settings();
    settings.credential = tailsteward::Credential::ApiKey("tskey-api-\nbroken".into());

    let error = Tailnet::new(settings).tailnet_settings().get().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!format!("{error} {error:?}").contains("broken"), "{error}");
    assert!(server.seen().is_empty());
}

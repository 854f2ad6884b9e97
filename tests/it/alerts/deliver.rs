//! How a try ends: what is delivered, tried again, given up, and switched off.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::*;
use crate::support::{Reply, Server};

async fn outcome_of(reply: Reply) -> Outcome {
    let server = Server::says(vec![reply]).await;
    ops("webhook", &private(&server.url())).deliver("ops", &started()).await
}

fn retry_after(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Retry { after, .. } => *after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_status_has_its_outcome() {
    for status in [200, 201, 202, 204] {
        assert_eq!(outcome_of(Reply::new(status)).await, Outcome::Delivered, "{status}");
    }
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let outcome = outcome_of(Reply::new(status)).await;
        assert!(matches!(&outcome, Outcome::Retry { after: None, .. }), "{status}: {outcome:?}");
        assert!(why(&outcome).contains(&status.to_string()), "{outcome:?}");
    }
    for status in [400, 401, 403, 404, 405, 413, 422] {
        let outcome = outcome_of(Reply::new(status).text("no_service")).await;
        assert_eq!(outcome, Outcome::Failed { why: format!("it answered {status}: no_service") });
    }
    let gone = outcome_of(Reply::new(410)).await;
    assert_eq!(gone, Outcome::Off { why: "it answered 410".to_owned() });
}

#[tokio::test]
async fn the_wait_that_a_receiver_asks_for_is_kept_up_to_an_hour() {
    let seconds = outcome_of(Reply::new(429).header("retry-after", "120")).await;
    let day = outcome_of(Reply::new(503).header("retry-after", "86400")).await;
    let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_mins(30));
    let date = outcome_of(Reply::new(429).header("retry-after", &soon)).await;
    let nonsense = outcome_of(Reply::new(429).header("retry-after", "soon")).await;

    assert_eq!(retry_after(&seconds), Some(Duration::from_mins(2)));
    assert_eq!(retry_after(&day), Some(Duration::from_hours(1)));
    let date = retry_after(&date).unwrap();
    assert!(date > Duration::from_mins(15) && date <= Duration::from_mins(30), "{date:?}");
    assert_eq!(retry_after(&nonsense), None);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::says(vec![Reply::new(200)]).await;
    for status in [301, 302, 307, 308] {
        let outcome = outcome_of(Reply::new(status).header("location", &target.url())).await;

        assert!(matches!(&outcome, Outcome::Failed { .. }), "{outcome:?}");
        assert!(why(&outcome).contains("redirect"), "{outcome:?}");
        assert!(!why(&outcome).contains("http"), "{outcome:?}");
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let broken = outcome_of(Reply::nothing()).await;
    // Nobody listens there any more.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let receivers = ops("webhook", &private(&format!("http://{free}/hook-secret")));
    let refused = receivers.deliver("ops", &started()).await;

    for outcome in [broken, refused] {
        assert!(matches!(&outcome, Outcome::Retry { after: None, .. }), "{outcome:?}");
        assert!(!why(&outcome).is_empty() && !why(&outcome).contains("hook-secret"), "{outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_does_not_answer_is_given_ten_seconds() {
    let server = Server::says(vec![Reply::new(200).late(Duration::from_hours(1))]).await;
    let receivers = ops("webhook", &private(&server.url()));
    let start = Instant::now();

    let outcome = receivers.deliver("ops", &started()).await;

    assert!(matches!(&outcome, Outcome::Retry { .. }), "{outcome:?}");
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_long_answer_is_not_read_to_its_end() {
    // It says that more comes, and it never does.
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n";
    let long = Reply::raw(format!("{head}{}", "x".repeat(40_000)));
    assert_eq!(outcome_of(long).await, Outcome::Delivered);

    let page = Reply::new(404).text(format!("no such page {}", "x".repeat(2_000_000)));
    let outcome = outcome_of(page).await;
    assert!(why(&outcome).len() < 200, "{outcome:?}");
}

#[tokio::test]
async fn a_private_address_is_refused_unless_the_config_file_allows_it() {
    let server = Server::says(vec![Reply::new(200)]).await;
    let port = server.url().rsplit(':').next().unwrap().to_owned();

    for host in ["127.0.0.1", "[::1]", "10.1.2.3", "0x7f.1", "[::ffff:192.168.1.1]"] {
        let config = entry("ops", "webhook", &format!("url = \"https://{host}:{port}/\""));
        let error = Home::with(&config).receivers(&[]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("`ops`") && message.contains("private = true"), "{message}");
    }
    // A name that resolves to one.
    let named = ops("webhook", &format!("url = \"https://localhost:{port}/\""));
    let outcome = named.deliver("ops", &started()).await;

    assert!(why(&outcome).contains("private network"), "{outcome:?}");
    assert!(matches!(outcome, Outcome::Retry { .. }));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::self_signed(&folder.path().join("ca.pem"), |_| Reply::new(200)).await;
    let receivers = ops("webhook", &private(&server.url()));

    let outcome = receivers.deliver("ops", &started()).await;

    assert!(matches!(&outcome, Outcome::Retry { .. }), "{outcome:?}");
    assert!(why(&outcome).contains("certificate"), "{outcome:?}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_answer_that_repeats_a_secret_is_not_quoted() {
    const VARIABLES: &[(&str, &str)] = &[("TOKEN", "tk_Hunter2")];
    for page in [
        "The requested URL /services/T00Hunter2/b%20cd was not found",
        "the requested url /SERVICES/T00HUNTER2 was not found",
        "b cd is no channel",
        "bad key Q1Hunter2",
        "Authorization: Bearer tk_hunter2",
    ] {
        let server = Server::says(vec![Reply::new(404).text(page)]).await;
        let url = format!("{}/services/T00Hunter2/b%20cd/topic?k=Q1Hunter2", server.url());
        let keys = private(&url) + "\nsecret = { env = \"TOKEN\" }";
        for kind in ["webhook", "ntfy", "alertmanager"] {
            let receivers = Home::with(&entry("ops", kind, &keys)).receivers(VARIABLES).unwrap();

            let outcome = receivers.deliver("ops", &started()).await;

            assert_eq!(outcome, Outcome::Failed { why: "it answered 404".to_owned() });
            assert!(!format!("{receivers:?}").to_lowercase().contains("hunter2"));
        }
    }
}

#[tokio::test]
async fn an_answer_is_quoted_on_one_line_without_hidden_characters() {
    let page = Reply::new(400).text("no\u{202e}\r\n\u{1b}[31m key ".to_owned() + &"é".repeat(500));

    let outcome = outcome_of(page).await;

    let why = why(&outcome);
    assert!(why.starts_with("it answered 400: no [31m key é"), "{why}");
    assert!(why.chars().count() < 130 && !why.contains(char::is_control), "{why}");
}

#[tokio::test]
async fn no_request_has_a_credential_of_the_api_and_names_are_known() {
    let server = Server::says(vec![Reply::new(200)]).await;
    let config = entry("b", "slack", &private(&server.url()))
        + &entry("a", "alertmanager", &private(&server.url()));
    let receivers = Home::with(&config).receivers(&[]).unwrap();

    assert_eq!(receivers.names().collect::<Vec<_>>(), ["a", "b"]);
    assert!(!receivers.is_empty() && Home::with("").receivers(&[]).unwrap().is_empty());
    assert_eq!(receivers.resends("a"), Some(Duration::from_mins(2)));
    assert_eq!((receivers.resends("b"), receivers.resends("c")), (None, None));
    assert_eq!(receivers.deliver("b", &started()).await, Outcome::Delivered);
    let unknown = receivers.deliver("c", &started()).await;
    assert!(matches!(&unknown, Outcome::Failed { why } if why.contains("`c`")), "{unknown:?}");
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].header("authorization")), (1, None));
}

//! What is sent again, and what is never sent twice.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use serde_json::json;
use tailsteward::{
    Error, ErrorKind, Tailnet, change::Report, tailnet::devices::attributes::AttributeChange,
};
use tokio::net::TcpSocket;

use crate::support::{Reply, Seen, Server, millis, set_auto_updates, settings};

fn yes() -> Reply {
    Reply::json(&json!({}))
}

/// A tailnet with one device, that answers `DELETE` with these, one after the other.
async fn removals(replies: Vec<Reply>) -> Server {
    let next = AtomicUsize::new(0);
    Server::start(move |it: &Seen| {
        let device = json!({ "nodeId": "n1", "name": "web-1.example.ts.net" });
        match (it.method.as_str(), it.path()) {
            ("DELETE", _) => replies[next.fetch_add(1, Ordering::SeqCst)].clone(),
            (_, "/api/v2/tailnet/-/devices") => Reply::json(&json!({ "devices": [device] })),
            (_, "/api/v2/device/n1/attributes") => {
                Reply::json(&json!({ "attributes": { "custom:tier": 1 } }))
            }
            _ if next.load(Ordering::SeqCst) > 0 => Reply::new(404),
            _ => Reply::json(&device),
        }
    })
    .await
}

async fn remove_attribute(tailnet: &Tailnet) -> Result<Report, Error> {
    let key = "custom:tier".to_owned();
    let change = AttributeChange { key, value: None, expiry: None, comment: None };
    let plan = tailnet.devices().plan_attribute("web-1", &change).await?;
    tailnet.apply(&plan).await
}

#[tokio::test]
async fn a_read_is_repeated_after_502_503_and_504() {
    let replies = [502, 503, 504].map(Reply::new).into_iter().chain([yes()]);
    let server = Server::says(replies.collect()).await;
    let started = Instant::now();

    server.tailnet().tailnet_settings().get().await.unwrap();

    assert_eq!(server.seen().len(), 4);
    // 0.25, 0.5 and 1 s, plus jitter.
    assert!(started.elapsed() >= millis(1750), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_read_is_repeated_when_its_connection_breaks() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"dev";
    let replies = vec![Reply::nothing(), Reply::raw(cut), yes()];
    let server = Server::says(replies).await;

    server.tailnet().tailnet_settings().get().await.unwrap();

    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_read_is_repeated_when_an_attempt_takes_too_long() {
    let server = Server::says(vec![yes().late(Duration::from_secs(5)), yes()]).await;
    let mut settings = server.settings();
    settings.attempt_timeout = millis(200);

    Tailnet::new(settings).tailnet_settings().get().await.unwrap();

    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_500_and_a_501_are_not_repeated() {
    for (status, kind) in [(500, ErrorKind::Upstream), (501, ErrorKind::Unsupported)] {
        let server = Server::says(vec![Reply::new(status)]).await;

        let error = server.tailnet().tailnet_settings().get().await.unwrap_err();

        assert_eq!(error.kind(), kind);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn all_attempts_share_one_deadline() {
    let server = Server::says(vec![Reply::new(503)]).await;
    let mut settings = server.settings();
    settings.deadline = millis(1200);

    let error = Tailnet::new(settings).tailnet_settings().get().await.unwrap_err();

    // The deadline may come between two attempts or, on a slow machine, during one.
    assert!(matches!(error.kind(), ErrorKind::Upstream | ErrorKind::Timeout), "{error}");
    // Without a deadline it would be six.
    assert!((2..=4).contains(&server.seen().len()), "{}", server.seen().len());
}

#[tokio::test]
async fn a_read_fails_at_its_deadline_whatever_the_server_does() {
    let server = Server::says(vec![yes().late(Duration::from_mins(1))]).await;
    let mut settings = server.settings();
    settings.deadline = millis(300);
    let started = Instant::now();

    let error = Tailnet::new(settings).tailnet_settings().get().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(started.elapsed() < millis(20_000), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_deadline_may_be_forever() {
    let server = Server::says(vec![yes()]).await;
    let mut settings = server.settings();
    settings.deadline = Duration::MAX;

    Tailnet::new(settings).tailnet_settings().get().await.unwrap();
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_not_sent_again() {
    for reply in [Reply::nothing(), Reply::raw("HTTP/1.1 200"), yes().late(millis(5000))] {
        let server = Server::says(vec![reply, yes()]).await;
        let mut settings = server.settings();
        settings.attempt_timeout = millis(300);

        let settings = Tailnet::new(settings);
        let error = set_auto_updates(&settings, true).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert_says_how_to_look(&error, "getTailnetSettings");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_write_whose_answer_breaks_off_is_not_sent_again() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"dev";
    let server = Server::says(vec![Reply::raw(cut), yes()]).await;

    let error = set_auto_updates(&server.tailnet(), true).await.unwrap_err();

    assert_eq!((error.kind(), error.status()), (ErrorKind::Truncated, Some(200)));
    assert_says_how_to_look(&error, "getTailnetSettings");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_write_that_a_5xx_answers_is_not_sent_again_and_may_have_happened() {
    for status in [500, 502, 503, 504] {
        let server = Server::says(vec![Reply::new(status), yes()]).await;

        let error = set_auto_updates(&server.tailnet(), true).await.unwrap_err();

        assert_eq!((error.kind(), error.status()), (ErrorKind::Upstream, Some(status)));
        assert_says_how_to_look(&error, "getTailnetSettings");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_a_login_page_may_have_happened() {
    let server = Server::says(vec![Reply::new(200).text("<html>sign in</html>")]).await;

    let error = set_auto_updates(&server.tailnet(), true).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotJson);
    assert_says_how_to_look(&error, "getTailnetSettings");
}

#[tokio::test]
async fn a_write_that_the_api_turns_down_has_not_happened() {
    for status in [400, 401, 403, 404, 409, 412, 501] {
        let server = Server::says(vec![Reply::new(status)]).await;

        let error = set_auto_updates(&server.tailnet(), true).await.unwrap_err();

        assert!(!error.may_have_had_effect(), "{error}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_never_left_is_repeated() {
    // Bound and not listening: the port is ours, and refuses.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    let tailnet = Tailnet::new(settings(&base));

    let call = tokio::spawn(async move { set_auto_updates(&tailnet, true).await });
    tokio::time::sleep(millis(100)).await;
    let server = Server::on(socket.listen(16).unwrap(), None, |_| yes());

    call.await.unwrap().unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_write_that_could_not_leave_has_not_happened() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut settings = settings(&format!("http://{}", socket.local_addr().unwrap()));
    // Long beside an attempt, however busy the machine is: one that it cuts short may have left.
    settings.deadline = millis(2_000);

    let tailnet = Tailnet::new(settings);
    let error = set_auto_updates(&tailnet, true).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(!error.may_have_had_effect());
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_removal_whose_answer_is_lost_is_sent_again() {
    for lost in [Reply::nothing(), Reply::new(503)] {
        let server = removals(vec![lost, yes()]).await;

        remove_attribute(&server.tailnet()).await.unwrap();

        assert_eq!(server.methods("DELETE"), 2);
    }
}

#[tokio::test]
async fn a_removal_that_takes_too_long_is_sent_again_within_the_deadline_only() {
    let slow = || yes().late(Duration::from_mins(1));
    let server = removals(vec![slow(), yes()]).await;
    let mut settings = server.settings();
    settings.attempt_timeout = millis(300);
    remove_attribute(&Tailnet::new(settings.clone())).await.unwrap();
    assert_eq!(server.methods("DELETE"), 2);

    let server = removals(vec![slow()]).await;
    settings.base_url = server.url();
    settings.attempt_timeout = Duration::from_mins(1);
    settings.deadline = millis(300);
    let error = remove_attribute(&Tailnet::new(settings)).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert_says_how_to_look(&error, "getDevicePostureAttributes");
    assert_eq!(server.methods("DELETE"), 1);
}

#[tokio::test]
async fn what_is_gone_on_the_second_try_may_be_gone_because_of_the_first() {
    let server = removals(vec![Reply::nothing(), Reply::new(404)]).await;

    let error = remove_attribute(&server.tailnet()).await.unwrap_err();

    assert_eq!((error.kind(), error.status()), (ErrorKind::NotFound, Some(404)));
    assert_says_how_to_look(&error, "getDevicePostureAttributes");
}

#[tokio::test]
async fn what_is_gone_on_the_first_try_is_just_not_there() {
    let server = removals(vec![Reply::new(404)]).await;

    let error = remove_attribute(&server.tailnet()).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!error.may_have_had_effect());
}

#[tokio::test]
async fn a_lost_removal_may_have_happened_even_if_the_last_word_is_another() {
    let wait = Reply::new(429).header("retry-after", "100");
    for last in [wait, Reply::new(403), Reply::new(302).header("location", "http://127.0.0.1:1/")] {
        let server = removals(vec![Reply::nothing(), last]).await;

        let error = remove_attribute(&server.tailnet()).await.unwrap_err();

        assert_ne!(error.kind(), ErrorKind::OutcomeUnknown);
        assert_says_how_to_look(&error, "getDevicePostureAttributes");
    }
}

#[tokio::test]
async fn a_lost_removal_may_have_happened_even_if_its_second_turn_never_comes() {
    let server = removals(vec![Reply::nothing()]).await;
    let mut settings = server.settings();
    (settings.rate, settings.burst) = (0.01, 1.try_into().unwrap());
    settings.deadline = millis(900);

    let key = "custom:tier".to_owned();
    let change = AttributeChange { key, value: None, expiry: None, comment: None };
    let plan = server.tailnet().devices().plan_attribute("web-1", &change).await.unwrap();

    let error = Tailnet::new(settings).apply(&plan).await.unwrap_err();

    assert_eq!(server.methods("DELETE"), 1);
    assert_says_how_to_look(&error, "getDevicePostureAttributes");
}

#[tokio::test]
async fn a_device_that_is_gone_after_a_lost_answer_is_removed() {
    let server = removals(vec![Reply::nothing(), Reply::new(404)]).await;
    let tailnet = server.tailnet();
    let plan = tailnet.devices().plan_delete("web-1").await.unwrap();

    let applied = tailnet.apply(&plan).await.unwrap();

    assert!(applied.applied);
    assert_eq!(server.methods("DELETE"), 2);
}

fn assert_says_how_to_look(error: &Error, operation: &str) {
    assert!(error.may_have_had_effect(), "{error}");
    assert!(error.remedy().unwrap().contains(operation), "{:?}", error.remedy());
}

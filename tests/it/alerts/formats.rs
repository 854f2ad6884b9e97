//! What each kind of receiver is sent over HTTP.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::support::{Reply, Seen, Server};

fn body(seen: &Seen) -> Value {
    serde_json::from_str(&seen.body).unwrap()
}

/// Delivers to a double of `kind`, and returns what it saw.
async fn sent(kind: &str, keys: &str, notice: &Notice) -> Vec<Seen> {
    const VARIABLES: &[(&str, &str)] =
        &[("KEY", "R0123456789"), ("SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
    let server = Server::says(vec![Reply::new(202)]).await;
    let config = entry("ops", kind, &keys.replace("SERVER", &server.url()));
    let receivers = Home::with(&config).receivers(VARIABLES).unwrap();
    assert_eq!(receivers.deliver("ops", notice).await, Outcome::Delivered);
    server.seen()
}

/// HMAC-SHA256 as RFC 2104 defines it.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let keyed = |pad: u8, rest: &[u8]| {
        let start: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
        Sha256::digest([&start, rest].concat()).to_vec()
    };
    keyed(0x5c, &keyed(0x36, message))
}

#[tokio::test]
async fn a_webhook_is_signed_as_standard_webhooks_describes() {
    let keys = "url = \"SERVER/hook\"\nprivate = true\nsecret = { env = \"SECRET\" }";
    let seen = sent("webhook", keys, &started()).await;

    let (id, at) = (seen[0].header("webhook-id"), seen[0].header("webhook-timestamp"));
    assert_eq!(id, Some("n-17"));
    let at: i64 = at.unwrap().parse().unwrap();
    assert!((jiff::Timestamp::now().as_second() - at).abs() < 60, "{at}");
    let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signature = hmac(&key, format!("n-17.{at}.{}", seen[0].body).as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(signature));
    assert_eq!(seen[0].header("webhook-signature"), Some(expected.as_str()));
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_secret_that_is_not_base64_signs_as_it_is_written() {
    let keys = "url = \"SERVER/\"\nprivate = true\nsecret = { env = \"KEY\" }";
    let seen = sent("webhook", keys, &started()).await;

    let at = seen[0].header("webhook-timestamp").unwrap();
    let signature = hmac(b"R0123456789", format!("n-17.{at}.{}", seen[0].body).as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(signature));
    assert_eq!(seen[0].header("webhook-signature"), Some(expected.as_str()));
}

#[tokio::test]
async fn a_webhook_is_sent_the_notice_and_the_same_again() {
    let server = Server::says(vec![Reply::new(500), Reply::new(200)]).await;
    let receivers = ops("webhook", &private(&server.url()));
    let notice = notice(vec![line("a-1", Status::Firing), line("a-2", Status::Resolved)]);

    let first = receivers.deliver("ops", &notice).await;
    let second = receivers.deliver("ops", &notice).await;

    assert!(matches!(first, Outcome::Retry { .. }));
    assert_eq!(second, Outcome::Delivered);
    let seen = server.seen();
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    assert_eq!(seen[0].header("webhook-signature"), None);
    assert_eq!(
        body(&seen[0]),
        json!({
            "version": 1,
            "id": "n-17",
            "tailnet": "acme.example",
            "rule": "server-silent",
            "severity": "critical",
            "at": "2026-11-28T14:01:00Z",
            "lines": [
                {
                    "alert": "a-1", "status": "firing", "subject": "web-1",
                    "summary": "web-1 is not connected", "since": "2026-11-28T14:00:00Z", "resolved": null,
                },
                {
                    "alert": "a-2", "status": "resolved", "subject": "web-1",
                    "summary": "web-1 is not connected", "since": "2026-11-28T14:00:00Z",
                    "resolved": { "at": "2026-11-28T14:10:00Z", "why": "over" },
                },
            ],
            "first_step": "Look whether the machine runs.",
        })
    );
}

#[tokio::test]
async fn slack_is_sent_a_headline_and_one_line_for_each_alert() {
    let told = [Status::Firing, Status::Reminder, Status::Resolved];
    let notice = notice(told.map(|told| line("a-1", told)).to_vec());
    let keys = "url = \"SERVER/services/T/B/x\"\nprivate = true";

    let message = body(&sent("slack", keys, &notice).await[0]);

    assert_eq!(message["text"], "Critical: server-silent, 3 alerts in acme․example");
    assert!(message.get("blocks").is_none());
    let attachment = &message["attachments"][0];
    assert_eq!(attachment["color"], "#d00000");
    assert_eq!(
        attachment["text"],
        "- web-1 is not connected, since 2026-11-28T14:00:00Z\n\
         - still firing: web-1 is not connected, since 2026-11-28T14:00:00Z\n\
         - resolved: web-1 is not connected, from 2026-11-28T14:00:00Z to 2026-11-28T14:10:00Z (over)\n\
         First step: Look whether the machine runs.\n"
    );
}

#[tokio::test]
async fn what_is_over_does_not_look_like_an_alarm() {
    let notice = notice(vec![line("a-1", Status::Resolved)]);

    let slack = body(&sent("slack", "url = \"SERVER/\"\nprivate = true", &notice).await[0]);
    let ntfy = body(&sent("ntfy", "url = \"SERVER/ops\"\nprivate = true", &notice).await[0]);

    assert_eq!(slack["text"], "Resolved: server-silent, 1 alert in acme․example");
    assert_eq!(slack["attachments"][0]["color"], "#2eb67d");
    assert_eq!((&ntfy["priority"], &ntfy["tags"]), (&json!(3), &json!(["white_check_mark"])));
}

#[tokio::test]
async fn people_see_twenty_alerts_and_the_number_of_the_rest_and_programs_get_all() {
    let many = notice((0..32).map(|it| line(&format!("a-{it}"), Status::Firing)).collect());

    let slack = body(&sent("slack", "url = \"SERVER/\"\nprivate = true", &many).await[0]);
    let json = body(&sent("webhook", "url = \"SERVER/\"\nprivate = true", &many).await[0]);

    let text = slack["attachments"][0]["text"].as_str().unwrap();
    assert_eq!(text.matches("- web-1").count(), 20);
    assert!(text.contains("\nand 12 more\n"), "{text}");
    assert_eq!(slack["text"], "Critical: server-silent, 32 alerts in acme․example");
    assert_eq!(json["lines"].as_array().unwrap().len(), 32);
}

#[tokio::test]
async fn ntfy_is_published_as_json_with_priority_and_token() {
    let keys = "url = \"SERVER/sub/ops-topic\"\nprivate = true\nsecret = { env = \"KEY\" }";
    for (severity, priority) in
        [(Severity::Critical, 5), (Severity::Warning, 4), (Severity::Info, 3)]
    {
        let seen = sent("ntfy", keys, &Notice { severity, ..started() }).await;

        assert_eq!(seen[0].target, "/sub/");
        assert_eq!(seen[0].header("authorization"), Some("Bearer R0123456789"));
        let message = body(&seen[0]);
        assert_eq!(
            (&message["topic"], &message["priority"]),
            (&json!("ops-topic"), &json!(priority))
        );
        assert!(message["title"].as_str().unwrap().contains("server-silent"));
        assert!(message["message"].as_str().unwrap().contains("- web-1 is not connected"));
    }
}

#[tokio::test]
async fn pagerduty_gets_one_event_for_each_alert() {
    let told = [("a-1", Status::Firing), ("a-2", Status::Reminder), ("a-3", Status::Resolved)];
    let notice = notice(told.map(|(alert, told)| line(alert, told)).to_vec());
    let keys = "url = \"SERVER/v2/enqueue\"\nprivate = true\nrouting_key = { env = \"KEY\" }";

    let mut events: Vec<Value> = sent("pagerduty", keys, &notice).await.iter().map(body).collect();

    events.sort_by_key(|event| event["dedup_key"].as_str().unwrap().to_owned());
    let actions: Vec<_> = events.iter().map(|it| it["event_action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["trigger", "trigger", "resolve"]);
    assert!(events.iter().all(|it| it["routing_key"] == "R0123456789"));
    assert_eq!(
        events[2],
        json!({
            "routing_key": "R0123456789", "dedup_key": "a-3", "event_action": "resolve",
        })
    );
    let payload = &events[0]["payload"];
    assert_eq!((&payload["severity"], &payload["source"]), (&json!("critical"), &json!("web-1")));
    assert_eq!(payload["summary"], "web-1 is not connected");
    assert_eq!(payload["timestamp"], "2026-11-28T14:00:00Z");
}

#[tokio::test]
async fn if_one_event_fails_all_are_sent_again() {
    let server = Server::start(|seen| {
        let is_second = body(seen)["dedup_key"] == "a-2";
        if is_second { Reply::new(429).header("retry-after", "9") } else { Reply::new(202) }
    })
    .await;
    let keys = private(&server.url()) + "\nrouting_key = { env = \"KEY\" }";
    let home = Home::with(&entry("ops", "pagerduty", &keys));
    let receivers = home.receivers(&[("KEY", "R0123456789")]).unwrap();
    let notice = notice(["a-1", "a-2", "a-3"].map(|it| line(it, Status::Firing)).to_vec());

    let outcome = receivers.deliver("ops", &notice).await;

    let after = Some(std::time::Duration::from_secs(9));
    assert_eq!(outcome, Outcome::Retry { why: "it answered 429".to_owned(), after });
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn alertmanager_gets_labels_and_an_end() {
    let now = jiff::Timestamp::now().as_second();
    let mut ended = line("a-2", Status::Resolved);
    (ended.since, ended.ended) = (now - 600, Some((now - 60, "over".to_owned())));
    let notice = notice(vec![Line { since: now - 600, ..line("a-1", Status::Firing) }, ended]);
    let keys = "url = \"SERVER/am/\"\nprivate = true\nsecret = { env = \"KEY\" }";

    let seen = sent("alertmanager", keys, &notice).await;

    assert_eq!(seen[0].target, "/am/api/v2/alerts");
    assert_eq!(seen[0].header("authorization"), Some("Bearer R0123456789"));
    let alerts = body(&seen[0]);
    assert_eq!(
        alerts[0]["labels"],
        json!({
            "alertname": "server-silent", "severity": "critical", "tailnet": "acme.example",
            "subject": "web-1", "alert": "a-1",
        })
    );
    let time = |at: usize, key: &str| -> i64 {
        alerts[at][key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second()
    };
    assert_eq!(time(0, "startsAt"), now - 600);
    assert!((now + 600..now + 660).contains(&time(0, "endsAt")), "{alerts}");
    assert_eq!((time(1, "startsAt"), time(1, "endsAt")), (now - 600, now - 60));
}

//! Texts that others chose, in each format: no hidden characters, no links, mentions, markup or headers.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{smtp::SmtpServer, *};
use crate::support::{Reply, Seen, Server};

/// What people would try.
const TRICKS: &[&str] = &[
    "<!channel>",
    "<!here|x>",
    "<@U012AB3CD>",
    "@here",
    "@channel",
    "@everyone",
    "<@&123456>",
    "<https://evil.example|web-1>",
    "[web-1](https://evil.example)",
    "https://evil.example/x",
    "www.evil.example",
    "evil.example",
    "mailto:nora@evil.example",
    "*bold*",
    "_italic_",
    "~gone~",
    "`code`",
    "```\ncode",
    "# title",
    "> quote",
    "||spoiler||",
    "~town-square",
    "\\*x",
    "a_b",
    "\r\nBcc: nora@evil.example\r\n\r\nDear all",
    "\nX-Priority: 1",
    "=?utf-8?b?QmNj?=",
    "\r\n.\r\n",
    "\u{202e}gnp.exe",
    "\u{200b}",
    "\u{0}\u{7}\u{1b}[31m",
    "\u{e0041}\u{feff}",
    "\u{2028}\u{85}",
];

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(TRICKS).prop_map(str::to_owned),
        2 => any::<String>(),
        1 => "[ -~]{0,20}",
        1 => Just("long ".repeat(3000)),
        1 => Just("日本語é".repeat(100)),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

fn hostile() -> impl Strategy<Value = Notice> {
    let told = prop::sample::select(vec![Status::Firing, Status::Reminder, Status::Resolved]);
    let lines = prop::collection::vec((told, text(), text(), text()), 0..30);
    (lines, prop::collection::vec(text(), 5)).prop_map(|(lines, texts)| Notice {
        id: texts[0].clone(),
        tailnet: texts[1].clone(),
        rule: texts[2].clone(),
        first_step: texts[3].clone(),
        lines: lines
            .into_iter()
            .map(|(told, subject, summary, alert)| Line {
                alert,
                subject,
                summary,
                ended: (told == Status::Resolved).then(|| (SINCE + 600, texts[4].clone())),
                ..line("", told)
            })
            .collect(),
        ..started()
    })
}

/// Every text in the JSON.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Controls, zero-width and bidirectional characters, tags.
fn is_hidden(c: char) -> bool {
    let c = match c {
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => return true,
        c => c,
    };
    c.is_control() || matches!(c, '\u{ad}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

fn check_for_people(text: &str, is_chat: bool) {
    let lines: Vec<_> = text.lines().collect();
    // 20 alerts, "and N more", the first step.
    assert!(lines.len() <= 22, "{} lines", lines.len());
    for line in lines {
        assert!(!line.contains(is_hidden), "{line:?}");
        // The longest: a name, a sentence, two times, a reason.
        assert!(line.chars().count() <= 100 + 200 + 100 + 80, "{line:?}");
        assert!(!line.contains("://") && !line.contains('@'), "{line:?}");
        let parts: Vec<char> = line.chars().collect();
        let address = parts.windows(2).find(|it| it[0] == '.' && it[1].is_alphabetic());
        assert!(address.is_none(), "{line:?}");
        if is_chat {
            assert!(
                !line.contains(['<', '>', '&', '`', '*', '~', '|', '#', '[', ']', '\\']),
                "{line:?}"
            );
            let around = [&[' '], parts.as_slice(), &[' ']].concat();
            let markup = around
                .windows(3)
                .find(|it| it[1] == '_' && !(it[0].is_alphanumeric() && it[2].is_alphanumeric()));
            assert!(markup.is_none(), "{line:?}");
        }
    }
}

fn check_for_programs(message: &Value) {
    for text in texts(message) {
        assert!(!text.contains(is_hidden), "{text:?}");
        assert!(text.chars().count() <= 302, "{text:?}");
    }
}

fn body(seen: &Seen) -> Value {
    serde_json::from_str(&seen.body).unwrap()
}

/// Delivers hostile notices to a receiver of `kind`, and has `check` look at each request.
fn each(kind: &str, keys: &str, check: impl Fn(&Seen)) {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::says(vec![Reply::new(200)]));
    let config =
        entry("ops", kind, &format!("url = \"{}/topic\"\nprivate = true\n{keys}", server.url()));
    let receivers = Home::with(&config).receivers(&[("KEY", "R0123456789")]).unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 64, ..ProptestConfig::default() });
    let done = runner.run(&hostile(), |notice| {
        let before = server.seen().len();
        let outcome = runtime.block_on(receivers.deliver("ops", &notice));
        prop_assert_eq!(outcome, Outcome::Delivered);
        server.seen()[before..].iter().for_each(&check);
        Ok(())
    });
    done.unwrap();
    assert!(!server.seen().is_empty());
}

#[test]
fn slack_shows_no_mention_link_or_markup() {
    each("slack", "", |seen| {
        let message = body(seen);
        let attachment = &message["attachments"][0];
        for text in [&message["text"], &attachment["fallback"], &attachment["text"]] {
            check_for_people(text.as_str().unwrap(), true);
        }
        // Discord takes 2,000 characters of text, and 4,096 of an attachment.
        assert!(message["text"].as_str().unwrap().chars().count() < 2000);
        assert!(attachment["text"].as_str().unwrap().len() <= 3500);
    });
}

#[test]
fn ntfy_shows_no_link_and_gets_no_header() {
    each("ntfy", "", |seen| {
        let message = body(seen);
        check_for_people(message["title"].as_str().unwrap(), false);
        let text = message["message"].as_str().unwrap();
        check_for_people(text, false);
        assert!(text.len() <= 4096);
        assert!(
            seen.headers
                .iter()
                .all(|(name, _)| !["title", "tags", "click"].contains(&name.as_str()))
        );
    });
}

#[test]
fn programs_get_short_texts_without_hidden_characters() {
    each("webhook", "", |seen| {
        check_for_programs(&body(seen));
        let id = seen.header("webhook-id").unwrap_or_default();
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || "-_:".contains(c)), "{id}");
        assert!(seen.body.len() < 64 << 10);
    });
    each("pagerduty", "routing_key = { env = \"KEY\" }", |seen| check_for_programs(&body(seen)));
    each("alertmanager", "", |seen| {
        check_for_programs(&body(seen));
    });
}

#[test]
fn a_mail_has_only_our_headers_and_no_link() {
    const OURS: &[&str] = &[
        "Auto-Submitted",
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
    ];
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(SmtpServer::start());
    let receivers = ops(
        "email",
        &format!(
            "server = \"127.0.0.1:{}\"\ntls = \"off\"\nprivate = true\nfrom = \"a@example.com\"\n\
         to = [\"b@example.com\"]",
            server.port
        ),
    );
    let mut runner = TestRunner::new(ProptestConfig { cases: 64, ..ProptestConfig::default() });
    let done = runner.run(&hostile(), |notice| {
        let before = server.mails().len();
        let outcome = runtime.block_on(receivers.deliver("ops", &notice));
        prop_assert_eq!(outcome, Outcome::Delivered);
        let mails = server.mails();
        prop_assert_eq!(mails.len(), before + 1);
        let mail = mails.last().unwrap();
        let mut names: Vec<_> = mail.headers.iter().map(|it| it.0.as_str()).collect();
        names.sort_unstable();
        prop_assert_eq!(names, OURS);
        prop_assert_eq!(mail.header("To"), "b@example.com");
        check_for_people(&mail.subject(), false);
        check_for_people(mail.body.trim_end(), false);
        Ok(())
    });
    done.unwrap();
}

#[test]
fn a_command_gets_json_whatever_the_names_are() {
    let runtime = Runtime::new().unwrap();
    let home = Home::with(&entry("ops", "command", "command = [\"sh\", \"-c\", \"cat > out\"]"));
    let receivers = home.receivers(&[]).unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 8, ..ProptestConfig::default() });
    let done = runner.run(&hostile(), |notice| {
        prop_assert_eq!(runtime.block_on(receivers.deliver("ops", &notice)), Outcome::Delivered);
        check_for_programs(&serde_json::from_str(&home.read("out").unwrap()).unwrap());
        Ok(())
    });
    done.unwrap();
}

//! Over stdin and stdout, from clients that do not keep to the order of things.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::http::{initialize, modern};

/// Sends lines, and reads one answer for each that wants one.
fn converse(lines: &[(&str, bool)]) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
        .args(["--sandbox"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut answers = Vec::new();
    for (line, answered) in lines {
        writeln!(stdin, "{line}").unwrap();
        if *answered {
            let mut answer = String::new();
            stdout.read_line(&mut answer).unwrap();
            answers.push(serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer:?}")));
        }
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    answers
}

#[test]
fn a_notification_before_the_conversation_does_not_end_it() {
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": { "requestId": 1 } })
    .to_string();
    let response = json!({ "jsonrpc": "2.0", "id": 9, "result": {} }).to_string();
    let ping = json!({ "jsonrpc": "2.0", "id": 3, "method": "ping" }).to_string();
    let answers = converse(&[
        (&cancelled, false),
        (&response, false),
        (&ping, true),
        (&cancelled, false),
        (&initialize().to_string(), true),
    ]);

    assert_eq!(answers[0]["id"], 3);
    assert_eq!(answers[1]["result"]["serverInfo"]["name"], "tailsteward");
}

#[test]
fn a_line_that_is_no_message_is_answered_and_the_conversation_goes_on() {
    let answers = converse(&[
        ("{oops", true),
        ("", false),
        (r#"{"jsonrpc":"2.0","id":"a","method":7}"#, true),
        (r#"{"jsonrpc":"2.0","method":"window/logMessage","params":[1]}"#, false),
        ("\u{feff}[]", true),
        (&modern("list_devices", &json!({ "limit": 1 })).to_string(), true),
        ("}", true),
    ]);

    let codes: Vec<&Value> = answers.iter().map(|it| &it["error"]["code"]).collect();
    assert_eq!(codes[0], -32700);
    assert_eq!((codes[1], &answers[1]["id"]), (&json!(-32600), &json!("a")));
    assert_eq!(codes[2], -32600);
    assert!(answers[3]["result"]["content"].is_array(), "{}", answers[3]);
    assert_eq!((codes[4], &answers[4]["id"]), (&json!(-32700), &json!(null)));
}

#[test]
fn a_line_that_is_too_long_is_dropped() {
    let long = format!("\"{}\"", "x".repeat(17 << 20));
    let answers = converse(&[(&long, true), (&initialize().to_string(), true)]);

    assert_eq!(answers[0]["error"]["code"], -32600);
    assert!(answers[1]["result"].is_object());
}

//! Trying a policy file out without writing it: its tests, and which rules concern somebody.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::super::http::{Call, Failure, Outcome, Reply};
use super::document::Document;
use super::evaluate::{self, World, at_address, selects};

impl Call<'_> {
    pub(super) fn world(&self) -> World<'_> {
        World { users: &self.state.users, devices: &self.state.devices }
    }

    /// The body as text.
    pub(super) fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body)
            .map_err(|_| Failure::bad_request("the policy file is not UTF-8"))
    }
}

/// The refusal of a policy file whose tests fail.
pub(super) fn tests_failed(failed: Vec<Value>) -> Failure {
    let data = Some(Value::Array(failed));
    Failure { data, ..Failure::bad_request("test(s) failed") }
}

/// `POST /tailnet/{tailnet}/acl/validate`: an array is tests for the live policy; an object is a
/// policy, whose own tests are run. What is wrong is told with 200 as well.
pub(crate) fn validate(call: &mut Call<'_>) -> Outcome {
    let text = call.text()?;
    if text.trim().is_empty() {
        return Err(Failure::bad_request("unexpected end of JSON input"));
    }
    let failed = match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(tests)) => {
            evaluate::check_tests(&tests).map_err(Failure::bad_request)?;
            evaluate::failures(&call.state.policy.document, &tests, call.world())
        }
        Ok(Value::Null | Value::Bool(_) | Value::Number(_)) => {
            return Err(Failure::bad_request("neither a policy file nor a list of tests"));
        }
        Ok(Value::String(quoted)) => return judge(call, &quoted),
        _ => return judge(call, text),
    };
    verdict(&failed)
}

fn judge(call: &Call<'_>, text: &str) -> Outcome {
    match Document::read(text) {
        Ok(document) => verdict(&evaluate::failures(&document, &document.tests, call.world())),
        Err(refused) => Reply::json(&json!({ "message": refused.message })),
    }
}

fn verdict(failed: &[Value]) -> Outcome {
    if failed.is_empty() {
        return Reply::json(&json!({}));
    }
    Reply::json(&json!({ "message": "test(s) failed", "data": failed }))
}

/// `POST /tailnet/{tailnet}/acl/preview`: the rules of the policy in the body that concern a user,
/// or an address and port.
pub(crate) fn preview(call: &mut Call<'_>) -> Outcome {
    let kind = call.query("type").unwrap_or_default();
    let wanted = call.query("previewFor").unwrap_or_default();
    let world = call.world();
    let end: Result<SocketAddr, _> = wanted.parse();
    let subject = match (kind, end) {
        ("user", _) if !wanted.is_empty() => None,
        ("ipport", Ok(end)) => Some(end),
        ("ipport", Err(_)) => {
            return Err(Failure::bad_request(format!("invalid IP address and port {wanted:?}")));
        }
        ("user", _) => return Err(Failure::bad_request("previewFor is required")),
        _ => return Err(Failure::bad_request(format!("invalid type {kind:?}"))),
    };
    let document = Document::read(call.text()?)?;
    let parties = match subject {
        Some(end) => vec![at_address(world, end.ip().to_canonical())],
        None => evaluate::parties(&document, world, wanted).unwrap_or_default(),
    };
    let means = |selector: &String| {
        parties.iter().any(|party| selects(&document, world, selector, party, None))
    };
    let concerned = |src: &[String], selector: &String, first: u16, last: u16| {
        subject.map_or_else(
            || src.iter().any(means),
            |end| (first..=last).contains(&end.port()) && means(selector),
        )
    };
    let mut matches = Vec::new();
    for (at, rule) in document.rules.iter().flatten().enumerate() {
        let mut ports = Vec::new();
        for dst in &rule.dst {
            for range in &dst.ports {
                if concerned(&rule.src, &dst.selector, range.first, range.last) {
                    ports.push(format!("{}:{}", dst.selector, range.text()));
                }
            }
        }
        if !ports.is_empty() {
            let line = document.lines.get(at);
            matches.push(json!({ "users": rule.src, "ports": ports, "lineNumber": line }));
        }
    }
    Reply::json(&json!({ "matches": matches, "type": kind, "previewFor": wanted }))
}

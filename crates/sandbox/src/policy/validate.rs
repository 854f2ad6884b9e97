//! Validates a policy file without storing it: its tests, and which rules apply to a user or address.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tailsteward_policy::{Inventory, Policy as Engine, TestReport, check_untested};

use super::super::http::{Call, Failure, Outcome, Reply};
use super::Policy;

impl Call<'_> {
    /// The body as text.
    pub(super) fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body)
            .map_err(|_| Failure::bad_request("the policy file is not UTF-8"))
    }
}

/// Parses and validates a policy file without running its tests. Fails as the real API does.
fn read(text: &str, inventory: &Inventory) -> Result<Engine, Failure> {
    let checked = check_untested(text, Some(inventory));
    let error = checked.errors().next();
    let Some(policy) = &checked.policy else {
        let reason = error.map(ToString::to_string).unwrap_or_default();
        return Err(Failure::bad_request(format!("error parsing policy file: {reason}")));
    };
    if let Some(error) = error {
        return Err(Failure::bad_request(&error.message));
    }
    match policy.model().unknown.first() {
        Some(unknown) => {
            Err(Failure::bad_request(format!("json: unknown field {:?}", unknown.value)))
        }
        None => Ok(policy.clone()),
    }
}

/// Parses a policy file and runs its tests. Fails if a test does.
pub(super) fn read_tested(text: &str, inventory: &Inventory) -> Result<Engine, Failure> {
    let policy = read(text, inventory)?;
    check_report(&policy.run_tests(inventory))?;
    Ok(policy)
}

/// Fails if a test failed, with the errors of each test.
fn check_report(report: &TestReport) -> Result<(), Failure> {
    if report.is_pass() {
        return Ok(());
    }
    let failed = report.failures.iter();
    let failed = failed.map(|failed| json!({ "user": failed.src, "errors": failed.errors }));
    let data = Some(failed.collect());
    Err(Failure { data, ..Failure::bad_request("test(s) failed") })
}

/// `POST /tailnet/{tailnet}/acl/validate`: an array has tests for the current policy file; an object is a
/// policy file whose own tests are run. The status is 200 even if something is wrong.
pub(crate) fn validate(call: &mut Call<'_>) -> Outcome {
    let text = call.text()?;
    if text.trim().is_empty() {
        return Err(Failure::bad_request("unexpected end of JSON input"));
    }
    let inventory = call.state.inventory();
    let judge = |text: &str| read_tested(text, &inventory).map(drop);
    let result = match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(tests)) => run_live(&call.state.policy, &tests, &inventory)?,
        Ok(Value::Null | Value::Bool(_) | Value::Number(_)) => {
            return Err(Failure::bad_request("neither a policy file nor a list of tests"));
        }
        Ok(Value::String(quoted)) => judge(&quoted),
        _ => judge(text),
    };
    match result {
        Ok(()) => Reply::json(&json!({})),
        Err(refused) => Ok(Reply { status: 200, ..refused.into() }),
    }
}

/// Runs tests against the current policy file. The outer error is for a list with something else in it.
fn run_live(
    policy: &Policy,
    tests: &[Value],
    inventory: &Inventory,
) -> Result<Result<(), Failure>, Failure> {
    let invalid = |reason: &str| Failure::bad_request(format!("invalid test: {reason}"));
    if !tests.iter().all(Value::is_object) {
        return Err(invalid("not an object"));
    }
    let lists = tests.iter().flat_map(|test| [&test["accept"], &test["deny"]]);
    if !lists.filter_map(Value::as_array).flatten().all(Value::is_string) {
        return Err(invalid("accept and deny are lists of text"));
    }
    let attributes = tests.iter().filter_map(|test| test["srcPostureAttrs"].as_object());
    let is_odd = |value: &Value| value.is_object() || value.is_array() || value.is_null();
    if attributes.flat_map(|all| all.values()).any(is_odd) {
        return Err(invalid("srcPostureAttrs has text, numbers and booleans"));
    }
    let compiled = policy.engine.compile(inventory);
    let report = compiled.try_json(tests).map_err(|reason| invalid(&reason))?;
    Ok(check_report(&report))
}

/// `POST /tailnet/{tailnet}/acl/preview`: the rules of the posted policy file that apply to a user, or to
/// an address and port.
pub(crate) fn preview(call: &mut Call<'_>) -> Outcome {
    let kind = call.query("type").unwrap_or_default();
    let wanted = call.query("previewFor").unwrap_or_default();
    let end: Option<SocketAddr> = match (kind, wanted.parse()) {
        ("user", _) if wanted.is_empty() => {
            return Err(Failure::bad_request("previewFor is required"));
        }
        ("user", _) => None,
        ("ipport", Ok(end)) => Some(end),
        ("ipport", Err(_)) => {
            return Err(Failure::bad_request(format!("invalid IP address and port {wanted:?}")));
        }
        _ => return Err(Failure::bad_request(format!("invalid type {kind:?}"))),
    };
    let inventory = call.state.inventory();
    let policy = read(call.text()?, &inventory)?;
    let compiled = policy.compile(&inventory);
    let matches = match end {
        Some(end) => compiled.preview_destination(end),
        None => compiled.preview_user(wanted),
    };
    Reply::json(&json!({ "matches": matches, "type": kind, "previewFor": wanted }))
}

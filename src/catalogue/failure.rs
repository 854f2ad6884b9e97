//! Renders errors as tool results, with advice that names tools and options.

use serde::Serialize;

use super::all;
use crate::{
    Error, ErrorKind, Operation,
    client::{Action, Setting},
    visible::visible_json,
};

/// An error as a tool result for a model: compact JSON.
pub fn failure(error: &Error) -> String {
    #[derive(Serialize)]
    struct Failure {
        kind: ErrorKind,
        message: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        remedy: Option<String>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        may_have_had_effect: bool,
    }
    let failure = Failure {
        kind: error.kind(),
        message: error.to_string(),
        remedy: remedy(error),
        may_have_had_effect: error.may_have_had_effect(),
    };
    serde_json::to_string(&failure).map_or(failure.message, |json| visible_json(&json).into_owned())
}

/// The advice for an error, with the tool or option to use.
pub fn remedy(error: &Error) -> Option<String> {
    let mut text = error.advice()?;
    for action in error.actions() {
        text.push_str(&how(*action));
    }
    if error.kind() == ErrorKind::NotFound
        && error.actions().is_empty()
        && let Some(list) = error.operation().and_then(list_for)
    {
        text.push_str(&how(Action::Call(list)));
    }
    Some(text)
}

/// The operation that lists the kind of resource that `operation` is about: `/tailnet/{tailnet}/keys` for
/// `/tailnet/{tailnet}/keys/{keyId}`, `/tailnet/{tailnet}/devices` for `/device/{deviceId}/tags`.
fn list_for(operation: Operation) -> Option<Operation> {
    let path = operation.path().strip_prefix("/tailnet/{tailnet}").unwrap_or(operation.path());
    let (collection, _) = path.split_once("/{")?;
    let lists = |it: &Operation| {
        let of_tailnet = it.path().strip_prefix("/tailnet/{tailnet}");
        it.reads()
            && of_tailnet
                .is_some_and(|it| it.trim_end_matches('s') == collection.trim_end_matches('s'))
    };
    Operation::ALL.iter().copied().find(lists)
}

/// How to do an action with a tool, as the end of a sentence.
fn how(action: Action) -> String {
    match action {
        Action::Call(operation) => format!(" ({})", tool_for(operation)),
        Action::ListChanges => " (list_changes)".to_owned(),
        Action::ShowChange => " (get_change)".to_owned(),
        Action::Watch => " (`tailsteward watch` or `serve --watch`)".to_owned(),
        Action::Configure(Setting::Journal) => " (--store)".to_owned(),
        Action::Configure(Setting::History) => " (--history)".to_owned(),
        Action::Configure(Setting::Credential) => {
            "; or store one with `tailsteward auth set NAME`; or try it out with --sandbox"
                .to_owned()
        }
    }
}

/// The tool for exactly this operation, or the one that can call every operation.
fn tool_for(operation: Operation) -> String {
    let fits = || all().filter(|tool| tool.is_edit() != operation.reads());
    let first = fits().find(|tool| tool.operations.first() == Some(&operation));
    let tool = first.or_else(|| fits().find(|tool| tool.operations.contains(&operation)));
    tool.map_or_else(|| format!("call_api_operation {operation}"), |tool| tool.name.to_owned())
}

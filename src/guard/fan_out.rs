//! One call of a tool that only reads, sent to all tailnets.

use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::{
    Error, ErrorKind, Tailnet, catalogue,
    client::Result,
    tool::{self, Asked, ToolDef, written},
};

/// What one tailnet answered.
#[derive(Serialize)]
struct Part<'a> {
    tailnet: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Box<RawValue>>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<Box<RawValue>>,
}

/// Asks every tailnet at once. One that cannot answer does not hold up the others.
pub(super) async fn ask_all(
    tool: &'static ToolDef,
    arguments: &Value,
    tailnets: &[(String, Tailnet)],
    acting: impl Fn(&Tailnet) -> Tailnet,
) -> Result<String> {
    if tool.is_edit() {
        return Err(Error::invalid_input(
            "tailnet",
            "cannot be `all` for a tool that makes changes; name one tailnet",
        ));
    }
    let ask = |(name, tailnet): &(String, Tailnet)| {
        let (name, tailnet, arguments) = (name.clone(), acting(tailnet), arguments.clone());
        async move {
            let answer = match tool.ask(arguments, &tailnet).await {
                Ok(Asked::Answer(answer)) => Ok(answer),
                Ok(Asked::Plan(_)) => Err(Error::invalid_input("tailnet", "must be one")),
                Err(error) => Err(error),
            };
            (name, answer)
        }
    };
    let all = futures_util::future::join_all(tailnets.iter().map(ask)).await;
    if let Some(error) = nobody(&all) {
        return Err(error);
    }
    let parts = all.iter().map(|(tailnet, answer)| match answer {
        Ok(answer) => Part { tailnet, answer: raw(answer.clone()), failed: None },
        Err(error) => Part { tailnet, answer: None, failed: raw(catalogue::failure(error)) },
    });
    let answer = written(&parts.collect::<Vec<_>>())?;
    tool::short(answer, "ask one tailnet at a time, or for less")
}

/// The error for all of them, if none answers. What is wrong with the question is wrong everywhere;
/// of other things, each has its own.
fn nobody(all: &[(String, Result<String>)]) -> Option<Error> {
    let failed = |(name, answer): &(String, Result<String>)| {
        answer.as_ref().err().map(|error| (name.clone(), error.clone()))
    };
    let errors: Vec<(String, Error)> = all.iter().map(failed).collect::<Option<_>>()?;
    let (_, first) = errors.first()?;
    if first.kind() == ErrorKind::InvalidInput {
        return Some(first.clone());
    }
    let failures: Vec<String> = errors.iter().map(|(name, it)| format!("{name}: {it}")).collect();
    let message = format!("no tailnet answers. {}", failures.join(". "));
    Some(Error::new(first.kind(), message).with_remedy("call each tailnet separately for details"))
}

/// Text that is JSON, as it is.
fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).or_else(|_| to_raw_value("cannot be read")).ok()
}

//! Sends a call of a read-only tool to all tailnets.

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

/// The result of one tailnet.
#[derive(Serialize)]
struct Part<'a> {
    tailnet: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Box<RawValue>>,
    /// The error, if there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<Box<RawValue>>,
}

/// Calls the tool for all tailnets concurrently. One that fails does not affect the others.
pub(super) async fn ask_all(
    tool: &'static ToolDef,
    arguments: &Value,
    tailnets: &[(String, Tailnet)],
    acting: impl Fn(&Tailnet) -> Result<Tailnet>,
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
            let asked = match tailnet {
                Ok(tailnet) => tool.ask(arguments, &tailnet).await,
                Err(refused) => Err(refused),
            };
            let answer = match asked {
                Ok(Asked::Answer(answer)) => Ok(answer),
                Ok(Asked::Plan(_)) => Err(Error::invalid_input("tailnet", "must name one tailnet")),
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
    tool::short(answer, "ask one tailnet at a time, or narrow the request")
}

/// The error if all tailnets failed. Invalid input is the same for all of them; other errors are listed by
/// tailnet.
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
    let message = format!("all tailnets failed: {}", failures.join(". "));
    Some(Error::new(first.kind(), message).with_remedy("call each tailnet separately for details"))
}

/// JSON text as a raw value.
fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).or_else(|_| to_raw_value("cannot be read")).ok()
}

//! Answers: what the API says when it says no, and values out of what it says otherwise.

use http::{HeaderMap, StatusCode};
use progenitor_client::ResponseValue;
use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Error, ErrorKind, PolicyProblem, Result, attempt::checkable, lenient, redact::redact, retry,
    transport::Carried,
};
use crate::Operation;

/// As much of a body that is no JSON as an error repeats, in characters.
const SNIPPET: usize = 200;

/// The body of an error. Everything may be missing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    message: Option<String>,
    error: Option<serde_json::Value>,
    /// The token endpoints' word.
    error_description: Option<String>,
    data: Option<Vec<SaidOf>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SaidOf {
    user: Option<String>,
    errors: Option<Vec<String>>,
    warnings: Option<Vec<String>>,
}

/// The id by which Tailscale finds a request.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-tailscale-request-id")?.to_str().ok().map(str::to_owned)
}

/// The error that an answer outside 2xx stands for.
pub(super) fn error(
    operation: Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[SecretString],
) -> Error {
    let (message, problems) = said(body, secrets);
    let kind = kind(status, message.as_deref().unwrap_or_default());
    let reason = status.canonical_reason().unwrap_or("no reason given");
    Error::new(kind, format!("{} {reason}", status.as_u16()))
        .answered(status.as_u16(), request_id(headers))
        .with_upstream(message, problems)
        .after(retry::after(headers))
        .for_operation(operation, None)
}

pub(crate) fn said(body: &[u8], secrets: &[SecretString]) -> (Option<String>, Vec<PolicyProblem>) {
    let clean = |text: &str| redact(text.trim(), secrets);
    let Ok(said) = serde_json::from_slice::<Said>(body) else {
        let text = String::from_utf8_lossy(body);
        let snippet: String =
            clean(&text).chars().filter(|c| !c.is_control()).take(SNIPPET).collect();
        let message = if snippet.is_empty() {
            "the answer has no body".to_owned()
        } else {
            format!("the answer is no JSON: {snippet}")
        };
        return (Some(message), Vec::new());
    };
    let error = said.error.map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
    let error = match (error, said.error_description) {
        (Some(error), Some(more)) => Some(format!("{error}: {more}")),
        (error, more) => error.or(more),
    };
    let all = |list: Option<Vec<String>>| -> Vec<String> {
        list.unwrap_or_default().iter().map(|it| clean(it)).collect()
    };
    let problems = said.data.unwrap_or_default().into_iter().map(|it| PolicyProblem {
        user: clean(&it.user.unwrap_or_default()),
        errors: all(it.errors),
        warnings: all(it.warnings),
    });
    (said.message.or(error).as_deref().map(clean), problems.collect())
}

fn kind(status: StatusCode, message: &str) -> ErrorKind {
    let message = message.to_lowercase();
    let plan = message.contains("billing plan") || message.contains("current plan");
    match status.as_u16() {
        402 => ErrorKind::PlanLimit,
        400 | 403 if plan => ErrorKind::PlanLimit,
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        412 => ErrorKind::Stale,
        429 => ErrorKind::RateLimited,
        501 => ErrorKind::Unsupported,
        300..=399 => ErrorKind::Redirected,
        400..=499 => ErrorKind::Rejected,
        _ => ErrorKind::Upstream,
    }
}

/// The value in an answer of the generated client, or the error in its place.
pub(super) fn value<T: DeserializeOwned>(
    operation: Operation,
    answer: Result<ResponseValue<T>, crate::api::Error<()>>,
) -> Result<T> {
    use crate::api::Error as Generated;
    match answer {
        Ok(answer) => Ok(answer.into_inner()),
        Err(Generated::InvalidResponsePayload(body, _)) => {
            lenient::decode(&body).map_err(|error| {
                let changed = !operation.reads();
                let error =
                    if changed { checkable(operation, error.with_unknown_effect()) } else { error };
                error.for_operation(operation, None)
            })
        }
        Err(other) => Err(failed(operation, other)),
    }
}

/// A body as its type. What does not fit is kept beside its field.
pub(super) fn decode<T: DeserializeOwned>(operation: Operation, body: &[u8]) -> Result<T> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    lenient::decode(body).map_err(|error| error.for_operation(operation, None))
}

/// The error of ours in one of the generated client.
pub(crate) fn failed(operation: Operation, error: crate::api::Error<()>) -> Error {
    use crate::api::Error as Generated;
    match error {
        Generated::UnexpectedResponse(response) => match response.extensions().get::<Carried>() {
            Some(Carried(error)) => error.clone(),
            None => {
                Error::new(ErrorKind::Upstream, format!("unexpected answer {}", response.status()))
            }
        },
        Generated::InvalidRequest(why) | Generated::Custom(why) => {
            Error::new(ErrorKind::InvalidInput, why)
        }
        Generated::CommunicationError(error)
        | Generated::ResponseBodyError(error)
        | Generated::InvalidUpgrade(error) => {
            Error::new(retry::failure(&error), retry::words(&error))
        }
        Generated::ErrorResponse(_) | Generated::InvalidResponsePayload(..) => {
            Error::new(ErrorKind::NotJson, "the answer cannot be read")
        }
    }
    .for_operation(operation, None)
}

//! Responses of the API: errors, and decoding of successful answers.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Error, ErrorKind, PolicyProblem, Result, attempt::checkable, lenient, redact::redact, retry,
};
use crate::Operation;

/// The maximum number of characters that an error repeats of a body that is not JSON.
const SNIPPET: usize = 200;

/// The body of an error response; all fields are optional.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    message: Option<String>,
    error: Option<serde_json::Value>,
    /// The field that token endpoints use.
    error_description: Option<String>,
    data: Option<Vec<ProblemBody>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProblemBody {
    user: Option<String>,
    errors: Option<Vec<String>>,
    warnings: Option<Vec<String>>,
}

/// The ID under which Tailscale's support can find a request.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    headers.get("x-tailscale-request-id")?.to_str().ok().map(str::to_owned)
}

/// The error for a response outside 2xx.
pub(super) fn error(
    operation: Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[SecretString],
) -> Error {
    let (message, problems) = error_body(body, secrets);
    let kind = kind(status, message.as_deref().unwrap_or_default());
    let reason = status.canonical_reason().unwrap_or("no reason given");
    Error::new(kind, format!("{} {reason}", status.as_u16()))
        .answered(status.as_u16(), request_id(headers))
        .with_upstream(message, problems)
        .after(retry::after(headers))
        .for_operation(operation, None)
}

/// The message and the policy problems in an error body, without secrets.
pub(crate) fn error_body(
    body: &[u8],
    secrets: &[SecretString],
) -> (Option<String>, Vec<PolicyProblem>) {
    let clean = |text: &str| redact(text.trim(), secrets);
    let Ok(fields) = serde_json::from_slice::<ErrorBody>(body) else {
        let text = String::from_utf8_lossy(body);
        let snippet: String =
            clean(&text).chars().filter(|c| !c.is_control()).take(SNIPPET).collect();
        let message = if snippet.is_empty() {
            "the response has no body".to_owned()
        } else {
            format!("the response is not JSON: {snippet}")
        };
        return (Some(message), Vec::new());
    };
    let error = fields.error.map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
    let error = match (error, fields.error_description) {
        (Some(error), Some(more)) => Some(format!("{error}: {more}")),
        (error, more) => error.or(more),
    };
    let all = |list: Option<Vec<String>>| -> Vec<String> {
        list.unwrap_or_default().iter().map(|it| clean(it)).collect()
    };
    let problems = fields.data.unwrap_or_default().into_iter().map(|it| PolicyProblem {
        user: clean(&it.user.unwrap_or_default()),
        errors: all(it.errors),
        warnings: all(it.warnings),
    });
    (fields.message.or(error).as_deref().map(clean), problems.collect())
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

/// A successful answer of the API: status, headers and value.
///
/// ```no_run
/// # async fn example(tailnet: &tailsteward::Tailnet) -> tailsteward::Result<()> {
/// let response = tailnet.api()?.list_users().send().await?;
/// println!("{} {:?}", response.status(), response.headers().get("date"));
/// let users = response.into_inner().users.unwrap_or_default();
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Response<T> {
    status: StatusCode,
    headers: HeaderMap,
    value: T,
}

impl<T> Response<T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// The HTTP status. It is always 2xx, because other statuses are errors.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers of the response.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The `ETag`, for `If-Match`; `None` if the API sent none.
    pub fn etag(&self) -> Option<&str> {
        self.headers.get(header::ETAG)?.to_str().ok()
    }
}

impl<T> std::ops::Deref for Response<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A successful answer that is not decoded yet.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(super) operation: Operation,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    fn with<T>(self, value: T) -> Response<T> {
        Response { status: self.status, headers: self.headers, value }
    }

    /// Decodes the body. Values that do not fit the type are kept under another name in its extra
    /// fields.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<Response<T>> {
        let operation = self.operation;
        let value = decode(operation, &self.body).map_err(|error| {
            if operation.reads() {
                error
            } else {
                checkable(operation, error.with_unknown_effect())
            }
        })?;
        Ok(self.with(value))
    }

    /// The response of an operation without a body.
    pub(crate) fn empty(self) -> Response<()> {
        self.with(())
    }

    /// The response as received.
    pub(crate) fn bytes(mut self) -> Response<Bytes> {
        let body = std::mem::take(&mut self.body);
        self.with(body)
    }
}

/// Decodes a body. Values that do not fit the type are kept under another name in its extra fields.
pub(super) fn decode<T: DeserializeOwned>(operation: Operation, body: &[u8]) -> Result<T> {
    // One look at the encoding of the whole body takes less time than one at each text in it.
    let text = std::str::from_utf8(body);
    if let Some(value) = text.ok().and_then(|it| serde_json::from_str(it).ok()) {
        return Ok(value);
    }
    lenient::decode(body).map_err(|error| error.for_operation(operation, None))
}

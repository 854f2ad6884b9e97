//! The error type of the library.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Serialize, Serializer};

mod cause;
mod remedy;

use self::cause::Cause;
use super::Action;
use crate::Operation;

/// The result of the library's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What failed, on which resource, and what to do next.
///
/// Opaque, so that fields can be added. [`kind`](Self::kind) is for programs, `Display` for people,
/// [`remedy`](Self::remedy) is what to do next. Cheap to clone.
///
/// ```
/// use tailsteward::{Error, ErrorKind};
///
/// let error = Error::invalid_input("limit", "must be between 1 and 500");
/// assert_eq!(error.kind(), ErrorKind::InvalidInput);
/// assert_eq!(error.to_string(), "`limit` must be between 1 and 500");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// The classes of failure that a caller can act on differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument is wrong; nothing was sent.
    InvalidInput,
    /// A name matches several resources; nothing was sent.
    Ambiguous,
    /// A check before the change failed; nothing was sent.
    Refused,
    /// There is no credential.
    NoCredential,
    /// Settings are wrong, or a credential cannot be read.
    Config,
    /// 401: the credential is not accepted.
    Unauthorized,
    /// 403: the credential lacks a scope, or its owner a role.
    Forbidden,
    /// 402, or 403 for a feature that the tailnet's plan lacks.
    PlanLimit,
    /// 404: no such resource in this tailnet.
    NotFound,
    /// 409: the resource exists already.
    Conflict,
    /// 412: the resource was changed since it was read.
    Stale,
    /// 429, even after waiting.
    RateLimited,
    /// Another 4xx: the API rejected the request as wrong.
    Rejected,
    /// 501: the API cannot do this.
    Unsupported,
    /// 5xx: the API failed.
    Upstream,
    /// The answer is not JSON, or not of the documented shape.
    NotJson,
    /// The answer ended before it was complete.
    Truncated,
    /// The answer is larger than the limit.
    TooLarge,
    /// No answer before the deadline, or the request waited for the rate limit until then.
    Timeout,
    /// The host's name does not resolve.
    Dns,
    /// The server's certificate or the TLS handshake is not acceptable.
    Tls,
    /// No connection to the server.
    Unreachable,
    /// The API answered with a redirect that is not followed.
    Redirected,
    /// The answer to a change was lost; the change may have taken effect.
    OutcomeUnknown,
    /// The journal cannot be read or written.
    Journal,
    /// The history cannot be read or written, or nothing was watched.
    History,
    /// There is no Tailscale daemon (`tailscaled`) on this machine.
    DaemonAbsent,
    /// The Tailscale daemon on this machine is not running, or does not answer.
    DaemonDown,
    /// The Tailscale daemon on this machine is not in a tailnet: it is logged out, or its key has expired.
    DaemonLoggedOut,
    /// The Tailscale daemon on this machine does not take changes from the user who runs this program.
    NotOperator,
    /// The Tailscale daemon on this machine is too old for the request.
    DaemonTooOld,
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl ErrorKind {
    /// The name as serialized, such as `invalid_input`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "invalid_input",
            Self::Ambiguous => "ambiguous",
            Self::Refused => "refused",
            Self::NoCredential => "no_credential",
            Self::Config => "config",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::PlanLimit => "plan_limit",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Stale => "stale",
            Self::RateLimited => "rate_limited",
            Self::Rejected => "rejected",
            Self::Unsupported => "unsupported",
            Self::Upstream => "upstream",
            Self::NotJson => "not_json",
            Self::Truncated => "truncated",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Unreachable => "unreachable",
            Self::Redirected => "redirected",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Journal => "journal",
            Self::History => "history",
            Self::DaemonAbsent => "daemon_absent",
            Self::DaemonDown => "daemon_down",
            Self::DaemonLoggedOut => "daemon_logged_out",
            Self::NotOperator => "not_operator",
            Self::DaemonTooOld => "daemon_too_old",
        }
    }
}

/// Problems that the API reports about a policy file, for one user or test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PolicyProblem {
    /// The user, or the source of the test.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Errors: the file is not accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Warnings: the file is accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    operation: Option<Operation>,
    resource: Option<String>,
    status: Option<u16>,
    upstream: Option<String>,
    problems: Vec<PolicyProblem>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    effect: bool,
    candidates: Vec<String>,
    remedy: Option<String>,
    /// Actions that the remedy suggests.
    actions: Vec<Action>,
    source: Option<Cause>,
}

impl Error {
    /// An error of `kind`. Messages start in lower case and have no full stop.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            operation: None,
            resource: None,
            status: None,
            upstream: None,
            problems: Vec::new(),
            request_id: None,
            retry_after: None,
            effect: false,
            candidates: Vec::new(),
            remedy: None,
            actions: Vec::new(),
            source: None,
        }))
    }

    /// An invalid argument. `should` continues the sentence after the field: "must be between 1 and
    /// 500".
    pub fn invalid_input(field: &str, should: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidInput, format!("`{field}` {should}"))
    }

    /// An update that sets none of the `fields`: "name, tags and ipv4".
    pub(crate) fn nothing_to_change(fields: &str) -> Self {
        let message = format!("nothing to change: at least one of {fields} is required");
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// A check before the change failed.
    pub(crate) fn refused(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message).with(|it| it.remedy = Some(remedy.into()))
    }

    /// Settings are wrong.
    pub(crate) fn config(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message).with(|it| it.remedy = Some(remedy.into()))
    }

    /// A name that matches all of `candidates`.
    pub(crate) fn ambiguous(name: &str, candidates: Vec<String>) -> Self {
        let list = candidates.join(", ");
        Self::new(ErrorKind::Ambiguous, format!("`{name}` matches several: {list}"))
            .with(|it| it.candidates = candidates)
    }

    /// An error of a journal; for implementations of [`Journal`](crate::change::journal::Journal).
    pub fn of_journal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Journal, message)
    }

    /// A missing or wrong argument in a call of the generated client.
    pub(crate) fn invalid_request(why: String) -> Self {
        Self::new(ErrorKind::InvalidInput, why)
    }

    /// A request that cannot be built.
    pub(crate) fn unsendable(error: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidInput, format!("the request cannot be built: {error}"))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn for_operation(self, operation: Operation, resource: Option<String>) -> Self {
        self.with(|it| {
            it.operation = it.operation.or(Some(operation));
            it.resource = it.resource.take().or(resource);
        })
    }

    pub(crate) fn answered(self, status: u16, request_id: Option<String>) -> Self {
        self.with(|it| {
            it.status = Some(status);
            it.request_id = request_id;
        })
    }

    pub(crate) fn with_upstream(
        self,
        upstream: Option<String>,
        problems: Vec<PolicyProblem>,
    ) -> Self {
        self.with(|it| {
            it.upstream = upstream;
            it.problems = problems;
        })
    }

    pub(crate) fn after(self, wait: Option<Duration>) -> Self {
        self.with(|it| it.retry_after = wait)
    }

    /// Marks that the request may have taken effect.
    pub(crate) fn with_unknown_effect(self) -> Self {
        self.with(|it| it.effect = true)
    }

    /// Appends further information to the message.
    pub(crate) fn context(self, more: &str) -> Self {
        self.with(|it| it.message = format!("{}; {more}", it.message))
    }

    pub(crate) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        self.with(|it| it.remedy = Some(remedy.into()))
    }

    /// Keeps the causes of a failed request. The request's own error contains the URL, and is left out.
    pub(crate) fn with_source_of(self, error: &reqwest::Error) -> Self {
        let source = std::error::Error::source(error).map(Cause::of);
        self.with(|it| it.source = source)
    }

    /// Adds an action to the remedy.
    pub(crate) fn with_action(self, action: Action) -> Self {
        self.with(|it| it.actions.push(action))
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed, if one was tried.
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// The resource, as in the path: `device/n1`.
    pub fn resource(&self) -> Option<&str> {
        self.0.resource.as_deref()
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The message in the API's answer.
    pub fn upstream_message(&self) -> Option<&str> {
        self.0.upstream.as_deref()
    }

    /// Problems that the API reports about a policy file, per user or test.
    pub fn policy_problems(&self) -> &[PolicyProblem] {
        &self.0.problems
    }

    /// The request ID, for Tailscale's support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the API asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The resources that an ambiguous name matches.
    pub fn candidates(&self) -> &[String] {
        &self.0.candidates
    }

    /// Whether the change may have taken effect. If so, read the resource back before you repeat it.
    pub fn may_have_had_effect(&self) -> bool {
        self.0.effect
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = &*self.0;
        if let Some(operation) = it.operation {
            f.write_str(operation.id())?;
            if let Some(resource) = &it.resource {
                write!(f, " on {resource}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&it.message)?;
        if let Some(upstream) = it.upstream.as_ref().filter(|message| !message.is_empty()) {
            write!(f, ": {upstream}")?;
        }
        for problem in &it.problems {
            let all = [problem.errors.join("; "), problem.warnings.join("; ")].concat();
            write!(f, "; {}: {all}", problem.user)?;
        }
        if let Some(id) = &it.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

/// The source of a connection error is the error of the operating system.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}

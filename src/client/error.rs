//! What can go wrong on the way to the API and back.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Serialize, Serializer};

use crate::Operation;

/// The result of everything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What failed, on which resource, and what to do next.
///
/// Opaque, so that it can say more one day. [`kind`](Self::kind) is for programs, `Display` for
/// people, [`remedy`](Self::remedy) for whoever is stuck. Cheap to clone.
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
    /// A name fits several resources; nothing was sent.
    Ambiguous,
    /// A check before the change says no; nothing was sent.
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
    /// 409: it is there already.
    Conflict,
    /// 412: somebody else changed it since it was read.
    Stale,
    /// 429, even after waiting.
    RateLimited,
    /// Another 4xx: the API says that the request is wrong.
    Rejected,
    /// 501: the API cannot do this.
    Unsupported,
    /// 5xx: the API failed.
    Upstream,
    /// The answer is no JSON where JSON was promised.
    NotJson,
    /// The answer broke off.
    Truncated,
    /// The answer is larger than the limit.
    TooLarge,
    /// Nothing came in time, or the request waited too long for its turn.
    Timeout,
    /// The host's name does not resolve.
    Dns,
    /// The server's certificate or the TLS handshake is not acceptable.
    Tls,
    /// No connection.
    Unreachable,
    /// The API answered with a redirect that is not followed.
    Redirected,
    /// The answer to a change got lost: it may have taken effect.
    OutcomeUnknown,
    /// The journal cannot be read or written.
    Journal,
}

impl Serialize for ErrorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl ErrorKind {
    /// Its word, as it is serialized.
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
        }
    }
}

/// What the API says of a policy file, per user or test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PolicyProblem {
    /// For whom.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// What stops it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// What does not.
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
}

impl Error {
    /// An error of `kind` with its own words. Selectors start in lower case and have no full stop.
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
        }))
    }

    /// `field` is wrong, and `should` says what would be right.
    pub fn invalid_input(field: &str, should: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidInput, format!("`{field}` {should}"))
    }

    /// A check before the change says no.
    pub(crate) fn refused(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message).with(|it| it.remedy = Some(remedy.into()))
    }

    /// Settings are wrong.
    pub(crate) fn config(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message).with(|it| it.remedy = Some(remedy.into()))
    }

    /// `name` fits all of `candidates`.
    pub(crate) fn ambiguous(name: &str, candidates: Vec<String>) -> Self {
        let list = candidates.join(", ");
        Self::new(ErrorKind::Ambiguous, format!("`{name}` fits several: {list}"))
            .with(|it| it.candidates = candidates)
    }

    /// A call of the generated client lacks something, or has something that is wrong.
    pub(crate) fn invalid_request(why: String) -> Self {
        Self::new(ErrorKind::InvalidInput, why)
    }

    /// A request cannot be written.
    pub(crate) fn unsendable(error: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidInput, format!("the request cannot be written: {error}"))
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

    /// Adds what else happened.
    pub(crate) fn context(self, more: &str) -> Self {
        self.with(|it| it.message = format!("{}; {more}", it.message))
    }

    pub(crate) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        self.with(|it| it.remedy = Some(remedy.into()))
    }

    /// The class of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The operation that failed, if one was tried.
    pub fn operation(&self) -> Option<Operation> {
        self.0.operation
    }

    /// The resource it was tried on, as in the path: `device/n1`.
    pub fn resource(&self) -> Option<&str> {
        self.0.resource.as_deref()
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// What the API said.
    pub fn upstream_message(&self) -> Option<&str> {
        self.0.upstream.as_deref()
    }

    /// What the API says of a policy file, per user or test.
    pub fn policy_problems(&self) -> &[PolicyProblem] {
        &self.0.problems
    }

    /// The id by which Tailscale's support finds the request.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// How long the API asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What an ambiguous name could have meant.
    pub fn candidates(&self) -> &[String] {
        &self.0.candidates
    }

    /// Whether the request may have changed something. Read it back before you repeat it.
    pub fn may_have_had_effect(&self) -> bool {
        self.0.effect
    }

    /// What to try next, if anything is worth trying.
    pub fn remedy(&self) -> Option<String> {
        if let Some(remedy) = &self.0.remedy {
            return Some(remedy.clone());
        }
        if self.0.effect {
            return Some(
                "it may have taken effect: read the resource back before you repeat the change"
                    .to_owned(),
            );
        }
        Some(match self.0.kind {
            ErrorKind::InvalidInput | ErrorKind::Refused => return None,
            ErrorKind::Ambiguous => "use one of these, or an id".to_owned(),
            ErrorKind::NoCredential | ErrorKind::Config => "run `tailsteward doctor`".to_owned(),
            ErrorKind::Unauthorized => {
                "check that the credential is right, not expired and not revoked".to_owned()
            }
            ErrorKind::Forbidden => self.missing_scope(),
            ErrorKind::PlanLimit => {
                "the tailnet's plan lacks this feature; see https://tailscale.com/pricing"
                    .to_owned()
            }
            ErrorKind::NotFound if self.resource().is_some_and(|it| it.starts_with("tailnet/")) => {
                "check the tailnet id (TAILSCALE_TAILNET, or `tailnet` of the profile); `-` is the \
                 credential's own"
                    .to_owned()
            }
            ErrorKind::NotFound => {
                "list what there is; ids of other tailnets and of ephemeral devices that are gone \
                 answer the same"
                    .to_owned()
            }
            ErrorKind::Conflict => "read what is there, and change that".to_owned(),
            ErrorKind::Stale => "read it again, and repeat the change on what it is now".to_owned(),
            ErrorKind::RateLimited => self.wait(),
            ErrorKind::Rejected => "change the request as the message says".to_owned(),
            ErrorKind::Unsupported => "the API cannot do this; use the admin console".to_owned(),
            ErrorKind::Upstream => {
                "try again later; if it stays, see https://status.tailscale.com".to_owned()
            }
            ErrorKind::NotJson => {
                "check the base URL, and that no proxy or login page stands in between".to_owned()
            }
            ErrorKind::Truncated => "try again".to_owned(),
            ErrorKind::TooLarge => "ask for less: a shorter time window, or filters".to_owned(),
            ErrorKind::Timeout => "try again, or allow a longer deadline".to_owned(),
            ErrorKind::Dns => "check the host in the base URL, and this machine's DNS".to_owned(),
            ErrorKind::Tls => {
                "check the clock and, behind a TLS proxy, name its CA file in TAILSTEWARD_CA_FILE"
                    .to_owned()
            }
            ErrorKind::Unreachable => {
                "check the base URL, and that this machine may connect there".to_owned()
            }
            ErrorKind::Redirected => "set the base URL to where the API really is".to_owned(),
            ErrorKind::OutcomeUnknown => "read the resource back".to_owned(),
            ErrorKind::Journal => "check the store that --store names".to_owned(),
        })
    }

    fn missing_scope(&self) -> String {
        match self.0.operation.map_or(&[][..], Operation::scopes) {
            [] => "use a credential whose owner may do this".to_owned(),
            scopes => format!(
                "it needs the OAuth scope {}; scopes are fixed when a token is issued, so widen \
                 the client and take a new token",
                scopes.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or ")
            ),
        }
    }

    fn wait(&self) -> String {
        self.0.retry_after.map_or_else(
            || "wait a minute, then try again".to_owned(),
            |wait| format!("wait {} s, then try again", wait.as_secs().max(1)),
        )
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
        if let Some(upstream) = it.upstream.as_ref().filter(|said| !said.is_empty()) {
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

impl std::error::Error for Error {}

//! The outcome of one attempt at a request, and whether it may be retried.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::{Action, Error, ErrorKind, response::Answer, retry, tokens::Bearer};
use crate::Operation;

/// The outcome of one attempt.
pub(super) enum Verdict {
    /// A complete response.
    Done(Answer),
    /// Failed, and may be retried. `wait` is the delay that the server asked for.
    Again { error: Error, wait: Option<Duration> },
    /// The token was refused.
    Refused(Error),
    /// Failed, and must not be retried.
    Failed(Error),
}

/// Why there is no response.
pub(super) enum NoResponse {
    Failed(reqwest::Error),
    Redirected(Error),
    Deadline,
}

impl NoResponse {
    pub(super) fn error(&self) -> Error {
        match self {
            Self::Failed(error) => {
                Error::new(retry::failure(error), retry::words(error)).with_source_of(error)
            }
            Self::Redirected(error) => error.clone(),
            Self::Deadline => Error::new(ErrorKind::Timeout, "no response before the deadline"),
        }
    }

    fn never_arrived(&self) -> bool {
        match self {
            Self::Failed(error) => retry::never_arrived(error),
            Self::Redirected(_) => true,
            Self::Deadline => false,
        }
    }
}

/// One attempt at a request: what is logged, and what decides whether to retry.
pub(super) struct Attempt<'a> {
    pub(super) operation: Operation,
    pub(super) number: u32,
    pub(super) deadline: Instant,
    pub(super) bearer: &'a Bearer,
}

impl Attempt<'_> {
    /// The verdict when no response arrived.
    pub(super) fn no_answer(&self, error: Error, lost: &NoResponse) -> Verdict {
        match lost {
            NoResponse::Redirected(_) => return Verdict::Failed(error),
            _ if lost.never_arrived() => {
                // A host name that does not resolve or an untrusted certificate will not change on a retry.
                let passing = matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout);
                return if passing {
                    Verdict::Again { error, wait: None }
                } else {
                    Verdict::Failed(error)
                };
            }
            _ => {}
        }
        if self.operation.reads() {
            return Verdict::Again { error, wait: None };
        }
        let error = unknown(self.operation, &error.to_string());
        if self.operation.is_idempotent() && !matches!(lost, NoResponse::Deadline) {
            Verdict::Again { error, wait: None }
        } else {
            Verdict::Failed(error)
        }
    }

    /// The verdict when status and headers arrived but the body did not.
    pub(super) fn broken_off(&self, error: Error, status: StatusCode) -> Verdict {
        if self.operation.reads() && error.kind() != ErrorKind::TooLarge {
            return Verdict::Again { error, wait: None };
        }
        let changed = !self.operation.reads() && !status.is_client_error();
        Verdict::Failed(if changed {
            checkable(self.operation, error.with_unknown_effect())
        } else {
            error
        })
    }

    /// The verdict on an error status.
    pub(super) fn judge(&self, status: StatusCode, error: Error) -> Verdict {
        let failed = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        let changed = failed && !self.operation.reads();
        let error =
            if changed { checkable(self.operation, error.with_unknown_effect()) } else { error };
        match status.as_u16() {
            401 => Verdict::Refused(error),
            // The request was refused before it was processed.
            429 => Verdict::Again { wait: error.retry_after(), error },
            502..=504 if self.operation.is_idempotent() => {
                Verdict::Again { wait: error.retry_after(), error }
            }
            _ => Verdict::Failed(error),
        }
    }

    pub(super) fn log(
        &self,
        started: Instant,
        status: Option<StatusCode>,
        request_id: Option<&str>,
        error: Option<&Error>,
    ) {
        tracing::info!(
            operation = self.operation.id(),
            status = status.map(|it| it.as_u16()),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            attempt = self.number,
            request_id,
            error = error.map(tracing::field::display),
            "request"
        );
    }
}

fn unknown(operation: Operation, why: &str) -> Error {
    let error = Error::new(
        ErrorKind::OutcomeUnknown,
        format!("the response was lost ({why}): the change may have taken effect"),
    );
    checkable(operation, error.with_unknown_effect())
}

/// Adds how to find out whether a change took effect.
pub(super) fn checkable(operation: Operation, error: Error) -> Error {
    let look = Operation::ALL
        .iter()
        .filter(|it| it.method() == "GET" && operation.path().starts_with(it.path()))
        .max_by_key(|it| it.path().len());
    match look {
        Some(look) => error
            .with_remedy(
                "it may have taken effect: check the current state before you repeat the \
                          change",
            )
            .with_action(Action::Call(*look)),
        None => error,
    }
}

//! Remedies: what to do about an error.

use super::{Action, Error, ErrorKind};
use crate::Operation;

impl Error {
    /// What to do next, with the names of the [actions](Self::actions) in the library; `None` if
    /// there is no advice.
    pub fn remedy(&self) -> Option<String> {
        let advice = self.advice()?;
        if self.0.actions.is_empty() {
            return Some(advice);
        }
        let names: Vec<String> = self.0.actions.iter().map(Action::to_string).collect();
        Some(format!("{advice} ({})", names.join(", ")))
    }

    /// The actions that the remedy suggests. Each surface renders them as a tool or a command.
    pub fn actions(&self) -> &[Action] {
        &self.0.actions
    }

    /// What to do next, without the names of the actions.
    pub fn advice(&self) -> Option<String> {
        if let Some(remedy) = &self.0.remedy {
            return Some(remedy.clone());
        }
        if self.0.effect {
            return Some(
                "it may have taken effect: check the current state before you repeat the change"
                    .to_owned(),
            );
        }
        Some(match self.0.kind {
            ErrorKind::InvalidInput | ErrorKind::Refused => return None,
            ErrorKind::Ambiguous => "use one of these names, or an ID".to_owned(),
            ErrorKind::NoCredential | ErrorKind::Config => "run `tailsteward doctor`".to_owned(),
            ErrorKind::Unauthorized => {
                "check that the credential is correct, and neither expired nor revoked".to_owned()
            }
            ErrorKind::Forbidden => self.missing_scope(),
            ErrorKind::PlanLimit => {
                "the tailnet's plan lacks this feature; see https://tailscale.com/pricing"
                    .to_owned()
            }
            ErrorKind::NotFound if self.resource().is_some_and(|it| it.starts_with("tailnet/")) => {
                "check the tailnet ID (TAILSCALE_TAILNET, or `tailnet` of the profile); `-` is the \
                 credential's own tailnet"
                    .to_owned()
            }
            ErrorKind::NotFound => {
                "the ID may belong to another tailnet, or to something that was removed; list what \
                 this tailnet has"
                    .to_owned()
            }
            ErrorKind::Conflict => "read the existing resource and change it instead".to_owned(),
            ErrorKind::Stale => {
                "read it again and repeat the change on the current version".to_owned()
            }
            ErrorKind::RateLimited => self.wait(),
            ErrorKind::Rejected => "change the request as the message says".to_owned(),
            ErrorKind::Unsupported => "the API cannot do this; use the admin console".to_owned(),
            ErrorKind::Upstream => {
                "try again later; if it persists, see https://status.tailscale.com".to_owned()
            }
            ErrorKind::NotJson => {
                "check the base URL, and that no proxy or login page responds instead of the API"
                    .to_owned()
            }
            ErrorKind::Truncated => "try again".to_owned(),
            ErrorKind::TooLarge => {
                "narrow the request, with a shorter time window or filters".to_owned()
            }
            ErrorKind::Timeout => "try again, or set a longer deadline".to_owned(),
            ErrorKind::Dns => "check the host in the base URL, and this machine's DNS".to_owned(),
            ErrorKind::Tls => {
                "check this machine's clock; behind a TLS proxy, set TAILSTEWARD_CA_FILE to its CA \
                 file"
                    .to_owned()
            }
            ErrorKind::Unreachable => {
                "check the base URL, and that this machine can connect to it".to_owned()
            }
            ErrorKind::Redirected => "set the base URL to the address of the API".to_owned(),
            ErrorKind::OutcomeUnknown => "check the current state of the resource".to_owned(),
            ErrorKind::Journal => "check where the journal is kept".to_owned(),
            ErrorKind::History => "check where the history is kept".to_owned(),
            ErrorKind::DaemonAbsent | ErrorKind::DaemonDown => {
                "install and start Tailscale on this machine".to_owned()
            }
            ErrorKind::DaemonLoggedOut => "log this machine in: `tailscale up`".to_owned(),
            ErrorKind::NotOperator => {
                "make the user who runs this program the operator of Tailscale on this machine"
                    .to_owned()
            }
            ErrorKind::DaemonTooOld => "update Tailscale on this machine".to_owned(),
        })
    }

    fn missing_scope(&self) -> String {
        match self.0.operation.map_or(&[][..], Operation::scopes) {
            [] => "use a credential whose owner has permission for this".to_owned(),
            scopes => format!(
                "it needs the OAuth scope {}; a token keeps the scopes it was issued with, so add \
                 the scope to the client and get a new token",
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

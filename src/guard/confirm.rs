//! Confirmation of plans. Each way to ask a user implements [`Confirm`].

use super::Caller;
use crate::{
    Tailnet,
    change::{Confirmation, Plan},
    client::Result,
    tool::ToolDef,
};

/// Who has to agree to a plan that is hard to undo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConfirmMode {
    /// A person if the client can ask one, otherwise whoever calls again with the plan's ID.
    #[default]
    Auto,
    /// A person: in a form of the client, in a terminal, or on the page of the server.
    Person,
    /// Another principal than the one who asked, outside of the conversation.
    Other,
}

impl ConfirmMode {
    /// Its word: `auto`, `person`, `other`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Person => "person",
            Self::Other => "other",
        }
    }
}

impl std::str::FromStr for ConfirmMode {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let all = [Self::Auto, Self::Person, Self::Other];
        let found = all.into_iter().find(|mode| mode.as_str() == text.trim());
        found.ok_or("must be `auto`, `person` or `other`")
    }
}

/// A way to ask the user whether a plan may be applied.
pub(crate) trait Confirm: Sync {
    /// What the caller gets if the user's answer comes with a later call.
    type Later: Send;

    /// Asks the user, or checks the answer that the call contains.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) if the user declines or does not answer.
    fn confirm(
        &self,
        caller: &Caller,
        pending: &Pending<'_>,
    ) -> impl Future<Output = Result<Decision<Self::Later>>> + Send;
}

/// A plan that needs confirmation, and the digests that the confirmation is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Pending<'a> {
    pub(crate) tool: &'static ToolDef,
    pub(crate) tailnet: &'a Tailnet,
    pub(crate) plan: &'a Plan,
    /// The ID of the plan that was confirmed, according to the call.
    pub(crate) plan_id: Option<&'a str>,
    /// The digest of principal, tailnet, tool and arguments.
    pub(crate) request: &'a str,
    /// The digest of all that and of all that is shown of the plan.
    pub(crate) digest: &'a str,
    /// Who has to agree.
    pub(crate) mode: ConfirmMode,
    /// Whether it needs approval outside of the conversation: a form, or the caller's own terminal, does not
    /// count.
    pub(crate) outside: bool,
    /// Why it needs approval, if a guardrail asks for it.
    pub(crate) guardrail: Option<&'a str>,
}

/// The user's decision about a plan.
pub(crate) enum Decision<L> {
    /// This very plan is confirmed, as it is now.
    Yes(Confirmation),
    /// The plan is confirmed, but it was made before the person was asked: plan again first.
    YesButReplan(Confirmation),
    /// The answer comes with a later call.
    Later(L),
}

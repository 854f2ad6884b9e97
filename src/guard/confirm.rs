//! How a plan is confirmed: each way to ask a person implements [`Confirm`].

use super::Caller;
use crate::{
    Tailnet,
    change::{Confirmation, Plan},
    client::Result,
    tool::ToolDef,
};

/// A way to ask a person whether a plan may be carried out.
pub(crate) trait Confirm: Sync {
    /// What the caller gets if the answer comes with a later call.
    type Later: Send;

    /// Asks, or looks for the answer that the call brings along.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) if the person says no or does not answer.
    fn confirm(
        &self,
        caller: &Caller,
        pending: &Pending<'_>,
    ) -> impl Future<Output = Result<Decision<Self::Later>>> + Send;
}

/// A plan that waits for its confirmation, and what the confirmation binds to.
pub(crate) struct Pending<'a> {
    pub(crate) tool: &'static ToolDef,
    pub(crate) tailnet: &'a Tailnet,
    pub(crate) plan: &'a Plan,
    /// The id of the plan that the call says was confirmed.
    pub(crate) plan_id: Option<&'a str>,
    /// The digest of principal, tailnet, tool and arguments.
    pub(crate) request: &'a str,
    /// The digest of all that and of all that is shown of the plan.
    pub(crate) digest: &'a str,
}

/// The answer to a question.
pub(crate) enum Decision<L> {
    /// This very plan is confirmed, as it is now.
    Yes(Confirmation),
    /// The plan is confirmed, but it was made before the person was asked: plan again first.
    YesButReplan(Confirmation),
    /// The answer comes with a later call.
    Later(L),
}

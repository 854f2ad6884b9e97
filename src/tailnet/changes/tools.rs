//! Journal tools.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChangeDetails, ChangeList};
use crate::{
    Error, Operation, Tailnet,
    change::{Approval, ApprovalState, Outcome, Plan, Risk, journal::Find},
    client::Result,
    tailnet::logging::tools::GetAuditLogs,
    tool::{Edit, List, PageSize, Paged, Part, Query, Toolset, edit, list, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "changes",
    about: "Changes made through this server and their undo, and the tailnet's audit log.",
    instructions: "Every change has a number in `change`; undo_change undoes it.",
    default: true,
    tools: &[
        list::<ListChanges>(),
        list::<GetChange>(),
        edit::<UndoChange>(),
        query::<ListPendingPlans>(),
        list::<GetAuditLogs>(),
    ],
};

/// List changes made through this server, newest first; `get_audit_logs` has all.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListChanges {
    /// Text to find in resource, tool or principal.
    text: Option<String>,
    /// Only changes with this outcome.
    outcome: Option<Outcome>,
    /// Only changes of the last N hours.
    hours: Option<u32>,
}

impl List for ListChanges {
    const NAME: &'static str = "list_changes";
    const OPERATIONS: &'static [Operation] = &[];
    const PAGE: PageSize = PageSize { usual: 20, max: 200 };
    type Output = Paged<ChangeList>;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Self::Output> {
        let ago = |hours: u32| {
            let since = Timestamp::now().checked_sub(SignedDuration::from_hours(hours.into()));
            since.map_err(|_| Error::invalid_input("hours", "is out of range"))
        };
        let find = Find {
            text: self.text,
            outcome: self.outcome,
            before: part.after().and_then(|change| change.parse().ok()),
            since: self.hours.map(ago).transpose()?,
            limit: part.limit(),
            ..Find::default()
        };
        let list = tailnet.changes().list(&find).await?;
        let shown = part.offset().saturating_add(list.shown);
        let next = list.next.map(|oldest| part.next(shown, &oldest.to_string()));
        Ok(Paged::new(list, next))
    }
}

/// Show a change step by step.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetChange {
    /// Number of the change.
    change: i64,
}

impl List for GetChange {
    const NAME: &'static str = "get_change";
    const OPERATIONS: &'static [Operation] = &[];
    const PAGE: PageSize = PageSize { usual: 100, max: 500 };
    type Output = Paged<ChangeDetails>;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Self::Output> {
        let details = tailnet.changes().get(self.change, part.offset(), part.limit()).await?;
        let next = details.next.map(|skip| part.next(skip, ""));
        Ok(Paged::new(details, next))
    }
}

/// Undo a recorded change, unless the resource was changed again since.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UndoChange {
    /// Number of the change.
    change: i64,
}

impl Edit for UndoChange {
    const NAME: &'static str = "undo_change";
    const RISK: Risk = Risk::Change;
    // Undoing a destructive change is destructive.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.changes().plan_undo(self.change).await
    }
}

/// List plans that need a person's approval, newest first, with the decisions.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListPendingPlans {}

/// The newest plans that need approval.
#[derive(Debug, Serialize)]
pub(crate) struct PlanList {
    total: usize,
    waiting: usize,
    plans: Vec<Approval>,
}

/// How many plans are listed.
const MAX_PLANS: usize = 50;

impl Query for ListPendingPlans {
    const NAME: &'static str = "list_pending_plans";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = PlanList;

    async fn call(self, tailnet: &Tailnet) -> Result<Self::Output> {
        let mut plans = tailnet.changes().awaiting_approval().await?;
        let waiting = plans.iter().filter(|plan| plan.state == ApprovalState::Waiting).count();
        let total = plans.len();
        plans.truncate(MAX_PLANS);
        Ok(PlanList { total, waiting, plans })
    }
}

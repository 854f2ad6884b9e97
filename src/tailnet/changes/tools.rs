//! The tools of the journal.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ChangeDetails, ChangeList};
use crate::{
    Error, Operation, Tailnet,
    change::{Outcome, Plan, Risk, journal::Find},
    client::Result,
    tool::{Edit, Query, Toolset, edit, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "changes",
    about: "What was changed through this server, and how to take it back.",
    instructions: "Every change has a number in `change`; undo_change takes it back.",
    default: true,
    tools: &[query::<ListChanges>(), query::<GetChange>(), edit::<UndoChange>()],
};

/// Entries that `list_changes` shows unless asked otherwise.
const ENTRIES: usize = 20;
/// The most that it shows.
const MOST_ENTRIES: usize = 200;
/// Steps that `get_change` shows at once.
const STEPS: usize = 100;

/// List what was changed here, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListChanges {
    /// In resource, tool or principal.
    text: Option<String>,
    /// How it ended.
    outcome: Option<Outcome>,
    /// Of the last hours.
    hours: Option<u32>,
    /// From `next`.
    before: Option<i64>,
    /// Up to 200; usually 20.
    limit: Option<usize>,
}

impl Query for ListChanges {
    const NAME: &'static str = "list_changes";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = ChangeList;

    async fn call(self, tailnet: &Tailnet) -> Result<ChangeList> {
        let limit = self.limit.unwrap_or(ENTRIES);
        if limit == 0 || limit > MOST_ENTRIES {
            return Err(Error::invalid_input(
                "limit",
                format!("must be between 1 and {MOST_ENTRIES}"),
            ));
        }
        let ago = |hours: u32| {
            let since = Timestamp::now().checked_sub(SignedDuration::from_hours(hours.into()));
            since.map_err(|_| Error::invalid_input("hours", "must not go back before all time"))
        };
        let since = self.hours.map(ago).transpose()?;
        let find = Find {
            text: self.text,
            outcome: self.outcome,
            before: self.before,
            since,
            limit,
            ..Find::default()
        };
        tailnet.changes().list(&find).await
    }
}

/// Show a change step by step.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetChange {
    /// Its number.
    change: i64,
    /// From `next`.
    #[serde(default)]
    skip: usize,
}

impl Query for GetChange {
    const NAME: &'static str = "get_change";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = ChangeDetails;

    async fn call(self, tailnet: &Tailnet) -> Result<ChangeDetails> {
        tailnet.changes().get(self.change, self.skip, STEPS).await
    }
}

/// Take a change back, if nobody has changed the same since.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndoChange {
    /// Its number.
    change: i64,
}

impl Edit for UndoChange {
    const NAME: &'static str = "undo_change";
    const RISK: Risk = Risk::Change;
    // To take a grave change back is as grave.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.changes().plan_undo(self.change).await
    }
}

//! Plans that wait for the approval of a person outside of the conversation, and what they decided.

use jiff::Timestamp;
use sqlx::{Row as _, any::AnyRow};

use super::{Store, at};
use crate::{
    change::{Approval, ApprovalState},
    client::Result,
};

/// The most plans that a list has.
const MAX_LISTED: usize = 200;

pub(super) const COLUMNS: &str =
    "id, at, until, by_other, principal, tool, tailnet, resource, question,
    decision, decided_by, decided_at, used, digest";

pub(super) const APPROVED: &str = "approved";
pub(super) const REFUSED: &str = "refused";

impl Store {
    /// The plan `id`, if it needed approval.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if the database cannot be read.
    pub async fn approval(&self, id: &str) -> Result<Option<Approval>> {
        let query = format!("SELECT {COLUMNS} FROM approvals WHERE id = $1");
        let row = sqlx::query(&query).bind(id).fetch_optional(self.pool().await?).await;
        let row = row.map_err(|error| self.wrong(&error))?;
        row.as_ref().map(read).transpose().map_err(|error| self.wrong(&error))
    }

    /// The plans that needed approval in the last seven days, newest first; with a tailnet's label, only its
    /// own.
    ///
    /// # Errors
    ///
    /// [`Journal`](crate::ErrorKind::Journal) if the database cannot be read.
    pub async fn listed_approvals(&self, tailnet: Option<&str>) -> Result<Vec<Approval>> {
        let query = format!(
            "SELECT {COLUMNS} FROM approvals WHERE $1 = '' OR tailnet = $1 ORDER BY at DESC, id LIMIT $2"
        );
        let query = sqlx::query(&query).bind(tailnet.unwrap_or_default());
        let query = query.bind(i64::try_from(MAX_LISTED).unwrap_or(i64::MAX));
        let rows = query.fetch_all(self.pool().await?).await.map_err(|error| self.wrong(&error))?;
        rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(|error| self.wrong(&error))
    }
}

/// The plan in a row with [`COLUMNS`].
pub(super) fn read(row: &AnyRow) -> sqlx::Result<Approval> {
    let decision: Option<String> = row.try_get("decision")?;
    let until = at(row.try_get("until")?);
    let state = match decision.as_deref() {
        _ if row.try_get::<i64, _>("used")? != 0 => ApprovalState::Used,
        Some(REFUSED) => ApprovalState::Refused,
        _ if until <= Timestamp::now() => ApprovalState::Expired,
        Some(APPROVED) => ApprovalState::Approved,
        // Nothing else counts as a decision.
        _ => ApprovalState::Waiting,
    };
    Ok(Approval {
        plan_id: row.try_get("id")?,
        state,
        principal: row.try_get("principal")?,
        tool: row.try_get("tool")?,
        tailnet: row.try_get("tailnet")?,
        resource: row.try_get("resource")?,
        at: at(row.try_get("at")?),
        until,
        decided_by: row.try_get("decided_by")?,
        decided_at: row.try_get::<Option<i64>, _>("decided_at")?.map(at),
        by_other: row.try_get::<i64, _>("by_other")? != 0,
        question: row.try_get("question")?,
    })
}

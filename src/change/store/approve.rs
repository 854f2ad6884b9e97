//! How plans come to wait for the approval of a person, how it is given, and used once.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sqlx::Row as _;

use super::{
    Store,
    approvals::{APPROVED, COLUMNS, REFUSED, read},
    micros,
    plans::random_id,
};
use crate::{
    Error,
    change::{Approval, ApprovalState},
    client::Result,
};

/// How long a plan waits for approval.
pub(crate) const WAITS: SignedDuration = SignedDuration::from_hours(1);
/// How long an approved plan can be applied at least.
const APPLIES: SignedDuration = SignedDuration::from_mins(10);
/// How many plans of one principal may wait at once. Nobody looks through more.
const MAX_WAITING: i64 = 50;
/// A plan that is to wait for approval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewApproval<'a> {
    pub(crate) digest: &'a str,
    pub(crate) by_other: bool,
    pub(crate) principal: &'a str,
    pub(crate) tool: &'a str,
    pub(crate) tailnet: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) question: &'a str,
}

/// The result of using an approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UsedApproval {
    /// The plan was approved by this person, matches, and was not used before.
    Now(Arc<str>),
    /// It has this ID, but another digest or another rule of approval.
    Differs,
    /// It cannot be used, because of its state. `Approved` stands for nothing here.
    Not(ApprovalState, Option<String>),
    /// There is no such plan.
    Unknown,
}

impl Store {
    /// Keeps a plan until somebody has decided about it, and returns its ID. The same plan of the same caller
    /// is kept once.
    pub(crate) async fn seek_approval(&self, new: NewApproval<'_>) -> Result<Approval> {
        if let Some(known) = self.known_approval(new.digest, new.by_other).await? {
            return Ok(known);
        }
        let now = Timestamp::now();
        let waiting = "SELECT COUNT(*) FROM approvals WHERE principal = $1 AND decision IS NULL AND until > $2";
        let count = sqlx::query_scalar::<_, i64>(waiting).bind(new.principal).bind(micros(now));
        let count =
            count.fetch_one(self.pool().await?).await.map_err(|error| self.wrong(&error))?;
        if count >= MAX_WAITING {
            return Err(Error::refused(
                format!("nothing was changed: {count} plans wait for approval already"),
                "wait until some of them are approved or refused, or have expired",
            ));
        }
        let (id, until) = (random_id(), now.saturating_add(WAITS).unwrap_or(Timestamp::MAX));
        sqlx::query(
            "INSERT INTO approvals (id, digest, at, until, by_other, principal, tool, tailnet, resource,
             question) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&id)
        .bind(new.digest)
        .bind(micros(now))
        .bind(micros(until))
        .bind(i64::from(new.by_other))
        .bind(new.principal)
        .bind(new.tool)
        .bind(new.tailnet)
        .bind(new.resource)
        .bind(new.question)
        .execute(self.pool().await?)
        .await
        .map_err(|error| self.wrong(&error))?;
        self.approval(&id)
            .await?
            .ok_or_else(|| Error::of_journal("a plan that waits for approval was not kept"))
    }

    /// The plan with this digest that has not expired and was not used, decided or not.
    pub(crate) async fn known_approval(
        &self,
        digest: &str,
        by_other: bool,
    ) -> Result<Option<Approval>> {
        let query = format!(
            "SELECT {COLUMNS} FROM approvals WHERE digest = $1 AND by_other = $2 AND used = 0 AND until > $3
             ORDER BY at DESC LIMIT 1"
        );
        let query = sqlx::query(&query).bind(digest).bind(i64::from(by_other));
        let row = query.bind(micros(Timestamp::now())).fetch_optional(self.pool().await?).await;
        let row = row.map_err(|error| self.wrong(&error))?;
        row.as_ref().map(read).transpose().map_err(|error| self.wrong(&error))
    }

    /// Records a decision. False if the plan is not waiting any more: somebody was faster, or it has expired.
    pub(crate) async fn decide(&self, id: &str, by: &str, yes: bool) -> Result<bool> {
        let now = Timestamp::now();
        let applies = now.saturating_add(APPLIES).unwrap_or(Timestamp::MAX);
        let done = sqlx::query(
            "UPDATE approvals SET decision = $1, decided_by = $2, decided_at = $3,
             until = CASE WHEN until < $4 THEN $4 ELSE until END
             WHERE id = $5 AND decision IS NULL AND used = 0 AND until > $3",
        )
        .bind(if yes { APPROVED } else { REFUSED })
        .bind(by)
        .bind(micros(now))
        .bind(micros(applies))
        .bind(id)
        .execute(self.pool().await?)
        .await
        .map_err(|error| self.wrong(&error))?;
        Ok(done.rows_affected() == 1)
    }

    /// Marks the approval `id` as used, if it is for this digest and was not used before.
    pub(crate) async fn use_approval(
        &self,
        id: &str,
        digest: &str,
        by_other: bool,
    ) -> Result<UsedApproval> {
        let used = sqlx::query(
            "UPDATE approvals SET used = 1 WHERE id = $1 AND digest = $2 AND by_other = $3
             AND decision = $4 AND used = 0 AND until > $5",
        )
        .bind(id)
        .bind(digest)
        .bind(i64::from(by_other))
        .bind(APPROVED)
        .bind(micros(Timestamp::now()))
        .execute(self.pool().await?)
        .await
        .map_err(|error| self.wrong(&error))?;
        let query = format!("SELECT {COLUMNS} FROM approvals WHERE id = $1");
        let row = sqlx::query(&query).bind(id).fetch_optional(self.pool().await?).await;
        let Some(row) = row.map_err(|error| self.wrong(&error))? else {
            return Ok(UsedApproval::Unknown);
        };
        let plan = read(&row).map_err(|error| self.wrong(&error))?;
        if used.rows_affected() == 1 {
            return Ok(UsedApproval::Now(plan.decided_by.unwrap_or_default().into()));
        }
        let is: String = row.try_get("digest").map_err(|error| self.wrong(&error))?;
        if is != digest || plan.by_other != by_other {
            return Ok(UsedApproval::Differs);
        }
        Ok(UsedApproval::Not(plan.state, plan.decided_by))
    }
}

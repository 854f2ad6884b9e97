//! A plan that needs the approval of a person outside of the conversation in which it was made.

use jiff::Timestamp;
use serde::Serialize;

/// What has become of a plan that needed approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApprovalState {
    /// Nobody has decided yet.
    Waiting,
    /// It was approved, and not applied yet.
    Approved,
    /// It was approved, and its change was begun.
    Used,
    /// It was refused.
    Refused,
    /// It was not decided, or not applied, in time.
    Expired,
}

/// A plan that needs approval.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Approval {
    /// The ID of the plan.
    pub plan_id: String,
    /// What has become of it.
    pub state: ApprovalState,
    /// Who asked for the change.
    pub principal: String,
    /// The tool that was called.
    pub tool: String,
    /// The tailnet: the API's origin and the tailnet's name.
    #[serde(skip)]
    pub tailnet: String,
    /// The resources, such as `device web-1` or `12 devices`.
    pub resource: String,
    /// When the plan was made.
    pub at: Timestamp,
    /// Until when it can be approved and applied.
    pub until: Timestamp,
    /// Who approved or refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// Whether the person who approves it must be another than the one who asked.
    pub by_other: bool,
    /// The complete question, made safe to show.
    #[serde(skip)]
    pub question: String,
}

impl ApprovalState {
    /// Its word: `waiting`, `approved`, `used`, `refused`, `expired`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Used => "used",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

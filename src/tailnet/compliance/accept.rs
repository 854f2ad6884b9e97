//! Failures of checks that somebody accepts, kept in the history.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::Compliance;
use crate::{
    Error,
    change::{Change, Checks, Compare, Fields, Plan, Subject, Write, Written},
    checks::{self, Exception, Report},
    client::Result,
    history::{Accepted, History},
    tailnet::Tailnet,
    words::to_the_second,
};

/// The resource kind in plans and in the journal.
const KIND: &str = "accepted finding";
/// The one field: who accepted it, why, and until when.
const ACCEPTED: &str = "accepted";
/// The longest reason.
const MAX_REASON: usize = 500;

/// What is kept of an audit, for those who ask later.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastAudit {
    /// When it was.
    pub at: Timestamp,
    /// Its score in words.
    pub score: String,
    /// IDs of the checks that failed, the worst first.
    pub failing: Vec<String>,
}

impl Compliance<'_> {
    /// The failures that are accepted now. None without a history.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the history cannot be read.
    pub async fn accepted(&self, now: Timestamp) -> Result<Vec<Exception>> {
        let Some(history) = self.tailnet.history() else { return Ok(Vec::new()) };
        let all = history.accepted(&self.tailnet.label(), now.as_second()).await?;
        let exception = |it: Accepted| Exception {
            check: it.check,
            subject: Some(it.subject).filter(|it| !it.is_empty()),
            by: it.principal,
            reason: it.reason,
            until: Timestamp::from_second(it.until).unwrap_or_default(),
        };
        Ok(all.into_iter().map(exception).collect())
    }

    /// Plans to accept a failure of a check for a time, of one subject or of all. What was accepted of it
    /// before is replaced.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an unknown check, without a reason, or for longer
    /// than a year; [`History`](crate::ErrorKind::History) if no history is kept.
    pub async fn plan_accept(
        &self,
        check: &str,
        subject: Option<&str>,
        reason: &str,
        length: SignedDuration,
    ) -> Result<Plan> {
        let now = Timestamp::now();
        let until = now.checked_add(length).unwrap_or(Timestamp::MAX);
        if reason.chars().count() > MAX_REASON {
            let should = format!("must have at most {MAX_REASON} characters");
            return Err(Error::invalid_input("reason", should));
        }
        let by = &self.tailnet.actor().principal;
        let accepted = Exception::new(check, subject, by, reason, until, now)?;
        let history = kept(self.tailnet)?;
        let id = id(&accepted.check, accepted.subject.as_deref().unwrap_or_default());
        let was = found(history, self.tailnet, &id).await?;
        let to = json!({
            "by": accepted.by,
            "reason": accepted.reason,
            "until": to_the_second(accepted.until),
        });
        let change = Change::new(ACCEPTED, was, to);
        let mut plan = Plan::one(&Exceptions, &id, &id, vec![change]);
        let check = checks::find(&accepted.check).map_or("", |it| it.title);
        plan.notes.push(format!("until then, it does not count as failing: {check}"));
        Ok(plan)
    }

    /// Keeps the result of an audit of everything, if a history is kept.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if it cannot be written.
    pub async fn remember(&self, report: &Report, now: Timestamp) -> Result<()> {
        let Some(history) = self.tailnet.history() else { return Ok(()) };
        let of = |verdict: checks::Verdict| -> Vec<&str> {
            let those = report.outcomes.iter().filter(|it| it.verdict == verdict);
            those.map(|it| it.check.id).collect()
        };
        let (failing, passing) = (of(checks::Verdict::Fail), of(checks::Verdict::Ok));
        let score = report.score.to_string();
        let result = json!({ "score": score, "failing": failing, "passing": passing });
        history.record_audit(&self.tailnet.label(), now.as_second(), &result).await
    }

    /// The last audit that was kept.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the history cannot be read.
    pub async fn last(&self) -> Result<Option<LastAudit>> {
        let Some(history) = self.tailnet.history() else { return Ok(None) };
        let last = history.last_audit(&self.tailnet.label()).await?;
        Ok(last.map(|(at, result)| {
            let score = result.get("score").and_then(Value::as_str).unwrap_or_default();
            let failing = result.get("failing").and_then(Value::as_array).into_iter().flatten();
            LastAudit {
                at: Timestamp::from_second(at).unwrap_or_default(),
                score: score.to_owned(),
                failing: failing.filter_map(Value::as_str).map(str::to_owned).collect(),
            }
        }))
    }
}

/// Failures that somebody accepts.
#[derive(Debug)]
pub(crate) struct Exceptions;

#[async_trait]
impl Subject for Exceptions {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, _: &[&str]) -> Result<Fields> {
        let value = found(kept(tailnet)?, tailnet, id).await?;
        Ok([(ACCEPTED.to_owned(), value)].into_iter().collect())
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let history = kept(tailnet)?;
        let (check, subject) = write.id.split_once(' ').unwrap_or((write.id, ""));
        let to = &write.change.to;
        let text = |name: &str| to.get(name).and_then(Value::as_str).unwrap_or_default();
        if to.is_null() {
            history.reject(&tailnet.label(), check, subject).await?;
        } else {
            let until: Timestamp = text("until")
                .parse()
                .map_err(|_| Error::invalid_input("until", "is not a time in RFC 3339"))?;
            let it = Accepted::new(check, subject, text("by"), text("reason"), until.as_second());
            history.accept(&tailnet.label(), &it, Timestamp::now().as_second()).await?;
        }
        Ok(Written::default())
    }

    fn compare(&self) -> &dyn Compare {
        self
    }

    fn checks(&self) -> &dyn Checks {
        self
    }
}

impl Compare for Exceptions {
    fn verb(&self, change: &Change) -> Option<&'static str> {
        change.to.is_null().then_some("Withdraw")
    }
}

impl Checks for Exceptions {}

/// A check, and what it is about, in one text.
fn id(check: &str, subject: &str) -> String {
    format!("{check} {subject}").trim_end().to_owned()
}

/// What is accepted now; null if nothing is.
async fn found(history: &History, tailnet: &Tailnet, wanted: &str) -> Result<Value> {
    let all = history.accepted(&tailnet.label(), Timestamp::now().as_second()).await?;
    let found = all.iter().find(|it| id(&it.check, &it.subject) == wanted);
    Ok(found.map_or(Value::Null, |it| {
        let until = Timestamp::from_second(it.until).unwrap_or_default();
        json!({ "by": it.principal, "reason": it.reason, "until": to_the_second(until) })
    }))
}

fn kept(tailnet: &Tailnet) -> Result<&History> {
    let history = tailnet.history().map(|it| &**it);
    history
        .ok_or_else(|| History::not_kept("accepting a finding needs a history, and none is kept"))
}

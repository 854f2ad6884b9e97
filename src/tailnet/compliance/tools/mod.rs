//! The tool for the compliance audit.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) mod remedies;

use crate::{
    Error, Operation, Tailnet,
    change::Plan,
    checks::{self, Outcome, Report, Severity, Verdict},
    client::Result,
    tailnet::devices::{Filter, name::with_prefix, tools::duration},
    tool::{Edit, List, Page, PageSize, Part, Risk, Toolset, edit, list},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "compliance",
    about: "An audit of the tailnet: devices, keys, policy file, settings, users, routes.",
    instructions: "",
    default: false,
    tools: &[list::<DeviceAudit>(), edit::<AcceptFinding>()],
};

/// Audit the tailnet for compliance and vulnerabilities: devices, keys, policy file, settings,
/// users, routes; the worst first.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct DeviceAudit {
    /// Device checks: only this operating system.
    os: Option<String>,
    /// Device checks: only clients older than this version.
    version_below: Option<String>,
    /// Device checks: only approved devices; false for unapproved.
    authorized: Option<bool>,
    /// Device checks: only devices with all of these tags.
    tags: Vec<String>,
    /// Only these checks, such as `D1`, in detail.
    checks: Vec<String>,
    /// Only checks of this severity or above.
    severity: Option<Severity>,
}

/// What an audit reads.
pub(crate) const READ: &[Operation] = &[
    Operation::ListTailnetDevices,
    Operation::ListUsers,
    Operation::ListTailnetKeys,
    Operation::GetKey,
    Operation::GetPolicyFile,
    Operation::ListServices,
    Operation::GetTailnetSettings,
    Operation::ListNetworkFlowLogs,
    Operation::GetLogStreamingConfiguration,
    Operation::GetLogStreamingStatus,
    Operation::ListWebhooks,
    Operation::GetContacts,
    Operation::GetPostureIntegrations,
    Operation::ListUserInvites,
    Operation::ListConfigurationAuditLogs,
];

/// How many subjects of a check are shown.
const SUBJECTS: usize = 3;
/// How many if the check was asked for by its ID.
const ALL_SUBJECTS: usize = 200;

/// The result of `device_audit`.
#[derive(Debug, Serialize)]
pub(crate) struct Audit {
    /// The score, with how much was looked at; absent if devices were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<String>,
    /// How many devices the device checks looked at, if others were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<String>,
    fail: usize,
    unknown: usize,
    accepted: usize,
    /// IDs of the checks that pass.
    ok: Vec<&'static str>,
    /// IDs of the checks that do not apply.
    does_not_apply: Vec<&'static str>,
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row<'r> {
    id: &'static str,
    severity: Severity,
    result: Verdict,
    title: &'static str,
    #[serde(skip_serializing_if = "is_none")]
    count: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subjects: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accepted: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    /// Shown for a check that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl List for DeviceAudit {
    const NAME: &'static str = "device_audit";
    const OPERATIONS: &'static [Operation] = READ;
    // What may not be read makes a check unknown.
    const SCOPES: &'static [&'static str] = &["devices:core:read"];
    const PAGE: PageSize = PageSize { usual: 20, max: 100 };
    type Output = Audit;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Audit> {
        let filter = self.filter()?;
        let wanted = ids(&self.checks)?;
        let now = Timestamp::now();
        let mut notes = Vec::new();
        let accepted = tailnet.compliance().accepted(now).await.unwrap_or_else(|error| {
            notes.push(format!("accepted findings are unknown, and count as failing: {error}"));
            Vec::new()
        });
        let report = tailnet.compliance().audit(&filter, &accepted).await?;
        if filter.is_empty()
            && let Err(error) = tailnet.compliance().remember(&report, now).await
        {
            notes.push(format!("the score is not kept: {error}"));
        }
        let chosen: Vec<&Outcome> = report
            .outcomes
            .iter()
            .filter(|it| wanted.is_empty() || wanted.contains(&it.check.id))
            .filter(|it| self.severity.is_none_or(|least| it.severity >= least))
            .collect();
        let mut audit = self.answer(&report, &chosen, !filter.is_empty(), &part)?;
        audit.notes = notes;
        Ok(audit)
    }
}

impl DeviceAudit {
    fn filter(&self) -> Result<Filter> {
        let version = self.version_below.as_ref().map(|it| it.parse()).transpose();
        let version = version.map_err(|_| {
            Error::invalid_input("version_below", "must be a version such as `1.82.0`")
        })?;
        let mut filter = Filter::default();
        filter.os.clone_from(&self.os);
        filter.version_below = version;
        filter.authorized = self.authorized;
        filter.all_tags = self.tags.iter().map(|tag| with_prefix(tag)).collect();
        Ok(filter)
    }

    fn answer(
        &self,
        report: &Report,
        chosen: &[&Outcome],
        narrowed: bool,
        part: &Part,
    ) -> Result<Audit> {
        let detailed = !self.checks.is_empty();
        let count = |verdict| chosen.iter().filter(|it| it.verdict == verdict).count();
        let named = |verdict| -> Vec<&'static str> {
            chosen.iter().filter(|it| it.verdict == verdict).map(|it| it.check.id).collect()
        };
        // What passes is only named, unless it was asked for.
        let shown: Vec<&Outcome> = chosen
            .iter()
            .copied()
            .filter(|it| detailed || !matches!(it.verdict, Verdict::Ok | Verdict::DoesNotApply))
            .collect();
        let page =
            Page::keyed("checks", &shown, part, |it| it.check.id, |it| Ok(Row::of(it, detailed)))?;
        Ok(Audit {
            score: (!narrowed).then(|| report.score.to_string()),
            devices: report
                .devices
                .filter(|_| narrowed)
                .map(|(some, all)| format!("{some} of {all} own devices")),
            fail: count(Verdict::Fail),
            unknown: count(Verdict::Unknown),
            accepted: count(Verdict::Accepted),
            ok: named(Verdict::Ok),
            does_not_apply: named(Verdict::DoesNotApply),
            page,
            notes: Vec::new(),
        })
    }
}

/// Accept a failing check for a time, with a reason, so that it does not lower the score.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AcceptFinding {
    /// ID of the check, such as `D4`.
    check: String,
    /// Name or ID of what fails; by default all that fail.
    #[serde(default)]
    subject: Option<String>,
    /// Why it is accepted.
    reason: String,
    /// How long, such as `90d`; at most a year.
    #[serde(rename = "for")]
    length: String,
}

impl Edit for AcceptFinding {
    const NAME: &'static str = "accept_finding";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let length = duration("for", &self.length)?;
        let subject = self.subject.as_deref();
        tailnet.compliance().plan_accept(&self.check, subject, &self.reason, length).await
    }
}

/// The IDs of checks, as they are written.
pub(crate) fn ids(given: &[String]) -> Result<Vec<&'static str>> {
    let known = |id: &String| {
        checks::find(id).map(|it| it.id).ok_or_else(|| {
            let all: Vec<&str> = checks::all().map(|it| it.id).collect();
            let should = format!("has `{id}`; the checks are {}", all.join(", "));
            Error::invalid_input("checks", should)
        })
    };
    given.iter().map(known).collect()
}

/// What to do about a check that fails, with the tools for it.
pub(crate) fn remedy(outcome: &Outcome) -> String {
    let check = outcome.check;
    match remedies::tools(check.id) {
        [] => check.remedy.to_owned(),
        tools => format!("{} ({})", check.remedy, tools.join(", ")),
    }
}

impl<'r> Row<'r> {
    fn of(outcome: &'r Outcome, detailed: bool) -> Self {
        let most = if detailed { ALL_SUBJECTS } else { SUBJECTS };
        let all = &outcome.subjects;
        let mut subjects: Vec<String> =
            all.iter().take(most).map(|it| format!("{}: {}", it.name, it.evidence)).collect();
        if let Some(more) = all.len().checked_sub(most).filter(|more| *more > 0) {
            subjects.push(format!("and {more} more"));
        }
        let accepted = outcome.accepted.iter().map(|it| {
            let exception = &it.exception;
            let until = exception.until.strftime("%Y-%m-%d");
            format!("{}: by {} until {until}: {}", it.subject.name, exception.by, exception.reason)
        });
        let why = outcome.unknown.as_ref().map(|it| it.text.as_str());
        Self {
            id: outcome.check.id,
            severity: outcome.severity,
            result: outcome.verdict,
            title: outcome.check.title,
            count: all.len(),
            subjects,
            accepted: accepted.take(most).collect(),
            why: why.or(outcome.does_not_apply.as_deref()),
            note: outcome.note.as_deref(),
            remedy: (outcome.verdict == Verdict::Fail).then(|| remedy(outcome)),
            source: detailed.then_some(outcome.check.source),
        }
    }
}

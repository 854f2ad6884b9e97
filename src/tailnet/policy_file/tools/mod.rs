//! Policy file tools.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Allow, Draft, PolicyFile, Recorded, SectionText, Summary, VersionList};
use crate::{
    Error, ErrorKind, Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    policy::edit::Edit,
    tool::{self, List, PageSize, Paged, Part, Query, Toolset, edit, list, query},
};

mod analyze;
mod ask;

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "policy",
    about: "The policy file: who may reach what.",
    instructions: "Before you change the policy file, read it with get_acl_policy, and pass its `etag`.",
    default: true,
    tools: &[
        query::<GetAclPolicy>(),
        list::<ask::TestAclPolicy>(),
        list::<analyze::PolicyAnalyzer>(),
        query::<ask::ValidateAclSyntax>(),
        edit::<UpdateAclPolicy>(),
        list::<ListPolicyVersions>(),
        edit::<RollbackAclPolicy>(),
    ],
};

/// How much of the policy file is shown.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// As it is written.
    #[default]
    Hujson,
    /// What is in it.
    Summary,
}

/// Show the policy file as it is written, one section of it, or a summary.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetAclPolicy {
    #[serde(default)]
    format: Format,
    /// Section, such as `grants`.
    section: Option<String>,
}

/// The result of `get_acl_policy`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Shown {
    Complete {
        etag: String,
        /// Number of lines.
        lines: usize,
        text: String,
    },
    Section(SectionText),
    Summary(Summary),
}

impl Query for GetAclPolicy {
    const NAME: &'static str = "get_acl_policy";
    const OPERATIONS: &'static [Operation] = &[Operation::GetPolicyFile];
    type Output = Shown;

    async fn call(self, tailnet: &Tailnet) -> Result<Shown> {
        let file = tailnet.policy_file().get().await?;
        if let Some(section) = self.section {
            return file.section(&section).map(Shown::Section);
        }
        match self.format {
            Format::Summary => file.summary().map(Shown::Summary),
            Format::Hujson => {
                fits(&file)?;
                let PolicyFile { text, etag } = file;
                Ok(Shown::Complete { etag, lines: text.lines().count(), text })
            }
        }
    }
}

/// Checks that the file fits into one answer; if not, the error lists its sections.
fn fits(file: &PolicyFile) -> Result<()> {
    let length = tool::written(&file.text)?.len() + file.etag.len() + 100;
    if length <= tool::MAX_ANSWER_BYTES {
        return Ok(());
    }
    let names: Vec<String> =
        file.sections()?.iter().map(|it| format!("{} ({} bytes)", it.name, it.bytes)).collect();
    let message = format!("the policy file has {} bytes, too many for one result", file.text.len());
    let remedy = format!("request one `section` of it: {}", names.join(", "));
    Err(Error::new(ErrorKind::TooLarge, message).with_remedy(remedy))
}

/// Change the policy file, such as to allow a group to reach a tag: by edits or a complete text,
/// after validation, tests and a preview.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdateAclPolicy {
    /// Edits to the live file, if no `text`; the rest stays unchanged.
    #[serde(default)]
    edits: Vec<Edit>,
    /// The complete new text.
    text: Option<String>,
    /// Version that `text` is based on.
    etag: Option<String>,
    /// Allow a policy that locks out admins, all devices or this server.
    #[serde(default)]
    allow_lockout: bool,
    /// Allow a policy without acls and grants, which allows all traffic.
    #[serde(default)]
    allow_all: bool,
}

impl tool::Edit for UpdateAclPolicy {
    const NAME: &'static str = "update_acl_policy";
    // The policy file decides about everybody's access.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::GetPolicyFile,
        Operation::ValidateAndTestPolicyFile,
        Operation::SetPolicyFile,
        Operation::ListTailnetDevices,
        Operation::ListUsers,
    ];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let mut draft = match (self.text, self.edits.is_empty()) {
            (Some(text), true) => Draft::new(text, self.etag.unwrap_or_default()),
            (None, false) => Draft::edits(self.edits.into_iter().map(structured).collect()),
            _ => {
                let should = "or `text` is required, but not both";
                return Err(Error::invalid_input("edits", should));
            }
        };
        draft.allow = Allow { lockout: self.allow_lockout, all: self.allow_all };
        tailnet.policy_file().plan_text(&draft).await
    }
}

/// Parses the value of an edit if it is JSON text: the tool's schema, which all MCP hosts must
/// accept, has only text for values.
fn structured(mut edit: Edit) -> Edit {
    if let Some(serde_json::Value::String(text)) = &edit.value
        && text.trim_start().starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str(text)
    {
        edit.value = Some(value);
    }
    edit
}

/// List versions of the policy file made through this server; `get_audit_logs` has all.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListPolicyVersions {}

impl List for ListPolicyVersions {
    const NAME: &'static str = "list_policy_versions";
    const OPERATIONS: &'static [Operation] = &[Operation::GetPolicyFile];
    const PAGE: PageSize = PageSize { usual: 20, max: 100 };
    type Output = Paged<VersionList>;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Self::Output> {
        let before = part.after().and_then(|change| change.parse().ok());
        let list = tailnet.policy_file().versions(before, part.limit()).await?;
        let shown = part.offset().saturating_add(list.shown);
        let next = list.next.map(|oldest| part.next(shown, &oldest.to_string()));
        Ok(Paged::new(list, next))
    }
}

/// Roll back the policy file to a recorded version, after the checks of a new file.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RollbackAclPolicy {
    /// Number of the version, from `list_policy_versions`.
    version: Option<i64>,
    /// Restore the text from before that version.
    #[serde(default)]
    before: bool,
    /// Time at which the text was live, RFC 3339; not with `version`.
    at: Option<String>,
    /// Allow a policy that locks out admins, all devices or this server.
    #[serde(default)]
    allow_lockout: bool,
    /// Allow a policy without acls and grants, which allows all traffic.
    #[serde(default)]
    allow_all: bool,
}

impl tool::Edit for RollbackAclPolicy {
    const NAME: &'static str = "rollback_acl_policy";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = UpdateAclPolicy::OPERATIONS;

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let to = match (self.version, self.at) {
            (Some(version), None) if self.before => Recorded::Before(version),
            (Some(version), None) => Recorded::After(version),
            (None, Some(at)) if !self.before => Recorded::At(instant(&at)?),
            _ => {
                let should = "or `at` is required, but not both; `before` needs `version`";
                return Err(Error::invalid_input("version", should));
            }
        };
        let allow = Allow { lockout: self.allow_lockout, all: self.allow_all };
        tailnet.policy_file().plan_rollback(to, allow).await
    }
}

fn instant(text: &str) -> Result<Timestamp> {
    let wrong = |_| format!("is `{text}`; write it as `2026-01-31T12:00:00Z`");
    text.trim().parse().map_err(wrong).map_err(|should| Error::invalid_input("at", should))
}

//! Tools that query and check a policy file without changing it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Error, Operation, Tailnet,
    client::Result,
    policy::{Answer, Compiled, Entry, Login, Ports, Problem, TestReport},
    tailnet::policy_file::{PreviewFor, PreviewRuleMatchesResponse, Verdict, compute::compute},
    tool::{List, PageSize, Part, Query},
};

/// Operations that read the policy file and the inventory.
pub(super) const WORLD: [Operation; 3] =
    [Operation::GetPolicyFile, Operation::ListTailnetDevices, Operation::ListUsers];
/// Operations that read the policy file and the inventory, and validate at Tailscale.
const BOTH: &[Operation] = &[
    Operation::GetPolicyFile,
    Operation::ListTailnetDevices,
    Operation::ListUsers,
    Operation::ValidateAndTestPolicyFile,
];
/// The default page size of lists.
pub(super) const SHOWN: usize = 30;

/// Who judges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum By {
    /// The engine in this server, for the devices that there are.
    #[default]
    Offline,
    /// Tailscale.
    Tailscale,
}

/// Check whether a policy file is valid: locally with line numbers, then with Tailscale.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ValidateAclSyntax {
    /// Policy file to use; default the live one.
    text: Option<String>,
    /// Validate only locally.
    #[serde(default)]
    offline: bool,
}

/// The result of `validate_acl_syntax`.
#[derive(Debug, Serialize)]
pub(crate) struct Validated {
    valid: bool,
    offline: Vec<Problem>,
    /// How many problems are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    omitted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tailscale: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

impl Query for ValidateAclSyntax {
    const NAME: &'static str = "validate_acl_syntax";
    const OPERATIONS: &'static [Operation] = BOTH;
    type Output = Validated;

    async fn call(self, tailnet: &Tailnet) -> Result<Validated> {
        let file = tailnet.policy_file();
        let text = match self.text {
            Some(text) => text,
            None => file.get().await?.text,
        };
        let checked = file.checked(&text).await?;
        let accepted = checked.is_accepted();
        let omitted = (!checked.omitted.is_none()).then(|| checked.omitted.to_string());
        let problems = checked.problems;
        if self.offline || !accepted {
            let note = (!self.offline).then_some("not validated by Tailscale: fix these first");
            let (valid, offline) = (accepted, problems);
            return Ok(Validated { valid, offline, omitted, tailscale: None, note });
        }
        let verdict = file.validate(&text).await?;
        let valid = verdict.is_pass();
        let tailscale = Some(verdict);
        Ok(Validated { valid, offline: problems, omitted, tailscale, note: None })
    }
}

/// Test who can reach whom: whether A can reach B on a port (ACL, grant or SSH) and why not, or run
/// the policy file's tests.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TestAclPolicy {
    /// Device, user, group, tag, host, address; alone: what it reaches.
    from: Option<String>,
    /// Device, user, group, tag, host, address; alone: who reaches it.
    to: Option<String>,
    /// `443` or `udp:53`; default 443.
    port: Option<String>,
    /// Ask for SSH login as this user, not for a port.
    ssh_user: Option<String>,
    /// Tests to run, instead of those in the file.
    tests: Option<Vec<Claim>>,
    /// Policy file to use; default the live one.
    text: Option<String>,
    /// Who answers: the offline engine (default) or Tailscale.
    #[serde(default)]
    by: By,
}

/// As in the file's `tests`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Claim {
    /// Device, user, group or tag that connects.
    src: String,
    /// Destinations it must reach.
    #[serde(default)]
    accept: Vec<String>,
    /// Destinations it must not reach.
    #[serde(default)]
    deny: Vec<String>,
    /// Protocol, default `tcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    proto: Option<String>,
}

fn claims(tests: &[Claim]) -> Vec<Value> {
    tests.iter().map(|it| json!(it)).collect()
}

/// The result of `test_acl_policy`.
#[derive(Debug, Serialize)]
pub(crate) struct Tested {
    judged_by: By,
    #[serde(flatten)]
    answer: TestAnswer,
}

/// An answer of `test_acl_policy`, depending on its parameters.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum TestAnswer {
    Answer(Box<Answer>),
    Reached { reaches: Capped<Entry> },
    Reaching { reached_by: Capped<Entry> },
    LogsIn { logs_in_to: Capped<Login> },
    LoggedIn { logged_in_by: Capped<Login> },
    Report(Report),
    Verdict(Verdict),
    Preview(Box<PreviewRuleMatchesResponse>),
}

#[derive(Debug, Serialize)]
struct Report {
    passed: usize,
    failed: Vec<Value>,
}

/// A page of a list, with the total number of entries.
#[derive(Debug, Serialize)]
pub(crate) struct Capped<T> {
    total: usize,
    shown: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<T> Capped<T> {
    pub(super) fn page(all: Vec<T>, part: &Part) -> Self {
        let total = all.len();
        let shown: Vec<T> = all.into_iter().skip(part.offset()).take(part.limit()).collect();
        let end = part.offset().saturating_add(shown.len());
        Self { total, shown, next: (end < total).then(|| part.next(end, "")) }
    }
}

/// Refuses `cursor` and `limit` if the result is not a list.
fn no_page(part: &Part) -> Result<()> {
    if part.is_named {
        return Err(Error::invalid_input(
            "cursor",
            "and `limit` are only for lists; leave them out",
        ));
    }
    Ok(())
}

impl List for TestAclPolicy {
    const NAME: &'static str = "test_acl_policy";
    const OPERATIONS: &'static [Operation] = BOTH;
    const PAGE: PageSize = PageSize { usual: SHOWN, max: 500 };
    type Output = Tested;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Tested> {
        let judged_by = self.by;
        let answer = match self.by {
            By::Offline => self.offline(tailnet, part).await?,
            By::Tailscale => self.at_tailscale(tailnet).await?,
        };
        Ok(Tested { judged_by, answer })
    }
}

impl TestAclPolicy {
    async fn offline(self, tailnet: &Tailnet, part: Part) -> Result<TestAnswer> {
        self.check_combination()?;
        let judged = tailnet.policy_file().judged(self.text.as_deref()).await?;
        compute(move || self.answer(&judged.compiled(), &part)).await?
    }

    /// Refuses parameters that do not apply together.
    fn check_combination(&self) -> Result<()> {
        let has_end = self.from.is_some() || self.to.is_some();
        if self.tests.is_some() && (has_end || self.ssh_user.is_some()) {
            let should = "cannot be combined with `from`, `to` and `ssh_user`; ask one of them";
            return Err(Error::invalid_input("tests", should));
        }
        if self.port.is_some() && (!has_end || self.ssh_user.is_some()) {
            let should = "needs `from`, `to` or both, and no `ssh_user`";
            return Err(Error::invalid_input("port", should));
        }
        Ok(())
    }

    fn answer(self, policy: &Compiled<'_>, part: &Part) -> Result<TestAnswer> {
        let wrong =
            |field: &'static str| move |problem: String| Error::invalid_input(field, problem);
        let ends = (self.from.as_deref(), self.to.as_deref());
        Ok(match (ends, self.ssh_user.as_deref()) {
            ((Some(from), Some(to)), user) => {
                no_page(part)?;
                policy.check_end(from).map_err(wrong("from"))?;
                policy.check_end(to).map_err(wrong("to"))?;
                let answer = if let Some(user) = user {
                    policy.ask_ssh(from, to, user)
                } else {
                    let ports = ports(self.port.as_deref())?;
                    policy.ask(from, to, ports.protocol, ports.first)
                };
                TestAnswer::Answer(Box::new(answer.map_err(wrong("from"))?))
            }
            ((Some(from), None), Some(user)) => {
                let all = policy.logs_in_to(from, user).map_err(wrong("from"))?;
                TestAnswer::LogsIn { logs_in_to: Capped::page(all, part) }
            }
            ((None, Some(to)), Some(user)) => {
                let all = policy.who_logs_in(to, user).map_err(wrong("to"))?;
                TestAnswer::LoggedIn { logged_in_by: Capped::page(all, part) }
            }
            ((Some(from), None), None) => {
                let all = policy.reached_by(from).map_err(wrong("from"))?;
                let all = on_port(all, self.port.as_deref())?;
                TestAnswer::Reached { reaches: Capped::page(all, part) }
            }
            ((None, Some(to)), None) => {
                let all = policy.who_reaches(to).map_err(wrong("to"))?;
                let all = on_port(all, self.port.as_deref())?;
                TestAnswer::Reaching { reached_by: Capped::page(all, part) }
            }
            ((None, None), Some(_)) => {
                return Err(Error::invalid_input("ssh_user", "needs `from`, `to` or both"));
            }
            ((None, None), None) => {
                no_page(part)?;
                TestAnswer::Report(report(policy, self.tests)?)
            }
        })
    }

    async fn at_tailscale(self, tailnet: &Tailnet) -> Result<TestAnswer> {
        let file = tailnet.policy_file();
        if self.ssh_user.is_some() || (self.from.is_some() && self.to.is_some()) {
            return Err(Error::invalid_input(
                "by",
                "cannot be `tailscale` here: it answers only for `from` or `to` alone; leave `by` \
                 out",
            ));
        }
        if self.tests.is_some() && self.text.is_some() {
            return Err(Error::invalid_input(
                "tests",
                "are run by Tailscale only on the live policy file; leave `text` or `by` out",
            ));
        }
        if let Some(tests) = &self.tests {
            return file.run_tests(&claims(tests)).await.map(TestAnswer::Verdict);
        }
        let text = match self.text {
            Some(text) => text,
            None => file.get().await?.text,
        };
        let wanted = match (self.from, self.to) {
            (Some(user), None) => PreviewFor::User(user),
            (None, Some(to)) => {
                let port = ports(self.port.as_deref())?.first;
                let ends = if to.contains(':') {
                    format!("[{to}]:{port}")
                } else {
                    format!("{to}:{port}")
                };
                PreviewFor::Destination(ends)
            }
            _ => return file.validate(&text).await.map(TestAnswer::Verdict),
        };
        let preview = file.preview(&text, &wanted).await?;
        Ok(TestAnswer::Preview(Box::new(preview)))
    }
}

fn report(policy: &Compiled<'_>, tests: Option<Vec<Claim>>) -> Result<Report> {
    let report: TestReport = match tests {
        None => policy.run_tests(),
        Some(tests) => policy.try_json(&claims(&tests)).map_err(|wrong| {
            Error::invalid_input(
                "tests",
                format!("are invalid: {wrong}; write them as in the policy file"),
            )
        })?,
    };
    let passed = report.total - report.failures.len();
    let failed = report
        .failures
        .iter()
        .map(|it| json!({ "test": it.path, "src": it.src, "errors": it.errors }))
        .collect();
    Ok(Report { passed, failed })
}

/// The entries that include the port, if one is asked about.
fn on_port(mut entries: Vec<Entry>, port: Option<&str>) -> Result<Vec<Entry>> {
    const TCP: u8 = 6;
    if port.is_some() {
        let wanted = ports(port)?;
        let protocol = wanted.protocol.unwrap_or(TCP);
        let includes = |text: &String| {
            // What cannot be parsed here is shown.
            Ports::of_grant(text).map_or(true, |ports| ports.admit(protocol, wanted.first))
        };
        entries.retain(|entry| entry.ports.iter().any(includes));
    }
    Ok(entries)
}

/// Parses the port of a question; 443 if absent.
fn ports(text: Option<&str>) -> Result<Ports> {
    Ports::one(text.unwrap_or("443"))
        .map_err(|wrong| Error::invalid_input("port", wrong.to_string()))
}

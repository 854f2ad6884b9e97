//! Validates, tests and previews a policy file at Tailscale, without saving it.

use serde::Serialize;
use serde_json::Value;

use super::{HUJSON, PolicyFileOf, versioned};
pub use crate::api::types::PreviewRuleMatchesResponse;
use crate::{
    Error, ErrorKind, Operation,
    api::types::PreviewRuleMatchesType,
    client::{PolicyProblem, Result, response},
};

/// Tailscale's result for a policy file or for tests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// Errors: Tailscale would refuse the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Failed tests, with the source that each is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_tests: Vec<PolicyProblem>,
    /// Warnings, which do not prevent the file from being saved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Verdict {
    /// Whether Tailscale would accept the file. Warnings do not count.
    pub fn is_pass(&self) -> bool {
        self.errors.is_empty() && self.failed_tests.is_empty()
    }

    /// Interprets an answer; its status is 200 even if the file is invalid.
    fn of(message: Option<String>, problems: Vec<PolicyProblem>) -> Self {
        let message = message.unwrap_or_default();
        let words = message.to_lowercase();
        let mut verdict = Self::default();
        for problem in problems {
            let user = &problem.user;
            let about =
                |it: &String| if user.is_empty() { it.clone() } else { format!("{user}: {it}") };
            verdict.warnings.extend(problem.warnings.iter().map(about));
            if problem.errors.is_empty() {
                continue;
            }
            if words.contains("test") {
                let failed = PolicyProblem { warnings: Vec::new(), ..problem.clone() };
                verdict.failed_tests.push(failed);
            } else {
                verdict.errors.extend(problem.errors.iter().map(about));
            }
        }
        // A message that is not understood does not count as a pass.
        let only_warns = words.contains("warning") && !words.contains("error");
        if verdict.is_pass() && !message.is_empty() && !only_warns {
            verdict.errors.push(message.clone());
        } else if !verdict.errors.is_empty() && !message.is_empty() {
            verdict.errors.insert(0, message.clone());
        }
        if only_warns && verdict.warnings.is_empty() {
            verdict.warnings.push(message);
        }
        verdict
    }
}

/// What to preview the rules for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreviewFor {
    /// The login name of a user who has devices.
    User(String),
    /// An address with a port, such as `10.1.2.3:443`.
    Destination(String),
}

impl PolicyFileOf<'_> {
    /// Validates `text` at Tailscale, which also runs the tests in it
    /// (`POST /tailnet/{tailnet}/acl/validate`). Nothing is saved.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `policy_file:read`.
    pub async fn validate(&self, text: &str) -> Result<Verdict> {
        self.judge(text, HUJSON).await
    }

    /// Runs tests, written as in the section `tests`, against the live policy file
    /// (`POST /tailnet/{tailnet}/acl/validate`).
    ///
    /// # Errors
    ///
    /// Same as [`validate`](Self::validate).
    pub async fn run_tests(&self, tests: &[Value]) -> Result<Verdict> {
        let body = Value::from(tests.to_vec()).to_string();
        self.judge(&body, "application/json").await
    }

    /// Lists the rules in the policy file `text` that apply to a user or a destination
    /// (`POST /tailnet/{tailnet}/acl/preview`). Nothing is saved.
    ///
    /// # Errors
    ///
    /// Same as [`validate`](Self::validate).
    pub async fn preview(
        &self,
        text: &str,
        wanted: &PreviewFor,
    ) -> Result<PreviewRuleMatchesResponse> {
        let (kind, name) = match wanted {
            PreviewFor::User(login) => (PreviewRuleMatchesType::User, login),
            PreviewFor::Destination(end) => (PreviewRuleMatchesType::Ipport, end),
        };
        let request = self.tailnet.api()?.preview_rule_matches();
        let request = request.type_(kind).preview_for(name).content_type(HUJSON);
        Ok(request.body(text).send().await?.into_inner())
    }

    async fn judge(&self, body: &str, content_type: &str) -> Result<Verdict> {
        let request = self.tailnet.api()?.validate_and_test_policy_file();
        let response = request.content_type(content_type).body(body.to_owned()).send().await?;
        let answer = versioned(&response).text;
        if matches!(answer.trim(), "" | "null") {
            return Ok(Verdict::default());
        }
        // An answer that is not JSON, such as a proxy's error page, does not count as a pass.
        if serde_json::from_str::<Value>(&answer).is_err() {
            let error =
                Error::new(ErrorKind::NotJson, "the response to the validation is not JSON");
            return Err(error.for_operation(Operation::ValidateAndTestPolicyFile, None));
        }
        let (message, problems) = response::error_body(answer.as_bytes(), &[]);
        Ok(Verdict::of(message, problems))
    }
}

//! The `policy` commands that check a file: `validate` and `test`.

use serde_json::json;

use super::{File, Format, WRONG};
use crate::{
    Error, ErrorKind, Tailnet,
    catalogue::remedy,
    cli::print,
    client::Result,
    policy::{Checked, Problem, Severity, check, check_untested, hujson::Place},
    tailnet::policy_file::Verdict,
    words::counted,
};

/// The problems that this program found itself.
const LOCAL: &str = "local check";

/// A line of output: a problem in the file.
struct Found<'f> {
    file: &'f str,
    at: Option<Place>,
    is_error: bool,
    /// Who reported it: this program or Tailscale.
    by: &'static str,
    message: String,
}

/// Checks a file locally, without a tailnet.
pub(super) fn offline(file: &File, format: Format) -> u8 {
    let checked = check_untested(&file.text, None);
    let code = tell(file, &checked, None, format);
    if let (Some(policy), Format::Text) = (&checked.policy, format) {
        let tests = policy.model().tests.len() + policy.model().ssh_tests.len();
        if tests > 0 {
            let tests = counted(tests, "test", "tests");
            print(&format!(
                "{}: {tests} not run; use `policy test`, which has a tailnet's users and devices",
                file.name
            ));
        }
    }
    code
}

/// Checks a file locally, and if that finds no errors, with Tailscale.
pub(super) async fn validate(file: &File, tailnet: &Tailnet, format: Format) -> Result<u8> {
    let policy = tailnet.policy_file();
    let checked = checked(file, tailnet, true).await?;
    let verdict =
        if checked.is_accepted() { Some(policy.validate(&file.text).await?) } else { None };
    Ok(tell(file, &checked, verdict.as_ref(), format))
}

/// Checks a file that is about to be deployed. If there are errors, prints them and returns true.
pub(super) async fn refuses(
    file: &File,
    tailnet: &Tailnet,
    tested: bool,
    format: Format,
) -> Result<bool> {
    let checked = checked(file, tailnet, tested).await?;
    let wrong = !checked.is_accepted();
    if wrong {
        tell(file, &checked, None, format);
    }
    Ok(wrong)
}

/// Prints an error as a GitHub annotation of the file.
pub(super) fn annotate(file: &str, error: &Error) {
    let remedy = remedy(error).map(|it| format!(" ({it})")).unwrap_or_default();
    let message = data(&format!("{error}{remedy}"));
    let file = if file.is_empty() { String::new() } else { format!("file={},", property(file)) };
    print(&format!("::error {file}title=policy file::{message}"));
}

/// Checks a file locally. A credential for CI often may not read devices and users; then everything that
/// depends on these is left to Tailscale.
async fn checked(file: &File, tailnet: &Tailnet, tested: bool) -> Result<Checked> {
    let check = if tested { check } else { check_untested };
    match tailnet.policy_file().inventory().await {
        Ok(inventory) => Ok(check(&file.text, Some(&inventory))),
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            let mut checked = check_untested(&file.text, None);
            checked.problems.push(Problem::warning(
                "checked without users and devices: this credential may not read them",
                "give it the scopes devices:core:read and users:read",
            ));
            Ok(checked)
        }
        Err(error) => Err(error),
    }
}

/// Runs the tests of a file locally and, unless `offline`, with Tailscale.
pub(super) async fn test(
    file: &File,
    tailnet: &Tailnet,
    offline: bool,
    format: Format,
) -> Result<u8> {
    let policy = tailnet.policy_file();
    let inventory = policy.inventory().await?;
    let checked = check(&file.text, Some(&inventory));
    let verdict = if offline { None } else { Some(policy.validate(&file.text).await?) };
    let code = tell(file, &checked, verdict.as_ref(), format);
    if let Some(parsed) = &checked.policy
        && format == Format::Text
    {
        let report = parsed.run_tests(&inventory);
        let passed = report.total - report.failures.len();
        print(&format!("locally: {passed} of {} tests pass", report.total));
        match &verdict {
            Some(it) if it.is_pass() => print("at Tailscale: all pass"),
            Some(it) => print(&format!("at Tailscale: {} fail", it.failed_tests.len().max(1))),
            None => print("at Tailscale: not run"),
        }
    }
    Ok(code)
}

/// Prints the problems, and returns the exit code.
fn tell(file: &File, checked: &Checked, verdict: Option<&Verdict>, format: Format) -> u8 {
    let problems = &checked.problems;
    let is_wrong = problems.iter().any(|it| it.severity == Severity::Error)
        || verdict.is_some_and(|it| !it.is_pass());
    if format == Format::Json {
        let answer = json!({ "valid": !is_wrong, "offline": problems, "tailscale": verdict });
        print(&answer.to_string());
        return if is_wrong { WRONG } else { 0 };
    }
    let mut found = found(file, problems, verdict);
    // Sort by position; problems without one come last.
    found.sort_by_key(|it| it.at.map_or((usize::MAX, 0), |at| (at.line, at.column)));
    for it in &found {
        print(&if format == Format::Github { it.annotation() } else { it.line() });
    }
    if !checked.omitted.is_none() {
        print(&format!("{}: {}", file.name, checked.omitted));
    }
    if found.is_empty() {
        print(&format!("{}: ok", file.name));
    }
    if is_wrong { WRONG } else { 0 }
}

fn found<'f>(file: &'f File, problems: &[Problem], verdict: Option<&Verdict>) -> Vec<Found<'f>> {
    let name = file.name.as_str();
    let here = problems.iter().map(|it| Found {
        file: name,
        at: it.at,
        is_error: it.severity == Severity::Error,
        by: LOCAL,
        message: match &it.suggestion {
            Some(suggestion) => format!("{} ({suggestion})", it.message),
            None => it.message.clone(),
        },
    });
    let there = |message: String, is_error: bool| Found {
        file: name,
        at: None,
        is_error,
        by: "Tailscale",
        message,
    };
    let mut found: Vec<Found<'f>> = here.collect();
    if let Some(verdict) = verdict {
        found.extend(verdict.errors.iter().map(|it| there(it.clone(), true)));
        for test in &verdict.failed_tests {
            let message = format!("test for {}: {}", test.user, test.errors.join("; "));
            found.push(there(message, true));
        }
        found.extend(verdict.warnings.iter().map(|it| there(it.clone(), false)));
    }
    found
}

impl Found<'_> {
    fn word(&self) -> &'static str {
        if self.is_error { "error" } else { "warning" }
    }

    /// The problem as compilers print it: `FILE:LINE:COLUMN: error: …`.
    fn line(&self) -> String {
        let place = self.at.map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
        // Without a name, it is this program that found it.
        let by = if self.by == LOCAL { String::new() } else { format!(" [{}]", self.by) };
        format!("{}{place}: {}: {}{by}", self.file, self.word(), self.message)
    }

    /// The problem as a GitHub annotation.
    fn annotation(&self) -> String {
        let place =
            self.at.map(|at| format!(",line={},col={}", at.line, at.column)).unwrap_or_default();
        format!(
            "::{} file={}{place},title={}::{}",
            self.word(),
            property(self.file),
            property(self.by),
            data(&self.message)
        )
    }
}

/// Escapes the message of a GitHub workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a GitHub workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

//! Parses, validates, evaluates and edits Tailscale policy files offline. No I/O: a policy file is passed
//! as text, and the tailnet that it applies to as an [`Inventory`].
//!
//! | task | use |
//! | --- | --- |
//! | validate a file and run its tests | [`check`], which returns the [`Problem`]s found |
//! | read a file | [`Policy::parse`], then [`Policy::model`] |
//! | compute packet filters, SSH rules and device attributes | [`Policy::compile`] |
//! | ask who reaches what, and why not | [`Compiled::ask`], [`Compiled::who_reaches`], [`Compiled::ask_ssh`] |
//! | compare two files by effect | [`Effect::between`] |
//! | look for risky rules | [`Compiled::findings`] |
//! | edit a file and keep its comments | [`edit::apply`] |
//! | merge two edited copies of a file | [`merge::three_way`] |
//!
//! ```
//! use tailsteward_policy::{Inventory, Policy};
//!
//! let policy = Policy::parse(r#"{ "grants": [{ "src": ["*"], "dst": ["*"], "ip": ["443"] }] }"#)?;
//! let inventory = Inventory::named("example.com");
//! let answer = policy.compile(&inventory).ask("100.64.0.1", "100.64.0.2", None, 22)?;
//! assert!(!answer.allowed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;

mod address;
mod assertions;
mod auto_approve;
mod compile;
mod diff;
pub mod edit;
pub mod hujson;
mod identity;
pub mod inventory;
mod ip_sets;
mod lint;
pub mod merge;
pub mod model;
mod ports;
mod position;
mod posture;
mod problem;
mod query;
mod selector;
mod syntax;
mod validate;

pub use self::{
    address::{NoAddress, Span},
    assertions::{Failure, TestReport},
    auto_approve::AutoApprovals,
    compile::{
        CapGrant, Compiled, DstPorts, FilterRule, PortRange, Principal, SshAction, WireSshRule,
    },
    diff::{CutOff, Effect, Flow},
    inventory::Inventory,
    lint::{Finding, Weight},
    ports::{BadPorts, Ports},
    problem::{MAX_PROBLEMS, Omitted, Problem, Severity},
    query::{
        Answer, Breadth, Capability, Entry, Login, RuleMatch, RuleReach, RuleRef, SmallestGrant,
        SshParts,
    },
    selector::{Selector, SelectorKind},
};
use self::{hujson::Document, model::Model, problem::Problems};

/// The examples in the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A parsed policy file. The default is the empty file, `{}`, which allows everything.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    document: Arc<Document>,
    pub(crate) model: Model,
}

/// The result of [`check`]: the parsed policy file and its problems.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Checked {
    /// The policy; `None` if the text is not `HuJSON`. If there are errors, it has the parts that could be
    /// read.
    pub policy: Option<Policy>,
    /// Errors and warnings, at most [`MAX_PROBLEMS`] of each. The first error is the one that Tailscale
    /// would report.
    pub problems: Vec<Problem>,
    /// How many errors and warnings are not listed in `problems`.
    pub omitted: Omitted,
}

/// Tailscale's error message for a file whose tests fail.
const TESTS_FAILED: &str = "test(s) failed";

impl Checked {
    /// Whether Tailscale would accept the file: whether there are no errors.
    pub fn is_accepted(&self) -> bool {
        self.errors().next().is_none()
    }

    /// The number of errors, including those that are not listed.
    pub fn error_count(&self) -> usize {
        self.errors().count() + self.omitted.errors
    }

    /// The number of warnings, including those that are not listed.
    pub fn warning_count(&self) -> usize {
        self.warnings().count() + self.omitted.warnings
    }

    /// The problems for which Tailscale would reject the file.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|it| it.severity == Severity::Error)
    }

    /// The problems that Tailscale accepts but that are probably mistakes.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|it| it.severity == Severity::Warning)
    }
}

/// Parses and validates a policy file. With an inventory, it also runs the file's tests and checks what
/// depends on the tailnet.
///
/// ```
/// use tailsteward_policy::check;
///
/// let checked = check(r#"{ "grants": [{ "src": ["tag:web"], "dst": ["*"], "ip": ["*"] }] }"#, None);
/// let error = checked.errors().next().unwrap();
/// assert_eq!(error.message, "src=tag not found: \"tag:web\"");
/// assert_eq!(error.suggestion.as_deref(), Some("declare it in tagOwners"));
/// ```
pub fn check(text: &str, inventory: Option<&Inventory>) -> Checked {
    let mut checked = check_untested(text, inventory);
    let policy = checked.policy.as_ref().filter(|_| checked.is_accepted());
    let Some((policy, inventory)) = policy.zip(inventory) else { return checked };
    let failures = policy.run_tests(inventory).failures;
    let document = policy.document();
    let failed: Vec<Problem> = failures
        .into_iter()
        .map(|failure| Problem {
            severity: Severity::Error,
            message: TESTS_FAILED.to_owned(),
            at: Some(document.place(failure.at.start)),
            suggestion: Some(failure.to_string()),
            path: failure.path,
        })
        .collect();
    for problem in failed {
        problem::push(problem, &mut checked.problems, &mut checked.omitted);
    }
    checked
}

/// Parses and validates a policy file like [`check`], but does not run its tests.
pub fn check_untested(text: &str, inventory: Option<&Inventory>) -> Checked {
    let document = match Document::parse(text) {
        Ok(document) => Arc::new(document),
        Err(error) => {
            let problem = Problem {
                severity: Severity::Error,
                message: error.message,
                path: String::new(),
                at: Some(error.at),
                suggestion: None,
            };
            let omitted = Omitted::default();
            return Checked { policy: None, problems: vec![problem], omitted };
        }
    };
    let mut problems = Problems::of(&document);
    let model = model::read(&document, &mut problems);
    validate::validate(&model, inventory, &mut problems);
    let Problems { list: problems, omitted, .. } = problems;
    Checked { policy: Some(Policy { document, model }), problems, omitted }
}

impl Policy {
    /// Parses a policy file, skipping what it cannot interpret. Use [`check`] to list the problems.
    ///
    /// # Errors
    ///
    /// [`SyntaxError`](hujson::SyntaxError) if the text is not `HuJSON`.
    pub fn parse(text: &str) -> Result<Self, hujson::SyntaxError> {
        let document = Arc::new(Document::parse(text)?);
        let mut problems = Problems::of(&document);
        let model = model::read(&document, &mut problems);
        Ok(Self { document, model })
    }

    /// The source text and its syntax tree, with positions.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The rules, groups, tags and other sections of the file.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

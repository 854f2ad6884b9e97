//! Tailscale policy files, understood offline. No I/O: a policy file is a text, and the tailnet that
//! it applies to is an [`Inventory`].
//!
//! | to | use |
//! | --- | --- |
//! | validate a file and run its tests | [`check`], which returns [`Problem`]s with places and suggestions |
//! | read a file | [`Policy::parse`], then [`Policy::model`] |
//! | work out packet filters, SSH rules and attributes of devices | [`Policy::compile`] |
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
mod lint;
pub mod merge;
pub mod model;
mod ports;
mod posture;
mod problem;
mod query;
mod selector;
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
    problem::{Problem, Severity},
    query::{Answer, Capability, Entry, RuleMatch, RuleReach, RuleRef, SmallestGrant},
    selector::{Selector, SelectorKind},
};
use self::{hujson::Document, model::Model, problem::Problems};

/// The examples in the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A policy file. By default the empty one, `{}`, which allows everything.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    document: Arc<Document>,
    pub(crate) model: Model,
}

/// What came of reading and checking a text.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Checked {
    /// The policy; none if the text cannot be read. With errors, it is what could be understood.
    pub policy: Option<Policy>,
    /// What is wrong. The first error is what Tailscale would say.
    pub problems: Vec<Problem>,
}

/// What Tailscale says of a file whose tests fail.
const TESTS_FAILED: &str = "test(s) failed";

impl Checked {
    /// Whether Tailscale would take it.
    pub fn is_accepted(&self) -> bool {
        self.errors().next().is_none()
    }

    /// What Tailscale would refuse it for.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|it| it.severity == Severity::Error)
    }

    /// What somebody should look at.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|it| it.severity == Severity::Warning)
    }
}

/// Reads and checks a policy file. With a inventory, its tests are run, and what only a tailnet can tell
/// is checked, too.
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
    checked.problems.extend(failed);
    checked
}

/// The same without the tests.
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
            return Checked { policy: None, problems: vec![problem] };
        }
    };
    let mut problems = Problems::of(&document);
    let model = model::read(&document, &mut problems);
    validate::validate(&model, inventory, &mut problems);
    let problems = problems.list;
    Checked { policy: Some(Policy { document, model }), problems }
}

impl Policy {
    /// Reads a policy file as far as it can be understood. [`check`] tells what is wrong with it.
    ///
    /// # Errors
    ///
    /// [`SyntaxError`](hujson::SyntaxError) if it is not `HuJSON`.
    pub fn parse(text: &str) -> Result<Self, hujson::SyntaxError> {
        let document = Arc::new(Document::parse(text)?);
        let mut problems = Problems::of(&document);
        let model = model::read(&document, &mut problems);
        Ok(Self { document, model })
    }

    /// The text with the places of everything in it.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What it says.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

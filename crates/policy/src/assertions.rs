//! Runs the `tests` and `sshTests` of a policy file: claims about who can reach what. They are about users
//! and tags, even if these have no devices.

use std::{fmt, ops::Range};

use super::{
    Policy,
    compile::Compiled,
    hujson::Document,
    identity::Party,
    inventory::Inventory,
    model::{SshTest, Test, Text, unbracketed},
    ports::{self, TCP, UDP, has_ports},
    posture::Attributes,
    problem::Problems,
    selector::{Selector, SelectorKind},
};

/// The result of running the tests of a policy file.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TestReport {
    /// The number of tests, including SSH tests.
    pub total: usize,
    /// The tests that failed.
    pub failures: Vec<Failure>,
}

/// A test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The byte range of the test in the file.
    pub at: Range<usize>,
    /// The position of the test in the file, such as `tests[2]`.
    pub path: String,
    /// The `src` of the test.
    pub src: String,
    /// The claims that do not hold, and why.
    pub errors: Vec<String>,
}

/// A source of a test, with the rules that may be about it.
struct Source<'t> {
    party: &'t Party,
    rules: Vec<usize>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for {:?}: {}", self.path, self.src, self.errors.join("; "))
    }
}

impl TestReport {
    /// Whether all tests passed.
    pub fn is_pass(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Policy {
    /// Runs the `tests` and `sshTests` of the file.
    pub fn run_tests(&self, inventory: &Inventory) -> TestReport {
        self.compile(inventory).run_tests()
    }
}

impl Compiled<'_> {
    /// Runs the `tests` and `sshTests` of the file.
    pub fn run_tests(&self) -> TestReport {
        let model = &self.policy.model;
        let mut report = self.try_tests(&model.tests);
        report.total += model.ssh_tests.len();
        for (index, test) in model.ssh_tests.iter().enumerate() {
            let errors = self.try_ssh(test);
            report.add(&test.at, format!("sshTests[{index}]"), &test.src, errors);
        }
        report
    }

    /// Runs the given tests, which need not be in the file.
    pub fn try_tests(&self, tests: &[Test]) -> TestReport {
        let mut report = TestReport { total: tests.len(), ..TestReport::default() };
        for (index, test) in tests.iter().enumerate() {
            let errors = self.try_test(test);
            report.add(&test.at, format!("tests[{index}]"), &test.src, errors);
        }
        report
    }

    /// Runs tests given as JSON, in the form that they have in a policy file.
    ///
    /// # Errors
    ///
    /// A message if a test is not in that form.
    pub fn try_json(&self, tests: &[serde_json::Value]) -> Result<TestReport, String> {
        let text = serde_json::json!({ "tests": tests }).to_string();
        let document = Document::parse(&text).map_err(|wrong| wrong.to_string())?;
        let mut problems = Problems::of(&document);
        let tests = super::model::read(&document, &mut problems).tests;
        match problems.list.first() {
            Some(problem) => Err(problem.message.clone()),
            None => Ok(self.try_tests(&tests)),
        }
    }

    fn try_test(&self, test: &Test) -> Vec<String> {
        if test.accept.is_empty() && test.deny.is_empty() {
            return vec!["a test needs accept or deny".to_owned()];
        }
        let sources = match self.parties(&test.src) {
            Ok(sources) => sources,
            // A user who is not in the tailnet reaches nothing.
            Err(_) if test.accept.is_empty() && is_user(&test.src) => return Vec::new(),
            Err(wrong) => return vec![format!("src: {wrong}")],
        };
        let protocols = match protocols(test) {
            Ok(protocols) => protocols,
            Err(wrong) => return vec![wrong],
        };
        let protocols = protocols.as_slice();
        let posture: Option<Attributes> =
            test.posture.as_ref().map(|it| it.clone().into_iter().collect());
        let count = self.policy.model.rules.len();
        let rules_of = |party| Source { party, rules: self.source_index.candidates(party, count) };
        let sources: Vec<Source<'_>> = sources.iter().map(rules_of).collect();
        let claims = test.accept.iter().map(|it| (it, true));
        let claims = claims.chain(test.deny.iter().map(|it| (it, false)));
        let mut errors = Vec::new();
        for (text, wanted) in claims {
            match self.reached(&sources, text, protocols, posture.as_ref(), wanted) {
                Ok(reached) if reached == wanted => {}
                Ok(reached) => {
                    let word = |it: bool| if it { "Accept" } else { "Drop" };
                    let (want, got) = (word(wanted), word(reached));
                    errors.push(format!("address {:?}: want: {want}, got: {got}", text.value));
                }
                Err(wrong) => errors.push(format!("address {:?}: {wrong}", text.value)),
            }
        }
        errors
    }

    /// Whether the sources reach a destination: all of them if `wanted`, otherwise any of them.
    fn reached(
        &self,
        sources: &[Source<'_>],
        text: &Text,
        protocols: &[u8],
        posture: Option<&Attributes>,
        wanted: bool,
    ) -> Result<bool, String> {
        let (name, port) = destination(text, protocols)?;
        let targets = self.parties(&unbracketed(name))?;
        let passes = |source: &Source<'_>, target: &Party| {
            self.passes(source, target, protocols, port, posture)
        };
        let mut each = sources.iter().flat_map(|it| targets.iter().map(move |to| (it, to)));
        Ok(if wanted {
            each.all(|(source, target)| passes(source, target))
        } else {
            each.any(|(source, target)| passes(source, target))
        })
    }

    fn passes(
        &self,
        source: &Source<'_>,
        target: &Party,
        protocols: &[u8],
        port: u16,
        posture: Option<&Attributes>,
    ) -> bool {
        if !self.policy.model.restricts {
            return true;
        }
        let rules = source.rules.iter().filter_map(|index| self.policy.model.rules.get(*index));
        rules.into_iter().any(|rule| {
            self.is_source(rule, source.party, posture)
                && self
                    .ports_of(rule, source.party, target)
                    .any(|ports| protocols.iter().any(|it| ports.admit(*it, port)))
        })
    }

    fn try_ssh(&self, test: &SshTest) -> Vec<String> {
        if test.accept.is_empty() && test.deny.is_empty() && test.check.is_empty() {
            return vec!["a test needs accept, deny or check".to_owned()];
        }
        if test.dst.is_empty() {
            return vec!["a test needs dst".to_owned()];
        }
        let sources = match self.parties(&test.src) {
            Ok(sources) => sources,
            Err(wrong) => return vec![format!("src: {wrong}")],
        };
        let mut targets = Vec::new();
        for text in &test.dst {
            let parties = match bad_ssh_destination(text) {
                Some(wrong) => Err(wrong),
                None => self.parties(&text.value),
            };
            match parties {
                Ok(parties) => targets.extend(parties),
                Err(wrong) => return vec![format!("dst: {wrong}")],
            }
        }
        let mut errors = Vec::new();
        let claims =
            [(&test.accept, true, false), (&test.deny, false, false), (&test.check, true, true)];
        for (users, wanted, by_check) in claims {
            for user in users {
                let gets_in = |source: &Party, target: &Party| {
                    self.gets_in(source, target, &user.value, by_check)
                };
                let mut each = sources.iter().flat_map(|it| targets.iter().map(move |to| (it, to)));
                let got = if wanted {
                    each.all(|(source, target)| gets_in(source, target))
                } else {
                    each.any(|(source, target)| gets_in(source, target))
                };
                if got != wanted || user.value.is_empty() {
                    let word = |it: bool| if it { "Accept" } else { "Drop" };
                    let (want, got) = (word(wanted), word(got));
                    errors.push(format!("user {:?}: want: {want}, got: {got}", user.value));
                }
            }
        }
        errors
    }

    /// Whether an SSH rule lets `source` log in to `target` as `user`; with `by_check`, only rules in check
    /// mode count.
    pub(super) fn gets_in(
        &self,
        source: &Party,
        target: &Party,
        user: &str,
        by_check: bool,
    ) -> bool {
        let login = self.person_of(source);
        self.logins().iter().any(|it| {
            (!by_check || it.is_check())
                && self.is_login(it, source, target)
                && it.admits(user, login)
        })
    }
}

fn is_user(name: &str) -> bool {
    matches!(Selector::parse(name, 0..0).kind, SelectorKind::User(_))
}

/// The protocols that a test is about.
fn protocols(test: &Test) -> Result<Vec<u8>, String> {
    match ports::protocol(&test.proto) {
        Ok(None) => Ok(vec![TCP, UDP]),
        Ok(Some(protocol)) => Ok(vec![protocol]),
        Err(wrong) => Err(wrong.to_string()),
    }
}

/// The name and the port of a test's destination. For a protocol without ports, the port is 0 or any other.
fn destination<'t>(text: &'t Text, protocols: &[u8]) -> Result<(&'t str, u16), String> {
    let (name, port) = text.value.trim().rsplit_once(':').ok_or("missing port")?;
    let is_portless = protocols.iter().all(|protocol| !has_ports(*protocol));
    let number: Option<u16> = port.parse().ok();
    let number = number.filter(|number| *number > 0 || is_portless);
    Ok((name, number.ok_or_else(|| format!("port {port:?} is not one port"))?))
}

fn bad_ssh_destination(text: &Text) -> Option<String> {
    let is_ipv6 = text.value.parse::<std::net::Ipv6Addr>().is_ok();
    is_ipv6.then(|| format!("{:?} is no destination of an SSH test", text.value))
}

/// The claims of a test that fail in every tailnet, and why.
pub(super) fn always_failing(test: &Test) -> Vec<(&Text, String)> {
    let Ok(protocols) = protocols(test) else { return Vec::new() };
    let wrong = |text: &Text| match destination(text, &protocols) {
        Ok((name, _)) => match Selector::parse(&unbracketed(name), 0..0).kind {
            SelectorKind::IpSet(_) => Some(format!("{name:?}: invalid address")),
            _ => None,
        },
        Err(wrong) => Some(wrong),
    };
    let claims = test.accept.iter().chain(&test.deny);
    claims.filter_map(|text| Some((text, wrong(text)?))).collect()
}

/// Like [`always_failing`], for an SSH test.
pub(super) fn always_failing_ssh(test: &SshTest) -> Vec<(&Text, String)> {
    test.dst.iter().filter_map(|text| Some((text, bad_ssh_destination(text)?))).collect()
}

impl TestReport {
    fn add(&mut self, at: &Range<usize>, path: String, src: &str, errors: Vec<String>) {
        if !errors.is_empty() {
            let (at, src) = (at.clone(), src.to_owned());
            self.failures.push(Failure { at, path, src, errors });
        }
    }
}

//! Answers queries about a policy file: who reaches what, by which rule, and if not, why not.

use std::{collections::HashSet, fmt};

use serde::Serialize;

use super::{
    compile::{Access, Compiled, Special},
    hujson::Place,
    identity::Party,
    model::Rule,
    ports::{Ports, TCP, protocol_name},
};

mod grant;
mod pairs;
mod preview;
mod reach;
mod ssh;
mod who;

pub use self::{
    preview::RuleMatch,
    ssh::Login,
    who::{Breadth, Capability, Entry, RuleReach},
};

/// The answer to a query: whether a source reaches a destination, by which rules, or why not.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// Whether the policy file allows the connection.
    pub allowed: bool,
    /// The source, as asked; the full name if that was the start of a device's name.
    pub from: String,
    /// The destination, as asked; the full name if that was the start of a device's name.
    pub to: String,
    /// The port: `tcp:443`.
    pub port: String,
    /// The rules that allow the connection.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<RuleRef>,
    /// Why the connection is not allowed; the most specific reason first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// The narrowest grant that would allow the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smallest_grant: Option<SmallestGrant>,
    /// Which parts of an SSH login are allowed; `None` for other questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshParts>,
    /// Anything else that matters, apart from the policy file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What an SSH login needs. Both parts have to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SshParts {
    /// Whether an SSH rule lets the source log in as the user.
    pub ssh_rule: bool,
    /// Whether an access rule or grant lets the source reach the destination on tcp:22.
    pub network_rule: bool,
}

/// A grant that allows one connection and as little else as possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SmallestGrant {
    /// The source.
    pub src: [String; 1],
    /// The destination.
    pub dst: [String; 1],
    /// The protocol and port.
    pub ip: [String; 1],
}

/// As JSON, ready to be added to `grants`.
impl fmt::Display for SmallestGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([src], [dst], [ip]) = (&self.src, &self.dst, &self.ip);
        write!(f, r#"{{"src": [{src:?}], "dst": [{dst:?}], "ip": [{ip:?}]}}"#)
    }
}

/// A rule, with its position in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleRef {
    /// The position: `grants[3]`.
    pub rule: String,
    /// The line and column.
    pub at: Place,
    /// The rule as JSON on one line, shortened if it is long.
    pub text: String,
}

/// A query with its names resolved.
struct Question<'q> {
    from: &'q [Party],
    to: &'q [Party],
    protocol: u8,
    port: u16,
}

/// The most names that an error about an ambiguous name lists.
const NEAR_NAMES: usize = 10;

/// The most characters of a rule that an answer shows.
const MAX_RULE_LENGTH: usize = 300;

impl Compiled<'_> {
    /// Whether `from` reaches `to` on a port (TCP, if `protocol` is `None`). Both may be devices (by name, the
    /// start of a name if only one device and no user has it, ID or address), users, groups, tags, hosts or
    /// addresses. If a name resolves to several, all sources must reach all destinations. A tag stands for a device with that tag and no other.
    ///
    /// # Errors
    ///
    /// A message, if a name resolves to nobody.
    pub fn ask(
        &self,
        from: &str,
        to: &str,
        protocol: Option<u8>,
        port: u16,
    ) -> Result<Answer, String> {
        let (sources, targets) = (self.ends(from)?, self.ends(to)?);
        let protocol = protocol.unwrap_or(TCP);
        let question = Question { from: &sources, to: &targets, protocol, port };
        let mut answer = Answer {
            allowed: true,
            from: self.in_full(from, &sources),
            to: self.in_full(to, &targets),
            port: format!("{}:{port}", protocol_name(protocol)),
            by: Vec::new(),
            because: Vec::new(),
            smallest_grant: None,
            ssh: None,
            notes: Vec::new(),
        };
        let missed = self.missed(&question, &mut answer)?;
        let mut notes = Vec::new();
        if let Some((source, target)) = missed {
            notes.extend(self.as_devices(&source, &target, &question));
            answer.allowed = false;
            answer.by.clear();
            answer.because = self.why_not(&source, &target, &question);
            if sources.len() > 1 || targets.len() > 1 {
                let (source, target) = (self.name_of(&source), self.name_of(&target));
                answer.because.insert(0, format!("{source} does not reach {target}"));
            }
            answer.smallest_grant = self.smallest_grant(from, to, &question);
        }
        notes.extend(self.circumstances(&question));
        answer.notes = notes;
        Ok(answer)
    }

    /// The parties that a name in a query resolves to. Devices take precedence over other names.
    pub(super) fn ends(&self, name: &str) -> Result<Vec<Party>, String> {
        let name = name.trim();
        if let Some(device) = self.device(name) {
            return Ok(vec![Party::Device(device)]);
        }
        let unknown = match self.parties(name) {
            Ok(parties) => return Ok(parties),
            Err(wrong) => wrong,
        };
        let (devices, users) = (self.devices_from(name), self.users_from(name));
        match (devices.as_slice(), users.as_slice()) {
            ([], []) => Err(format!(
                "{unknown}; name a device, a user, a group, a tag, a host or an address"
            )),
            ([], users) => Err(format!("{unknown}; did you mean {}?", listed(users, " or "))),
            ([(device, _)], []) => Ok(vec![Party::Device(*device)]),
            (several, users) => {
                let what = if users.is_empty() { "several devices" } else { "devices and users" };
                let names: Vec<&str> =
                    several.iter().map(|it| it.1).chain(users.to_vec()).collect();
                Err(format!("`{name}` matches {what}: {}", listed(&names, ", ")))
            }
        }
    }

    /// Checks that a name in a query resolves to somebody.
    ///
    /// # Errors
    ///
    /// A message, if it resolves to nobody, or is the start of several names.
    pub fn check_end(&self, name: &str) -> Result<(), String> {
        self.ends(name).map(drop)
    }

    /// A name in a query, in full if it was the start of a device's name. `parties` are what it resolved to.
    fn in_full(&self, name: &str, parties: &[Party]) -> String {
        match parties {
            [party @ Party::Device(_)] if self.is_start(name) => self.name_of(party),
            _ => name.to_owned(),
        }
    }

    /// Whether a name resolves to a device only because the device's name starts with it.
    fn is_start(&self, name: &str) -> bool {
        let name = name.trim();
        self.device(name).is_none() && self.parties(name).is_err()
    }

    /// The devices whose names start with `start`, with their names.
    fn devices_from(&self, start: &str) -> Vec<(usize, &str)> {
        let devices = self.inventory.devices.iter().enumerate();
        let named = devices.map(|(index, it)| (index, it.name.as_str()));
        named.filter(|it| starts_with(it.1, start)).collect()
    }

    /// The login names that start with `start`.
    fn users_from(&self, start: &str) -> Vec<&str> {
        let logins = self.inventory.users.iter().map(|it| it.login.as_str());
        logins.filter(|it| starts_with(it, start)).collect()
    }

    /// The first pair without a connection. Adds the rules that allow the pairs before it to the answer.
    fn missed(
        &self,
        question: &Question<'_>,
        answer: &mut Answer,
    ) -> Result<Option<(Party, Party)>, String> {
        let mut seen = HashSet::new();
        for (source, target, by) in self.pairs(question)? {
            let Some(access) = by else { return Ok(Some((source.clone(), target.clone()))) };
            if seen.insert(access.rule.map(Rule::label)) {
                answer.by.push(self.rule_ref(access.rule));
            }
        }
        Ok(None)
    }

    /// The first rule that lets a source reach a destination on a port.
    pub(super) fn rule_for(
        &self,
        source: &Party,
        target: &Party,
        protocol: u8,
        port: u16,
    ) -> Option<&Access<'_>> {
        self.rule_among(self.rules.iter(), source, target, protocol, port)
    }

    /// The first of some rules that lets a source reach a destination on a port.
    fn rule_among<'r>(
        &self,
        rules: impl Iterator<Item = &'r Access<'r>>,
        source: &Party,
        target: &Party,
        protocol: u8,
        port: u16,
    ) -> Option<&'r Access<'r>> {
        let admits = |ports: &[Ports]| ports.iter().any(|it| it.admit(protocol, port));
        let mut leading = rules.filter(|it| it.leads_to(target));
        leading.find(|access| match (source, target) {
            (Party::Device(from), Party::Device(to)) => {
                access.source.devices.has(*from)
                    && access.targets.iter().any(|goal| {
                        admits(&goal.ports)
                            && match goal.set.special {
                                Special::Own => self.are_of_one(*from, *to),
                                _ => goal.set.has(*to),
                            }
                    })
            }
            _ => match access.rule {
                None => true,
                Some(rule) => {
                    self.counts(access, rule, source)
                        && self.ports_of(rule, source, target).any(|it| it.admit(protocol, port))
                }
            },
        })
    }

    /// Whether a rule applies to a source.
    pub(super) fn counts(&self, access: &Access<'_>, rule: &Rule, source: &Party) -> bool {
        match source {
            Party::Device(index) => access.source.devices.has(*index),
            // For a user or tag without a device, the posture is unknown and not checked.
            other => rule.src.iter().any(|it| self.means(it, other)),
        }
    }

    /// Whether two devices belong to the same user.
    pub(super) fn are_of_one(&self, a: usize, b: usize) -> bool {
        let owner = |index: usize| {
            let device = self.inventory.devices.get(index).filter(|it| !it.is_tagged())?;
            Some(device.user.to_ascii_lowercase()).filter(|it| !it.is_empty())
        };
        owner(a).is_some() && owner(a) == owner(b)
    }

    pub(super) fn rule_ref(&self, rule: Option<&Rule>) -> RuleRef {
        let document = self.policy.document();
        match rule {
            Some(rule) => RuleRef {
                rule: rule.label(),
                at: document.place(rule.at.start),
                text: one_line(document.text().get(rule.at.clone()).unwrap_or_default()),
            },
            None => RuleRef {
                rule: "no rules at all".to_owned(),
                at: document.place(0),
                text: "a file without acls and grants allows everything".to_owned(),
            },
        }
    }
}

fn starts_with(name: &str, start: &str) -> bool {
    let begin = name.get(..start.len());
    !start.is_empty() && begin.is_some_and(|it| it.eq_ignore_ascii_case(start))
}

/// The first of some names.
fn listed(names: &[&str], between: &str) -> String {
    let more = if names.len() > NEAR_NAMES { ", …" } else { "" };
    let first: Vec<&str> = names.iter().take(NEAR_NAMES).copied().collect();
    format!("{}{more}", first.join(between))
}

/// A part of the file as JSON on one line, without comments, cut to [`MAX_RULE_LENGTH`].
fn one_line(text: &str) -> String {
    let plain = super::hujson::Document::parse(text).map(|it| it.root().to_json().to_string());
    let plain = plain.unwrap_or_else(|_| text.split_whitespace().collect::<Vec<_>>().join(" "));
    match plain.char_indices().nth(MAX_RULE_LENGTH) {
        Some((end, _)) => format!("{}…", plain.get(..end).unwrap_or_default()),
        None => plain,
    }
}

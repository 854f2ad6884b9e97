//! Answers who may log in over Tailscale SSH, and as which local user.

use serde::Serialize;

use super::{Answer, RuleRef, SshParts, pairs::check_size};
use crate::{
    compile::{self, Compiled},
    identity::Party,
    ports::TCP,
};

/// The port of SSH.
const SSH: u16 = 22;

/// An SSH rule that is part of the answer to who logs in where.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Login {
    /// The sources or destinations, as the rule names them.
    pub who: Vec<String>,
    /// The number of devices among them for which the login is allowed by the rule and by the network.
    pub devices: usize,
    /// The number of devices for which the rule allows the login, but no access rule or grant allows tcp:22.
    #[serde(skip_serializing_if = "is_zero")]
    pub without_network: usize,
    /// Whether SSH check mode is required.
    pub check_mode: bool,
    /// The rule.
    #[serde(flatten)]
    pub by: RuleRef,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Compiled<'_> {
    /// Whether `from` may log in to `to` over Tailscale SSH as the local user `user`. This needs an SSH rule,
    /// and an access rule or grant for tcp:22.
    ///
    /// # Errors
    ///
    /// A message, if a name resolves to nobody or there are too many pairs.
    pub fn ask_ssh(&self, from: &str, to: &str, user: &str) -> Result<Answer, String> {
        let network = self.ask(from, to, Some(TCP), SSH)?;
        let (sources, targets) = (self.ends(from)?, self.ends(to)?);
        check_size(sources.len(), targets.len(), self.logins().len())?;
        let mut answer = Answer {
            port: format!("ssh as {user}"),
            by: Vec::new(),
            because: Vec::new(),
            ..network.clone()
        };
        let ssh_rule = self.login_rules(&sources, &targets, user, &mut answer);
        answer.allowed = ssh_rule && network.allowed;
        answer.ssh = Some(SshParts { ssh_rule, network_rule: network.allowed });
        // A grant is only the network's half: without an SSH rule it does not make the answer yes.
        answer.smallest_grant = answer.smallest_grant.filter(|_| ssh_rule);
        if !network.allowed {
            let line = "the network part is missing: no rule allows tcp:22";
            answer.because.push(line.to_owned());
            answer.because.extend(network.because);
        }
        if answer.allowed {
            answer.by.extend(network.by);
        } else {
            answer.by.clear();
        }
        Ok(answer)
    }

    /// Whether SSH rules let all sources log in to all destinations. Adds them to the answer, or why not.
    fn login_rules(
        &self,
        sources: &[Party],
        targets: &[Party],
        user: &str,
        answer: &mut Answer,
    ) -> bool {
        for source in sources {
            for target in targets {
                let by = self.logins().iter().find(|login| {
                    self.is_login(login, source, target)
                        && login.admits(user, self.person_of(source))
                });
                let Some(login) = by else {
                    answer.because = self.why_no_login(source, target, user);
                    return false;
                };
                let by = self.login_ref(login);
                if !answer.by.contains(&by) {
                    if login.is_check() {
                        answer.notes.push(format!("{} requires SSH check mode", by.rule));
                    }
                    answer.by.push(by);
                }
            }
        }
        true
    }

    /// The SSH rules by which anybody may log in to `to` as the local user `user`.
    ///
    /// # Errors
    ///
    /// A message, if `to` resolves to nobody.
    pub fn who_logs_in(&self, to: &str, user: &str) -> Result<Vec<Login>, String> {
        let targets = self.ends(to)?;
        check_size(self.names.count(), targets.len(), self.logins().len())?;
        let mut found = Vec::new();
        for login in self.logins().iter().filter(|login| login.rule.action.is_some()) {
            let is_there = |target: &Party| {
                login.rule.dst.iter().any(|selector| {
                    if selector.is_autogroup("self") {
                        self.person_of(target).is_some()
                    } else {
                        self.means(selector, target)
                    }
                })
            };
            if !targets.iter().any(is_there) || !login.may_admit(user) {
                continue;
            }
            let sources = login.source.iter().map(Party::Device);
            let pairs = sources.map(|source| self.logs_in(login, &source, &targets, user));
            let who = login.rule.src.iter().map(|it| it.text.clone()).collect();
            found.push(self.login_entry(login, who, pairs));
        }
        Ok(found)
    }

    /// The SSH rules by which `from` may log in anywhere as the local user `user`.
    ///
    /// # Errors
    ///
    /// A message, if `from` resolves to nobody.
    pub fn logs_in_to(&self, from: &str, user: &str) -> Result<Vec<Login>, String> {
        let sources = self.ends(from)?;
        check_size(sources.len(), self.names.count(), self.logins().len())?;
        let mut found = Vec::new();
        for login in self.logins().iter().filter(|login| login.rule.action.is_some()) {
            let is_source = |source: &&Party| {
                let is_meant = match source {
                    Party::Device(index) => login.source.has(*index),
                    other => login.rule.src.iter().any(|it| self.means(it, other)),
                };
                is_meant && login.admits(user, self.person_of(source))
            };
            let sources: Vec<&Party> = sources.iter().filter(is_source).collect();
            if sources.is_empty() {
                continue;
            }
            let devices = (0..self.names.count()).map(|device| [Party::Device(device)]);
            let pairs = devices.map(|target| {
                let all = sources.iter().map(|source| self.logs_in(login, source, &target, user));
                all.max().unwrap_or(Allowed::No)
            });
            let who = login.rule.dst.iter().map(|it| it.text.clone()).collect();
            found.push(self.login_entry(login, who, pairs));
        }
        Ok(found)
    }

    /// How far one rule lets a source log in to one of the destinations.
    fn logs_in(
        &self,
        login: &compile::Login<'_>,
        source: &Party,
        targets: &[Party],
        user: &str,
    ) -> Allowed {
        let all = targets.iter().map(|target| {
            let is_login =
                self.is_login(login, source, target) && login.admits(user, self.person_of(source));
            if !is_login {
                Allowed::No
            } else if self.rule_for(source, target, TCP, SSH).is_some() {
                Allowed::Yes
            } else {
                Allowed::WithoutNetwork
            }
        });
        all.max().unwrap_or(Allowed::No)
    }

    fn login_entry(
        &self,
        login: &compile::Login<'_>,
        who: Vec<String>,
        pairs: impl Iterator<Item = Allowed>,
    ) -> Login {
        let (mut devices, mut without_network) = (0, 0);
        for allowed in pairs {
            devices += usize::from(allowed == Allowed::Yes);
            without_network += usize::from(allowed == Allowed::WithoutNetwork);
        }
        let by = self.login_ref(login);
        Login { who, devices, without_network, check_mode: login.is_check(), by }
    }

    fn why_no_login(&self, source: &Party, target: &Party, user: &str) -> Vec<String> {
        let (from, to) = (self.name_of(source), self.name_of(target));
        let fitting = self.logins().iter().filter(|it| self.is_login(it, source, target));
        let mut because: Vec<String> = fitting
            .map(|it| {
                let users: Vec<&str> = it.rule.users.iter().map(|it| it.value.as_str()).collect();
                let rule = self.login_ref(it).rule;
                format!("{rule} lets {from} in on {to} as {} only", users.join(", "))
            })
            .collect();
        if because.is_empty() {
            because.push(format!("no SSH rule is for {from} on {to} (as {user} or anybody)"));
        }
        because
    }

    /// Whether an SSH rule applies to a source and a destination.
    pub(crate) fn is_login(
        &self,
        login: &compile::Login<'_>,
        source: &Party,
        target: &Party,
    ) -> bool {
        // The devices of a rule have its posture.
        if matches!(source, Party::Device(index) if !login.source.has(*index)) {
            return false;
        }
        let person = self.person_of(source);
        let same = person.is_some() && (*target == Party::Own || self.person_of(target) == person);
        login.rule.action.is_some()
            && login.rule.src.iter().any(|it| self.means(it, source))
            && login
                .rule
                .dst
                .iter()
                .any(|it| if it.is_autogroup("self") { same } else { self.means(it, target) })
    }

    fn login_ref(&self, login: &compile::Login<'_>) -> RuleRef {
        let document = self.policy.document();
        let at = &login.rule.at;
        RuleRef {
            rule: format!("ssh[{}]", login.rule.index),
            at: document.place(at.start),
            text: super::one_line(document.text().get(at.clone()).unwrap_or_default()),
        }
    }
}

/// How far a login is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Allowed {
    No,
    /// By an SSH rule, but tcp:22 is not open.
    WithoutNetwork,
    Yes,
}

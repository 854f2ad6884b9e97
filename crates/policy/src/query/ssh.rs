//! Answers whether somebody may log in over Tailscale SSH, and as which local user.

use super::{Answer, RuleRef};
use crate::{
    compile::{Compiled, Login},
    identity::Party,
};

impl Compiled<'_> {
    /// Whether `from` may log in to `to` over Tailscale SSH as the local user `user`.
    ///
    /// # Errors
    ///
    /// A message, if a name resolves to nobody.
    pub fn ask_ssh(&self, from: &str, to: &str, user: &str) -> Result<Answer, String> {
        let (sources, targets) = (self.ends(from)?, self.ends(to)?);
        let mut answer = Answer {
            allowed: true,
            from: from.to_owned(),
            to: to.to_owned(),
            port: format!("ssh as {user}"),
            by: Vec::new(),
            because: Vec::new(),
            smallest_grant: None,
            notes: Vec::new(),
        };
        for source in &sources {
            for target in &targets {
                let by = self.logins().iter().find(|it| {
                    self.is_login(it, source, target) && it.admits(user, self.person_of(source))
                });
                let Some(login) = by else {
                    answer.allowed = false;
                    answer.by.clear();
                    answer.because = self.why_no_login(source, target, user);
                    return Ok(answer);
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
        answer.notes.push("the connection needs a rule for tcp:22, too".to_owned());
        Ok(answer)
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
    pub(crate) fn is_login(&self, login: &Login<'_>, source: &Party, target: &Party) -> bool {
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

    fn login_ref(&self, login: &Login<'_>) -> RuleRef {
        let document = self.policy.document();
        let at = &login.rule.at;
        RuleRef {
            rule: format!("ssh[{}]", login.rule.index),
            at: document.place(at.start),
            text: super::one_line(document.text().get(at.clone()).unwrap_or_default()),
        }
    }
}

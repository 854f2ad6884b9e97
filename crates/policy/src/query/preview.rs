//! Previews the rules that concern a user or a destination, like the API's `acl/preview`.

use std::net::SocketAddr;

use serde::Serialize;

use crate::{
    compile::Compiled,
    identity::Party,
    model::{Rule, Target},
    ports::Ports,
};

/// A rule that concerns a user or a destination, in the form of the API's `acl/preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RuleMatch {
    /// The sources of the rule.
    pub users: Vec<String>,
    /// The destinations of the rule with their ports: `tag:web:443`. Protocols are left out.
    pub ports: Vec<String>,
    /// The line on which the rule starts, counted from 1.
    pub line_number: usize,
}

impl Compiled<'_> {
    /// The rules that have a user as a source, through the login name, a group or any other selector. Empty
    /// if the user is not in the tailnet.
    pub fn preview_user(&self, login: &str) -> Vec<RuleMatch> {
        let parties = self.parties(login).unwrap_or_default();
        let names = |rule: &Rule| {
            rule.src.iter().any(|selector| parties.iter().any(|it| self.means(selector, it)))
        };
        let rules = self.policy.model.rules.iter().filter(|rule| names(rule));
        rules.filter_map(|rule| self.rule_match(rule, |_, _| true)).collect()
    }

    /// The rules that open an address and port, each with only the destinations that do so.
    pub fn preview_destination(&self, end: SocketAddr) -> Vec<RuleMatch> {
        let address = end.ip().to_canonical();
        let device = self.names.at(address);
        let party = device.map_or(Party::Address(address), Party::Device);
        let opens = |target: &Target, ports: &Ports| {
            (ports.first..=ports.last).contains(&end.port()) && self.means(&target.selector, &party)
        };
        let rules = self.policy.model.rules.iter();
        rules.filter_map(|rule| self.rule_match(rule, opens)).collect()
    }

    /// A rule with only those destinations that are `wanted`; `None` if there are none.
    fn rule_match(
        &self,
        rule: &Rule,
        wanted: impl Fn(&Target, &Ports) -> bool,
    ) -> Option<RuleMatch> {
        let mut destinations = Vec::new();
        for target in &rule.dst {
            for ports in target.ports.iter().filter(|ports| wanted(target, ports)) {
                let range = Ports { protocol: None, ..*ports };
                destinations.push(format!("{}:{range}", target.selector));
            }
        }
        let place = self.policy.document().place(rule.at.start);
        (!destinations.is_empty()).then(|| RuleMatch {
            users: rule.src.iter().map(ToString::to_string).collect(),
            ports: destinations,
            line_number: place.line,
        })
    }
}

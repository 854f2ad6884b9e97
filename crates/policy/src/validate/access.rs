//! Validates `acls` and `grants`.

use super::{Check, Doubt, ROLES, unknown, wrong};
use crate::{
    model::{Rule, Section, Target},
    ports::{has_ports, protocol_name},
    problem,
    selector::{Selector, SelectorKind},
};

/// Capabilities in the domain `tailscale.com` that a grant may give.
const GRANTABLE: &[&str] = &[
    "aperture",
    "databases",
    "drive",
    "golink",
    "kubernetes",
    "proxy-to-grafana",
    "relay",
    "secrets",
    "tailsql",
    "tsidp",
    "webui",
];
/// Capabilities in the domain `tailscale.com` that Tailscale refuses in a grant.
const RESERVED: &[&str] = &["funnel", "ingress", "relay-target"];

impl Check<'_, '_> {
    pub(super) fn rules(&mut self) {
        // Tailscale checks access rules first, although grants take effect before them.
        for section in [Section::Acls, Section::Grants] {
            for rule in self.model.rules.iter().filter(|it| it.section == section) {
                self.rule(rule);
            }
        }
    }

    fn rule(&mut self, rule: &Rule) {
        if rule.section == Section::Grants {
            self.capabilities(rule);
            self.whole_internet(rule);
        }
        for (index, selector) in rule.src.iter().enumerate() {
            self.source(rule, index, selector);
        }
        for (index, target) in rule.dst.iter().enumerate() {
            self.target(rule, index, target);
        }
        for via in &rule.via {
            if matches!(&via.kind, SelectorKind::Tag(tag) if self.model.owners(tag).is_none()) {
                let message = format!("tag {:?} not found", via.text);
                let right = self.nearest(via);
                self.error(&via.at, format!("{}.via", rule.label()), message, right);
            }
        }
        self.own_devices(rule);
        self.postures_exist(rule);
    }

    fn source(&mut self, rule: &Rule, index: usize, selector: &Selector) {
        let path = format!("{}.src[{index}]", rule.label());
        let text = &selector.text;
        let doubt = match &selector.kind {
            SelectorKind::Autogroup(name) if matches!(name.as_str(), "self" | "internet") => {
                wrong(format!("{text:?} not valid on the src side of a rule"))
            }
            SelectorKind::Service(_) => unknown(format!("{text:?} on the src side of a rule")),
            _ => self.missing(selector),
        };
        let Some(doubt) = doubt else { return };
        let right = self.nearest(selector);
        let is_domain =
            matches!(selector.kind, SelectorKind::Domain(_) | SelectorKind::Autogroup(_));
        self.doubt(&selector.at, path, doubt, right, |message| {
            if is_domain { message } else { format!("src={message}") }
        });
    }

    fn target(&mut self, rule: &Rule, index: usize, target: &Target) {
        let path = format!("{}.dst[{index}]", rule.label());
        let selector = &target.selector;
        let is_plain = match &selector.kind {
            SelectorKind::Autogroup(name) => name == "danger-all",
            kind => matches!(kind, SelectorKind::Domain(_)),
        };
        let doubt = match &selector.kind {
            SelectorKind::Autogroup(name) if name == "danger-all" => {
                wrong("cannot use autogroup:danger-all as a dst")
            }
            _ => self.missing(selector),
        };
        let Some(doubt) = doubt else { return self.portless(path, target) };
        let right = self.nearest(selector);
        self.doubt(&selector.at, path, doubt, right, |message| {
            if is_plain { message } else { format!("dst={:?}: {message}", selector.text) }
        });
    }

    /// Rejects specific ports for a protocol that has none.
    fn portless(&mut self, path: String, target: &Target) {
        let wrong = target.ports.iter().find(|it| {
            it.protocol.is_some_and(|it| !has_ports(it)) && (it.first, it.last) != (0, u16::MAX)
        });
        if let Some(ports) = wrong {
            let name = protocol_name(ports.protocol.unwrap_or_default());
            let message = format!("protocol {name:?} does not support specific ports");
            let right = Some("write * for the ports".to_owned());
            self.error(&target.selector.at, path, message, right);
        }
    }

    /// Checks that a rule with `autogroup:self` has only users as sources.
    fn own_devices(&mut self, rule: &Rule) {
        let Some(own) = rule.dst.iter().find(|it| it.selector.is_autogroup("self")) else { return };
        let is_person = |selector: &Selector| match &selector.kind {
            SelectorKind::User(_) | SelectorKind::Group(_) | SelectorKind::Domain(_) => true,
            SelectorKind::Autogroup(name) => name == "member" || ROLES.contains(&name.as_str()),
            SelectorKind::Any => rule.section == Section::Acls,
            _ => false,
        };
        if !rule.src.iter().all(is_person) {
            let message =
                "autogroup:self can only be used with users, groups, or supported autogroups";
            let right = Some("use autogroup:member as the source".to_owned());
            self.error(
                &own.selector.at,
                format!("{}.dst", rule.label()),
                message.to_owned(),
                right,
            );
        }
    }

    fn capabilities(&mut self, rule: &Rule) {
        let path = format!("{}.app", rule.label());
        for name in rule.app.keys() {
            if let Some(doubt) = bad_capability(name) {
                self.doubt(&rule.at, path.clone(), doubt, None, |message| message);
            }
        }
        if !rule.app.is_empty() && rule.dst.iter().any(|it| it.selector.is_autogroup("internet")) {
            let message = "cannot use app grants with autogroup:internet";
            self.error(&rule.at, path, message.to_owned(), None);
        }
    }

    fn whole_internet(&mut self, rule: &Rule) {
        for target in &rule.dst {
            let SelectorKind::Addresses(span) = &target.selector.kind else { continue };
            if span.prefix().is_some_and(|it| it.prefix_len() == 0) {
                let message = format!(
                    "dst {:?}: to allow all IP addresses, use \"*\" or \"autogroup:internet\"",
                    target.selector.text
                );
                self.error(&target.selector.at, format!("{}.dst", rule.label()), message, None);
            }
        }
    }

    fn postures_exist(&mut self, rule: &Rule) {
        for posture in &rule.posture {
            if self.model.posture(&posture.value).is_none() {
                let message = format!("posture not found: {:?}", posture.value);
                let right = Some("declare it in postures".to_owned());
                self.error(&posture.at, format!("{}.srcPosture", rule.label()), message, right);
            }
        }
    }
}

fn bad_capability(name: &str) -> Option<Doubt> {
    let (domain, path) = name.split_once('/').unwrap_or((name, ""));
    let is_name = !name.contains("://") && domain.contains('.') && !path.is_empty();
    if !is_name {
        return wrong("capability name must have the form {domain}/{path}");
    }
    if !domain.eq_ignore_ascii_case("tailscale.com") {
        return None;
    }
    match path.strip_prefix("cap/") {
        Some(name) if GRANTABLE.contains(&name) => None,
        Some(name) if RESERVED.contains(&name) => {
            wrong("capability name must not be in the tailscale.com domain")
        }
        _ => unknown(format!("unknown capability {:?}", problem::name(name))),
    }
}

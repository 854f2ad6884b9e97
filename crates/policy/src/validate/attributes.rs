//! Validates `autoApprovers` and `nodeAttrs`.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::{Check, wrong};
use crate::{
    address::Span,
    model::{AttributeRule, Named, Text},
    problem,
    selector::{Selector, SelectorKind},
};

impl Check<'_, '_> {
    pub(super) fn approvers(&mut self) {
        let approvers = &self.model.approvers;
        for route in &approvers.routes {
            let name = &route.name.value;
            let path = format!("autoApprovers.routes[{:?}]", problem::name(name));
            if name.parse::<IpNet>().is_err() {
                let message = format!("{path}: invalid prefix");
                self.error(&route.name.at, path.clone(), message, None);
            }
            self.approver_names(&path, &route.value);
        }
        for Named { name, value } in &approvers.services {
            let path = format!("autoApprovers.services[{:?}]", problem::name(&name.value));
            self.approver_names(&path, value);
        }
        self.approver_names("autoApprovers.exitNode", &approvers.exit_node);
    }

    fn approver_names(&mut self, path: &str, selectors: &[Selector]) {
        for selector in selectors {
            if let Some(doubt) = self.missing(selector) {
                let right = self.nearest(selector);
                let say = |message| format!("{path}: {message}");
                self.doubt(&selector.at, path.to_owned(), doubt, right, say);
            }
        }
    }

    pub(super) fn attributes(&mut self) {
        for rule in &self.model.attributes {
            self.attribute_rule(rule);
        }
    }

    fn attribute_rule(&mut self, rule: &AttributeRule) {
        let path = format!("nodeAttrs[{}]", rule.index);
        for selector in &rule.target {
            let nobody = matches!(&selector.kind,
                SelectorKind::Autogroup(name) if matches!(name.as_str(), "self" | "internet"));
            let doubt = match self.missing(selector) {
                _ if nobody => wrong(format!("{:?} is not allowed in target", selector.text)),
                missing => missing,
            };
            if let Some(doubt) = doubt {
                let right = self.nearest(selector);
                self.doubt(&selector.at, format!("{path}.target"), doubt, right, |it| it);
            }
        }
        for pool in &rule.ip_pool {
            if let Some(wrong) = bad_pool(pool) {
                let message = format!("ipPool {:?}: {wrong}", pool.value);
                self.error(&pool.at, format!("{path}.ipPool"), message, None);
            }
        }
    }
}

/// Parts of 100.64.0.0/10 that Tailscale reserves.
const RESERVED: [(Ipv4Addr, u8); 2] =
    [(Ipv4Addr::new(100, 100, 100, 0), 24), (Ipv4Addr::new(100, 115, 92, 0), 23)];

fn bad_pool(pool: &Text) -> Option<&'static str> {
    let Ok(net) = pool.value.trim().parse::<IpNet>() else { return Some("invalid prefix") };
    let pool = Span::from(net);
    let net_of = |(address, length): (Ipv4Addr, u8)| {
        IpNet::new(IpAddr::V4(address), length).ok().map(Span::from)
    };
    let cgnat = net_of((Ipv4Addr::new(100, 64, 0, 0), 10));
    if !cgnat.is_some_and(|it| it.covers(&pool)) {
        return Some("must be within 100.64.0.0/10");
    }
    let taken = RESERVED.into_iter().filter_map(net_of).any(|it| it.overlaps(&pool));
    taken.then_some("overlaps a range that Tailscale keeps for itself")
}

//! What a policy file gives devices besides access: node attributes and auto-approved routes.

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::{Compiled, Special};
use crate::{address::Span, selector::Selector};

const FUNNEL: &str = "funnel";

impl Compiled<'_> {
    /// The node attributes that the file gives a device (an index into the inventory), with their values.
    pub fn attributes(&self, device: usize) -> Map<String, Value> {
        let mut attributes = Map::new();
        if self.policy.model.randomize_client_port {
            attributes.insert("randomize-client-port".to_owned(), Value::Null);
        }
        for rule in &self.policy.model.attributes {
            if !rule.target.iter().any(|it| self.is_meant(it, device)) {
                continue;
            }
            for attribute in &rule.attr {
                attributes.entry(attribute.value.clone()).or_insert(Value::Null);
                if attribute.value == FUNNEL {
                    // Funnel comes with this attribute; the ports are the same for everybody.
                    let ports = "https://tailscale.com/cap/funnel-ports?ports=443,8443,10000";
                    attributes.entry(ports).or_insert(Value::Null);
                }
            }
            for (name, values) in &rule.app {
                let list = attributes.entry(name.clone()).or_insert_with(|| json!([]));
                if let (Value::Array(list), Value::Array(more)) = (list, values) {
                    list.extend(more.iter().cloned());
                }
            }
        }
        attributes
    }

    /// The selector in `autoApprovers` that auto-approves `route` on a device; `None` if none does.
    pub fn approver(&self, device: usize, route: &IpNet) -> Option<String> {
        let approvers = &self.policy.model.approvers;
        let meant = |list: &[Selector]| {
            list.iter().find(|it| self.is_meant(it, device)).map(|it| it.text.clone())
        };
        if route.prefix_len() == 0
            && let Some(by) = meant(&approvers.exit_node)
        {
            return Some(by);
        }
        let covers = |prefix: &str| {
            let prefix: Option<IpNet> = prefix.parse().ok();
            prefix.is_some_and(|it| Span::from(it).covers(&Span::from(*route)))
        };
        let fitting = approvers.routes.iter().filter(|it| covers(&it.name.value));
        fitting.into_iter().find_map(|it| meant(&it.value))
    }

    /// Whether a selector includes a device.
    pub(crate) fn is_meant(&self, selector: &Selector, device: usize) -> bool {
        let set = self.names.look(selector);
        set.special != Special::Own && set.has(device)
    }
}

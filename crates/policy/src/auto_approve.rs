//! What a policy file auto-approves (`autoApprovers`).

use ipnet::IpNet;

use super::{Inventory, Policy, compile::Names, selector::Selector};

/// The `autoApprovers` of a policy file, resolved to the devices of a tailnet.
pub struct AutoApprovals<'p> {
    policy: &'p Policy,
    names: Names<'p>,
}

impl Policy {
    /// The auto-approvals of this file for the devices of `inventory`.
    pub fn auto_approvals<'p>(&'p self, inventory: &'p Inventory) -> AutoApprovals<'p> {
        AutoApprovals { policy: self, names: Names::new(&self.model, inventory) }
    }
}

impl AutoApprovals<'_> {
    /// The `autoApprovers` entry that approves `route` on a device (an index into the inventory):
    /// `autoApprovers.routes["10.0.0.0/8"]`. `None` if an admin has to approve it. A default route (prefix
    /// length 0) is approved by `exitNode` only.
    pub fn of_route(&mut self, device: usize, route: &IpNet) -> Option<String> {
        let approvers = &self.policy.model.approvers;
        if route.prefix_len() == 0 {
            let approved = is_one_of(&mut self.names, &approvers.exit_node, device);
            return approved.then(|| "autoApprovers.exitNode".to_owned());
        }
        let covers = |text: &str| text.trim().parse::<IpNet>().is_ok_and(|it| it.contains(route));
        let wider = approvers.routes.iter().filter(|it| covers(&it.name.value));
        for entry in wider {
            if is_one_of(&mut self.names, &entry.value, device) {
                return Some(format!("autoApprovers.routes[{:?}]", entry.name.value));
            }
        }
        None
    }
}

fn is_one_of(names: &mut Names<'_>, selectors: &[Selector], device: usize) -> bool {
    selectors.iter().any(|it| names.set(it).has(device))
}

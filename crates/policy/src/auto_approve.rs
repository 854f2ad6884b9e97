//! What the policy file approves by itself.

use ipnet::IpNet;

use super::{Inventory, Policy, compile::Names, selector::Selector};

/// What a policy file approves by itself, for the devices of a tailnet.
pub struct AutoApprovals<'p> {
    policy: &'p Policy,
    names: Names<'p>,
}

impl Policy {
    /// What it approves by itself for the devices of `inventory`.
    pub fn auto_approvals<'p>(&'p self, inventory: &'p Inventory) -> AutoApprovals<'p> {
        AutoApprovals { policy: self, names: Names::new(&self.model, inventory) }
    }
}

impl AutoApprovals<'_> {
    /// Where the file approves that the device, by its place in the inventory, serves `route`:
    /// `autoApprovers.routes["10.0.0.0/8"]`. None if somebody has to approve it. A route to
    /// everywhere makes an exit node, and is approved as such only.
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

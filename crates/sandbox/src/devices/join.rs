//! A device that joins the tailnet: what happens on a machine where somebody logs in.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::super::audit::{Actor, Event};
use super::super::clock::{later, whole_seconds};
use super::super::ids;
use super::super::state::State;
use super::{is_assignable, sanitize};

impl State {
    /// Adds a device that is like the first one but for its name, and connected. Returns its node ID; none
    /// if the tailnet has no device that it could be like.
    pub(crate) fn join(&mut self, hostname: &str) -> Option<String> {
        let now = whole_seconds(self.clock.now());
        let mut device = self.devices.iter().find(|it| !it.is_external)?.clone();
        device.node_id = ids::stable(&mut self.rng, 'n');
        device.id = ids::numeric(&device.node_id);
        hostname.clone_into(&mut device.hostname);
        let base = sanitize(hostname);
        device.name.clone_from(&base);
        while !self.devices.name_is_free(&device.name) {
            device.name = format!("{base}-{}", self.rng.u16(1..));
        }
        let mut ipv4 = device.network.ipv4;
        while !is_assignable(ipv4) || !self.devices.address_is_free(ipv4) {
            ipv4 = Ipv4Addr::from(0x6440_0000 | self.rng.u32(..1 << 22));
        }
        device.network.ipv4 = ipv4;
        let end = u128::from(u32::from(ipv4) ^ 0xC500_0000);
        let start = u128::from(device.network.ipv6) & !u128::from(u32::MAX);
        device.network.ipv6 = (start | end).into();
        device.key_seed = self.rng.u64(..);
        device.created = now;
        device.expires = later(now, 180 * 86_400);
        (device.online, device.authorized, device.has_schedule) = (true, true, false);
        device.seen = None;
        device.attributes = BTreeMap::new();
        let event = Event::new("CREATE", device.target());
        let actor = Actor {
            id: device.node_id.clone(),
            kind: "NODE".into(),
            login_name: device.user.to_string(),
            display_name: device.full_name(),
        };
        let id = device.node_id.clone();
        self.devices.insert(device);
        self.notify(&event, &actor, self.clock.now());
        let group = self.audit.next_group();
        self.audit.append(self.clock.now(), "CONTROL", group, actor, event);
        Some(id)
    }
}

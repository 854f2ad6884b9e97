//! The tailnet as input for the policy crate: users, devices and services.

use ipnet::IpNet;
use tailsteward_policy::Inventory;
use tailsteward_policy::inventory::{Device as EngineDevice, Service, User as EngineUser};

use super::super::devices::Device;
use super::super::state::State;
use super::super::users::User;

impl State {
    /// The inventory that policy files are evaluated for.
    pub(super) fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::named(&self.identity.name);
        inventory.users = self.users.iter().map(user).collect();
        inventory.devices = self.devices.iter().map(device).collect();
        let services = self.services.iter();
        let services = services.map(|(name, service)| Service::new(name, service.addresses()));
        inventory.services = services.collect();
        inventory
    }
}

fn user(user: &User) -> EngineUser {
    let mut known = EngineUser::new(&*user.login_name, &user.role);
    known.is_shared = user.is_shared;
    known
}

fn device(device: &Device) -> EngineDevice {
    let mut known = EngineDevice::new(&device.name, device.addresses().to_vec());
    known.id.clone_from(&device.node_id);
    known.tags.clone_from(&device.tags);
    known.user = device.user.to_string();
    known.is_shared_in = device.is_external;
    known.advertised_routes = networks(&device.advertised_routes);
    known.enabled_routes = networks(&device.enabled_routes);
    known
}

fn networks(routes: &[String]) -> Vec<IpNet> {
    routes.iter().filter_map(|route| route.parse().ok()).collect()
}

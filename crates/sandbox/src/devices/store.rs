//! The devices of a tailnet, indexed by ID, name and address.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::device::Device;

/// All devices, in the order they were added.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Vec<Device>")]
pub(crate) struct Devices {
    /// A deleted device leaves a `None`, so that positions stay valid.
    slots: Vec<Option<Device>>,
    positions: HashMap<String, usize>,
    names: HashSet<String>,
    addresses: HashSet<Ipv4Addr>,
}

impl From<Vec<Device>> for Devices {
    fn from(list: Vec<Device>) -> Self {
        let mut devices = Self::default();
        for device in list {
            devices.insert(device);
        }
        devices
    }
}

impl Serialize for Devices {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Devices {
    pub(crate) fn insert(&mut self, device: Device) {
        let position = self.slots.len();
        self.positions.insert(device.id.clone(), position);
        self.positions.insert(device.node_id.clone(), position);
        if !device.is_external {
            self.names.insert(device.name.clone());
        }
        self.addresses.insert(device.network.ipv4);
        self.slots.push(Some(device));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Device> {
        self.slots.iter().flatten()
    }

    /// Gives each device that is connected a schedule by which it comes and goes.
    pub(crate) fn schedule(&mut self, now: Timestamp) {
        for device in self.slots.iter_mut().flatten() {
            device.has_schedule = device.is_connected(now) && !device.is_external;
        }
    }

    /// Switches devices on and off, as their schedules say.
    pub(crate) fn follow_schedule(&mut self, now: Timestamp) {
        self.slots.iter_mut().flatten().for_each(|device| device.follow_schedule(now));
    }

    /// The device with this node ID or legacy ID.
    pub(crate) fn get(&self, id: &str) -> Option<&Device> {
        self.slots.get(*self.positions.get(id)?)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Device> {
        self.slots.get_mut(*self.positions.get(id)?)?.as_mut()
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Device> {
        let device = self.slots.get_mut(*self.positions.get(id)?)?.take()?;
        self.positions.remove(&device.id);
        self.positions.remove(&device.node_id);
        if !device.is_external {
            self.names.remove(&device.name);
        }
        self.addresses.remove(&device.network.ipv4);
        Some(device)
    }

    /// Changes every device of a user.
    pub(crate) fn for_each_of(&mut self, login: &str, change: impl Fn(&mut Device)) {
        let owned = self.slots.iter_mut().flatten().filter(|device| &*device.user == login);
        owned.for_each(change);
    }

    /// Removes and returns every device of a user.
    pub(crate) fn remove_all_of(&mut self, login: &str) -> Vec<Device> {
        let owned = self.iter().filter(|device| &*device.user == login);
        let ids: Vec<String> = owned.map(|device| device.node_id.clone()).collect();
        ids.iter().filter_map(|id| self.remove(id)).collect()
    }

    pub(crate) fn name_is_free(&self, name: &str) -> bool {
        !self.names.contains(name)
    }

    /// Renames a device. False if it does not exist.
    pub(crate) fn rename(&mut self, id: &str, name: &str) -> bool {
        let Some(device) = self.get_mut(id) else { return false };
        let old = std::mem::replace(&mut device.name, name.to_owned());
        self.names.remove(&old);
        self.names.insert(name.to_owned())
    }

    pub(crate) fn address_is_free(&self, address: Ipv4Addr) -> bool {
        !self.addresses.contains(&address)
    }

    /// Changes the IPv4 address of a device. False if it does not exist.
    pub(crate) fn readdress(&mut self, id: &str, address: Ipv4Addr) -> bool {
        let Some(device) = self.get_mut(id) else { return false };
        let old = std::mem::replace(&mut device.network.ipv4, address);
        self.addresses.remove(&old);
        self.addresses.insert(address)
    }
}

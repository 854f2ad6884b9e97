//! Reads the users, devices and services that a policy file applies to.

use std::sync::Arc;

use futures_util::future::try_join3;
use ipnet::IpNet;

use super::PolicyFileOf;
use crate::{
    Error, ErrorKind,
    client::Result,
    policy::{
        Inventory,
        inventory::{Device, Service, User},
    },
    tailnet::{Tailnet, devices, services, users},
};

impl PolicyFileOf<'_> {
    /// Reads the inventory of the tailnet, to evaluate policy files offline
    /// (`GET /tailnet/{tailnet}/devices`, `/users` and `/services`). Services are left out if the
    /// credential may not read them. Device postures are not read: rules that need one count as met.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](ErrorKind::Forbidden) without the scopes `devices:core:read` and `users:read`.
    pub async fn inventory(&self) -> Result<Inventory> {
        let (users, devices) = (self.tailnet.users(), self.tailnet.devices());
        let lists = try_join3(users.list(), devices.list(), self.services());
        let (users, devices, services) = lists.await?;
        let mut inventory = Inventory::named(self.tailnet.named());
        inventory.users = users.iter().map(user).collect();
        inventory.devices = devices.iter().map(device).collect();
        inventory.services = services.iter().map(service).collect();
        Ok(inventory)
    }

    async fn services(&self) -> Result<Arc<Vec<services::Service>>> {
        match self.tailnet.services().list().await {
            Err(error) if error.kind() == ErrorKind::Forbidden => Ok(Arc::default()),
            read => read,
        }
    }
}

impl Tailnet {
    /// The tailnet's name from the settings; empty for `-`, the credential's own tailnet.
    fn named(&self) -> &str {
        Some(self.client().tailnet()).filter(|it| *it != "-").unwrap_or_default()
    }
}

fn user(it: &users::User) -> User {
    let role = it.role.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut user = User::new(it.login_name.clone().unwrap_or_default(), role);
    user.is_shared = it.type_.as_ref().is_some_and(|it| it.to_string() == "shared");
    user
}

fn device(it: &devices::Device) -> Device {
    let addresses = it.addresses().iter().filter_map(|it| it.parse().ok()).collect();
    let mut device = Device::new(it.short_name(), addresses);
    it.key().clone_into(&mut device.id);
    device.tags = it.tags().to_vec();
    device.user = it.user.clone().unwrap_or_default();
    device.is_shared_in = it.is_shared_in();
    device.advertised_routes = nets(it.advertised_routes.as_deref());
    device.enabled_routes = nets(it.enabled_routes.as_deref());
    let key = it.key_state(jiff::Timestamp::now());
    let troubles = [
        (!it.is_authorized(), "it needs approval"),
        (matches!(key, devices::KeyState::Expired(_)), "its key has expired"),
        (!it.is_online(), "it is not connected"),
    ];
    device.troubles =
        troubles.iter().filter(|(is, _)| *is).map(|(_, what)| (*what).to_owned()).collect();
    device
}

fn nets(list: Option<&[String]>) -> Vec<IpNet> {
    list.unwrap_or_default().iter().filter_map(|it| it.parse().ok()).collect()
}

fn service(it: &services::Service) -> Service {
    let addresses = it.addrs.as_deref().unwrap_or_default();
    let addresses = addresses.iter().filter_map(|it| it.parse().ok()).collect();
    Service::new(it.name.clone().unwrap_or_default(), addresses)
}

/// The index of the device in the inventory that this program runs on; `None` if it runs elsewhere.
pub(super) fn this_device(inventory: &Inventory) -> Option<usize> {
    let own = devices::here::own_address()?;
    inventory.devices.iter().position(|it| it.addresses.contains(&own))
}

/// A warning for the plan that effects and lockouts are unknown, because the inventory cannot be read.
pub(super) fn unreadable(error: &Error) -> String {
    let needs = match error.kind() {
        ErrorKind::Forbidden => "; this needs the scopes devices:core:read and users:read",
        _ => "",
    };
    format!("effects and lockouts were not checked: {error}{needs}")
}

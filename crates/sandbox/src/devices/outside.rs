//! What happens to a device without the API: it goes offline or comes back, its client is updated, somebody
//! clones it.

use jiff::Timestamp;
use serde::Deserialize;

use super::device::Device;

/// What is to be true of a device from now on; `None` leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DeviceState {
    /// Whether it is switched on. It is connected then if it is approved and its key has not expired.
    pub online: Option<bool>,
    /// Whether several devices use its node key at once, as clones do.
    pub multiple_connections: Option<bool>,
    /// Why Tailnet Lock keeps it out; empty if it does not.
    pub tailnet_lock_error: Option<String>,
    /// Version of its client, such as `1.80.2`.
    pub client_version: Option<String>,
    /// Whether a newer client is available.
    pub update_available: Option<bool>,
    /// The routes that it advertises; they still have to be approved.
    pub advertised_routes: Option<Vec<String>>,
}

impl Device {
    pub(crate) fn become_as(&mut self, state: &DeviceState, now: Timestamp) {
        // A device that was switched by hand no longer follows its schedule.
        self.has_schedule &= state.online.is_none();
        match state.online {
            Some(true) => self.online = true,
            Some(false) => self.disconnect(now),
            None => {}
        }
        let DeviceState { multiple_connections, update_available, .. } = *state;
        self.multiple_connections = multiple_connections.unwrap_or(self.multiple_connections);
        let hardware = &mut self.hardware;
        hardware.update_available = update_available.unwrap_or(hardware.update_available);
        if let Some(version) = &state.client_version {
            hardware.client_version = version.clone().into();
        }
        if let Some(error) = &state.tailnet_lock_error {
            self.lock_error.clone_from(error);
        }
        if let Some(routes) = &state.advertised_routes {
            self.advertised_routes.clone_from(routes);
        }
    }
}

//! The devices of a tailnet.
//!
//! This file reads them; [`plan`] plans changes to them.

use std::sync::Arc;

use jiff::Timestamp;

pub mod attributes;
pub(crate) mod change;
pub mod described;
pub mod device;
pub mod duplicates;
#[cfg(feature = "server")]
pub(crate) mod export;
pub mod filter;
pub mod find;
pub mod force_update;
pub(crate) mod here;
pub mod logs;
pub mod name;
pub mod plan;
pub(crate) mod preflight;
pub mod quarantine;
pub mod revoke;
pub mod roles;
pub mod select;
pub mod stale;
pub mod status;
#[cfg(feature = "server")]
pub(crate) mod tools;
pub mod version;

pub use self::{
    attributes::{AttributeValue, Attributes},
    described::{Described, Flag},
    device::{Device, DeviceRoutes, KeyState},
    filter::{Filter, Order},
    plan::Update,
    revoke::Revocation,
    select::DeviceSelector,
    version::Version,
};
use crate::{api::types::DeviceFields, client::Result, tailnet::Tailnet};

/// The resource kind in plans and in the journal.
pub(crate) const KIND: &str = "device";

/// The devices of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Devices<'a> {
    tailnet: &'a Tailnet,
}

impl<'a> Devices<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists all devices with all fields, including those shared in from other tailnets
    /// (`GET /tailnet/{tailnet}/devices`). Cached for a few seconds.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `devices:core:read`.
    pub async fn list(&self) -> Result<Arc<Vec<Device>>> {
        let client = self.tailnet.client();
        client
            .cached("devices".to_owned(), async {
                let request = self.tailnet.api()?.list_tailnet_devices().fields(DeviceFields::All);
                Ok(request.send().await?.into_inner().devices.unwrap_or_default())
            })
            .await
    }

    /// Reads the current state of a device, with all fields (`GET /device/{deviceId}`).
    /// `device` is anything that [`find::find`] accepts.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), or [`Ambiguous`](crate::ErrorKind::Ambiguous)
    /// with the candidates.
    pub async fn get(&self, device: &str) -> Result<Device> {
        let list = self.list().await?;
        self.read(find::find(&list, device)?.key()).await
    }

    /// Reads the device with this ID.
    pub(crate) async fn read(&self, id: &str) -> Result<Device> {
        let request = self.tailnet.api()?.get_device().device_id(id).fields(DeviceFields::All);
        Ok(request.send().await?.into_inner())
    }

    /// Lists the advertised and the enabled routes of a device (`GET /device/{deviceId}/routes`).
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn routes(&self, device: &str) -> Result<DeviceRoutes> {
        let list = self.list().await?;
        let id = find::find(&list, device)?.key();
        Ok(self.tailnet.api()?.list_device_routes().device_id(id).send().await?.into_inner())
    }

    /// Summarizes the status of a device: connectivity, client version, key, problems.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn status(&self, device: &str) -> Result<status::Status> {
        Ok(status::Status::of(&self.get(device).await?, Timestamp::now()))
    }

    pub(crate) fn tailnet(self) -> &'a Tailnet {
        self.tailnet
    }
}

//! What tests of changes start from.

use std::sync::Arc;

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    change::{Actor, Journal, store::Store},
    mcp::Setup,
    tailnet::devices::Device,
    tool::Risk,
};

/// A server that goes as far as `danger`, and asks.
pub fn setup() -> Setup {
    Setup::new(Risk::Danger).unwrap()
}

/// Its own devices, by name.
pub async fn own(tailnet: &Tailnet) -> Vec<Device> {
    let list = tailnet.devices().list().await.unwrap();
    list.iter().filter(|it| !it.is_shared_in()).cloned().collect()
}

/// Removes a device for good.
pub fn removal(device: &Device) -> Value {
    json!({ "device": device.key(), "how": "remove" })
}

pub async fn is_there(tailnet: &Tailnet, device: &Device) -> bool {
    tailnet.devices().get(device.key()).await.is_ok()
}

/// The same tailnet with a journal of its own.
pub fn recorded(tailnet: &Tailnet) -> (Tailnet, Arc<Store>) {
    let store = Arc::new(Store::in_memory());
    let journal: Arc<dyn Journal> = store.clone();
    (tailnet.acting_as(Actor::new("ann", Some(journal))), store)
}

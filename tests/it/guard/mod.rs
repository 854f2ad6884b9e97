//! The guard: what is planned, asked, recorded and taken back.

use std::sync::Arc;

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    change::{Actor, Journal, store::Store},
    mcp::Setup,
    tailnet::devices::Device,
    tool::Risk,
};

mod batch;
mod confirm;
mod journal;
mod killed;
mod offer;
mod protocol;
mod store;
mod undo;

/// A server that goes as far as `danger`, and asks.
fn setup() -> Setup {
    Setup::new(Risk::Danger).unwrap()
}

/// Its own devices, by name.
async fn own(tailnet: &Tailnet) -> Vec<Device> {
    let list = tailnet.devices().list().await.unwrap();
    list.iter().filter(|it| !it.is_shared_in()).cloned().collect()
}

/// Removes a device for good.
fn removal(device: &Device) -> Value {
    json!({ "device": device.key(), "how": "remove" })
}

async fn is_there(tailnet: &Tailnet, device: &Device) -> bool {
    tailnet.devices().get(device.key()).await.is_ok()
}

/// The same tailnet with a journal of its own.
fn recorded(tailnet: &Tailnet) -> (Tailnet, Arc<Store>) {
    let store = Arc::new(Store::in_memory());
    let journal: Arc<dyn Journal> = store.clone();
    (tailnet.acting_as(Actor::new("ann", Some(journal))), store)
}

//! What tests of changes start from.

use std::sync::Arc;

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    change::{Actor, Journal, store::Store},
    guard::{Approvals, Approver, ConfirmMode, Identified},
    mcp::Setup,
    tailnet::devices::Device,
    tool::Risk,
};

/// A server that goes as far as `danger`, and asks.
pub fn setup() -> Setup {
    Setup::new(Risk::Danger).unwrap()
}

/// A server that goes as far as `danger`, in this mode.
pub fn setup_in(mode: ConfirmMode) -> Setup {
    let mut setup = setup();
    setup.confirm = mode;
    setup
}

/// Those who may approve plans of this server.
pub fn approvals(setup: &Setup) -> Approvals {
    Approvals::new(Arc::clone(&setup.store), setup.guardrails.clone())
}

/// Somebody of this name in a terminal.
pub fn person(name: &str) -> Approver {
    Approver::new(name, Identified::InTerminal)
}

/// The same call with the ID of the plan that it was answered with.
pub fn with_plan(mut arguments: Value, shown: &Value) -> Value {
    assert!(shown["plan_id"].is_string(), "{shown}");
    arguments["plan_id"] = shown["plan_id"].clone();
    arguments
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

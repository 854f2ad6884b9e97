//! A sandbox and a client of it.

use tailsteward::{
    Credential, Settings, Tailnet,
    sandbox::{Options, Sandbox},
};

use super::judge::{Judged, judged};

/// A sandbox with `devices` devices, and a client of it that nothing slows down.
pub async fn sandbox_of(devices: usize) -> (Sandbox, Tailnet) {
    let sandbox = Sandbox::start(Options { devices, ..Options::default() }).await.unwrap();
    let tailnet = Tailnet::new(settings(&sandbox.base_url()));
    (sandbox, tailnet)
}

/// The usual sandbox.
pub async fn sandbox() -> (Sandbox, Tailnet) {
    sandbox_of(100).await
}

pub fn settings(base_url: &str) -> Settings {
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = judged(base_url, Judged::Both);
    settings.rate = 10_000.0;
    settings
}

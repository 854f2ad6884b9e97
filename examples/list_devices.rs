//! Lists the devices that need attention.
//!
//! `cargo run --example list_devices`: against the sandbox. `Tailnet::from_env()` in its place reads
//! `TAILSCALE_API_KEY`.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "an example prints, and stops where it cannot go on"
)]

use tailsteward::{
    Credential, Result, Settings, Tailnet,
    sandbox::{Options, Sandbox},
};

#[tokio::main]
async fn main() -> Result<()> {
    let sandbox = Sandbox::start(Options::default()).await.expect("a port of this machine");
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    let tailnet = Tailnet::new(settings);

    for device in tailnet.devices().list().await?.iter() {
        if !device.is_authorized() {
            println!("{} needs approval", device.short_name());
        } else if device.update_available == Some(true) {
            println!("{} could update its client", device.short_name());
        }
    }
    Ok(())
}

//! Calls an operation that has no function of its own, with types.
//!
//! `cargo run --example typed_call`
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

    // The credentials, limits, retries and errors are those of the tailnet.
    let devices = tailnet.api()?.list_tailnet_devices().send().await?.into_inner();
    let first = devices.devices.unwrap_or_default().into_iter().next().expect("a device");
    let id = first.node_id.expect("every device has one");
    let routes = tailnet.api()?.list_device_routes().device_id(id).send().await?;
    println!("{:?}, request {:?}", *routes, routes.headers().get("x-tailscale-request-id"));

    // Failures are ours, too: with a kind and what to do.
    let missing = tailnet.api()?.get_device().device_id("none").send().await.unwrap_err();
    println!("{:?}: {missing} -> {:?}", missing.kind(), missing.remedy());
    Ok(())
}

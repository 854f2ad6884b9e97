//! Plans a change, applies it, and takes it back with the journal.
//!
//! `cargo run --example retag_with_undo --features journal`
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "an example prints, and stops where it cannot go on"
)]

use std::sync::Arc;

use tailsteward::{
    Credential, Result, Settings, Tailnet,
    change::{Actor, store::Store},
    sandbox::{Options, Sandbox},
    tailnet::devices::Update,
};

#[tokio::main]
async fn main() -> Result<()> {
    let sandbox = Sandbox::start(Options::default()).await.expect("a port of this machine");
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    let journal = Arc::new(Store::in_memory());
    let tailnet = Tailnet::new(settings).acting_as(Actor::new("example", Some(journal)));

    // Making a plan only reads.
    let mut update = Update::default();
    update.add_tags.push("tag:ci".to_owned());
    let plan = tailnet.devices().plan_update("web-01", &update).await?;
    println!("{:?}, warnings: {:?}", plan.preview().changes, plan.warnings());

    // Recorded, sent, read back; rolled back if a step fails.
    let report = tailnet.apply(&plan).await?;
    let number = report.change.expect("a journal numbers its changes");
    println!("change {number}: {:?}", report.changes);

    let undo = tailnet.changes().plan_undo(number).await?;
    println!("undone: {:?}", tailnet.apply(&undo).await?.changes);
    let web = tailnet.devices().get("web-01").await?;
    assert!(!web.tags().iter().any(|tag| tag == "tag:ci"), "it is as it was");
    Ok(())
}

//! `tailsteward watch`: watches tailnets without serving them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{complain, serve::stop_signal};
use crate::{
    Error, Tailnet,
    client::Result,
    config,
    history::History,
    jobs::{self, Heartbeat},
    tailnet::Tailnets,
};

/// Rejects watching without a history that can be used.
pub(super) async fn keeps_a_history(watches: bool, history: Option<&Arc<History>>) -> Result<()> {
    match history {
        _ if !watches => Ok(()),
        Some(history) => history.ready().await,
        None => Err(Error::config(
            "watching needs a history, and --history is `off`",
            "name a file or a Postgres database with --history",
        )),
    }
}

/// Watches until the process receives a stop signal.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if a variable has an invalid value.
pub(super) async fn run(tailnets: &Tailnets) -> Result<()> {
    let heartbeat = config::heartbeat_url()?;
    let heartbeat = heartbeat.map(|url| Heartbeat::new(url, tailnets.first()));
    let ending = CancellationToken::new();
    let titles: Vec<String> = tailnets.all().map(Tailnet::title).collect();
    complain(&format!("watching {}; press Ctrl-C to stop", titles.join(", ")));
    let stop = async {
        stop_signal().await;
        ending.cancel();
    };
    futures_util::join!(jobs::watch(tailnets, heartbeat, &ending), stop);
    Ok(())
}

//! What webhooks are about. They say only that it is time to look: what is so is for the look to see.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::tailnet::Tailnets;

/// The sources that webhooks can be about.
pub(super) const PUSHED: [&str; 4] = ["devices", "users", "policy file", "audit log"];
/// How long further webhooks are waited for, so that many cause one look.
const GATHER: Duration = Duration::from_millis(200);

/// Asks for looks when webhooks come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<BTreeSet<&'static str>>>);

impl Heard {
    /// Asks the process that watches the tailnets for a look at what events of these types are about. Which of several
    /// tailnets they are of is not believed either, so all are looked at.
    pub(crate) fn hear(&self, kinds: &[String], tailnets: &Tailnets) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.is_empty();
        waiting.extend(sources(kinds));
        if !is_first {
            return;
        }
        let (this, tailnets) = (self.clone(), tailnets.clone());
        tokio::spawn(async move {
            tokio::time::sleep(GATHER).await;
            this.ask(&tailnets).await;
        });
    }

    async fn ask(&self, tailnets: &Tailnets) {
        let sources = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let sources: Vec<&'static str> = sources.into_iter().collect();
        for tailnet in tailnets.all() {
            let Some(history) = tailnet.history() else { continue };
            if let Err(error) = history.look_soon(&tailnet.label(), &sources).await {
                tracing::warn!(%error, "a webhook could not be passed to the watcher");
            }
        }
    }
}

/// The names of the sources to look at.
fn sources(kinds: &[String]) -> BTreeSet<&'static str> {
    let about = kinds.iter().filter_map(|kind| {
        let is = |word: &str| kind.starts_with(word);
        match () {
            () if is("node") || is("subnet") || is("exitNode") => Some("devices"),
            () if is("user") => Some("users"),
            () if is("policy") => Some("policy file"),
            () => None,
        }
    });
    about.chain(["audit log"]).collect()
}

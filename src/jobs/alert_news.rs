//! Tells those who listen that other alerts fire than before, whether this process watches or another one that
//! shares the history.

use std::{collections::HashMap, time::Duration};

use crate::{guard::Guard, tailnet::alerts::KINDS};

/// How often the history is asked, while anybody listens.
const INTERVAL: Duration = Duration::from_secs(5);

/// Announces news of alerts until the server ends.
pub(crate) async fn alert_news(guard: &Guard) {
    let mut known: HashMap<String, i64> = HashMap::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = guard.ending().cancelled() => return,
        }
        if !guard.news().is_heard() {
            // What happens before somebody listens is no news to them.
            known.clear();
            continue;
        }
        for tailnet in guard.tailnets().all() {
            let Some(history) = tailnet.history().filter(|it| it.exists()) else { continue };
            let label = tailnet.label();
            let generation = match history.alerts_generation(&label).await {
                Ok(generation) => generation,
                Err(error) => {
                    tracing::debug!(%error, "the history could not be asked for news");
                    continue;
                }
            };
            if known.insert(label, generation).is_some_and(|before| before != generation) {
                guard.news().announce_seen(tailnet, KINDS[0]);
            }
        }
    }
}

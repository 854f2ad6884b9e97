//! A heartbeat for a dead man's switch: sent while polls of the devices succeed, and not sent while they fail.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::{
    Error, ErrorKind, Tailnet,
    client::{Client, Result},
};

/// The time between two heartbeats.
const INTERVAL: Duration = Duration::from_mins(1);
/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of its answer is read.
const MAX_ANSWER: usize = 64 << 10;

/// Calls a URL after good looks.
#[derive(Clone)]
pub(crate) struct Heartbeat(Arc<Inner>);

struct Inner {
    client: Client,
    /// It is what proves to be this process, so it is a secret.
    url: SecretString,
    state: Mutex<State>,
    is_failing: AtomicBool,
}

#[derive(Default)]
struct State {
    /// When the last sign was given or is going to be.
    last: Option<Instant>,
    /// The labels of the tailnets whose last look failed.
    blind: HashSet<String>,
}

impl Heartbeat {
    /// Signs to this URL, by the way that `tailnet` has to servers other than the API.
    pub(crate) fn new(url: SecretString, tailnet: &Tailnet) -> Self {
        Self(Arc::new(Inner {
            client: tailnet.client().clone(),
            url,
            state: Mutex::default(),
            is_failing: AtomicBool::new(false),
        }))
    }

    /// The devices of a tailnet could not be looked at. Until they can be, no sign is given.
    pub(super) fn blind(&self, label: &str) {
        self.state().blind.insert(label.to_owned());
    }

    /// This process does not watch a tailnet any more, so what it sees of it does not count.
    pub(super) fn leave(&self, label: &str) {
        self.state().blind.remove(label);
    }

    /// The devices of a tailnet were looked at. Does not wait for the sign.
    pub(super) fn seen(&self, label: &str) {
        let mut state = self.state();
        state.blind.remove(label);
        let now = Instant::now();
        if !state.blind.is_empty() || state.last.is_some_and(|last| last > now) {
            return;
        }
        let at = state.last.map_or(now, |last| now.max(last + INTERVAL));
        state.last = Some(at);
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(at).await;
            let can_see = this.state().blind.is_empty();
            if can_see {
                this.give().await;
            }
        });
    }

    async fn give(&self) {
        let sent = tokio::time::timeout(TIMEOUT, self.send()).await;
        let sent = sent.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, "the server did not answer in time"))
        });
        let was_failing = self.0.is_failing.swap(sent.is_err(), Ordering::SeqCst);
        match sent {
            // The first failure only: the server that misses the sign says the rest.
            Err(error) if !was_failing => {
                tracing::warn!(%error, "the heartbeat failed; further failures are not logged until it works again");
            }
            Ok(()) if was_failing => tracing::warn!("the heartbeat works again"),
            _ => {}
        }
    }

    async fn send(&self) -> Result<()> {
        let wrong = |_| Error::config("the heartbeat URL is not a URL", "correct it");
        let url: Url = self.0.url.expose_secret().parse().map_err(wrong)?;
        self.0.client.read_elsewhere(url, "*/*", MAX_ANSWER).await.map(drop)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

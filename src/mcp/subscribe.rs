//! Telling clients that a resource they watch has changed: through this server. What others change
//! elsewhere, the API does not announce.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use rmcp::{
    ErrorData, Peer, RoleServer,
    model::{ResourceUpdatedNotificationParam, SubscriptionFilter},
    service::SubscriptionContext,
};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    task::AbortHandle,
};

use super::resources;
use crate::{
    change::{Plan, Report},
    tailnet::policy_file,
};

/// Changes that a slow client may lag behind before it is told that everything may have changed.
const LAG: usize = 64;

/// Resources that one session watches at most.
const MAX_SUBSCRIPTIONS: usize = 100;

/// The addresses of what one change touched.
pub(super) type News = Arc<Vec<String>>;

/// Where changes are announced.
#[derive(Debug, Clone)]
pub(super) struct Announcer(broadcast::Sender<News>);

impl Announcer {
    pub(super) fn new() -> Self {
        Self(broadcast::Sender::new(LAG))
    }

    /// Announces what `plan` touched.
    pub(super) fn tell(&self, plan: &Plan, report: &Report) {
        let mut touched = vec![resources::CHANGES.to_owned()];
        touched.extend(report.change.map(|it| format!("{}{it}", resources::CHANGE)));
        let devices = plan.items().iter().filter(|it| it.kind() == "device");
        touched.extend(devices.clone().map(|it| format!("{}{}", resources::DEVICE, it.id())));
        touched.extend(devices.map(|it| format!("{}{}", resources::DEVICE, it.name())));
        if touched.iter().any(|it| it.starts_with(resources::DEVICE)) {
            touched.push(resources::DEVICES.to_owned());
        }
        if plan.items().iter().any(|it| it.kind() == policy_file::change::KIND) {
            touched.push(resources::POLICY.to_owned());
        }
        // Nobody listening is no failure.
        let _ = self.0.send(Arc::new(touched));
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<News> {
        self.0.subscribe()
    }
}

/// What one session of 2025 watches.
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<HashMap<String, AbortHandle>>);

impl Watched {
    /// Tells `peer` whenever `uri` changes, until the session ends. Each costs a task, so there is an
    /// end to it.
    pub(super) fn add(
        &self,
        uri: String,
        peer: Peer<RoleServer>,
        mut news: broadcast::Receiver<News>,
    ) -> Result<(), ErrorData> {
        let Ok(mut tasks) = self.0.lock() else { return Ok(()) };
        if tasks.len() >= MAX_SUBSCRIPTIONS && !tasks.contains_key(&uri) {
            let why = format!(
                "a session watches {MAX_SUBSCRIPTIONS} resources at most; unsubscribe from some"
            );
            return Err(ErrorData::invalid_params(why, None));
        }
        let watched = uri.clone();
        let task = tokio::spawn(async move {
            while touches(&mut news, &watched).await {
                let update = ResourceUpdatedNotificationParam::new(watched.clone());
                if peer.notify_resource_updated(update).await.is_err() {
                    return;
                }
            }
        });
        if let Some(old) = tasks.insert(uri, task.abort_handle()) {
            old.abort();
        }
        Ok(())
    }

    pub(super) fn remove(&self, uri: &str) {
        if let Some(task) = self.0.lock().ok().and_then(|mut it| it.remove(uri)) {
            task.abort();
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Ok(tasks) = self.0.get_mut() {
            tasks.values().for_each(AbortHandle::abort);
        }
    }
}

/// Waits until `uri` has changed; false when nothing will any more.
async fn touches(news: &mut broadcast::Receiver<News>, uri: &str) -> bool {
    loop {
        match news.recv().await {
            Ok(touched) if touched.iter().any(|it| it == uri) => return true,
            Ok(_) => {}
            // What was missed may have been it.
            Err(RecvError::Lagged(_)) => return true,
            Err(RecvError::Closed) => return false,
        }
    }
}

/// Of what a client of 2026-07-28 wants to hear, what there is to hear.
pub(super) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let wanted = requested.resource_subscriptions.clone().unwrap_or_default();
    let known: Vec<String> = wanted.into_iter().filter(|it| resources::is_known(it)).collect();
    // Lists never change while the server runs, so whoever waits for that hears nothing.
    let filter = SubscriptionFilter::builder();
    if known.is_empty() { filter } else { filter.resource_subscriptions(known) }.build()
}

/// Serves one stream of news until it ends.
pub(super) async fn stream(context: &SubscriptionContext, mut news: broadcast::Receiver<News>) {
    let watched = context.sink().accepted().resource_subscriptions.clone().unwrap_or_default();
    loop {
        let touched: Vec<String> = tokio::select! {
            () = context.cancelled() => return,
            heard = news.recv() => match heard {
                Ok(touched) => watched.iter().filter(|it| touched.contains(it)).cloned().collect(),
                Err(RecvError::Lagged(_)) => watched.clone(),
                Err(RecvError::Closed) => return,
            },
        };
        for uri in touched {
            if context.sink().notify_resource_updated(uri).await.is_err() {
                return;
            }
        }
    }
}

//! Notifies clients when a resource that they subscribed to has changed through this server, and when other
//! alerts fire than before. The API does not report changes made elsewhere.

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
    catalogue::Offer,
    guard::{Guard, Touched},
    tailnet::{Tailnets, alerts, devices, policy_file},
};

/// The most subscriptions of a session.
const MAX_SUBSCRIPTIONS: usize = 100;

/// The changes, as listeners receive them.
type News = broadcast::Receiver<Arc<Touched>>;

/// The URIs of the resources that a change affected.
fn addresses(touched: &Touched, tailnets: &Tailnets) -> Vec<String> {
    let mut uris: Vec<String> = Vec::new();
    if !touched.is_by_itself {
        uris.push(resources::CHANGES.to_owned());
    }
    uris.extend(touched.change.map(|it| format!("{}{it}", resources::CHANGE)));
    let mut has_devices = false;
    for (kind, id, name) in &touched.resources {
        if *kind == devices::KIND {
            has_devices = true;
            uris.extend([id, name].map(|it| format!("{}{it}", resources::DEVICE)));
        } else if *kind == policy_file::change::KIND {
            uris.push(resources::POLICY.to_owned());
        } else if alerts::KINDS.contains(kind) {
            uris.push(resources::ALERTS.to_owned());
        }
    }
    if has_devices {
        uris.push(resources::DEVICES.to_owned());
    }
    let tailnet = touched.tailnet.as_deref();
    uris.iter().flat_map(|uri| resources::addresses(uri, tailnet, tailnets)).collect()
}

/// The subscriptions of a session (protocol versions with sessions).
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<HashMap<String, AbortHandle>>);

impl Watched {
    /// Notifies `peer` whenever `uri` changes, until the session ends. Each subscription needs a task, so
    /// their number is limited.
    pub(super) fn add(
        &self,
        uri: String,
        peer: Peer<RoleServer>,
        guard: &Guard,
    ) -> Result<(), ErrorData> {
        let Ok(mut tasks) = self.0.lock() else { return Ok(()) };
        if tasks.len() >= MAX_SUBSCRIPTIONS && !tasks.contains_key(&uri) {
            let why = format!(
                "a session can subscribe to {MAX_SUBSCRIPTIONS} resources at most; unsubscribe \
                 from some"
            );
            return Err(ErrorData::invalid_params(why, None));
        }
        let watched = uri.clone();
        let mut news = guard.listen();
        let tailnets = guard.tailnets().clone();
        let task = tokio::spawn(async move {
            while touches(&mut news, &watched, &tailnets).await {
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

/// Waits until `uri` has changed. False if no more changes will come.
async fn touches(news: &mut News, uri: &str, tailnets: &Tailnets) -> bool {
    loop {
        match news.recv().await {
            Ok(touched) if addresses(&touched, tailnets).iter().any(|it| it == uri) => return true,
            Ok(_) => {}
            // The missed changes may have included this resource.
            Err(RecvError::Lagged(_)) => return true,
            Err(RecvError::Closed) => return false,
        }
    }
}

/// The subscriptions that are accepted out of those that a client requests (from protocol version
/// 2026-07-28 on).
pub(super) fn accepted(requested: &SubscriptionFilter, tailnets: &Tailnets) -> SubscriptionFilter {
    let wanted = requested.resource_subscriptions.clone().unwrap_or_default();
    let known: Vec<String> =
        wanted.into_iter().filter(|it| resources::exists(it, tailnets)).collect();
    // Lists never change while the server runs, so there is nothing to subscribe to.
    let filter = SubscriptionFilter::builder();
    if known.is_empty() { filter } else { filter.resource_subscriptions(known) }.build()
}

/// Sends notifications about resources that the caller may read, until the subscription ends.
pub(super) async fn stream(context: &SubscriptionContext, offer: &Offer, guard: &Guard) {
    let (mut news, tailnets) = (guard.listen(), guard.tailnets());
    let accepted = context.sink().accepted().resource_subscriptions.clone();
    let mut watched = accepted.unwrap_or_default();
    watched.retain(|uri| resources::is_offered(uri, offer, tailnets));
    watched.truncate(MAX_SUBSCRIPTIONS);
    loop {
        let touched: Vec<String> = tokio::select! {
            () = context.cancelled() => return,
            heard = news.recv() => match heard {
                Ok(touched) => {
                    let uris = addresses(&touched, tailnets);
                    watched.iter().filter(|uri| uris.contains(uri)).cloned().collect()
                }
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

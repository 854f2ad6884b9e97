//! The handle on a tailnet, which makes plans and applies them.

use std::sync::{Arc, OnceLock};

use super::{Actor, Plan, Report};
#[cfg(feature = "server")]
use crate::alerts;
#[cfg(feature = "journal")]
use crate::history::{History, Poller};
#[cfg(feature = "server")]
use crate::live::Live;
use crate::{
    Settings, api,
    client::{Client, Result},
    local::{Daemon, OwnServer},
};

/// One tailnet: access to its API, and the actor on whose behalf it is changed. Cheap to clone;
/// clones share connections, tokens, rate limits and cache. What can be read and changed is in the
/// modules of [`crate::tailnet`].
///
/// ```no_run
/// # async fn example() -> tailsteward::Result<()> {
/// let tailnet = tailsteward::Tailnet::from_env()?;
/// for device in tailnet.devices().list().await?.iter().filter(|it| !it.is_authorized()) {
///     println!("{} needs approval", device.short_name());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Tailnet {
    client: Client,
    actor: Actor,
    api: Arc<OnceLock<Result<api::Client>>>,
    name: Option<Arc<str>>,
    daemon: Daemon,
    own_server: Arc<OnceLock<OwnServer>>,
    #[cfg(feature = "journal")]
    history: Option<Arc<History>>,
    #[cfg(feature = "server")]
    alerts: Option<Live<alerts::Setup>>,
}

impl Tailnet {
    /// A tailnet with these settings. Connects at the first request.
    pub fn new(settings: Settings) -> Self {
        Self {
            client: Client::new(settings),
            actor: Actor::default(),
            api: Arc::default(),
            name: None,
            daemon: Daemon::usual(),
            own_server: Arc::default(),
            #[cfg(feature = "journal")]
            history: None,
            #[cfg(feature = "server")]
            alerts: None,
        }
    }

    /// The same tailnet with another Tailscale daemon of this machine than the one where the platform has it.
    #[must_use]
    pub fn with_daemon(&self, daemon: Daemon) -> Self {
        Self { daemon, ..self.clone() }
    }

    /// The Tailscale daemon of this machine. It may be in another tailnet, and it is not asked before it is
    /// needed.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Says that this process serves the tailnet over HTTP, to all clones of this handle; the first time
    /// counts.
    pub fn set_own_server(&self, server: OwnServer) {
        let _ = self.own_server.set(server);
    }

    /// The server that this process is, if it serves over HTTP.
    pub fn own_server(&self) -> Option<&OwnServer> {
        self.own_server.get()
    }

    /// The same tailnet with a history, which answers what the API cannot: what was.
    #[cfg(feature = "journal")]
    #[must_use]
    pub fn with_history(&self, history: Arc<History>) -> Self {
        Self { history: Some(history), ..self.clone() }
    }

    /// The history of the tailnet, if one is kept.
    #[cfg(feature = "journal")]
    pub fn history(&self) -> Option<&Arc<History>> {
        self.history.as_ref()
    }

    /// The same tailnet with what the config file says of alerts.
    #[cfg(feature = "server")]
    #[must_use]
    pub fn with_alert_setup(&self, setup: impl Into<Live<alerts::Setup>>) -> Self {
        Self { alerts: Some(setup.into()), ..self.clone() }
    }

    /// What the config file says of alerts, if it says anything.
    #[cfg(feature = "server")]
    pub fn alert_setup(&self) -> Option<Arc<alerts::Setup>> {
        self.alerts.as_ref().map(Live::get)
    }

    /// Takes the right to watch the tailnet for `holder`, another text for each process. None if another
    /// one has it, or if no history is kept.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the database cannot be written.
    #[cfg(feature = "journal")]
    pub async fn watch(&self, holder: &str) -> Result<Option<Poller>> {
        let Some(history) = self.history.clone() else { return Ok(None) };
        Poller::of(&self.client, self.label(), history, holder).await
    }

    /// The same tailnet with another actor: changes are made on its behalf and recorded in its journal.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// The same tailnet under a name by which people know it, such as the name of a profile.
    #[must_use]
    pub fn with_name(&self, name: &str) -> Self {
        Self { name: Some(name.into()), ..self.clone() }
    }

    /// The name that was given to it with [`with_name`](Self::with_name).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What a person recognises the tailnet by: its name, its ID, or the credential that it belongs to.
    pub fn title(&self) -> String {
        match (&self.name, self.client.tailnet()) {
            (Some(name), _) => name.to_string(),
            (None, "-") => match self.settings().credential.public_id() {
                "" => "the tailnet of the credential".to_owned(),
                id => format!("the tailnet of {id}"),
            },
            (None, tailnet) => tailnet.to_owned(),
        }
    }

    /// On whose behalf changes are made.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The tailnet's label in the journal: the API's origin and the tailnet's name. The name `-`
    /// means the credential's own tailnet, so then the credential's ID is added.
    pub fn label(&self) -> String {
        let (origin, tailnet) = (self.settings().origin(), self.client.tailnet());
        if tailnet == "-" {
            return format!("{origin} - {}", self.settings().credential.public_id());
        }
        format!("{origin} {tailnet}")
    }

    /// Applies a plan: each change is recorded, sent and read back. If a change of a resource
    /// fails, its earlier changes are rolled back in reverse order.
    ///
    /// # Errors
    ///
    /// [`Stale`](crate::ErrorKind::Stale) if the resource has changed since the plan was made;
    /// [`Journal`](crate::ErrorKind::Journal) if a change cannot be recorded, in which case it is
    /// not sent; otherwise the API's error, with what was rolled back. If the plan covers several
    /// resources, failures are in the report instead.
    pub async fn apply(&self, plan: &Plan) -> Result<Report> {
        super::apply::apply(self, plan).await
    }

    /// The typed client for all operations of the API, with this tailnet's credential, rate limits
    /// and retries. See [`crate::api`].
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if no HTTP client can be built from the settings.
    pub fn api(&self) -> Result<&api::Client> {
        let build = || api::Client::through(self.client.clone());
        self.api.get_or_init(build).as_ref().map_err(Clone::clone)
    }

    /// The settings of the connection to the API.
    pub fn settings(&self) -> &Settings {
        self.client.settings()
    }

    /// Clears the cache of lists, so that the next reads ask the API.
    pub fn forget_lists(&self) {
        self.client.forget_lists();
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

//! The handle that plans are applied to.

use std::sync::{Arc, OnceLock};

use super::{Actor, Plan, Report};
use crate::{
    Settings, api,
    client::{Client, Result},
};

/// One tailnet: the way to its API, and on whose behalf it is changed. Cheap to clone; clones share
/// connections, tokens, limits and cache. What can be asked of it and changed in it is in
/// [`crate::tailnet`], a folder for each noun.
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
}

impl Tailnet {
    /// A tailnet with these settings. Connects at the first call.
    pub fn new(settings: Settings) -> Self {
        Self {
            client: Client::new(settings),
            actor: Actor::default(),
            api: Arc::default(),
            name: None,
        }
    }

    /// The same tailnet, where changes are made on somebody's behalf and recorded in their journal.
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
    pub(crate) fn title(&self) -> String {
        match (&self.name, self.client.tailnet()) {
            (Some(name), _) => name.to_string(),
            (None, "-") => format!("that of {}", self.settings().credential.public_id()),
            (None, tailnet) => tailnet.to_owned(),
        }
    }

    /// On whose behalf changes are made.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Which tailnet it is, for the journal: the API's host and the tailnet's id. `-` says nothing
    /// of which one it is, and then the credential does.
    pub(crate) fn label(&self) -> String {
        let (origin, tailnet) = (self.settings().origin(), self.client.tailnet());
        if tailnet == "-" {
            return format!("{origin} - {}", self.settings().credential.public_id());
        }
        format!("{origin} {tailnet}")
    }

    /// Carries a plan out: every change is recorded, sent, and read back. If one change of a
    /// resource fails, those before it are rolled back, in reverse order.
    ///
    /// # Errors
    ///
    /// [`Stale`](crate::ErrorKind::Stale) if the resource is not any more what the plan starts
    /// from; [`Journal`](crate::ErrorKind::Journal) if a change cannot be recorded, which is then
    /// not sent; otherwise what the API answered to the change that failed, and what became of the
    /// others. Where a plan is about several resources, what failed is in the report.
    pub async fn apply(&self, plan: &Plan) -> Result<Report> {
        super::apply::apply(self, plan).await
    }

    /// The typed client of all operations of the API, with this tailnet's credentials, limits, retries
    /// and errors. See [`crate::api`].
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the settings make no HTTP client.
    pub fn api(&self) -> Result<&api::Client> {
        let build = || api::Client::through(self.client.clone());
        self.api.get_or_init(build).as_ref().map_err(Clone::clone)
    }

    /// How its API is reached.
    pub fn settings(&self) -> &Settings {
        self.client.settings()
    }

    /// Drops the lists in the cache, so that the next reads ask the API.
    pub fn forget_lists(&self) {
        self.client.forget_lists();
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

//! The API's nouns, a folder each: what can be asked of a tailnet and changed in it.

pub mod devices;
pub mod logging;
pub mod policy_file;
mod probe;
pub mod settings;

pub use self::probe::Probe;
use crate::{Settings, client::Client, client::Result, config};

/// One tailnet. Cheap to clone; clones share connections, tokens, turns and cache.
///
/// ```no_run
/// # async fn example() -> tailscale_mcp::Result<()> {
/// let tailnet = tailscale_mcp::Tailnet::from_env()?;
/// for device in tailnet.devices().list().await?.iter().filter(|it| !it.is_authorized()) {
///     println!("{} waits for approval", device.short_name());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Tailnet {
    client: Client,
}

impl Tailnet {
    /// A tailnet with these settings. Connects at the first call.
    pub fn new(settings: Settings) -> Self {
        Self { client: Client::new(settings) }
    }

    /// The tailnet that the environment names; see [`config::from_env`].
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if a variable is missing or wrong.
    pub fn from_env() -> Result<Self> {
        config::from_env().map(Self::new)
    }

    /// How it is talked to.
    pub fn settings(&self) -> &Settings {
        self.client.settings()
    }

    /// Its devices.
    pub fn devices(&self) -> devices::Devices<'_> {
        devices::Devices::new(self)
    }

    /// Its policy file.
    pub fn policy_file(&self) -> policy_file::PolicyFileOf<'_> {
        policy_file::PolicyFileOf::new(self)
    }

    /// Its logs: who changed what, and who talked to whom.
    pub fn logging(&self) -> logging::Logging<'_> {
        logging::Logging::new(self)
    }

    /// Its settings: what holds for all devices and users.
    pub fn tailnet_settings(&self) -> settings::SettingsOf<'_> {
        settings::SettingsOf::new(self)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

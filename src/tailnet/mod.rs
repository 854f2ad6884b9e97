//! The API's nouns, a folder each: what can be asked of a tailnet and changed in it.

pub mod changes;
pub mod contacts;
pub mod device_invites;
pub mod devices;
pub mod dns;
pub(crate) mod email;
pub mod keys;
pub mod logging;
pub mod network;
pub mod oauth_apps;
#[cfg(feature = "operations")]
pub mod operations;
pub mod policy_file;
pub mod posture;
mod probe;
pub mod resource;
pub mod routes;
pub mod services;
pub mod settings;
pub mod tags;
#[cfg(feature = "server")]
mod tailnets;
pub mod user_invites;
pub mod users;
pub mod webhooks;

pub use self::probe::Probe;
#[cfg(feature = "server")]
pub(crate) use self::tailnets::Selection;
#[cfg(feature = "server")]
pub use self::tailnets::Tailnets;
pub use crate::change::Tailnet;
use crate::{change::Subject, client::Result, config};

/// Every kind of resource that can be changed.
pub(crate) static SUBJECTS: &[&dyn Subject] = &[
    &devices::change::Devices,
    &settings::Settings,
    &policy_file::change::File,
    &users::change::People,
    user_invites::USER_INVITE,
    device_invites::DEVICE_INVITE,
    &device_invites::accept::Acceptance,
    contacts::CONTACT,
    webhooks::WEBHOOK,
    posture::INTEGRATION,
    logging::stream::STREAM,
    &logging::aws::ExternalId,
    oauth_apps::APP,
    #[cfg(feature = "operations")]
    &operations::change::Calls,
    &keys::change::Keys,
    &dns::change::Dns,
    &services::change::SERVICE,
    &services::change::Hosts,
];

impl Tailnet {
    /// The tailnet that the environment names; see [`config::from_env`].
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if a variable is missing or wrong.
    pub fn from_env() -> Result<Self> {
        config::from_env().map(Self::new)
    }

    /// Its devices.
    pub fn devices(&self) -> devices::Devices<'_> {
        devices::Devices::new(self)
    }

    /// Its DNS.
    pub fn dns(&self) -> dns::DnsOf<'_> {
        dns::DnsOf::new(self)
    }

    /// Its subnet routers and exit nodes.
    pub fn routes(&self) -> routes::Routes<'_> {
        routes::Routes::new(self)
    }

    /// Its services.
    pub fn services(&self) -> services::Services<'_> {
        services::Services::new(self)
    }

    /// Its people.
    pub fn users(&self) -> users::Users<'_> {
        users::Users::new(self)
    }

    /// Its invitations to join.
    pub fn user_invites(&self) -> user_invites::UserInvites<'_> {
        user_invites::UserInvites::new(self)
    }

    /// Its invitations to use a device from another tailnet.
    pub fn device_invites(&self) -> device_invites::DeviceInvites<'_> {
        device_invites::DeviceInvites::new(self)
    }

    /// Whom Tailscale writes to about it.
    pub fn contacts(&self) -> contacts::ContactsOf<'_> {
        contacts::ContactsOf::new(self)
    }

    /// Where Tailscale posts what happens in it.
    pub fn webhooks(&self) -> webhooks::Webhooks<'_> {
        webhooks::Webhooks::new(self)
    }

    /// The providers that tell how its devices are.
    pub fn posture(&self) -> posture::Posture<'_> {
        posture::Posture::new(self)
    }

    /// The programs that its users let act for them.
    pub fn oauth_apps(&self) -> oauth_apps::OAuthApps<'_> {
        oauth_apps::OAuthApps::new(self)
    }

    /// What was changed in it, as its journal says.
    pub fn changes(&self) -> changes::Changes<'_> {
        changes::Changes::new(self)
    }

    /// Any operation of the API, called with values.
    #[cfg(feature = "operations")]
    pub fn operations(&self) -> operations::Operations<'_> {
        operations::Operations::new(self)
    }

    /// Its tags, on many devices at once.
    pub fn tags(&self) -> tags::Tags<'_> {
        tags::Tags::new(self)
    }

    /// A summary of the network.
    pub fn network(&self) -> network::Network<'_> {
        network::Network::new(self)
    }

    /// Its keys.
    pub fn keys(&self) -> keys::Keys<'_> {
        keys::Keys::new(self)
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
}

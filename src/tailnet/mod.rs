//! The resources of a tailnet, one module for each kind: reading them and planning changes to them.

#[cfg(feature = "server")]
pub mod alerts;
#[cfg(feature = "server")]
pub(crate) mod caller;
pub mod changes;
pub mod compliance;
pub mod contacts;
pub mod device_invites;
pub mod devices;
pub mod dns;
pub(crate) mod email;
#[cfg(feature = "server")]
pub mod funnel;
pub mod keys;
pub mod logging;
#[cfg(feature = "journal")]
pub mod monitoring;
pub mod network;
pub mod oauth_apps;
#[cfg(feature = "operations")]
pub mod operations;
pub mod organization;
pub mod policy_file;
pub mod posture;
mod probe;
#[cfg(feature = "server")]
pub mod reports;
pub mod resource;
pub mod routes;
pub mod services;
pub mod settings;
pub mod tags;
#[cfg(feature = "server")]
pub(crate) mod tailnets;
pub mod this_node;
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

/// Every kind of resource that a plan can change.
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
    &organization::change::Tailnets,
    #[cfg(feature = "operations")]
    &operations::change::Calls,
    &keys::change::Keys,
    &dns::change::Dns,
    &services::change::SERVICE,
    &services::change::Hosts,
    &this_node::change::Preferences,
    #[cfg(feature = "server")]
    &funnel::change::Handlers,
    #[cfg(feature = "journal")]
    &compliance::accept::Exceptions,
    #[cfg(feature = "server")]
    &alerts::subjects::RULES,
    #[cfg(feature = "server")]
    &alerts::subjects::ACKNOWLEDGEMENTS,
    #[cfg(feature = "server")]
    &alerts::subjects::MUTES,
];

impl Tailnet {
    /// Connects to the tailnet that the environment variables name; see [`config::from_env`].
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if a variable is missing or wrong.
    pub fn from_env() -> Result<Self> {
        config::from_env().map(Self::new)
    }

    /// The devices of the tailnet.
    pub fn devices(&self) -> devices::Devices<'_> {
        devices::Devices::new(self)
    }

    /// The DNS configuration of the tailnet.
    pub fn dns(&self) -> dns::DnsOf<'_> {
        dns::DnsOf::new(self)
    }

    /// The subnet routers and exit nodes of the tailnet.
    pub fn routes(&self) -> routes::Routes<'_> {
        routes::Routes::new(self)
    }

    /// The services of the tailnet.
    pub fn services(&self) -> services::Services<'_> {
        services::Services::new(self)
    }

    /// The users of the tailnet.
    pub fn users(&self) -> users::Users<'_> {
        users::Users::new(self)
    }

    /// The invitations for users to join the tailnet.
    pub fn user_invites(&self) -> user_invites::UserInvites<'_> {
        user_invites::UserInvites::new(self)
    }

    /// The invitations that share a device with a user of another tailnet.
    pub fn device_invites(&self) -> device_invites::DeviceInvites<'_> {
        device_invites::DeviceInvites::new(self)
    }

    /// The contact preferences: email addresses that Tailscale writes to about the tailnet.
    pub fn contacts(&self) -> contacts::ContactsOf<'_> {
        contacts::ContactsOf::new(self)
    }

    /// The webhooks that Tailscale sends the tailnet's events to.
    pub fn webhooks(&self) -> webhooks::Webhooks<'_> {
        webhooks::Webhooks::new(self)
    }

    /// The device posture integrations of the tailnet.
    pub fn posture(&self) -> posture::Posture<'_> {
        posture::Posture::new(self)
    }

    /// The OAuth apps that users of the tailnet have authorized.
    pub fn oauth_apps(&self) -> oauth_apps::OAuthApps<'_> {
        oauth_apps::OAuthApps::new(self)
    }

    /// The organization of the tailnet: its other tailnets, and new ones.
    pub fn organization(&self) -> organization::Organization<'_> {
        organization::Organization::new(self)
    }

    /// The changes made through this program, as recorded in its journal.
    pub fn changes(&self) -> changes::Changes<'_> {
        changes::Changes::new(self)
    }

    /// Any operation of the API, called directly with its parameters.
    #[cfg(feature = "operations")]
    pub fn operations(&self) -> operations::Operations<'_> {
        operations::Operations::new(self)
    }

    /// The tags of the tailnet, and changes of tags on many devices at once.
    pub fn tags(&self) -> tags::Tags<'_> {
        tags::Tags::new(self)
    }

    /// What the node that this program runs on serves to its tailnet and to the internet.
    #[cfg(feature = "server")]
    pub fn funnel(&self) -> funnel::Funnel<'_> {
        funnel::Funnel::new(self)
    }

    /// The node that this program runs on, by its Tailscale daemon.
    pub fn this_node(&self) -> this_node::ThisNode<'_> {
        this_node::ThisNode::new(self)
    }

    /// The reports about the tailnet.
    #[cfg(feature = "server")]
    pub fn reports(&self) -> reports::Reports<'_> {
        reports::Reports::new(self)
    }

    /// What is known of devices over time.
    #[cfg(feature = "journal")]
    pub fn monitoring(&self) -> monitoring::Monitoring<'_> {
        monitoring::Monitoring::new(self)
    }

    /// The alerts of the tailnet.
    #[cfg(feature = "server")]
    pub fn alerts(&self) -> alerts::Alerts<'_> {
        alerts::Alerts::new(self)
    }

    /// The compliance audit of the tailnet.
    pub fn compliance(&self) -> compliance::Compliance<'_> {
        compliance::Compliance::new(self)
    }

    /// A summary of the network.
    pub fn network(&self) -> network::Network<'_> {
        network::Network::new(self)
    }

    /// The auth keys, API access tokens and OAuth clients of the tailnet.
    pub fn keys(&self) -> keys::Keys<'_> {
        keys::Keys::new(self)
    }

    /// The policy file of the tailnet.
    pub fn policy_file(&self) -> policy_file::PolicyFileOf<'_> {
        policy_file::PolicyFileOf::new(self)
    }

    /// The configuration audit log, the network flow logs and log streaming.
    pub fn logging(&self) -> logging::Logging<'_> {
        logging::Logging::new(self)
    }

    /// The settings that apply to all devices and users of the tailnet.
    pub fn tailnet_settings(&self) -> settings::SettingsOf<'_> {
        settings::SettingsOf::new(self)
    }
}

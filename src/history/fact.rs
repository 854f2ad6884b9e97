//! What is remembered: things of a tailnet, and what changed about them.

use super::Seconds;

/// What kind of thing was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A device.
    Device,
    /// A user.
    User,
    /// An auth key, API access token, OAuth client or federated identity.
    Key,
    /// An invitation for a user.
    UserInvite,
    /// The policy file.
    PolicyFile,
    /// The settings of the tailnet.
    Settings,
    /// The DNS configuration.
    Dns,
    /// A contact.
    Contact,
    /// A webhook.
    Webhook,
    /// A posture integration.
    PostureIntegration,
    /// A service.
    Service,
}

impl Kind {
    /// The number in the database. A number is never used again for something else.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Device => 1,
            Self::User => 2,
            Self::Key => 3,
            Self::UserInvite => 4,
            Self::PolicyFile => 5,
            Self::Settings => 6,
            Self::Dns => 7,
            Self::Contact => 8,
            Self::Webhook => 9,
            Self::PostureIntegration => 10,
            Self::Service => 11,
        }
    }
}

/// A field whose changes are remembered, by the name that the API gives it or that we give to what follows
/// from the API's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Field(u8);

/// The fields, and their numbers in the database. A number is never used again for something else.
const FIELDS: &[(u8, &str)] = &[
    (1, "online"),
    (2, "waiting"),
    (3, "clientVersion"),
    (4, "updateAvailable"),
    (5, "expires"),
    (6, "keyExpiryDisabled"),
    (7, "tags"),
    (8, "enabledRoutes"),
    (9, "advertisedRoutes"),
    (10, "name"),
    (11, "hostname"),
    (12, "user"),
    (13, "os"),
    (14, "tailnetLockError"),
    (15, "multipleConnections"),
    (16, "sshEnabled"),
    (17, "homeRegion"),
    (18, "hardNat"),
    (19, "udp"),
    (20, "isExternal"),
    (21, "isEphemeral"),
    (22, "role"),
    (23, "status"),
    (24, "type"),
    (25, "keyType"),
    (26, "revoked"),
    (27, "invalid"),
    (28, "scopes"),
    (30, "content"),
    (31, "devicesApprovalOn"),
    (32, "devicesAutoUpdatesOn"),
    (33, "devicesKeyDurationDays"),
    (34, "usersApprovalOn"),
    (35, "usersRoleAllowedToJoinExternalTailnets"),
    (36, "networkFlowLoggingOn"),
    (37, "regionalRoutingOn"),
    (38, "postureIdentityCollectionOn"),
    (39, "httpsEnabled"),
    (40, "aclsExternallyManagedOn"),
    (41, "aclsExternalLink"),
    (42, "needsVerification"),
    (43, "subscriptions"),
    (44, "provider"),
    (46, "ports"),
    (47, "description"),
    (48, "created"),
];

impl Field {
    /// Whether a device is connected to the control plane.
    pub const ONLINE: Self = Self(1);
    pub(super) const WAITING: Self = Self(2);
    pub(super) const CLIENT_VERSION: Self = Self(3);
    pub(super) const UPDATE_AVAILABLE: Self = Self(4);
    pub(super) const EXPIRES: Self = Self(5);
    pub(super) const KEY_EXPIRY_DISABLED: Self = Self(6);
    pub(super) const TAGS: Self = Self(7);
    pub(super) const ENABLED_ROUTES: Self = Self(8);
    pub(super) const ADVERTISED_ROUTES: Self = Self(9);
    pub(super) const NAME: Self = Self(10);
    pub(super) const HOSTNAME: Self = Self(11);
    pub(super) const USER: Self = Self(12);
    pub(super) const OS: Self = Self(13);
    pub(super) const LOCK_ERROR: Self = Self(14);
    /// Whether several machines connect with the key of a device.
    pub const MULTIPLE_CONNECTIONS: Self = Self(15);
    pub(super) const SSH_ENABLED: Self = Self(16);
    pub(super) const HOME_REGION: Self = Self(17);
    pub(super) const HARD_NAT: Self = Self(18);
    pub(super) const UDP: Self = Self(19);
    pub(super) const IS_EXTERNAL: Self = Self(20);
    pub(super) const IS_EPHEMERAL: Self = Self(21);

    /// The field with this name.
    pub fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|it| it.1 == name).map(|it| Self(it.0))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        FIELDS.iter().find(|it| it.0 == self.0).map_or("unknown", |it| it.1)
    }

    pub(super) fn number(self) -> i64 {
        i64::from(self.0)
    }

    pub(super) fn numbered(number: i64) -> Option<Self> {
        FIELDS.iter().find(|it| i64::from(it.0) == number).map(|it| Self(it.0))
    }

    /// Whether the API leaves the field out of a list of devices with the usual fields.
    pub(super) fn needs_all_fields(self) -> bool {
        matches!(self.name(), "enabledRoutes" | "advertisedRoutes") || (15..=19).contains(&self.0)
    }
}

/// Whether a device is connected to the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// It is connected.
    Up,
    /// It is not, since the time that comes with it: the API told when the connection ended.
    Down,
    /// It is not, and the API does not tell since when.
    Undated,
    /// It was never connected, since it was added.
    Never,
}

impl Connection {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Up => "1",
            Self::Down => "0",
            Self::Undated => "d",
            Self::Never => "n",
        }
    }

    pub(super) fn of(word: &str) -> Self {
        match word {
            "1" => Self::Up,
            "n" => Self::Never,
            "0" => Self::Down,
            _ => Self::Undated,
        }
    }
}

/// A field took a value at a time. Empty stands for false, absent and empty alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The field.
    pub field: Field,
    /// Since when, in seconds since 1970.
    pub at: Seconds,
    /// The value.
    pub value: Box<str>,
}

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
    /// The streaming of a log.
    LogStream,
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
            Self::LogStream => 12,
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
    (49, "lastError"),
    (50, "status.error"),
];

/// Each field has a bit; see [`Field::bit`].
const _: () = assert!(have_bits(FIELDS), "values need a bit for each field");

const fn have_bits(fields: &[(u8, &str)]) -> bool {
    match fields {
        [] => true,
        [first, rest @ ..] => first.0 < 64 && have_bits(rest),
    }
}

impl Field {
    /// Whether a device is connected to the control plane.
    pub const ONLINE: Self = Self(1);
    /// Whether it waits for approval.
    pub const WAITING: Self = Self(2);
    /// The version of its client.
    pub const CLIENT_VERSION: Self = Self(3);
    /// Whether a newer client is available.
    pub const UPDATE_AVAILABLE: Self = Self(4);
    /// When its key expires.
    pub const EXPIRES: Self = Self(5);
    /// Whether its key does not expire.
    pub const KEY_EXPIRY_DISABLED: Self = Self(6);
    /// Its tags.
    pub const TAGS: Self = Self(7);
    /// Its enabled routes.
    pub const ENABLED_ROUTES: Self = Self(8);
    /// The routes that it advertises.
    pub const ADVERTISED_ROUTES: Self = Self(9);
    /// Its name.
    pub const NAME: Self = Self(10);
    /// The host name that it reports.
    pub const HOSTNAME: Self = Self(11);
    /// The login name of its user.
    pub const USER: Self = Self(12);
    /// Its operating system.
    pub const OS: Self = Self(13);
    /// Why its Tailnet Lock signature is not accepted.
    pub const LOCK_ERROR: Self = Self(14);
    /// Whether several machines connect with the key of a device.
    pub const MULTIPLE_CONNECTIONS: Self = Self(15);
    /// Whether it runs Tailscale SSH.
    pub const SSH_ENABLED: Self = Self(16);
    /// The region that it prefers.
    pub const HOME_REGION: Self = Self(17);
    /// Whether its NAT makes direct connections hard: `1` or `0`.
    pub const HARD_NAT: Self = Self(18);
    /// Whether UDP works: `1` or `0`.
    pub const UDP: Self = Self(19);
    /// Whether it is shared in.
    pub const IS_EXTERNAL: Self = Self(20);
    /// Whether it is ephemeral.
    pub const IS_EPHEMERAL: Self = Self(21);
    /// The status of a user.
    pub const STATUS: Self = Self(23);
    /// The kind of a key.
    pub const KEY_TYPE: Self = Self(25);
    /// When a key was revoked.
    pub const REVOKED: Self = Self(26);
    /// Whether a key cannot be used.
    pub const INVALID: Self = Self(27);
    /// Whether network flow logs are on.
    pub const FLOW_LOGGING: Self = Self(36);
    /// When a thing was made.
    pub const CREATED: Self = Self(48);
    /// Why a log stream fails.
    pub const LAST_ERROR: Self = Self(49);
    /// Why a posture integration fails.
    pub const SYNC_ERROR: Self = Self(50);

    /// The field with this name.
    pub fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|it| it.1 == name).map(|it| Self(it.0))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        FIELDS.iter().find(|it| it.0 == self.0).map_or("unknown", |it| it.1)
    }

    /// A bit that no other field has.
    pub(super) const fn bit(self) -> u64 {
        1 << self.0
    }

    /// The fields whose bits are set, in order.
    pub(super) fn of_bits(mut bits: u64) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            let number = u8::try_from(bits.trailing_zeros()).ok().filter(|_| bits != 0)?;
            bits &= bits - 1;
            Some(Self(number))
        })
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

/// A field took a value at a time. Empty stands for false, absent and empty alike; of the tailnet's settings, false
/// is `0`, since a credential may not be allowed to read one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The field.
    pub field: Field,
    /// Since when, in seconds since 1970.
    pub at: Seconds,
    /// The value.
    pub value: Box<str>,
}

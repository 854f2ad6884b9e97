//! What is asked of the API, how often, and what of the answer is compared.

use super::{Field, Kind, Seconds};
use crate::Operation;

const MINUTE: Seconds = 60;
/// Above this many devices, they are looked at less often.
const MANY_DEVICES: usize = 20_000;
const MANY_DEVICES_EVERY: Seconds = 300;

/// Something that is looked at again and again.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its number in the database. A number is never used again for something else.
    pub(super) number: i64,
    /// What it is called in answers.
    pub name: &'static str,
    /// The kind of things that it lists.
    pub(super) kind: Kind,
    /// The operation that lists them.
    pub operation: Operation,
    /// Seconds between two looks.
    pub interval: Seconds,
    pub(super) shape: Shape,
}

/// Where in the answer the things are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// A list of devices.
    Devices,
    /// Entries of the audit log.
    AuditLog,
    /// Records of the flow logs, which are added up.
    FlowLogs,
    /// A list under a name, with the fields that hold an ID and a name.
    List { member: &'static str, key: &'static str, name: &'static str },
    /// One object for each name.
    Named(&'static [&'static str]),
    /// One document, of which the named fields are compared.
    Document,
    /// One document, of which only is known that it changed.
    Content,
    /// The streaming of this log, which need not be set up.
    LogStream(&'static str),
}

impl Source {
    /// The source, if it lists so many things: many devices are looked at less often.
    pub(super) fn of_many(&self, things: usize) -> Self {
        let many = matches!(self.shape, Shape::Devices) && things > MANY_DEVICES;
        let interval = if many { self.interval.max(MANY_DEVICES_EVERY) } else { self.interval };
        Self { interval, ..self.clone() }
    }

    /// How long nobody may have looked for a look to continue the span before it.
    pub(crate) fn longest_gap(&self) -> Seconds {
        self.interval * 3
    }

    /// The devices.
    pub fn devices() -> Self {
        Self {
            number: DEVICES,
            name: "devices",
            kind: Kind::Device,
            operation: Operation::ListTailnetDevices,
            interval: MINUTE,
            shape: Shape::Devices,
        }
    }

    /// The entries of the configuration audit log.
    pub fn audit_log() -> Self {
        Self {
            number: AUDIT_LOG,
            name: "audit log",
            kind: Kind::Settings,
            operation: Operation::ListConfigurationAuditLogs,
            interval: MINUTE,
            shape: Shape::AuditLog,
        }
    }

    /// All of them: 192 requests in an hour.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::devices(), Self::audit_log()];
        let rows = LISTS.iter().enumerate();
        all.extend(rows.map(|(at, &(name, kind, operation, minutes, shape))| Self {
            number: FIRST_LIST + i64::try_from(at).unwrap_or_default(),
            name,
            kind,
            operation,
            interval: minutes * MINUTE,
            shape,
        }));
        all
    }

    /// The flow logs. They are only asked for where the settings say that they are on: 12 more requests in an
    /// hour.
    pub fn flow_logs() -> Self {
        Self {
            number: FLOW_LOGS,
            name: "flow logs",
            kind: Kind::Settings,
            operation: Operation::ListNetworkFlowLogs,
            interval: 5 * MINUTE,
            shape: Shape::FlowLogs,
        }
    }

    /// The names of the fields that are compared, as the API writes them.
    pub fn field_names(&self) -> &'static [&'static str] {
        fields_of(self.kind)
    }

    /// The fields that are compared.
    pub(super) fn fields(&self) -> Vec<Field> {
        fields_of(self.kind).iter().filter_map(|name| Field::named(name)).collect()
    }
}

pub(super) const DEVICES: i64 = 1;
const AUDIT_LOG: i64 = 2;
const FIRST_LIST: i64 = 3;
const FLOW_LOGS: i64 = 1_000;

type Row = (&'static str, Kind, Operation, Seconds, Shape);

/// Add new ones at the end: their place is their number in the database.
const LISTS: &[Row] = &[
    ("users", Kind::User, Operation::ListUsers, 5, list("users", "id", "loginName")),
    ("keys", Kind::Key, Operation::ListTailnetKeys, 5, list("keys", "id", "description")),
    ("user invites", Kind::UserInvite, Operation::ListUserInvites, 5, list("", "id", "id")),
    ("policy file", Kind::PolicyFile, Operation::GetPolicyFile, 15, Shape::Content),
    ("settings", Kind::Settings, Operation::GetTailnetSettings, 15, Shape::Document),
    ("DNS", Kind::Dns, Operation::GetDnsConfiguration, 15, Shape::Content),
    (
        "contacts",
        Kind::Contact,
        Operation::GetContacts,
        15,
        Shape::Named(&["account", "support", "security"]),
    ),
    (
        "webhooks",
        Kind::Webhook,
        Operation::ListWebhooks,
        15,
        list("webhooks", "endpointId", "endpointId"),
    ),
    (
        "posture integrations",
        Kind::PostureIntegration,
        Operation::GetPostureIntegrations,
        15,
        list("integrations", "id", "provider"),
    ),
    ("services", Kind::Service, Operation::ListServices, 15, list("vipServices", "name", "name")),
    log_stream("stream of audit logs", "configuration"),
    log_stream("stream of flow logs", "network"),
];

const fn list(member: &'static str, key: &'static str, name: &'static str) -> Shape {
    Shape::List { member, key, name }
}

const fn log_stream(name: &'static str, log_type: &'static str) -> Row {
    let operation = Operation::GetLogStreamingStatus;
    (name, Kind::LogStream, operation, 15, Shape::LogStream(log_type))
}

/// The names of the fields that are compared, as the API writes them.
fn fields_of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::User => &["role", "status", "type", "created"],
        Kind::Key => &[
            "description",
            "keyType",
            "expires",
            "revoked",
            "invalid",
            "scopes",
            "tags",
            "created",
        ],
        Kind::UserInvite => &["role"],
        Kind::Settings => &[
            "devicesApprovalOn",
            "devicesAutoUpdatesOn",
            "devicesKeyDurationDays",
            "usersApprovalOn",
            "usersRoleAllowedToJoinExternalTailnets",
            "networkFlowLoggingOn",
            "regionalRoutingOn",
            "postureIdentityCollectionOn",
            "httpsEnabled",
            "aclsExternallyManagedOn",
            "aclsExternalLink",
        ],
        Kind::Contact => &["needsVerification"],
        Kind::Webhook => &["subscriptions"],
        Kind::PostureIntegration => &["provider", "status.error"],
        Kind::Service => &["ports", "tags"],
        Kind::LogStream => &["lastError"],
        Kind::Device | Kind::PolicyFile | Kind::Dns => &[],
    }
}

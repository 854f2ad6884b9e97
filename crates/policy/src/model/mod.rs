//! A policy file as Rust types. Unknown sections are listed by name only.

use std::{ops::Range, sync::Arc};

use serde_json::{Map, Value};

use super::{ports::Ports, selector::Selector};

mod access;
mod named;
mod read;
mod rest;

pub(super) use access::unbracketed;
pub use named::{Named, NamedList};
pub(super) use read::read;

/// The names of the top-level sections of a policy file that are known, as Tailscale spells them.
pub const SECTIONS: &[&str] = &[
    "acls",
    "attrConfig",
    "autoApprovers",
    "defaultSrcPosture",
    "derpMap",
    "disableIPv4",
    "extraDNSRecords",
    "grants",
    "groups",
    "hosts",
    "ipsets",
    "nodeAttrs",
    "OneCGNATRoute",
    "postures",
    "randomizeClientPort",
    "ssh",
    "sshTests",
    "tagOwners",
    "tests",
];

/// A string, with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The string.
    pub value: String,
    /// The byte range in the file.
    pub at: Range<usize>,
}

/// The sections of a policy file that this crate interprets.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Model {
    /// Whether the file has `acls` or `grants`. A file that has neither allows everything.
    pub restricts: bool,
    /// Access rules and grants in the order in which they take effect: grants first.
    pub rules: Vec<Rule>,
    /// `groups`
    pub groups: NamedList<Vec<Text>>,
    /// `hosts`
    pub hosts: NamedList<Text>,
    /// `ipsets`
    pub ip_sets: NamedList<Vec<Text>>,
    /// `tagOwners`
    pub tag_owners: NamedList<Vec<Text>>,
    /// `autoApprovers`
    pub approvers: Approvers,
    /// `ssh`
    pub ssh: Vec<SshRule>,
    /// `nodeAttrs`
    pub attributes: Vec<AttributeRule>,
    /// `postures`
    pub postures: NamedList<Vec<Text>>,
    /// `defaultSrcPosture`
    pub default_posture: Vec<Text>,
    /// `tests`
    pub tests: Vec<Test>,
    /// `sshTests`
    pub ssh_tests: Vec<SshTest>,
    /// `randomizeClientPort`
    pub randomize_client_port: bool,
    /// Names of unknown sections.
    pub unknown: Vec<Text>,
}

/// The section of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `grants`
    Grants,
    /// `acls`
    Acls,
}

impl Section {
    /// The name of the section in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grants => "grants",
            Self::Acls => "acls",
        }
    }
}

/// An entry of `acls` or `grants`: who may reach what.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rule {
    /// The section that the rule is in.
    pub section: Section,
    /// The index in the section, from 0.
    pub index: usize,
    /// The byte range in the file.
    pub at: Range<usize>,
    /// The sources.
    pub src: Vec<Selector>,
    /// The destinations with their ports.
    pub dst: Vec<Target>,
    /// Application capabilities and their parameters, by name.
    pub app: Map<String, Value>,
    /// Whether the rule has `app`, even an empty one.
    pub has_app: bool,
    /// Tags of the routers that traffic must pass through.
    pub via: Vec<Selector>,
    /// The device postures that the source must satisfy (one of them).
    pub posture: Vec<Text>,
}

/// A destination of a rule, with its ports.
#[derive(Debug, Clone)]
pub struct Target {
    /// The destination.
    pub selector: Selector,
    /// The ports; empty in a grant that has `app` only.
    pub ports: Arc<[Ports]>,
}

/// The `autoApprovers` section: who may advertise what without manual approval.
#[derive(Debug, Clone, Default)]
pub struct Approvers {
    /// By route prefix: who may advertise the route.
    pub routes: Vec<Named<Vec<Selector>>>,
    /// By service name or tag: who may host the service.
    pub services: Vec<Named<Vec<Selector>>>,
    /// Who may advertise an exit node.
    pub exit_node: Vec<Selector>,
}

/// The action of an SSH rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SshAction {
    /// `accept`: accepts the connection.
    Accept,
    /// `check`: accepts the connection if the user authenticated recently (SSH check mode).
    Check,
}

/// An entry of `ssh`: who may log in where, and as which local users.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SshRule {
    /// The index in `ssh`, from 0.
    pub index: usize,
    /// The byte range in the file.
    pub at: Range<usize>,
    /// The action; `None` if it is missing or invalid.
    pub action: Option<SshAction>,
    /// The action as written.
    pub action_text: Option<Text>,
    /// The sources.
    pub src: Vec<Selector>,
    /// The destinations.
    pub dst: Vec<Selector>,
    /// The local users to log in as.
    pub users: Vec<Text>,
    /// How long a check remains valid, as written: `12h`, `always`.
    pub check_period: Option<Text>,
    /// Names of environment variables that the client may send.
    pub accept_env: Vec<Text>,
    /// The recorder nodes for session recordings.
    pub recorder: Vec<Selector>,
    /// Whether sessions are rejected if they cannot be recorded.
    pub enforce_recorder: bool,
    /// The device postures that the source must satisfy (one of them).
    pub posture: Vec<Text>,
}

/// An entry of `nodeAttrs`: attributes for some devices.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AttributeRule {
    /// The index in `nodeAttrs`, from 0.
    pub index: usize,
    /// The byte range in the file.
    pub at: Range<usize>,
    /// The devices that get the attributes.
    pub target: Vec<Selector>,
    /// The attributes.
    pub attr: Vec<Text>,
    /// Application capabilities and their parameters, by name.
    pub app: Map<String, Value>,
    /// The address ranges from which the devices get their Tailscale IPs.
    pub ip_pool: Vec<Text>,
}

/// An entry of `tests`: a claim about what a source can reach.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Test {
    /// The byte range in the file.
    pub at: Range<usize>,
    /// The source.
    pub src: String,
    /// The posture attributes that the source is assumed to have.
    pub posture: Option<Map<String, Value>>,
    /// The protocol; empty for TCP and UDP.
    pub proto: String,
    /// Destinations that the source must reach.
    pub accept: Vec<Text>,
    /// Destinations that the source must not reach.
    pub deny: Vec<Text>,
}

/// An entry of `sshTests`: a claim about SSH logins.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SshTest {
    /// The byte range in the file.
    pub at: Range<usize>,
    /// The source.
    pub src: String,
    /// The destinations.
    pub dst: Vec<Text>,
    /// Local users as which the source must be able to log in.
    pub accept: Vec<Text>,
    /// Local users as which the source must not be able to log in.
    pub deny: Vec<Text>,
    /// Local users as which the source must be able to log in, in check mode only.
    pub check: Vec<Text>,
}

impl Model {
    /// The members of a group.
    pub fn group(&self, name: &str) -> Option<&[Text]> {
        self.groups.find(name).map(Vec::as_slice)
    }

    /// The address of an entry of `hosts`.
    pub fn host(&self, name: &str) -> Option<&Text> {
        self.hosts.find(name)
    }

    /// The owners of a tag.
    pub fn owners(&self, tag: &str) -> Option<&[Text]> {
        self.tag_owners.find(tag).map(Vec::as_slice)
    }

    /// The entries of an IP set.
    pub fn ip_set(&self, name: &str) -> Option<&[Text]> {
        self.ip_sets.find(name).map(Vec::as_slice)
    }

    /// The conditions of a device posture.
    pub fn posture(&self, name: &str) -> Option<&[Text]> {
        self.postures.find(name).map(Vec::as_slice)
    }
}

impl Rule {
    /// The position of the rule in the file: `grants[3]`.
    pub fn label(&self) -> String {
        format!("{}[{}]", self.section.as_str(), self.index)
    }
}

//! A policy file as types. What nobody here knows stays in the text, and is named.

use std::{ops::Range, sync::Arc};

use serde_json::{Map, Value};

use super::{ports::Ports, selector::Selector};

mod access;
mod read;
mod rest;

pub(super) use access::unbracketed;
pub(super) use read::read;

/// A text, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub value: String,
    /// Where it stands in the file.
    pub at: Range<usize>,
}

/// A name with what it stands for.
#[derive(Debug, Clone)]
pub struct Named<T> {
    /// The name.
    pub name: Text,
    /// What it stands for.
    pub value: T,
}

/// Everything in a policy file that means something here.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Model {
    /// Whether the file has `acls` or `grants` at all. One that has neither allows everything.
    pub restricts: bool,
    /// The rules, in the order in which they take effect: grants first.
    pub rules: Vec<Rule>,
    /// `groups`
    pub groups: Vec<Named<Vec<Text>>>,
    /// `hosts`
    pub hosts: Vec<Named<Text>>,
    /// `ipsets`
    pub ip_sets: Vec<Named<Vec<Text>>>,
    /// `tagOwners`
    pub tag_owners: Vec<Named<Vec<Text>>>,
    /// `autoApprovers`
    pub approvers: Approvers,
    /// `ssh`
    pub ssh: Vec<SshRule>,
    /// `nodeAttrs`
    pub attributes: Vec<AttributeRule>,
    /// `postures`
    pub postures: Vec<Named<Vec<Text>>>,
    /// `defaultSrcPosture`
    pub default_posture: Vec<Text>,
    /// `tests`
    pub tests: Vec<Test>,
    /// `sshTests`
    pub ssh_tests: Vec<SshTest>,
    /// `randomizeClientPort`
    pub randomize_client_port: bool,
    /// Sections that nobody here knows.
    pub unknown: Vec<Text>,
}

/// Which section a rule is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `grants`
    Grants,
    /// `acls`
    Acls,
}

impl Section {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grants => "grants",
            Self::Acls => "acls",
        }
    }
}

/// Who may reach what: an entry of `acls` or `grants`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Rule {
    /// Its section.
    pub section: Section,
    /// Its place in the section, from 0.
    pub index: usize,
    /// Where it stands in the file.
    pub at: Range<usize>,
    /// Who.
    pub src: Vec<Selector>,
    /// What, and on which ports.
    pub dst: Vec<Target>,
    /// Capabilities for applications, with their values.
    pub app: Map<String, Value>,
    /// Whether `app` is there at all.
    pub has_app: bool,
    /// The tags of the routers that it goes through.
    pub via: Vec<Selector>,
    /// The postures that the source needs.
    pub posture: Vec<Text>,
}

/// A destination of a rule, with ports.
#[derive(Debug, Clone)]
pub struct Target {
    /// What.
    pub selector: Selector,
    /// The ports; none in a grant of capabilities alone.
    pub ports: Arc<[Ports]>,
}

/// Who may advertise what without anybody's approval.
#[derive(Debug, Clone, Default)]
pub struct Approvers {
    /// Routes, each with who may.
    pub routes: Vec<Named<Vec<Selector>>>,
    /// Services, by name or tag of the service, each with who may.
    pub services: Vec<Named<Vec<Selector>>>,
    /// Ways out to the internet.
    pub exit_node: Vec<Selector>,
}

/// What a rule for SSH does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SshAction {
    /// It lets in.
    Accept,
    /// It lets in whoever signed in again not long ago.
    Check,
}

/// Who may log in where, and as whom.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SshRule {
    /// Its place in `ssh`, from 0.
    pub index: usize,
    /// Where it stands in the file.
    pub at: Range<usize>,
    /// What it does; none if the file says nothing that counts.
    pub action: Option<SshAction>,
    /// The action as it is written.
    pub action_text: Option<Text>,
    /// Who.
    pub src: Vec<Selector>,
    /// Where.
    pub dst: Vec<Selector>,
    /// As whom.
    pub users: Vec<Text>,
    /// How long ago the sign-in may be, as it is written: `12h`, `always`.
    pub check_period: Option<Text>,
    /// Names of variables that the client may send.
    pub accept_env: Vec<Text>,
    /// Who records the sessions.
    pub recorder: Vec<Selector>,
    /// Whether sessions that cannot be recorded are refused.
    pub enforce_recorder: bool,
    /// The postures that the source needs.
    pub posture: Vec<Text>,
}

/// What devices get besides access.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AttributeRule {
    /// Its place in `nodeAttrs`, from 0.
    pub index: usize,
    /// Where it stands in the file.
    pub at: Range<usize>,
    /// Which devices.
    pub target: Vec<Selector>,
    /// The attributes.
    pub attr: Vec<Text>,
    /// Capabilities with values.
    pub app: Map<String, Value>,
    /// Where their addresses come from.
    pub ip_pool: Vec<Text>,
}

/// A claim about who reaches what.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Test {
    /// Where it stands in the file.
    pub at: Range<usize>,
    /// Who.
    pub src: String,
    /// What their posture is taken to be.
    pub posture: Option<Map<String, Value>>,
    /// The protocol; empty for any usual one.
    pub proto: String,
    /// What they must reach.
    pub accept: Vec<Text>,
    /// What they must not reach.
    pub deny: Vec<Text>,
}

/// A claim about who logs in where.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SshTest {
    /// Where it stands in the file.
    pub at: Range<usize>,
    /// Who.
    pub src: String,
    /// Where.
    pub dst: Vec<Text>,
    /// As whom they must get in.
    pub accept: Vec<Text>,
    /// As whom they must not get in.
    pub deny: Vec<Text>,
    /// As whom they must get in only after a sign-in.
    pub check: Vec<Text>,
}

impl Model {
    /// The members of a group.
    pub fn group(&self, name: &str) -> Option<&[Text]> {
        find(&self.groups, name).map(Vec::as_slice)
    }

    /// The address of a host.
    pub fn host(&self, name: &str) -> Option<&Text> {
        find(&self.hosts, name)
    }

    /// The owners of a tag.
    pub fn owners(&self, tag: &str) -> Option<&[Text]> {
        find(&self.tag_owners, tag).map(Vec::as_slice)
    }

    /// What is in a set of addresses.
    pub fn ip_set(&self, name: &str) -> Option<&[Text]> {
        find(&self.ip_sets, name).map(Vec::as_slice)
    }

    /// The conditions of a posture.
    pub fn posture(&self, name: &str) -> Option<&[Text]> {
        find(&self.postures, name).map(Vec::as_slice)
    }
}

fn find<'n, T>(list: &'n [Named<T>], name: &str) -> Option<&'n T> {
    list.iter().find(|it| it.name.value == name).map(|it| &it.value)
}

impl Rule {
    /// Its place in words: `grants[3]`.
    pub fn label(&self) -> String {
        format!("{}[{}]", self.section.as_str(), self.index)
    }
}

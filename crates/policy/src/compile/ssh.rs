//! The SSH rules that Tailscale sends to a device.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{Bits, Compiled, Names, Set, Special};
use crate::{
    Policy,
    inventory::Device,
    model::{SshAction as Action, SshRule},
    validate::localpart,
};

/// An SSH rule, as Tailscale sends it to a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WireSshRule {
    /// The devices that the rule applies to.
    pub principals: Vec<Principal>,
    /// Maps the requested login name to the local user. The name `*` matches every name, the user `=` is
    /// the requested name, and an empty user refuses the login.
    pub ssh_users: BTreeMap<String, String>,
    /// What happens to a connection that matches.
    pub action: SshAction,
    /// Environment variables that the client may send.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept_env: Vec<String>,
}

/// A source address of an SSH rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Principal {
    /// The IP address.
    #[serde(rename = "nodeIP")]
    pub node_ip: String,
}

/// What happens to an SSH connection that matches a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", untagged)]
pub enum SshAction {
    /// The connection is accepted.
    #[serde(rename_all = "camelCase")]
    Accept {
        /// Always true.
        accept: bool,
        /// Always true.
        allow_agent_forwarding: bool,
        /// Always true.
        allow_local_port_forwarding: bool,
        /// Always true.
        allow_remote_port_forwarding: bool,
    },
    /// Check mode: the user has to reauthenticate, unless they did recently.
    #[serde(rename_all = "camelCase")]
    Check {
        /// The URL at which the device asks whether to accept the connection.
        hold_and_delegate: String,
    },
}

const ACCEPT: SshAction = SshAction::Accept {
    accept: true,
    allow_agent_forwarding: true,
    allow_local_port_forwarding: true,
    allow_remote_port_forwarding: true,
};
const ASK: &str =
    "https://unused/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER";

/// A compiled SSH rule.
pub(crate) struct Login<'w> {
    pub(crate) rule: &'w SshRule,
    /// The devices that may connect.
    pub(crate) source: Bits,
    pub(crate) targets: Vec<Arc<Set>>,
    users: BTreeMap<String, String>,
    /// Domains from `localpart:*@domain`: their users log in under the local part of their login name.
    domains: Vec<&'w str>,
}

pub(super) fn logins<'w>(policy: &'w Policy, names: &mut Names<'w>) -> Vec<Login<'w>> {
    let mut logins = Vec::with_capacity(policy.model.ssh.len());
    for rule in &policy.model.ssh {
        let mut source = Bits::none(names.count());
        for selector in &rule.src {
            let set = names.set(selector);
            source.add_all(&set.devices);
            source.add_all(&set.at_spans);
        }
        if let Some(fit) = names.fit(&rule.posture) {
            source.keep(&fit);
        }
        let targets = rule.dst.iter().map(|it| names.set(it)).collect();
        let is_plain = |it: &&crate::model::Text| localpart(&it.value).is_none();
        let mut users = BTreeMap::from([("root".to_owned(), String::new())]);
        for user in rule.users.iter().filter(is_plain) {
            let (asked, given) = match user.value.as_str() {
                "autogroup:nonroot" => ("*", "="),
                name => (name, name),
            };
            users.insert(asked.to_owned(), given.to_owned());
        }
        let domains = rule.users.iter().filter_map(|it| localpart(&it.value)).collect();
        logins.push(Login { rule, source, targets, users, domains });
    }
    logins
}

impl Login<'_> {
    /// Whether the rule applies to connections to a device, not counting `autogroup:self`.
    pub(crate) fn is_at(&self, device: usize) -> bool {
        self.targets.iter().any(|it| it.special != Special::Own && it.has(device))
    }

    pub(crate) fn has_own(&self) -> bool {
        self.targets.iter().any(|it| it.special == Special::Own)
    }

    /// Whether the rule admits the user `login` (`None` for a tagged device) as the local user `user`.
    pub(crate) fn admits(&self, user: &str, login: Option<&str>) -> bool {
        if user.is_empty() {
            return false;
        }
        let own = login.and_then(|it| self.own_name(it));
        match self.users.get(user) {
            Some(given) => !given.is_empty() || own == Some(user),
            None => own == Some(user) || (user != "root" && self.users.contains_key("*")),
        }
    }

    /// Whether the rule may admit some source as the local user `user`.
    pub(crate) fn may_admit(&self, user: &str) -> bool {
        self.admits(user, None)
            || self.domains.iter().any(|it| self.admits(user, Some(&format!("{user}@{it}"))))
    }

    /// The local part of `login`, if a `localpart:` entry admits users of its domain.
    fn own_name<'l>(&self, login: &'l str) -> Option<&'l str> {
        let (name, domain) = login.rsplit_once('@')?;
        self.domains.iter().any(|it| it.eq_ignore_ascii_case(domain)).then_some(name)
    }

    pub(crate) fn is_check(&self) -> bool {
        self.rule.action == Some(Action::Check)
    }
}

impl<'w> Compiled<'w> {
    /// The SSH rules of a device, given as an index into the inventory. Rules in check mode come first.
    pub fn ssh_rules(&self, device: usize) -> Vec<WireSshRule> {
        let mut rules = Vec::new();
        for login in self.ssh.iter().filter(|it| it.rule.action.is_some()) {
            if login.has_own() {
                let own = self.persons(login, device);
                self.add_logins(login, &own, &mut rules);
            }
            if login.targets.iter().all(|it| it.special == Special::Own) {
                continue;
            }
            if login.is_at(device) {
                self.add_all_logins(login, &mut rules);
            } else if !login.domains.is_empty() && login.source.has(device) {
                // Users whose own name is admitted elsewhere may also log in to their own devices.
                let tagged = self.inventory.devices.get(device).is_some_and(Device::is_tagged);
                let own = if tagged { vec![device] } else { self.persons(login, device) };
                self.add_logins(login, &own, &mut rules);
            }
        }
        rules.sort_by_key(|it| matches!(it.action, SshAction::Accept { .. }));
        rules
    }

    pub(crate) fn logins(&self) -> &[Login<'w>] {
        &self.ssh
    }

    /// The source devices of the rule that belong to the user of `device`.
    fn persons(&self, login: &Login<'_>, device: usize) -> Vec<usize> {
        let own = self.inventory.devices.get(device).filter(|it| !it.is_tagged());
        let all = own.map(|it| self.names.of_user(&it.user)).unwrap_or_default();
        all.iter().copied().filter(|it| login.source.has(*it)).collect()
    }

    fn add_all_logins(&self, login: &Login<'_>, rules: &mut Vec<WireSshRule>) {
        if login.domains.is_empty() {
            let all: Vec<usize> = login.source.iter().collect();
            return self.add_logins(login, &all, rules);
        }
        for user in &self.inventory.users {
            let all = self.names.of_user(&user.login).iter().copied();
            let theirs: Vec<usize> = all.filter(|it| login.source.has(*it)).collect();
            self.add_logins(login, &theirs, rules);
        }
        let is_tagged = |it: &usize| self.inventory.devices.get(*it).is_some_and(Device::is_tagged);
        let tagged: Vec<usize> = login.source.iter().filter(is_tagged).collect();
        self.add_logins(login, &tagged, rules);
    }

    /// Adds the rule for some devices, and a second one for the own name of their user.
    fn add_logins(&self, login: &Login<'_>, devices: &[usize], rules: &mut Vec<WireSshRule>) {
        let Some(first) = devices.first().and_then(|it| self.inventory.devices.get(*it)) else {
            return;
        };
        let addresses = self.addresses_of(devices.iter().copied());
        let action = if login.is_check() {
            SshAction::Check { hold_and_delegate: ASK.to_owned() }
        } else {
            ACCEPT
        };
        let rule = WireSshRule {
            principals: addresses.into_iter().map(|node_ip| Principal { node_ip }).collect(),
            ssh_users: login.users.clone(),
            action,
            accept_env: login.rule.accept_env.iter().map(|it| it.value.clone()).collect(),
        };
        let own = Some(first.user.as_str()).filter(|_| !first.is_tagged());
        let own = own.and_then(|it| login.own_name(it)).map(str::to_owned);
        rules.push(rule.clone());
        if let Some(name) = own {
            rules.push(WireSshRule { ssh_users: BTreeMap::from([(name.clone(), name)]), ..rule });
        }
    }
}

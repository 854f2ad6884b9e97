//! The tests of a policy file: may this source reach that destination?
//!
//! Covered: access rules and grants with users, groups, tags, hosts, autogroups, addresses, prefixes
//! and ranges of them, ports and protocols. Not covered: IP sets match nothing, a rule with
//! `srcPosture` counts only for a test that states attributes, whatever they are; `via`, `app` and
//! SSH rules are not looked at, nor are `sshTests`.

use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::devices::{Device, Devices};
use super::super::http::Object;
use super::super::users::{User, Users};
use super::document::Document;
use super::rules::{Rule, protocol, range_of, unbracketed};

const TCP: u8 = 6;

/// Who and what there is.
#[derive(Clone, Copy)]
pub(super) struct World<'w> {
    pub(super) users: &'w Users,
    pub(super) devices: &'w Devices,
}

/// One end of a connection: a person, a tagged device, an address, or one of the special names.
#[derive(Debug, Clone, Default)]
pub(super) struct Party {
    pub(super) user: Option<String>,
    tags: Vec<String>,
    pub(super) address: Option<IpAddr>,
    /// `*`, `autogroup:self`, `autogroup:internet` or a service, which only themselves select.
    special: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Test {
    #[serde(alias = "user")]
    src: String,
    src_posture_attrs: Option<Value>,
    proto: Option<String>,
    #[serde(alias = "allow")]
    accept: Option<Vec<String>>,
    deny: Option<Vec<String>>,
}

/// Runs tests. The answer has an entry for each that failed, and is empty when all passed.
pub(super) fn failures(document: &Document, tests: &[Value], world: World<'_>) -> Vec<Value> {
    let mut failed = Vec::new();
    for test in tests {
        let (source, errors) = match serde_json::from_value::<Test>(test.clone()) {
            Ok(test) => (test.src.clone(), run(document, &test, world)),
            Err(error) => (String::new(), vec![format!("invalid test: {error}")]),
        };
        if !errors.is_empty() {
            failed.push(json!({ "user": source, "errors": errors }));
        }
    }
    failed
}

/// Whether these are tests at all, be they right or wrong.
pub(super) fn check_tests(tests: &[Value]) -> Result<(), String> {
    for test in tests {
        let read = serde_json::from_value::<Object<Test>>(test.clone());
        read.map_err(|error| format!("invalid test: {error}"))?;
    }
    Ok(())
}

fn run(document: &Document, test: &Test, world: World<'_>) -> Vec<String> {
    let (accept, deny) = (test.accept.iter().flatten(), test.deny.iter().flatten());
    if accept.clone().chain(deny.clone()).next().is_none() {
        return vec!["a test needs accept or deny".to_owned()];
    }
    let sources = match parties(document, world, &test.src) {
        Ok(sources) => sources,
        Err(reason) => return vec![format!("src: {reason}")],
    };
    let wanted = match protocol(test.proto.as_deref().unwrap_or_default()) {
        Ok(wanted) => wanted.unwrap_or(TCP),
        Err(refused) => return vec![refused.message],
    };
    let states_posture = test.src_posture_attrs.as_ref().is_some_and(|it| !it.is_null());
    let mut errors = Vec::new();
    for (text, should_pass) in accept.map(|it| (it, true)).chain(deny.map(|it| (it, false))) {
        let (target, ports) = match destination(document, world, text) {
            Ok(destination) => destination,
            Err(reason) => {
                errors.push(format!("address {text:?}: {reason}"));
                continue;
            }
        };
        let asked = |port: &u16| Question {
            document,
            world,
            protocol: wanted,
            port: *port,
            states_posture,
        };
        let passes =
            |port: &u16, source: &Party| target.iter().all(|end| asked(port).reaches(source, end));
        let reached = |port: &u16| {
            // To be accepted, all of a group must be; one is enough to fail a denial.
            let mut each = sources.iter().map(|source| passes(port, source));
            if should_pass { each.all(|it| it) } else { each.any(|it| it) }
        };
        let is_fine = ports.iter().all(|port| !sources.is_empty() && reached(port) == should_pass);
        if !is_fine {
            let (want, got) = if should_pass { ("Accept", "Drop") } else { ("Drop", "Accept") };
            errors.push(format!("address {text:?}: want: {want}, got: {got}"));
        }
    }
    errors
}

/// The far end of a test and its ports.
fn destination(
    document: &Document,
    world: World<'_>,
    text: &str,
) -> Result<(Vec<Party>, Vec<u16>), String> {
    let (target, ports) = text.rsplit_once(':').ok_or("missing port")?;
    let mut wanted = Vec::new();
    for range in ports.split(',') {
        let (first, last) = range_of(range)?;
        // Both ends of a range stand for all of it.
        wanted.extend([first, last]);
    }
    Ok((parties(document, world, &unbracketed(target))?, wanted))
}

/// Those a test names. Somebody or something that does not exist fails it.
pub(super) fn parties(
    document: &Document,
    world: World<'_>,
    name: &str,
) -> Result<Vec<Party>, String> {
    let person = |login: &str| {
        let known = |user: &&User| user.login_name.eq_ignore_ascii_case(login);
        let found = world.users.iter().find(known);
        found.map(|user| Party { user: Some(user.login_name.to_string()), ..Party::default() })
    };
    if name == "*"
        || name == "autogroup:self"
        || name == "autogroup:internet"
        || name.starts_with("svc:")
    {
        return Ok(vec![Party { special: Some(name.to_owned()), ..Party::default() }]);
    }
    if name.starts_with("autogroup:") {
        let all = world.users.iter().filter_map(|user| person(&user.login_name));
        let in_group = all.filter(|it| in_autogroup(world, name, it)).collect::<Vec<_>>();
        return if is_autogroup(name) { Ok(in_group) } else { Err(format!("unknown {name:?}")) };
    }
    if name.starts_with("tag:") {
        let known = document.tag_owners.contains_key(name);
        let tagged = Party { tags: vec![name.to_owned()], ..Party::default() };
        return known.then(|| vec![tagged]).ok_or(format!("tag not found: {name:?}"));
    }
    if let Some(members) = document.groups.get(name) {
        return Ok(members.iter().filter_map(|login| person(login)).collect());
    }
    if name.contains('@') {
        return person(name).map(|it| vec![it]).ok_or(format!("user not found: {name:?}"));
    }
    let text = document.hosts.get(name).map_or(name, String::as_str);
    let single = text.strip_suffix("/32").or_else(|| text.strip_suffix("/128")).unwrap_or(text);
    let address: IpAddr = single.parse().map_err(|_| format!("{name:?} is not one address"))?;
    Ok(vec![at_address(world, address)])
}

/// Whatever has an address.
pub(super) fn at_address(world: World<'_>, address: IpAddr) -> Party {
    let has_it = |device: &&Device| device.addresses().contains(&address);
    let device = world.devices.iter().find(has_it);
    let owner = device.filter(|it| it.tags.is_empty()).map(|it| it.user.to_string());
    let tags = device.map(|it| it.tags.clone()).unwrap_or_default();
    Party { user: owner, tags, address: Some(address), special: None }
}

fn is_autogroup(name: &str) -> bool {
    let known = [
        "member",
        "members",
        "admin",
        "owner",
        "it-admin",
        "network-admin",
        "billing-admin",
        "auditor",
        "tagged",
        "shared",
        "danger-all",
    ];
    name.strip_prefix("autogroup:").is_some_and(|name| known.contains(&name))
}

fn in_autogroup(world: World<'_>, name: &str, party: &Party) -> bool {
    let login = party.user.as_deref();
    let user = login.and_then(|it| world.users.iter().find(|user| *user.login_name == *it));
    match name.strip_prefix("autogroup:").unwrap_or_default() {
        "danger-all" => true,
        "tagged" => !party.tags.is_empty(),
        "member" | "members" => user.is_some_and(|user| !user.is_shared),
        "shared" => user.is_some_and(|user| user.is_shared),
        role => user.is_some_and(|user| !user.is_shared && user.role == role),
    }
}

/// Whether a connection with a protocol to a port is let through.
struct Question<'q> {
    document: &'q Document,
    world: World<'q>,
    protocol: u8,
    port: u16,
    states_posture: bool,
}

impl Question<'_> {
    fn reaches(&self, source: &Party, target: &Party) -> bool {
        let Some(rules) = &self.document.rules else { return true };
        rules.iter().any(|rule| {
            (!rule.needs_posture || self.states_posture)
                && rule.src.iter().any(|it| selects(self.document, self.world, it, source, None))
                && self.opens(rule, source, target)
        })
    }

    fn opens(&self, rule: &Rule, source: &Party, target: &Party) -> bool {
        let ports_fit = |protocol: Option<u8>, first: u16, last: u16| {
            let usual = matches!(self.protocol, 1 | TCP | 17 | 58);
            protocol.map_or(usual, |it| it == self.protocol)
                && (!matches!(self.protocol, TCP | 17 | 132) || (first..=last).contains(&self.port))
        };
        rule.dst.iter().any(|dst| {
            dst.ports.iter().any(|it| ports_fit(it.protocol, it.first, it.last))
                && selects(self.document, self.world, &dst.selector, target, Some(source))
        })
    }
}

/// Whether a selector of a rule means a party. The source is given for destinations.
pub(super) fn selects(
    document: &Document,
    world: World<'_>,
    selector: &str,
    party: &Party,
    source: Option<&Party>,
) -> bool {
    if selector == "*" || party.special.as_deref() == Some(selector) {
        return true;
    }
    if party.special.is_some() {
        return false;
    }
    let is_user =
        |login: &str| party.user.as_ref().is_some_and(|it| it.eq_ignore_ascii_case(login));
    if selector == "autogroup:self" {
        let owner = source.and_then(|source| source.user.as_deref());
        return owner.is_some_and(is_user);
    }
    if selector == "autogroup:internet" {
        return party.address.is_some_and(is_public);
    }
    if selector.starts_with("autogroup:") {
        return in_autogroup(world, selector, party);
    }
    if selector.starts_with("tag:") {
        return party.tags.iter().any(|tag| tag == selector);
    }
    if let Some(members) = document.groups.get(selector) {
        return members.iter().any(|login| is_user(login));
    }
    if let Some(domain) = selector.strip_prefix("*@") {
        let at = party.user.as_deref().and_then(|login| login.split_once('@'));
        return at.is_some_and(|(_, it)| it.eq_ignore_ascii_case(domain));
    }
    if selector.contains('@') {
        return is_user(selector);
    }
    let text = document.hosts.get(selector).map_or(selector, String::as_str);
    party.address.is_some_and(|address| contains(text, address))
}

/// Whether an address, a prefix or a range contains an address.
fn contains(text: &str, address: IpAddr) -> bool {
    if let Some((first, last)) = text.split_once('-') {
        let ends = first.parse::<IpAddr>().ok().zip(last.parse::<IpAddr>().ok());
        return ends.is_some_and(|(first, last)| (first..=last).contains(&address));
    }
    let (base, length) = text.split_once('/').unwrap_or((text, "128"));
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else {
        return false;
    };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let ignored = 32_u32.saturating_sub(length);
            let part = |it: u32| it.checked_shr(ignored).unwrap_or(0);
            part(base.into()) == part(address.into())
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let ignored = 128_u32.saturating_sub(length);
            let part = |it: u128| it.checked_shr(ignored).unwrap_or(0);
            part(base.into()) == part(address.into())
        }
        _ => false,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            let [first, second, ..] = it.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(it.is_private() || it.is_loopback() || it.is_link_local() || shared)
        }
        IpAddr::V6(it) => !(it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local()),
    }
}

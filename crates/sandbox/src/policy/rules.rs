//! Who may reach what: access rules and grants, read into one form.

use serde_json::{Map, Value};

use super::super::http::Failure;
use super::document::{Document, section};

/// A rule. Grants that only give application capabilities open no port.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(super) src: Vec<String>,
    pub(super) dst: Vec<Destination>,
    /// Whether it is of the older kind, which is taken more leniently.
    is_acl: bool,
    /// Holds only for devices in a certain posture.
    pub(super) needs_posture: bool,
}

/// A selector, and the ports of what it selects.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) selector: String,
    pub(super) ports: Vec<Ports>,
}

/// Ports of a protocol; none means TCP, UDP and ICMP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) protocol: Option<u8>,
    pub(super) first: u16,
    pub(super) last: u16,
}

impl Ports {
    /// As the policy writes them.
    pub(super) fn text(self) -> String {
        match (self.first, self.last) {
            (0, u16::MAX) => "*".to_owned(),
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        }
    }
}

const ALL: (u16, u16) = (0, u16::MAX);

/// The rules of a policy file; none where it has neither section.
pub(super) fn read(
    sections: &Map<String, Value>,
    document: &Document,
) -> Result<Option<Vec<Rule>>, Failure> {
    let (acls, grants) = (section(sections, "acls"), section(sections, "grants"));
    if acls.is_none() && grants.is_none() {
        return Ok(None);
    }
    let mut rules = Vec::new();
    for rule in entries(acls, "acls")? {
        rules.push(acl(rule)?);
    }
    for rule in entries(grants, "grants")? {
        rules.push(grant(rule)?);
    }
    for rule in &rules {
        check(rule, document)?;
    }
    Ok(Some(rules))
}

fn entries<'v>(section: Option<&'v Value>, name: &str) -> Result<Vec<&'v Value>, Failure> {
    let Some(section) = section else { return Ok(Vec::new()) };
    let list = section.as_array().filter(|list| list.iter().all(Value::is_object));
    let list = list.ok_or_else(|| refuse(format!("{name} must be a list of rules")))?;
    Ok(list.iter().collect())
}

fn refuse(message: String) -> Failure {
    Failure::bad_request(message)
}

/// A list of texts, under its name or the older one.
fn texts(rule: &Value, name: &str, older: &str) -> Result<Vec<String>, Failure> {
    let value = rule.get(name).or_else(|| rule.get(older)).unwrap_or(&Value::Null);
    let list: Option<Vec<String>> = serde_json::from_value(value.clone())
        .map_err(|_| refuse(format!("{name:?} must be a list of texts")))?;
    Ok(list.unwrap_or_default())
}

fn acl(rule: &Value) -> Result<Rule, Failure> {
    let action = rule.get("action").and_then(Value::as_str).unwrap_or_default();
    if action != "accept" {
        return Err(refuse(format!("{action:?} is not a valid action")));
    }
    let protocol = protocol(rule.get("proto").and_then(Value::as_str).unwrap_or_default())?;
    let mut dst = Vec::new();
    for text in texts(rule, "dst", "ports")? {
        let invalid = |reason: String| refuse(format!("dst={text:?}: {reason}"));
        let (selector, ports) =
            text.rsplit_once(':').ok_or_else(|| invalid("missing port".to_owned()))?;
        let mut ranges = Vec::new();
        for range in ports.split(',') {
            let (first, last) = range_of(range).map_err(invalid)?;
            ranges.push(Ports { protocol, first, last });
        }
        dst.push(Destination { selector: unbracketed(selector), ports: ranges });
    }
    let src = texts(rule, "src", "users")?;
    Ok(Rule { src, dst, is_acl: true, needs_posture: needs_posture(rule) })
}

fn grant(rule: &Value) -> Result<Rule, Failure> {
    let wanted = texts(rule, "ip", "ip")?;
    let apps = rule.get("app").and_then(Value::as_object);
    let apps: Vec<&String> = apps.into_iter().flat_map(Map::keys).collect();
    if wanted.is_empty() && apps.is_empty() {
        return Err(refuse("ip and app can not both be empty".to_owned()));
    }
    let mut ports = Vec::new();
    for text in wanted {
        let invalid = |reason: String| refuse(format!("ip={text:?}: {reason}"));
        let (protocol_name, range) = text.split_once(':').unwrap_or(("", &text));
        let (first, last) = range_of(range).map_err(invalid)?;
        ports.push(Ports { protocol: protocol(protocol_name)?, first, last });
    }
    let selectors = texts(rule, "dst", "dst")?;
    let is_name = |name: &String| {
        name.split_once('/').is_some_and(|(domain, path)| domain.contains('.') && !path.is_empty())
    };
    if !apps.iter().all(|name| is_name(name)) {
        return Err(refuse("capability name must have the form {domain}/{path}".to_owned()));
    }
    if !apps.is_empty() && selectors.iter().any(|it| it == "autogroup:internet") {
        return Err(refuse("cannot use app grants with autogroup:internet".to_owned()));
    }
    let whole = selectors.iter().find(|it| matches!(it.as_str(), "0.0.0.0/0" | "::/0"));
    if let Some(whole) = whole {
        return Err(refuse(format!(
            "dst {whole:?}: to allow all IP addresses, use \"*\" or \"autogroup:internet\""
        )));
    }
    let dst = selectors.into_iter().map(|selector| Destination { selector, ports: ports.clone() });
    let dst = dst.collect();
    let src = texts(rule, "src", "src")?;
    Ok(Rule { src, dst, is_acl: false, needs_posture: needs_posture(rule) })
}

fn needs_posture(rule: &Value) -> bool {
    rule.get("srcPosture").and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

/// An IPv6 address may stand in brackets before a port.
pub(super) fn unbracketed(selector: &str) -> String {
    let inside = selector.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.unwrap_or(selector).to_owned()
}

/// `*`, `22` or `80-90`.
pub(super) fn range_of(text: &str) -> Result<(u16, u16), String> {
    if text == "*" {
        return Ok(ALL);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |part: &str, which: &str| {
        part.parse::<u16>().map_err(|_| format!("port range {text:?}: invalid {which} integer"))
    };
    let range = (number(first, "first")?, number(last, "last")?);
    if range.0 > range.1 {
        Err(format!("port range {text:?}: ends before it starts"))
    } else {
        Ok(range)
    }
}

/// The number of a protocol; none for the usual three.
pub(super) fn protocol(name: &str) -> Result<Option<u8>, Failure> {
    let number = match name.to_ascii_lowercase().as_str() {
        "" => return Ok(None),
        "icmp" => 1,
        "igmp" => 2,
        "ipv4" | "ip-in-ip" => 4,
        "tcp" => 6,
        "egp" => 8,
        "igp" => 9,
        "udp" => 17,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "ipv6-icmp" => 58,
        "sctp" => 132,
        other => other.parse().map_err(|_| refuse(format!("unknown protocol {name:?}")))?,
    };
    Ok(Some(number))
}

/// Every name has to be known.
fn check(rule: &Rule, document: &Document) -> Result<(), Failure> {
    for selector in &rule.src {
        if selector == "autogroup:self" {
            return Err(refuse(format!("{selector:?} not valid on the src side of a rule")));
        }
        if let Some(reason) = unknown(selector, document) {
            return Err(refuse(format!("src={reason}")));
        }
    }
    for Destination { selector, .. } in &rule.dst {
        if let Some(reason) = unknown(selector, document) {
            return Err(refuse(format!("dst={selector:?}: {reason}")));
        }
        let of_people = |src: &String| {
            src.starts_with("group:")
                || src.contains('@')
                || (src.starts_with("autogroup:") && src != "autogroup:tagged")
                || (src == "*" && rule.is_acl)
        };
        if selector == "autogroup:self" && !rule.src.iter().all(of_people) {
            return Err(refuse(
                "autogroup:self can only be used with users, groups, or supported autogroups"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

fn unknown(selector: &str, document: &Document) -> Option<String> {
    if selector.starts_with("tag:") && !document.tag_owners.contains_key(selector) {
        return Some(format!("tag not found: {selector:?}"));
    }
    if selector.starts_with("group:") && !document.groups.contains_key(selector) {
        return Some(format!("group not found: {selector:?}"));
    }
    None
}

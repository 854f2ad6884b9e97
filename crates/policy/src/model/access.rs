//! Reads `acls` and `grants`.

use std::sync::Arc;

use super::{Rule, Section, Target, Text, read::Reader};
use crate::{
    hujson::Node,
    ports::{self, Ports},
    selector::{Selector, SelectorKind},
};

pub(super) fn rules(
    node: &Node,
    section: Section,
    reader: &mut Reader<'_, '_>,
    into: &mut Vec<Rule>,
) {
    reader.entries(node, |reader, index, entry| {
        let mut rule = Rule {
            section,
            index,
            at: entry.at.clone(),
            src: Vec::new(),
            dst: Vec::new(),
            app: serde_json::Map::new(),
            has_app: false,
            via: Vec::new(),
            posture: Vec::new(),
        };
        match section {
            Section::Acls => acl(entry, reader, &mut rule),
            Section::Grants => grant(entry, reader, &mut rule),
        }
        into.push(rule);
    });
}

fn acl(node: &Node, reader: &mut Reader<'_, '_>, rule: &mut Rule) {
    let (mut action, mut protocol, mut targets) = (None, None, Vec::new());
    reader.fields(node, |reader, name, value| {
        match name.to_ascii_lowercase().as_str() {
            "action" => action = reader.text(value),
            "src" | "users" => rule.src = reader.selectors(value),
            "dst" | "ports" => targets = reader.texts(value),
            "proto" => protocol = reader.text(value),
            "srcposture" => rule.posture = reader.texts(value),
            _ => return false,
        }
        true
    });
    let action_name = action.as_ref().map(|it| it.value.as_str()).unwrap_or_default();
    if action_name != "accept" {
        let at = action.as_ref().map_or(&rule.at, |it| &it.at).clone();
        reader.below(".action", |it| {
            it.error(&at, format!("action={action_name:?} is not supported"));
        });
    }
    let protocol = protocol.and_then(|it| match ports::protocol(it.value.trim()) {
        Ok(number) => number,
        Err(wrong) => {
            reader.below(".proto", |reader| reader.error(&it.at, wrong.to_string()));
            None
        }
    });
    for (index, text) in targets.iter().enumerate() {
        let target = reader.below(&format!(".dst[{index}]"), |it| target(text, protocol, it));
        rule.dst.extend(target);
    }
}

/// Parses a destination such as `tag:web:80,443`: the ports follow the last colon.
fn target(text: &Text, protocol: Option<u8>, reader: &mut Reader<'_, '_>) -> Option<Target> {
    let written = text.value.trim();
    let Some((name, ports)) = written.rsplit_once(':') else {
        let message = format!("dst={written:?}: hostport must contain a colon (\":\")");
        reader.error(&text.at, message);
        return None;
    };
    let ports = match ports::list(ports, protocol) {
        Ok(ports) => ports,
        Err(wrong) => {
            reader.error(&text.at, format!("dst={written:?}: {wrong}"));
            return None;
        }
    };
    let selector = Selector::parse(&unbracketed(name), text.at.clone());
    Some(Target { selector, ports: ports.into() })
}

/// Removes the brackets that an IPv6 address may have before a port.
pub(crate) fn unbracketed(name: &str) -> String {
    match name.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((address, rest)) if rest.is_empty() || rest.starts_with('/') => {
            format!("{address}{rest}")
        }
        _ => name.to_owned(),
    }
}

fn grant(node: &Node, reader: &mut Reader<'_, '_>, rule: &mut Rule) {
    let (mut targets, mut ip) = (Vec::new(), Vec::new());
    reader.fields(node, |reader, name, value| {
        match name.to_ascii_lowercase().as_str() {
            "src" => rule.src = reader.selectors(value),
            "dst" => targets = reader.selectors(value),
            "ip" => ip = reader.texts(value),
            "app" => {
                rule.app = reader.values(value);
                rule.has_app = !value.is_null();
            }
            "via" => rule.via = reader.selectors(value),
            "srcposture" => rule.posture = reader.texts(value),
            _ => return false,
        }
        true
    });
    let not_a_tag = |it: &&Selector| !matches!(it.kind, SelectorKind::Tag(_));
    if let Some(via) = rule.via.iter().find(not_a_tag) {
        let at = via.at.clone();
        reader.below(".via", |it| it.error(&at, "via can only be a tag".to_owned()));
    }
    if ip.is_empty() && rule.app.is_empty() {
        reader.error(&node.at, "ip and app can not both be empty".to_owned());
    }
    let mut ports = Vec::with_capacity(ip.len());
    for text in &ip {
        match Ports::of_grant(text.value.trim()) {
            Ok(it) => ports.push(it),
            Err(wrong) => reader.below(".ip", |it| it.error(&text.at, wrong.to_string())),
        }
    }
    let ports: Arc<[Ports]> = ports.into();
    let target = |selector| Target { selector, ports: Arc::clone(&ports) };
    rule.dst = targets.into_iter().map(target).collect();
}

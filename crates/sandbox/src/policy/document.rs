//! Reading a policy file: HuJSON, the sections, and what the rest of the sandbox asks about it.

use std::collections::BTreeMap;

use jsonc_parser::{CollectOptions, ParseOptions, ast, parse_to_ast, parse_to_serde_value};
use serde_json::{Map, Value};

use super::super::http::Failure;
use super::rules::{self, Rule};

/// Top-level keys of a policy file. They are matched without regard to case.
const SECTIONS: &[&str] = &[
    "acls",
    "attrconfig",
    "autoapprovers",
    "defaultsrcposture",
    "derpmap",
    "disableipv4",
    "grants",
    "groups",
    "hosts",
    "ipsets",
    "nodeattrs",
    "onecgnatroute",
    "postures",
    "randomizeclientport",
    "ssh",
    "sshtests",
    "tagowners",
    "tests",
];

/// A policy file that makes sense.
#[derive(Debug, Clone, Default)]
pub(crate) struct Document {
    /// As JSON, without the comments.
    pub(super) json: Value,
    pub(super) groups: BTreeMap<String, Vec<String>>,
    pub(super) tag_owners: BTreeMap<String, Vec<String>>,
    pub(super) hosts: BTreeMap<String, String>,
    /// None where the file says nothing about access, and so allows all of it.
    pub(super) rules: Option<Vec<Rule>>,
    /// The line each rule starts on, counted from 1.
    pub(super) lines: Vec<usize>,
    pub(super) tests: Vec<Value>,
}

impl Document {
    pub(super) fn read(text: &str) -> Result<Self, Failure> {
        let json: Value = parse_to_serde_value(text, &options())
            .map_err(|error| Failure::bad_request(format!("error parsing policy file: {error}")))?;
        let sections = json
            .as_object()
            .ok_or_else(|| Failure::bad_request("the policy file must be an object"))?;
        let unknown = sections.keys().find(|key| !SECTIONS.contains(&key.to_lowercase().as_str()));
        if let Some(key) = unknown {
            return Err(Failure::bad_request(format!("json: unknown field {key:?}")));
        }
        let groups = names_to_lists(sections, "groups", "group:")?;
        for (name, members) in &groups {
            if let Some(inner) = members.iter().find(|member| member.starts_with("group:")) {
                return Err(Failure::bad_request(format!(
                    "groups[{name:?}]: {inner:?}: group members cannot be recursive"
                )));
            }
        }
        let tag_owners = names_to_lists(sections, "tagowners", "tag:")?;
        let hosts: BTreeMap<String, String> = typed(sections, "hosts")?;
        let tests: Vec<Value> = typed(sections, "tests")?;
        let mut document = Self { groups, tag_owners, hosts, tests, ..Self::default() };
        document.rules = rules::read(sections, &document)?;
        document.lines = lines(text);
        document.json = json;
        Ok(document)
    }

    /// Whether the auto-approvers let devices with these tags host a service, by its name or a tag.
    pub(super) fn approves_service(&self, key: &str, tags: &[String]) -> bool {
        let Some(approvers) = self.json.as_object().and_then(|it| section(it, "autoapprovers"))
        else {
            return false;
        };
        let listed = approvers.get("services").and_then(|it| it.get(key));
        let listed = listed.and_then(Value::as_array).into_iter().flatten();
        listed.filter_map(Value::as_str).any(|approver| tags.iter().any(|tag| tag == approver))
    }
}

/// HuJSON is JSON with comments and trailing commas, nothing looser.
fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        ..ParseOptions::default()
    }
}

/// A section that is there and not null.
pub(super) fn section<'s>(sections: &'s Map<String, Value>, name: &str) -> Option<&'s Value> {
    let found = sections.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

/// A section as a type; empty where it is absent.
fn typed<T: Default + serde::de::DeserializeOwned>(
    sections: &Map<String, Value>,
    name: &str,
) -> Result<T, Failure> {
    let Some(value) = section(sections, name) else { return Ok(T::default()) };
    serde_json::from_value(value.clone())
        .map_err(|error| Failure::bad_request(format!("invalid section {name:?}: {error}")))
}

/// Reads a section that maps names with a prefix to lists of strings.
fn names_to_lists(
    sections: &Map<String, Value>,
    section: &str,
    prefix: &str,
) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let lists: BTreeMap<String, Option<Vec<String>>> = typed(sections, section)?;
    if let Some(name) = lists.keys().find(|name| !name.starts_with(prefix)) {
        return Err(Failure::bad_request(format!("{section}: {name:?} must start with {prefix}")));
    }
    Ok(lists.into_iter().map(|(name, list)| (name, list.unwrap_or_default())).collect())
}

/// The lines the rules start on, in the order they are read: access rules first, then grants.
fn lines(text: &str) -> Vec<usize> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options());
    let Some(ast::Value::Object(file)) = parsed.ok().and_then(|it| it.value) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for name in ["acls", "grants"] {
        let named = |it: &&ast::ObjectProp<'_>| it.name.as_str().eq_ignore_ascii_case(name);
        let section = file.properties.iter().find(named).and_then(|it| it.value.as_array());
        for rule in section.into_iter().flat_map(|section| &section.elements) {
            let before = text.get(..jsonc_parser::common::Ranged::start(rule));
            lines.push(1 + before.unwrap_or_default().matches('\n').count());
        }
    }
    lines
}

//! The policy file: `HuJSON` kept byte for byte, and the few things the sandbox reads in it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::{Map, Value, json};

use super::audit::{Event, Target};
use super::http::{Call, Failure, Outcome, Reply, bracketed};
use super::ids;

/// The policy of a tailnet nobody has edited yet, which an empty body brings back.
const DEFAULT: &str = include_str!("seed/default-policy.hujson");

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

/// The stored policy file.
#[derive(Debug)]
pub(crate) struct Policy {
    text: String,
    document: Value,
    etag: String,
    untouched: bool,
    tag_owners: BTreeMap<String, Vec<String>>,
}

impl Policy {
    /// Stores a text that is known to be good, or else the default policy.
    pub(crate) fn new(text: String, rng: &mut Rng) -> Self {
        let etag = ids::hex_digest(rng.u64(..), 0);
        let blank = Self {
            text: String::new(),
            document: json!({}),
            etag,
            untouched: false,
            tag_owners: BTreeMap::new(),
        };
        match parse(&text) {
            Ok((document, tag_owners)) => Self { text, document, tag_owners, ..blank },
            Err(_) => Self { text: DEFAULT.to_owned(), untouched: true, ..blank },
        }
    }

    pub(crate) fn declares_tag(&self, tag: &str) -> bool {
        self.tag_owners.contains_key(tag)
    }

    /// The owners of a tag; empty when it is not declared.
    pub(crate) fn tag_owners(&self, tag: &str) -> &[String] {
        self.tag_owners.get(tag).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a write that carries this `If-Match` header may go ahead.
    fn matches(&self, if_match: &str) -> bool {
        let wanted = if_match.trim().trim_matches('"');
        match wanted {
            "" | "*" => true,
            "ts-default" => self.untouched,
            _ => wanted == self.etag,
        }
    }

    fn reply(&self, accept: &str) -> Outcome {
        let reply = if accept.contains("application/json") {
            Reply::json(&self.document)?
        } else {
            Reply::text("application/hujson", &self.text)
        };
        Ok(reply.with_header("etag", format!("\"{}\"", self.etag)))
    }

    fn details(&self) -> Outcome {
        let body = json!({ "acl": STANDARD.encode(&self.text), "warnings": [], "errors": null });
        Ok(Reply::json(&body)?.with_header("etag", format!("\"{}\"", self.etag)))
    }
}

/// The refusal of tags that are not declared, or not the caller's to give.
pub(crate) fn tags_refused(tags: &[String]) -> Failure {
    let list = bracketed(tags);
    Failure::bad_request(format!("requested tags {list} are invalid or not permitted"))
}

/// `GET /tailnet/{tailnet}/acl`: JSON if asked for, `HuJSON` otherwise.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    if call.query("details").is_some_and(|value| matches!(value, "true" | "1")) {
        return call.state.policy.details();
    }
    call.state.policy.reply(call.header("accept"))
}

/// `POST /tailnet/{tailnet}/acl`: replaces the file; every write has a new `ETag`.
pub(crate) fn set(call: &mut Call<'_>) -> Outcome {
    if !call.state.policy.matches(call.header("if-match")) {
        return Err(Failure::new(412, "precondition failed, invalid old hash"));
    }
    let text = std::str::from_utf8(&call.body)
        .map_err(|_| Failure::bad_request("the policy file is not UTF-8"))?;
    let reset = text.trim().is_empty();
    // Strict JSON is checked as such. The real service blames comments with this same, misleading
    // message.
    let strict = call.header("content-type").starts_with("application/json");
    if strict && !reset && serde_json::from_str::<Value>(text).is_err() {
        return Err(Failure::bad_request("exactly one capability scope must be populated"));
    }
    let text = if reset { DEFAULT } else { text }.to_owned();
    let (document, tag_owners) = parse(&text)?;
    let etag = ids::hex_digest(call.state.rng.u64(..), 0);
    let next = Policy { text, document, etag, untouched: reset, tag_owners };
    let old = std::mem::replace(&mut call.state.policy, next);
    let (old, new) = (Value::from(old.text), Value::from(call.state.policy.text.as_str()));
    call.record(Event::new("UPDATE", Target::tailnet()).property("ACL", old, new));
    call.state.policy.reply(call.header("accept"))
}

type Parsed = (Value, BTreeMap<String, Vec<String>>);

fn parse(text: &str) -> Result<Parsed, Failure> {
    // HuJSON is JSON with comments and trailing commas, nothing looser.
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        ..ParseOptions::default()
    };
    let document: Value = parse_to_serde_value(text, &options)
        .map_err(|error| Failure::bad_request(format!("error parsing policy file: {error}")))?;
    let sections = document
        .as_object()
        .ok_or_else(|| Failure::bad_request("the policy file must be an object"))?;
    let unknown = sections.keys().find(|key| !SECTIONS.contains(&key.to_lowercase().as_str()));
    if let Some(key) = unknown {
        return Err(Failure::bad_request(format!("json: unknown field {key:?}")));
    }
    names_to_lists(sections, "groups", "group:")?;
    let tag_owners = names_to_lists(sections, "tagowners", "tag:")?;
    Ok((document, tag_owners))
}

/// Reads a section that maps names with a prefix to lists of strings.
fn names_to_lists(
    sections: &Map<String, Value>,
    section: &str,
    prefix: &str,
) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let found = sections.iter().find(|(key, _)| key.eq_ignore_ascii_case(section));
    let Some((_, value)) = found.filter(|(_, value)| !value.is_null()) else {
        return Ok(BTreeMap::new());
    };
    let lists: BTreeMap<String, Option<Vec<String>>> = serde_json::from_value(value.clone())
        .map_err(|error| Failure::bad_request(format!("invalid section {section:?}: {error}")))?;
    if let Some(name) = lists.keys().find(|name| !name.starts_with(prefix)) {
        return Err(Failure::bad_request(format!("{section}: {name:?} must start with {prefix}")));
    }
    Ok(lists.into_iter().map(|(name, list)| (name, list.unwrap_or_default())).collect())
}

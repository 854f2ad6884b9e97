//! The policy file: stored byte for byte, and evaluated by the policy crate.

mod inventory;
mod validate;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tailsteward_policy::Policy as Engine;
use tailsteward_policy::check_untested;

use super::audit::{Event, Target};
use super::http::{Call, Failure, Outcome, Reply, bracketed};
use super::ids;

pub(crate) use validate::{preview, validate};

/// The default policy file of a new tailnet. Posting an empty body restores it.
const DEFAULT: &str = include_str!("../seed/default-policy.hujson");

/// The stored policy file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(from = "Saved")]
pub(crate) struct Policy {
    text: String,
    #[serde(skip_serializing)]
    engine: Engine,
    etag: String,
    untouched: bool,
}

/// The part of it that is saved; the rest is computed from the text.
#[derive(Deserialize)]
struct Saved {
    text: String,
    etag: String,
    untouched: bool,
}

impl From<Saved> for Policy {
    fn from(Saved { text, etag, untouched }: Saved) -> Self {
        let engine = Engine::parse(&text).unwrap_or_default();
        Self { text, engine, etag, untouched }
    }
}

impl Policy {
    /// Stores a text that is known to be valid; an invalid one is replaced by the default policy file.
    pub(crate) fn new(text: String, rng: &mut Rng) -> Self {
        let etag = ids::hex_digest(rng.u64(..), 0);
        let untouched = !check_untested(&text, None).is_accepted();
        let text = if untouched { DEFAULT.to_owned() } else { text };
        Self::from(Saved { text, etag, untouched })
    }

    pub(crate) fn declares_tag(&self, tag: &str) -> bool {
        self.engine.model().owners(tag).is_some()
    }

    /// Whether one of `holders` is listed as an owner of a tag.
    pub(crate) fn is_owned_by(&self, tag: &str, holders: &[String]) -> bool {
        let owners = self.engine.model().owners(tag).unwrap_or_default();
        owners.iter().any(|owner| holders.contains(&owner.value))
    }

    /// Whether `autoApprovers` lets devices with these tags host a service, given by its name or tag.
    pub(crate) fn approves_service(&self, key: &str, tags: &[String]) -> bool {
        let mut entries = self.engine.model().approvers.services.iter();
        let approvers = entries.find(|entry| entry.name.value == key).map(|entry| &entry.value);
        approvers.is_some_and(|list| list.iter().any(|approver| tags.contains(&approver.text)))
    }

    /// Whether an `If-Match` header matches the current version.
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
            Reply::json(&self.engine.document().root().to_json())?
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

/// The error for tags that are not declared or that the caller may not assign.
pub(crate) fn tags_refused(tags: &[String]) -> Failure {
    let list = bracketed(tags);
    Failure::bad_request(format!("requested tags {list} are invalid or not permitted"))
}

/// `GET /tailnet/{tailnet}/acl`: JSON if the client asks for it, `HuJSON` otherwise.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    if call.switch("details")? {
        return call.state.policy.details();
    }
    call.state.policy.reply(call.header("accept"))
}

/// `POST /tailnet/{tailnet}/acl`: replaces the file if its tests pass. Every write changes the `ETag`.
pub(crate) fn set(call: &mut Call<'_>) -> Outcome {
    if !call.state.policy.matches(call.header("if-match")) {
        return Err(Failure::new(412, "precondition failed, invalid old hash"));
    }
    let text = call.text()?;
    let reset = text.trim().is_empty();
    // A JSON body must be strict JSON. For comments, the real API returns this same, misleading message.
    let strict = call.header("content-type").starts_with("application/json");
    if strict && !reset && serde_json::from_str::<Value>(text).is_err() {
        return Err(Failure::bad_request("exactly one capability scope must be populated"));
    }
    let text = if reset { DEFAULT } else { text }.to_owned();
    let engine = validate::read_tested(&text, &call.state.inventory())?;
    let etag = ids::hex_digest(call.state.rng.u64(..), 0);
    let next = Policy { text, engine, etag, untouched: reset };
    let old = std::mem::replace(&mut call.state.policy, next);
    let target = Target::tailnet(&call.state.identity);
    let (old, new) = (Value::from(old.text), Value::from(call.state.policy.text.as_str()));
    call.record(Event::new("UPDATE", target).property("ACL", old, new));
    call.state.policy.reply(call.header("accept"))
}

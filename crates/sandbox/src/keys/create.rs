//! Creates keys, and replaces the configuration of trust credentials.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::clock::{later, whole_seconds};
use super::super::policy::tags_refused;
use super::super::state::null_as_default;
use super::super::{ids, scopes};
use super::no_such_key;
use super::{Call, DeviceCapabilities, Event, Failure, Key, Kind, Outcome, Reply, Target};

/// The longest and default lifetime of an auth key: 90 days.
const MAX_LIFETIME_SECONDS: i64 = 90 * 86_400;

/// The body of requests that create or replace a key. Null counts as absent, since clients send it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    key_type: Option<String>,
    #[serde(deserialize_with = "null_as_default")]
    description: String,
    capabilities: Option<WantedCapabilities>,
    expiry_seconds: Option<i64>,
    #[serde(deserialize_with = "null_as_default")]
    scopes: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    tags: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    issuer: String,
    #[serde(deserialize_with = "null_as_default")]
    subject: String,
    #[serde(deserialize_with = "null_as_default")]
    audience: String,
    #[serde(deserialize_with = "null_as_default")]
    custom_claim_rules: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WantedCapabilities {
    devices: Option<WantedDevices>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WantedDevices {
    create: Option<DeviceCapabilities>,
}

impl Wanted {
    fn kind(&self) -> Result<Kind, Failure> {
        match self.key_type.as_deref().unwrap_or_default() {
            "" | "auth" => Ok(Kind::Auth),
            "client" => Ok(Kind::Client),
            "federated" => Ok(Kind::Federated),
            other => Err(Failure::bad_request(format!("invalid keyType {other:?}"))),
        }
    }
}

/// `POST /tailnet/{tailnet}/keys`: the response is the only one that includes the secret.
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let wanted: Wanted = call.json()?;
    let kind = wanted.kind()?;
    call.principal.require(kind.scope())?;
    check_description(&wanted.description)?;
    let id = ids::stable(&mut call.state.rng, 'k');
    let secret = match kind {
        // A federated identity authenticates with its provider's token, and has no secret.
        Kind::Federated => String::new(),
        _ => ids::secret(&mut call.state.rng, kind.name(), &id),
    };
    let mut key = Key::new(id, kind, secret, whole_seconds(call.now));
    key.user_id.clone_from(&call.principal.user_id);
    if kind == Kind::Auth {
        fill_auth_key(call, &mut key, wanted)?;
    } else {
        fill_trust_credential(call, &mut key, wanted)?;
    }
    let reply = Reply::json(&key.wire(call.now, true));
    call.record(Event::new("CREATE", Target::key(&key.id, &key.description)));
    call.state.keys.insert(key);
    reply
}

/// `PUT /tailnet/{tailnet}/keys/{keyId}`: replaces the configuration of a trust credential.
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let wanted: Wanted = call.json()?;
    let found = call.state.keys.get(&call.param("keyId")).ok_or_else(no_such_key)?;
    call.principal.require(found.kind.scope())?;
    if !matches!(found.kind, Kind::Client | Kind::Federated) {
        let message = format!("keys of type {:?} can not be updated", found.kind.name());
        return Err(Failure::bad_request(message));
    }
    if found.built_in {
        return Err(Failure::bad_request("the sandbox's own credentials cannot be changed"));
    }
    if !found.is_valid(call.now) {
        return Err(no_such_key());
    }
    if wanted.key_type.is_some() && wanted.kind()? != found.kind {
        return Err(Failure::bad_request("keyType can not be changed"));
    }
    check_description(&wanted.description)?;
    let mut key = found.clone();
    fill_trust_credential(call, &mut key, wanted)?;
    key.updated = Some(whole_seconds(call.now));
    let reply = Reply::json(&key.wire(call.now, false));
    call.record(Event::new("UPDATE", Target::key(&key.id, &key.description)));
    call.state.keys.insert(key);
    reply
}

fn fill_auth_key(call: &Call<'_>, key: &mut Key, wanted: Wanted) -> Result<(), Failure> {
    let create = wanted.capabilities.and_then(|all| all.devices).and_then(|all| all.create);
    let Some(mut capabilities) = create else {
        return Err(Failure::bad_request("exactly one capability scope must be populated"));
    };
    if capabilities.tags.is_empty() && call.principal.user_id.is_none() {
        return Err(Failure::bad_request("tailnet-owned auth key must have tags set"));
    }
    capabilities.tags.sort();
    capabilities.tags.dedup();
    check_tags(call, &capabilities.tags)?;
    let lifetime = match wanted.expiry_seconds.unwrap_or(0) {
        0 => MAX_LIFETIME_SECONDS,
        seconds @ 1..=MAX_LIFETIME_SECONDS => seconds,
        _ => return Err(Failure::bad_request("expirySeconds must be between 1 and 7776000")),
    };
    key.expires = Some(later(key.created, lifetime));
    key.description = wanted.description;
    key.capabilities = Some(capabilities);
    Ok(())
}

fn fill_trust_credential(call: &Call<'_>, key: &mut Key, wanted: Wanted) -> Result<(), Failure> {
    check_scopes(call, &wanted.scopes)?;
    let needs_tags = |scope: &String| matches!(scope.as_str(), "devices:core" | "auth_keys");
    if wanted.tags.is_empty() && wanted.scopes.iter().any(needs_tags) {
        let message = "tags are required with the scopes devices:core and auth_keys";
        return Err(Failure::bad_request(message));
    }
    check_tags(call, &wanted.tags)?;
    if key.kind == Kind::Federated {
        if !wanted.issuer.starts_with("https://") {
            return Err(Failure::bad_request("issuer must be an https:// URL"));
        }
        if wanted.subject.is_empty() {
            return Err(Failure::bad_request("subject cannot be empty"));
        }
        if wanted.custom_claim_rules.keys().any(|claim| matches!(claim.as_str(), "sub" | "iss")) {
            return Err(Failure::bad_request("customClaimRules must not contain sub or iss"));
        }
        if !wanted.audience.is_empty() {
            key.audience = wanted.audience;
        } else if key.audience.is_empty() {
            key.audience = format!("api.tailscale.com/TsandboxCNTRL-{}", key.id);
        }
        key.issuer = wanted.issuer;
        key.subject = wanted.subject;
        key.custom_claim_rules = wanted.custom_claim_rules;
    }
    key.description = wanted.description;
    key.scopes = wanted.scopes;
    key.tags = wanted.tags;
    Ok(())
}

fn check_description(description: &str) -> Result<(), Failure> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '-');
    if !description.chars().all(allowed) {
        return Err(Failure::bad_request("keys: description had invalid characters"));
    }
    if description.len() > 50 {
        return Err(Failure::bad_request("keys: description is longer than 50 characters"));
    }
    Ok(())
}

fn check_scopes(call: &Call<'_>, wanted: &[String]) -> Result<(), Failure> {
    if wanted.is_empty() {
        return Err(Failure::bad_request("scopes cannot be empty"));
    }
    if let Some(unknown) = wanted.iter().find(|scope| !scopes::is_known(scope)) {
        return Err(Failure::bad_request(format!("unknown scope {unknown:?}")));
    }
    // Nobody can grant scopes that they do not have.
    wanted.iter().try_for_each(|scope| call.principal.require(scope))
}

/// Checks that tags are declared, and that a trust credential assigns only its own tags or tags that those
/// own.
fn check_tags(call: &Call<'_>, tags: &[String]) -> Result<(), Failure> {
    let policy = &call.state.policy;
    let held = &call.principal.tags;
    let permitted =
        |tag: &String| held.is_empty() || held.contains(tag) || policy.is_owned_by(tag, held);
    let refused = |tag: &&String| !policy.declares_tag(tag) || !permitted(tag);
    let refused: Vec<String> = tags.iter().filter(refused).cloned().collect();
    if refused.is_empty() { Ok(()) } else { Err(tags_refused(&refused)) }
}

//! OAuth apps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::audit::{Event, Target};
use super::clock::whole_seconds;
use super::http::{Call, Failure, Outcome, Reply};
use super::state::null_as_default;
use super::{ids, scopes};

/// All OAuth apps, by ID.
pub(crate) type Apps = BTreeMap<String, App>;

/// An OAuth app. Its secret is shown only in the response that creates it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct App {
    id: String,
    #[serde(flatten)]
    wanted: Wanted,
    client_secret: String,
    created: Timestamp,
    updated: Timestamp,
}

/// The fields that a request can set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default, deserialize_with = "null_as_default")]
    name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    description: String,
    #[serde(default, rename = "redirectURIs", deserialize_with = "null_as_default")]
    redirect_uris: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    scopes: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    allowed_node_attributes: Vec<String>,
}

impl App {
    fn target(&self) -> Target {
        Target::key(&self.id, &self.wanted.name)
    }

    fn wire(&self, show_secret: bool) -> Value {
        let mut value = json!(self);
        if let Some(fields) = value.as_object_mut().filter(|_| !show_secret) {
            fields.remove("clientSecret");
        }
        value
    }
}

impl Call<'_> {
    fn app(&self) -> Result<App, Failure> {
        let found = self.state.apps.get(&self.param("appId"));
        found.cloned().ok_or_else(|| Failure::not_found("OAuth app not found"))
    }

    /// The fields in the request body, validated.
    fn wanted_app(&self) -> Result<Wanted, Failure> {
        let wanted: Wanted = self.json()?;
        let allowed =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
        if !(3..=50).contains(&wanted.name.len()) || !wanted.name.chars().all(allowed) {
            return Err(Failure::bad_request(
                "name must have 3 to 50 letters, digits, dots, underscores and dashes",
            ));
        }
        if wanted.description.chars().count() > 300 {
            return Err(Failure::bad_request("description is longer than 300 characters"));
        }
        if wanted.redirect_uris.is_empty() {
            return Err(Failure::bad_request("at least one redirect URI is required"));
        }
        if let Some(bad) = wanted.redirect_uris.iter().find(|uri| !is_redirect(uri)) {
            return Err(Failure::bad_request(format!("invalid redirect URI {bad:?}")));
        }
        if wanted.scopes.is_empty() {
            return Err(Failure::bad_request("scopes cannot be empty"));
        }
        if let Some(bad) = wanted.scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(Failure::bad_request(format!("unknown scope {bad:?}")));
        }
        let custom = |name: &&String| !name.starts_with("custom:");
        if let Some(bad) = wanted.allowed_node_attributes.iter().find(custom) {
            let message = format!("attribute {bad:?} is not in the custom: namespace");
            return Err(Failure::bad_request(message));
        }
        if !wanted.allowed_node_attributes.is_empty() {
            self.principal.require("devices:posture_attributes")?;
        }
        Ok(wanted)
    }
}

/// Whether this is a scope that an app can have. It may end in `:create`, such as `auth_keys:create`.
fn is_scope(scope: &str) -> bool {
    scopes::is_known(scope.strip_suffix(":create").unwrap_or(scope))
}

/// Whether this is a valid redirect URI: `https` with a host name, or any scheme on this machine. IP
/// addresses are accepted for this machine only.
fn is_redirect(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    if matches!(host, "localhost" | "127.0.0.1" | "::1") {
        return !scheme.is_empty();
    }
    scheme == "https" && !host.is_empty() && host.parse::<std::net::IpAddr>().is_err()
}

/// `GET /tailnet/{tailnet}/oauth-apps`.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let all: Vec<Value> = call.state.apps.values().map(|app| app.wire(false)).collect();
    Reply::json(&json!({ "oauthApps": all }))
}

/// `POST /tailnet/{tailnet}/oauth-apps`: the response includes the secret.
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let wanted = call.wanted_app()?;
    let id = ids::stable(&mut call.state.rng, 'a');
    let client_secret = ids::secret(&mut call.state.rng, "client", &id);
    let now = whole_seconds(call.now);
    let app = App { id, wanted, client_secret, created: now, updated: now };
    call.record(Event::new("CREATE", app.target()));
    save(call, app, true)
}

/// `GET /tailnet/{tailnet}/oauth-apps/{appId}`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    Reply::json(&call.app()?.wire(false))
}

/// `PUT /tailnet/{tailnet}/oauth-apps/{appId}`: replaces all fields except the ID and the secret.
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let mut app = call.app()?;
    app.wanted = call.wanted_app()?;
    app.updated = whole_seconds(call.now);
    call.record(Event::new("UPDATE", app.target()));
    save(call, app, false)
}

/// `DELETE /tailnet/{tailnet}/oauth-apps/{appId}`.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let app = call.app()?;
    call.state.apps.remove(&app.id);
    call.record(Event::new("REVOKE", app.target()));
    Ok(Reply::empty())
}

fn save(call: &mut Call<'_>, app: App, show_secret: bool) -> Outcome {
    let reply = Reply::json(&app.wire(show_secret));
    call.state.apps.insert(app.id.clone(), app);
    reply
}

//! The organization that all tailnets of a sandbox belong to: lists, creates and deletes tailnets.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::audit::{Event, Target};
use super::http::{Call, Failure, Outcome, Reply};
use super::state::{Identity, State, null_as_default};
use super::{Options, Sandbox, seed};

/// The ID of the organization.
const ORGANIZATION_ID: &str = "osandboxCNTRL";

/// The most tailnets on a page, and the default.
const MAX_PAGE: usize = 100;

/// What a call does to the list of tailnets after its response is made.
#[derive(Debug, Default)]
pub(crate) enum Membership {
    #[default]
    Unchanged,
    /// The tailnet is added.
    Added(Box<State>),
    /// The tailnet of the call is removed, with its credentials.
    Removed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default, deserialize_with = "null_as_default")]
    display_name: String,
}

impl Call<'_> {
    /// Fails with 404 unless the path names the organization.
    fn check_organization(&self) -> Result<(), Failure> {
        match self.param("organization").as_str() {
            "-" | ORGANIZATION_ID => Ok(()),
            _ => Err(Failure::not_found("organization not found")),
        }
    }

    /// The names of all tailnets, in order of creation.
    fn identities(&self) -> Vec<&Identity> {
        let [before, after] = &self.abroad;
        let own = std::iter::once(&*self.state);
        before.iter().chain(own).chain(after.iter()).map(|state| &state.identity).collect()
    }
}

/// A tailnet as the API returns it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireTailnet {
    id: String,
    display_name: String,
    org_id: &'static str,
    created_at: Timestamp,
}

impl WireTailnet {
    fn of(identity: &Identity) -> Self {
        Self {
            id: identity.id.clone(),
            display_name: identity.display_name.clone(),
            org_id: ORGANIZATION_ID,
            created_at: identity.created,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    tailnets: Vec<WireTailnet>,
    total_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// A new tailnet, with the credential for it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    #[serde(flatten)]
    tailnet: WireTailnet,
    dns_name: Arc<str>,
    oauth_client: Value,
}

/// `GET /organizations/{organization}/tailnets`.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    call.check_organization()?;
    let limit = match call.query("limit").filter(|text| !text.is_empty()) {
        None => MAX_PAGE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_PAGE).contains(limit))
            .ok_or_else(|| Failure::bad_request("limit must be between 1 and 100"))?,
    };
    let all = call.identities();
    let start = match call.query("cursor").filter(|text| !text.is_empty()) {
        None => 0,
        Some(cursor) => after(&all, cursor)?,
    };
    let page: Vec<_> = all.iter().skip(start).take(limit).map(|it| WireTailnet::of(it)).collect();
    let end = start + page.len();
    let last = all.get(end.wrapping_sub(1)).filter(|_| end < all.len());
    let cursor = last.map(|last| URL_SAFE_NO_PAD.encode(&last.id));
    Reply::json(&Page { tailnets: page, total_count: all.len(), cursor })
}

/// The position after the tailnet that a cursor names.
fn after(all: &[&Identity], cursor: &str) -> Result<usize, Failure> {
    let id = URL_SAFE_NO_PAD.decode(cursor).ok();
    let at = id.and_then(|id| all.iter().position(|it| it.id.as_bytes() == id));
    at.map(|at| at + 1).ok_or_else(|| Failure::bad_request("invalid cursor"))
}

/// `POST /organizations/{organization}/tailnets`: creates an empty tailnet, and an OAuth client for it.
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    call.check_organization()?;
    let Wanted { display_name } = call.json()?;
    let allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '\'' | '-');
    if display_name.trim().is_empty() || !display_name.chars().all(allowed) {
        return Err(Failure::bad_request(
            "displayName must have letters, numbers, spaces, apostrophes and hyphens only",
        ));
    }
    let all = call.identities();
    if all.iter().any(|it| it.display_name == display_name) {
        return Err(Failure::bad_request("displayName is already in use"));
    }
    let name = unused_name(&all, &display_name);
    let mut state = seed::state(&Options { devices: 0, ..call.options.clone() }, &name);
    state.identity.display_name = display_name;
    state.identity.created = call.now;
    state.identity.is_api_only = true;
    let credentials = Sandbox::credentials(&name);
    let created = Created {
        tailnet: WireTailnet::of(&state.identity),
        dns_name: Arc::clone(&state.identity.suffix),
        oauth_client: json!({
            "id": credentials.oauth_client_id, "secret": credentials.oauth_client_secret,
        }),
    };
    call.record(Event::new("CREATE", Target::tailnet(&state.identity)));
    call.membership = Membership::Added(Box::new(state));
    Reply::json(&created)
}

/// A name for the paths of a new tailnet, which no other tailnet has.
fn unused_name(all: &[&Identity], display_name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = display_name.to_ascii_lowercase().chars().map(plain).collect();
    let is_free = |name: &String| all.iter().all(|it| it.name != *name);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.clone()).chain(numbered).find(is_free).unwrap_or_default()
}

/// `DELETE /tailnet/{tailnet}`: deletes a tailnet that was created with [`create`].
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    if !call.state.identity.is_api_only {
        return Err(Failure::new(403, "only tailnets created with the API can be deleted"));
    }
    call.membership = Membership::Removed;
    Ok(Reply::empty())
}

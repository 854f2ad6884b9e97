//! The tailnets of a sandbox: finding the one that a call is for, creating and deleting them.

use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::json;

use super::auth::{self, Principal};
use super::http::{Failure, Outcome, Reply};
use super::state::State;
use super::{Options, ids, oauth, seed};

/// All tailnets, in order of creation.
#[derive(Debug)]
pub(crate) struct Tailnets {
    pub(crate) list: Vec<State>,
    options: Options,
}

impl Tailnets {
    pub(crate) fn new(options: Options) -> Self {
        let mut tailnets = Self { list: Vec::new(), options };
        tailnets.reset();
        tailnets
    }

    /// Resets all tailnets to their seeded state, including the clock.
    pub(crate) fn reset(&mut self) {
        let options = &self.options;
        let names = std::iter::once(super::Sandbox::TAILNET);
        let names = names.chain(options.more_tailnets.iter().map(String::as_str));
        self.list = names.map(|name| seed::state(options, name)).collect();
    }

    /// The index of the tailnet that a credential belongs to, and the caller.
    pub(crate) fn authenticate(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<(usize, Principal), Failure> {
        let mut refusal = Failure::unauthorized();
        for (at, state) in self.list.iter().enumerate() {
            match auth::authenticate(state, headers, now) {
                Ok(principal) => return Ok((at, principal)),
                Err(refused) => refusal = refused,
            }
        }
        Err(refusal)
    }

    /// One tailnet, and slices of those before and after it.
    pub(crate) fn split(&mut self, at: usize) -> Option<(&mut State, [&mut [State]; 2])> {
        let (before, rest) = self.list.split_at_mut_checked(at)?;
        let (state, after) = rest.split_first_mut()?;
        Some((state, [before, after]))
    }

    /// The current time, which all tailnets share.
    pub(crate) fn now(&self) -> Timestamp {
        self.list.first().map_or_else(Timestamp::now, |first| first.clock.now())
    }

    /// Issues an access token in the tailnet that has the client.
    pub(crate) fn token(&mut self, path: &str, headers: &HeaderMap, body: &[u8]) -> Outcome {
        let now = self.now();
        let mut refusal = Failure::unauthorized();
        for state in &mut self.list {
            let outcome = match path {
                "oauth/token" => oauth::token(state, headers, body, now),
                _ => oauth::token_exchange(state, body, now),
            };
            match outcome {
                Err(refused) if refused.status == 401 => refusal = refused,
                other => return other,
            }
        }
        Err(refusal)
    }

    /// `DELETE /tailnet/{tailnet}/tailnet`: deletes the tailnet and its credentials.
    pub(crate) fn delete(&mut self, at: usize, principal: &Principal) -> Outcome {
        principal.require("all")?;
        if at < self.list.len() {
            self.list.remove(at);
        }
        Ok(Reply::empty())
    }

    /// `POST /organizations/-/tailnets`: creates an empty tailnet, and an OAuth client to manage it.
    pub(crate) fn create(&mut self, principal: &Principal, body: &[u8]) -> Outcome {
        principal.require("all")?;
        let wanted: serde_json::Value = serde_json::from_slice(body)
            .map_err(|error| Failure::bad_request(format!("invalid request body: {error}")))?;
        let name = wanted.get("displayName").and_then(|it| it.as_str()).unwrap_or_default();
        let name = name.to_ascii_lowercase().replace(' ', "-");
        let allowed = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '.');
        if name.is_empty() || name.len() > 100 || !name.chars().all(allowed) {
            return Err(Failure::bad_request(
                "displayName must be letters, digits, dots and dashes",
            ));
        }
        if self.list.iter().any(|state| state.identity.name == name) {
            return Err(Failure::new(409, format!("a tailnet {name:?} exists already")));
        }
        let state = seed::state(&Options { devices: 0, ..self.options.clone() }, &name);
        let credentials = super::Sandbox::credentials(&name);
        let reply = Reply::json(&json!({
            "id": state.identity.id,
            "displayName": name,
            "dnsName": state.identity.suffix,
            "createdAt": state.clock.now(),
            "oauthClient": {
                "id": credentials.oauth_client_id, "secret": credentials.oauth_client_secret,
            },
        }));
        self.list.push(state);
        reply
    }
}

/// A hash of a name (FNV-1a).
pub(crate) fn number_of(name: &str) -> u64 {
    let step = |number: u64, byte: u8| (number ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    name.bytes().fold(0xCBF2_9CE4_8422_2325, step)
}

/// The ID of the built-in key of this kind in a tailnet.
pub(crate) fn key_id(tailnet: &str, kind: &str) -> String {
    if tailnet == super::Sandbox::TAILNET {
        return format!("ksandbox{}CNTRL", if kind == "api" { "access" } else { kind });
    }
    ids::stable(&mut fastrand::Rng::with_seed(number_of(&format!("{tailnet} {kind}"))), 'k')
}

/// The ID of a tailnet with this name, and the DNS suffix of its devices.
pub(crate) fn identifiers(name: &str) -> (String, String) {
    if name == super::Sandbox::TAILNET {
        return (super::TAILNET_ID.to_owned(), super::DNS_SUFFIX.to_owned());
    }
    let number = number_of(name);
    let letters = ids::letters(&mut fastrand::Rng::with_seed(number), 11);
    (format!("T{letters}CNTRL"), format!("tail{:06x}.ts.net", number & 0x00FF_FFFF))
}

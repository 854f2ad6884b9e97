//! The tailnets of a sandbox: finding the one that a call is for, and keeping the list of them.

use axum::http::HeaderMap;
use jiff::Timestamp;

use super::auth::{self, Principal};
use super::devices::DeviceState;
use super::http::{Failure, Outcome};
use super::organizations::Membership;
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

    /// Changes a device of any tailnet, by node ID or legacy ID. False if there is none.
    pub(crate) fn set_device(&mut self, id: &str, to: &DeviceState) -> bool {
        let found = self.list.iter_mut().find(|state| state.devices.get(id).is_some());
        let Some(state) = found else { return false };
        let now = state.clock.now();
        let Some(device) = state.devices.get_mut(id) else { return false };
        device.become_as(to, now);
        true
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

    /// One tailnet, slices of those before and after it, and the options of the sandbox.
    pub(crate) fn split(&mut self, at: usize) -> Option<(&mut State, [&mut [State]; 2], &Options)> {
        let (before, rest) = self.list.split_at_mut_checked(at)?;
        let (state, after) = rest.split_first_mut()?;
        Some((state, [before, after], &self.options))
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

    /// Adds the tailnet that a call created, or removes that of the call.
    pub(crate) fn settle(&mut self, at: usize, membership: Membership) {
        match membership {
            Membership::Added(state) => self.list.push(*state),
            Membership::Removed if at < self.list.len() => drop(self.list.remove(at)),
            Membership::Unchanged | Membership::Removed => {}
        }
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

//! Saves and restores the state as JSON.

use serde::{Deserialize, Serialize};

use super::state::State;
use super::tailnets::Tailnets;

/// The version of the format. Other versions are rejected.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    tailnets: &'a [State],
}

#[derive(Deserialize)]
struct Read {
    version: u32,
    tailnets: Vec<State>,
}

/// All tailnets as JSON, including the (made-up) secrets.
pub(crate) fn write(tailnets: &Tailnets) -> Result<Vec<u8>, String> {
    let written = Written { version: VERSION, tailnets: &tailnets.list };
    serde_json::to_vec(&written).map_err(|error| format!("cannot write the state: {error}"))
}

/// Parses what [`write`] wrote.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<State>, String> {
    let read: Read = serde_json::from_slice(bytes)
        .map_err(|error| format!("this is no state of a sandbox: {error}"))?;
    if read.version != VERSION {
        return Err(format!("this state is of version {}, not {VERSION}", read.version));
    }
    Ok(read.tailnets)
}

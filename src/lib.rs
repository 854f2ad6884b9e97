//! Runs a Tailscale tailnet: a typed client of the admin API that checks before it changes, and the
//! MCP server on top of it.
//!
//! ```no_run
//! use tailsteward::{ErrorKind, Result, Tailnet};
//!
//! # async fn example() -> Result<()> {
//! // TAILSCALE_API_KEY, or TAILSCALE_OAUTH_CLIENT_ID and TAILSCALE_OAUTH_CLIENT_SECRET.
//! let tailnet = Tailnet::from_env()?;
//!
//! for device in tailnet.devices().list().await?.iter().filter(|it| !it.is_authorized()) {
//!     println!("{} needs approval", device.short_name());
//! }
//!
//! let plan = tailnet.devices().plan_authorized("web-1", true).await?;
//! println!("{:?}, warnings: {:?}", plan.items(), plan.warnings());
//! match tailnet.apply(&plan).await {
//!     Ok(report) => println!("before and after: {:?}", report.changes),
//!     Err(error) if error.kind() == ErrorKind::Forbidden => println!("{:?}", error.remedy()),
//!     Err(error) => return Err(error),
//! }
//! # Ok(()) }
//! ```
//!
//! # The map
//!
//! - [`tailnet`]: the API's nouns. Checks what goes in, and takes back what went half-way.
//! - [`api`]: every operation of the API as a typed call, without the checks.
//! - [`policy`]: the policy file, understood offline: judged, asked, compared by effect, edited.
//! - [`change`]: how changes are planned, recorded, applied, rolled back and undone.
//! - [`Settings`], [`Credential`], [`config`]: how the API is reached, and as whom.
//! - [`Error`]: what can go wrong, and what to try next.
//! - [`Operation`]: what the API can do, as its description says.
//! - `tool`, `mcp`, `server`, `cli` (feature `server`): what an assistant can ask for, and who serves it.
//! - `sandbox` (feature `sandbox`): an emulated tailnet on loopback, to try things on.

pub mod api;
pub mod change;
pub mod client;
pub mod config;
pub mod tailnet;
pub mod wire;

mod operation;
mod risk;
mod values;
mod visible;

#[cfg(feature = "server")]
pub mod catalogue;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod guard;
#[cfg(feature = "server")]
mod jobs;
#[cfg(feature = "server")]
pub mod mcp;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod tool;

/// An emulated tailnet on loopback, to try things on: the crate `tailsteward-sandbox`.
#[cfg(feature = "sandbox")]
pub use tailsteward_sandbox as sandbox;

/// The policy file offline: the crate `tailsteward-policy`.
pub use tailsteward_policy as policy;

pub use crate::{
    client::{Credential, Error, ErrorKind, IdentityToken, PolicyProblem, Result, Settings},
    operation::Operation,
    risk::Risk,
    tailnet::Tailnet,
};

/// The example in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

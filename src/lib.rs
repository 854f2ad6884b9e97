//! Manages a Tailscale tailnet: a typed client of the admin API that checks changes before it makes them,
//! and an MCP server on top of it.
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
//! # Overview
//!
//! - [`tailnet`]: the resources of the API. Validates input, and rolls back changes that fail halfway.
//! - [`api`]: every operation of the API as a typed call, without these checks.
//! - [`policy`]: the policy file offline: validate, query, compare by effect, edit.
//! - [`checks`]: a compliance audit: pure functions from facts to results.
//! - `alerts` (feature `journal`): rules that say when somebody wants to know, and who is told.
//! - [`local`]: the Tailscale daemon on this machine.
//! - [`traffic`]: flow logs added up, each byte once.
//! - [`change`]: how changes are planned, recorded, applied, rolled back and undone.
//! - [`Settings`], [`Credential`], [`config`]: the connection to the API and its credentials.
//! - [`Error`]: what can go wrong, and what to do next.
//! - [`Operation`]: the operations of the API and their properties.
//! - `alerts` (feature `journal`): rules that say when somebody wants to know, and who is notified.
//! - `tool`, `mcp`, `server`, `cli` (feature `server`): the tools for assistants, and the server.
//! - `guardrails` (feature `profiles`): what is not changed, or only with approval, and when changes are made.
//! - `sandbox` (feature `sandbox`): an emulated tailnet on loopback, for tests and experiments.

#[cfg(feature = "journal")]
pub mod alerts;
pub mod api;
pub mod change;
pub mod checks;
pub mod client;
pub mod config;
#[cfg(feature = "profiles")]
pub mod guardrails;
#[cfg(feature = "journal")]
pub mod history;
#[cfg(feature = "server")]
pub mod live;
pub mod local;
pub mod tailnet;
pub mod traffic;
pub mod wire;

#[cfg(feature = "journal")]
mod database;
mod operation;
mod risk;
mod values;
mod version;
mod visible;
mod words;

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
pub mod report;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod tool;

/// An emulated tailnet on loopback, for tests and experiments: the crate `tailsteward-sandbox`.
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

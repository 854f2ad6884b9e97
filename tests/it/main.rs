//! The library and the server, from outside. A folder or file for each room of `src/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    clippy::missing_panics_doc,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "a test says that it failed by panicking"
)]

mod administration;
mod api;
mod architecture;
mod cli;
mod client;
mod config;
mod contacts;
mod device_invites;
mod devices;
mod dns;
mod document;
mod guard;
mod http;
mod keys;
mod logging;
mod network;
mod oauth_apps;
mod operations;
mod policy_file;
mod posture;
mod routes;
mod server;
mod services;
mod settings;
mod support;
mod tags;
mod user_invites;
mod users;
mod webhooks;

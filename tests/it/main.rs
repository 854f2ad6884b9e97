//! The library and the server, from outside. `src/ROOM/FILE.rs` is tested in `tests/it/ROOM/FILE.rs`,
//! or in `tests/it/ROOM/` where one test is about several files; `support/mod.rs` says what to start from.
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

mod alerts;
mod api;
mod architecture;
mod build;
mod catalogue;
mod change;
mod checks;
mod cli;
mod client;
mod config;
mod docs;
mod guard;
mod guardrails;
mod history;
mod jobs;
mod local;
mod mcp;
mod packaging;
mod questions;
mod server;
mod support;
mod tailnet;
mod tool;
mod traffic;

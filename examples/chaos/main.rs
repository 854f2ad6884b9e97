//! Random changes of every kind through MCP, while faults of every kind strike. Then the sandbox's state, its
//! audit log and the journal are compared.
//!
//! `cargo run --release --example chaos -- --changes 10000 --seed 1`
//!
//! Two servers share one journal. After each change: what took effect must be in the journal as done or
//! unknown, and what the journal calls failed or rolled back must not have taken effect. In the end
//! everything is undone in reverse, and what can be undone must be as it was.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "an example prints, and stops where it cannot go on"
)]

use std::process::ExitCode;

#[cfg(unix)]
mod changes;
#[cfg(unix)]
mod check;
#[cfg(unix)]
mod faults;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod server;

/// Set in the environment of the servers: this very program then is `tailsteward`.
const AS_SERVER: &str = "TAILSTEWARD_CHAOS_SERVER";

fn main() -> ExitCode {
    if std::env::var_os(AS_SERVER).is_some() {
        return tailsteward::cli::main();
    }
    #[cfg(unix)]
    return run::main();
    #[cfg(not(unix))]
    {
        println!("skipped: it kills and limits processes in the way of Unix");
        ExitCode::SUCCESS
    }
}

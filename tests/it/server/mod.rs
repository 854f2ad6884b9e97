//! Serving over HTTP: who may come in, how much they may take, and what holds when they do not
//! behave.

mod abuse;
mod approve;
mod command;
mod ending;
mod entry;
mod eras;
mod health;
mod hooks;
#[cfg(unix)]
mod identity;
mod limits;
mod oauth;
mod reload;
mod replicas;
mod sessions;
mod stdio;
mod tailnet_metrics;
mod tokens;

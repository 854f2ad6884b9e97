//! The OpenAPI document and what is made of it.

#[path = "../../../build/mod.rs"]
mod generator;

mod generated;
mod later_edition;
mod lowering;
mod overlay;
mod reading;
mod upstream;
mod used;
mod values;

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

/// A file of this repository, or beside it.
fn file(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> Value {
    generator::read::read(&fs::read_to_string(file(path)).unwrap()).unwrap()
}

fn ours() -> Value {
    read("openapi/tailscale.json")
}

/// Upstream's own document, which is no part of this repository.
fn upstream() -> Value {
    read("../shared/upstream/tailscale-api-2026-09.json")
}

fn no_overlay() -> Value {
    json!({ "actions": [] })
}

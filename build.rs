//! Generates the client (`api.rs`), the facts of its operations (`operation.rs`) and the lists of
//! values that they take (`values.rs`) from the OpenAPI document: `openapi/tailscale.json`, or the one that `TAILSTEWARD_OPENAPI` names.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo passes a build script its output folder in variables"
)]

use std::{env, error::Error, fs, path::PathBuf};

#[path = "build/mod.rs"]
mod document;

const DOCUMENT: &str = "openapi/tailscale.json";
const OVERLAY: &str = "openapi/overlay.yaml";

fn main() {
    if let Err(error) = run() {
        println!("cargo::error={}", error.to_string().replace('\n', "; "));
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    for input in ["build.rs", "build", "src", OVERLAY] {
        println!("cargo::rerun-if-changed={input}");
    }
    for variable in ["TAILSTEWARD_OPENAPI", "TAILSTEWARD_OPENAPI_STRICT"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let path = env::var("TAILSTEWARD_OPENAPI").unwrap_or_else(|_| DOCUMENT.to_owned());
    println!("cargo::rerun-if-changed={path}");

    // Upstream's documents and recordings are no part of the repository; without them, the tests that
    // need them are ignored, which the test runner says.
    println!("cargo::rustc-check-cfg=cfg(has_shared)");
    if std::path::Path::new("../shared/README.md").exists() {
        println!("cargo::rustc-cfg=has_shared");
    }

    let overlay = read(OVERLAY)?;
    let mut prepared = document::prepare(read(&path)?, &overlay)?;
    let known: Vec<String> =
        prepared.operations.iter().map(document::facts::Facts::variant).collect();
    if let Some(gone) = document::used::missing(&document::used::find("src".as_ref())?, &known) {
        return Err(gone.into());
    }
    if let Some(gone) = document::values::missing(&overlay, &prepared.values) {
        return Err(gone.into());
    }
    let client = document::generate::source(
        &mut prepared.document,
        &prepared.operations,
        &mut prepared.notes,
    )?;

    let strict = env::var_os("TAILSTEWARD_OPENAPI_STRICT").is_some();
    for target in &prepared.unmatched {
        let text =
            format!("{OVERLAY}: nothing in {path} matches {target}; drop or adapt the entry");
        if strict {
            return Err(text.into());
        }
        println!("cargo::warning={text}");
    }
    for note in &prepared.notes {
        println!("cargo::warning={path}: {}", note.replace('\n', "; "));
    }

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("api.rs"), client)?;
    fs::write(out.join("values.rs"), document::values::source(&prepared.values))?;
    fs::write(out.join("operation.rs"), document::facts::source(&prepared.operations)?)?;
    Ok(())
}

fn read(path: &str) -> Result<serde_json::Value, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    document::read::read(&text).map_err(|error| format!("{path}: {error}"))
}

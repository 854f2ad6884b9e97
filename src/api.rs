//! The generated client: one method per operation, and the types of the wire.
//!
//! Domains call it and nobody else does; what they pass on, they re-export.
#![allow(
    warnings,
    missing_docs,
    rustdoc::all,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated from openapi/"
)]

include!(concat!(env!("OUT_DIR"), "/api.rs"));

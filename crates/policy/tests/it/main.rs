//! Tests of the policy crate.
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

mod agreement;
mod auto_approve;
mod diff;
mod edit;
mod form;
mod growth;
mod hostile;
mod hujson;
mod inventory;
mod lint;
mod merge;
mod query;
mod remove_user;
mod unseen;
mod validate;

//! The documents that are written or run by tests.

mod api_guide;
mod commands;
mod examples;
mod links;
mod manual;
mod monitoring;
mod safety;

//! The documents that are written or run by tests.

mod api_guide;
mod examples;
mod manual;
mod monitoring;
mod safety;

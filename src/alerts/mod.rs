//! Alerts: rules that say when somebody wants to know, what fires, and who is told.

pub mod notice;

pub use self::notice::{Line, Notice, Severity, Told};

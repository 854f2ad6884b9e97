//! Errors and warnings about a policy file.

use std::{fmt, ops::Range};

use serde::Serialize;

use super::hujson::{Document, Place};

/// How serious a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Tailscale rejects the file.
    Error,
    /// Tailscale accepts the file, but it may not do what its author meant.
    Warning,
}

/// An error or warning about a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong; for errors, Tailscale's own message where it is known.
    pub message: String,
    /// The position in the file: `acls[0].dst[1]`. Empty if the problem concerns the file as such.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The line and column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
    /// How to fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Problem {
    /// A warning about the file as such, with a suggestion.
    pub fn warning(message: impl Into<String>, suggestion: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            message: message.into(),
            path: String::new(),
            at: None,
            suggestion: Some(suggestion.into()),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, " ({suggestion})")?;
        }
        Ok(())
    }
}

/// Collects problems in the order in which they are found. The first error is the one that Tailscale
/// reports.
#[derive(Debug)]
pub(super) struct Problems<'d> {
    document: &'d Document,
    pub(super) list: Vec<Problem>,
}

impl<'d> Problems<'d> {
    pub(super) fn of(document: &'d Document) -> Self {
        Self { document, list: Vec::new() }
    }

    pub(super) fn error(
        &mut self,
        at: &Range<usize>,
        path: impl Into<String>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        self.add(Severity::Error, at, path.into(), message.into(), suggestion);
    }

    pub(super) fn warning(
        &mut self,
        at: &Range<usize>,
        path: impl Into<String>,
        message: impl Into<String>,
        suggestion: &str,
    ) {
        let suggestion = Some(suggestion.to_owned());
        self.add(Severity::Warning, at, path.into(), message.into(), suggestion);
    }

    fn add(
        &mut self,
        severity: Severity,
        at: &Range<usize>,
        path: String,
        message: String,
        suggestion: Option<String>,
    ) {
        let at = Some(self.document.place(at.start));
        self.list.push(Problem { severity, message, path, at, suggestion });
    }
}

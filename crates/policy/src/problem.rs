//! What is wrong with a policy file, or may not be meant.

use std::{fmt, ops::Range};

use serde::Serialize;

use super::hujson::{Document, Place};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Tailscale refuses the file.
    Error,
    /// Tailscale takes the file, but somebody should look at it.
    Warning,
}

/// Something that is wrong with a policy file, or may not be meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What it is: in Tailscale's words where they are known.
    pub message: String,
    /// Where in the file: `acls[0].dst[1]`. Empty for all of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Where in the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Problem {
    /// A warning about the file, with what to do about it.
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

/// Problems as they are found. The first error is the one that Tailscale would tell.
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

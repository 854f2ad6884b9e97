//! Errors and warnings about a policy file.

use std::{borrow::Cow, fmt, ops::Range};

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

/// The most errors, and the most warnings, that are listed for a file.
pub const MAX_PROBLEMS: usize = 100;
/// The most characters of a message, a path or a suggestion.
const MAX_LENGTH: usize = 1000;
/// The most characters of a name that is part of a message or a path.
const MAX_NAME: usize = 200;

/// The numbers of problems that are not listed, because there are too many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Omitted {
    /// The number of errors that are not listed.
    pub errors: usize,
    /// The number of warnings that are not listed.
    pub warnings: usize,
}

/// Writes the last line of a list of problems, such as `and 900 more errors`; empty if nothing is omitted.
impl fmt::Display for Omitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: usize, what: &str| {
            (count > 0).then(|| format!("{count} more {what}{}", if count == 1 { "" } else { "s" }))
        };
        let parts = [count(self.errors, "error"), count(self.warnings, "warning")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { Ok(()) } else { write!(f, "and {}", parts.join(" and ")) }
    }
}

impl Omitted {
    /// Whether all problems are listed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Collects problems in the order in which they are found. The first error is the one that Tailscale
/// reports.
#[derive(Debug)]
pub(super) struct Problems<'d> {
    document: &'d Document,
    pub(super) list: Vec<Problem>,
    pub(super) omitted: Omitted,
}

impl<'d> Problems<'d> {
    pub(super) fn of(document: &'d Document) -> Self {
        Self { document, list: Vec::new(), omitted: Omitted::default() }
    }

    /// Whether further errors are only counted. What is costly to say need not be worked out then.
    pub(super) fn is_full(&self) -> bool {
        self.omitted.errors > 0
    }

    pub(super) fn place(&self, at: usize) -> Place {
        self.document.place(at)
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
        let short = |text: String| shortened(&text, MAX_LENGTH).into_owned();
        let problem = Problem {
            severity,
            message: short(message),
            path: short(path),
            at: Some(self.document.place(at.start)),
            suggestion: suggestion.map(short),
        };
        push(problem, &mut self.list, &mut self.omitted);
    }
}

/// Adds a problem to the list, or counts it if the list is full.
pub(super) fn push(problem: Problem, list: &mut Vec<Problem>, omitted: &mut Omitted) {
    let severity = problem.severity;
    let left_out = match severity {
        Severity::Error => &mut omitted.errors,
        Severity::Warning => &mut omitted.warnings,
    };
    // The count of the list is needed only as long as the list is not full.
    let is_full =
        *left_out > 0 || list.iter().filter(|it| it.severity == severity).count() >= MAX_PROBLEMS;
    if is_full { *left_out += 1 } else { list.push(problem) }
}

/// A name for a message or a path, cut if it is very long.
pub(super) fn name(name: &str) -> Cow<'_, str> {
    shortened(name, MAX_NAME)
}

/// The first `length` characters of a text.
pub(super) fn shortened(text: &str, length: usize) -> Cow<'_, str> {
    // A text has at least as many bytes as characters.
    if text.len() <= length {
        return text.into();
    }
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

//! The commas, line breaks and comments between values.

use std::ops::Range;

use super::super::hujson::length_of_text;

/// The kind of a [`Bit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A comma.
    Comma,
    /// A line break.
    Line,
    /// A comment with its slashes, without the line break after it.
    Comment,
}

/// A comma, a line break or a comment.
#[derive(Debug, Clone)]
pub(super) struct Bit {
    pub(super) what: What,
    pub(super) at: Range<usize>,
}

/// The commas, line breaks and comments in `range`, in order. String literals are skipped.
pub(super) fn bits(text: &str, range: Range<usize>) -> Vec<Bit> {
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let rest = text.get(at..range.end).unwrap_or_default();
        let Some(first) = rest.chars().next() else { break };
        let (what, length) = match first {
            ',' => (Some(What::Comma), 1),
            '\n' => (Some(What::Line), 1),
            '"' => (None, length_of_text(rest)),
            '/' => (Some(What::Comment), comment_length(rest)),
            other => (None, other.len_utf8()),
        };
        found.extend(what.map(|what| Bit { what, at: at..at + length }));
        at += length;
    }
    found
}

/// The comments in `range`, in order.
pub(super) fn comments(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let all = bits(text, range).into_iter();
    all.filter(|it| it.what == What::Comment).map(|it| it.at).collect()
}

/// The texts of the comments at these ranges.
pub(super) fn texts(text: &str, places: &[Range<usize>]) -> Vec<String> {
    places.iter().filter_map(|it| text.get(it.clone())).map(str::to_owned).collect()
}

/// Whether the comment at `at` is a `//` comment.
pub(super) fn ends_its_line(text: &str, at: &Range<usize>) -> bool {
    text.get(at.clone()).is_some_and(|it| it.starts_with("//"))
}

fn comment_length(rest: &str) -> usize {
    let length = if rest.starts_with("/*") {
        rest.get(2..).and_then(|it| it.find("*/")).map(|it| it + 4)
    } else {
        rest.find(['\n', '\r'])
    };
    length.unwrap_or(rest.len())
}

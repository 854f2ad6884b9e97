//! What stands between the values: commas, line ends and comments.

use std::ops::Range;

use super::super::hujson::length_of_text;

/// What a [`Bit`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A comma.
    Comma,
    /// The end of a line.
    Line,
    /// A comment, with its slashes and without the line end behind it.
    Comment,
}

/// Something that is neither a value nor blank.
#[derive(Debug, Clone)]
pub(super) struct Bit {
    pub(super) what: What,
    pub(super) at: Range<usize>,
}

/// What stands in `range`, in order. Texts in it are passed over.
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

/// The comments at these places, as they are written.
pub(super) fn texts(text: &str, places: &[Range<usize>]) -> Vec<String> {
    places.iter().filter_map(|it| text.get(it.clone())).map(str::to_owned).collect()
}

/// Whether the comment at `at` runs to the end of its line.
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

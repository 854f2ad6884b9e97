//! Lines and columns of byte offsets in a text.

use std::fmt;

use serde::Serialize;

/// A position in a text: line and column, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in that line.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The number of bytes between two counts of characters.
const STEP: usize = 128;

/// An index of a text, with which the place of an offset is found without reading the text again.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    /// The offset of each line.
    starts: Vec<usize>,
    /// The number of characters before each multiple of [`STEP`] bytes.
    characters: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        let mut sum = 0;
        let counts = text.as_bytes().chunks(STEP).map(|chunk| {
            sum += characters(chunk);
            sum
        });
        let characters = std::iter::once(0).chain(counts).collect();
        Self { starts, characters }
    }

    /// The line and column of the byte offset `at` of the same text.
    pub(super) fn place(&self, text: &str, at: usize) -> Place {
        let at = at.min(text.len());
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.before(text, at).saturating_sub(self.before(text, start)) + 1;
        Place { line, column }
    }

    /// The number of characters that begin before the byte offset `at`.
    fn before(&self, text: &str, at: usize) -> usize {
        let known = self.characters.get(at / STEP).copied().unwrap_or_default();
        let rest = text.as_bytes().get(at / STEP * STEP..at);
        known + characters(rest.unwrap_or_default())
    }
}

/// The number of characters that begin in a part of a UTF-8 text.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_characters() {
        let text = format!("ä\r\n{}é\nend", "ü".repeat(200));
        let lines = Lines::of(&text);
        for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let line = text[..at].rsplit('\n').next().unwrap();
            let wanted = Place {
                line: text[..at].matches('\n').count() + 1,
                column: line.chars().count() + 1,
            };
            assert_eq!(lines.place(&text, at), wanted, "{at}");
        }
    }
}

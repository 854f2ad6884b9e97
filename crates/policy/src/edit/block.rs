//! A list or object in the text of a policy file, and which comments belong to which of its items.

use std::ops::Range;

use super::super::hujson::{Kind, Node};
use super::trivia::{Bit, What, bits, ends_its_line};

/// A list or object in the text. All positions are byte offsets.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) text: &'a str,
    /// The position just after the opening bracket.
    pub(super) open: usize,
    /// The position of the closing bracket.
    pub(super) close: usize,
    /// The elements of a list, or the members of an object with their names.
    pub(super) items: Vec<Range<usize>>,
}

/// The comma and the comments after an item.
#[derive(Debug, Default)]
pub(super) struct After {
    /// The position of the comma, if there is one.
    pub(super) comma: Option<usize>,
    /// Whether the comma is on the same line as the item.
    pub(super) near: bool,
    /// The comments on the item's line that belong to the item.
    pub(super) comments: Vec<Range<usize>>,
}

impl<'a> Block<'a> {
    /// The list or object at `node`; `None` if it is another value.
    pub(super) fn of(text: &'a str, node: &Node) -> Option<Self> {
        let items = match &node.kind {
            Kind::List(list) => list.iter().map(|it| it.at.clone()).collect(),
            Kind::Object(members) => {
                members.iter().map(|it| it.name_at.start..it.value.at.end).collect()
            }
            _ => return None,
        };
        Some(Self { text, open: node.at.start + 1, close: node.at.end.checked_sub(1)?, items })
    }

    /// The text between the brackets.
    pub(super) fn inside(&self) -> &'a str {
        self.text.get(self.open..self.close).unwrap_or_default()
    }

    /// The commas, line breaks and comments before item `index`, or after the last item.
    pub(super) fn gap(&self, index: usize) -> Vec<Bit> {
        let before = index.checked_sub(1).and_then(|it| self.items.get(it));
        let start = before.map_or(self.open, |it| it.end);
        let end = self.items.get(index).map_or(self.close, |it| it.start);
        bits(self.text, start..end)
    }

    /// The comma and comments after item `index`. A comment after the comma belongs to the item if it ends
    /// the line or the list; otherwise it belongs to the next item.
    pub(super) fn after(&self, index: usize) -> After {
        let gap = self.gap(index + 1);
        let comma = gap.iter().position(|it| it.what == What::Comma);
        let line = gap.iter().position(|it| it.what == What::Line);
        let near = comma.is_none_or(|comma| line.is_none_or(|line| comma < line));
        let own = match (comma, line) {
            (_, Some(line)) => line,
            (Some(comma), None) if index + 1 < self.items.len() => comma,
            _ => gap.len(),
        };
        let own = gap.iter().take(own).filter(|it| it.what == What::Comment);
        let comments = own.map(|it| it.at.clone()).collect();
        let comma = comma.and_then(|it| gap.get(it)).map(|it| it.at.start);
        After { comma, near: near && comma.is_some(), comments }
    }

    /// The comments before item `index` that belong to it: those directly above it or before it on its
    /// line.
    ///
    /// Comments above the first item belong to the list, unless the list has no other item or another item
    /// has a comment above it, too.
    pub(super) fn above(&self, index: usize) -> Vec<Range<usize>> {
        let (own, on_lines) = self.directly_above(index);
        let heads = index == 0
            && on_lines
            && self.items.len() > 1
            && (1..self.items.len()).all(|it| self.directly_above(it).0.is_empty());
        if heads { Vec::new() } else { own }
    }

    /// The comments with no blank line between them and the item, and whether the item is on a later line
    /// than the comma or bracket before it.
    fn directly_above(&self, index: usize) -> (Vec<Range<usize>>, bool) {
        let gap = self.gap(index);
        let behind = |what| gap.iter().position(|it: &Bit| it.what == what).map(|it| it + 1);
        let comma = behind(What::Comma).unwrap_or_default();
        // The rest of the line of the comma or bracket belongs to what precedes.
        let line = gap.iter().skip(comma).position(|it| it.what == What::Line);
        let start = line.map_or(comma, |it| comma + it + 1);
        let mut own = Vec::new();
        let mut lines = 0;
        for bit in gap.iter().skip(start).rev() {
            match bit.what {
                What::Line if lines > 0 => break,
                What::Line => lines += 1,
                What::Comment => {
                    lines = 0;
                    own.push(bit.at.clone());
                }
                What::Comma => {}
            }
        }
        own.reverse();
        (own, line.is_some())
    }

    /// The start of item `index`, including the comments above it.
    pub(super) fn start(&self, index: usize) -> Option<usize> {
        let above = self.above(index);
        above.first().or_else(|| self.items.get(index)).map(|it| it.start)
    }

    /// Whether the first item starts a line.
    pub(super) fn first_has_own_line(&self) -> bool {
        self.items.first().is_some_and(|it| starts_line(self.text, it.start))
    }

    /// Whether there is a comma after the last item.
    pub(super) fn has_trailing_comma(&self) -> bool {
        self.gap(self.items.len()).iter().any(|it| it.what == What::Comma && !self.items.is_empty())
    }

    /// Whether there is a blank line between the last two items.
    pub(super) fn is_spaced_out(&self) -> bool {
        let Some(last) = self.items.len().checked_sub(1).filter(|it| *it > 0) else { return false };
        let gap = self.gap(last);
        let pairs = gap.iter().zip(gap.iter().skip(1));
        pairs.into_iter().any(|(a, b)| a.what == What::Line && b.what == What::Line)
    }

    /// Whether only blanks separate `at` from a preceding `//` comment, which has to keep its line break.
    pub(super) fn follows_line_comment(&self, index: usize, at: usize) -> bool {
        let gap = self.gap(index);
        let last = gap.iter().rfind(|it| it.what == What::Comment && it.at.end <= at);
        last.is_some_and(|it| {
            let between = self.text.get(it.at.end..at).unwrap_or_default();
            ends_its_line(self.text, &it.at) && between.trim().is_empty()
        })
    }
}

/// Whether only blanks precede `at` on its line.
pub(super) fn starts_line(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let blank = before.rsplit('\n').next().unwrap_or_default();
    blank.len() < before.len() && is_blank(blank)
}

/// The indentation of the line that contains `at`.
pub(super) fn indent_at(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.get(..line.len() - line.trim_start_matches(BLANKS).len()).unwrap_or_default()
}

/// The characters that count as blanks.
pub(super) const BLANKS: [char; 2] = [' ', '\t'];

fn is_blank(text: &str) -> bool {
    text.trim_start_matches(BLANKS).is_empty()
}

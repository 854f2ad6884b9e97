//! A list or an object as it stands in the text, and which comments belong to which of its members.

use std::ops::Range;

use super::super::hujson::{Kind, Node};
use super::trivia::{Bit, What, bits, ends_its_line};

/// A list or an object.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) text: &'a str,
    /// Behind the bracket that opens it.
    pub(super) open: usize,
    /// In front of the bracket that closes it.
    pub(super) close: usize,
    /// Its elements, or its members with their names.
    pub(super) items: Vec<Range<usize>>,
}

/// What follows an item.
#[derive(Debug, Default)]
pub(super) struct After {
    /// Where its comma is.
    pub(super) comma: Option<usize>,
    /// Whether the comma is on the same line.
    pub(super) near: bool,
    /// The comments on its line that belong to it.
    pub(super) comments: Vec<Range<usize>>,
}

impl<'a> Block<'a> {
    /// The list or object that `node` is.
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

    /// The text between its brackets.
    pub(super) fn inside(&self) -> &'a str {
        self.text.get(self.open..self.close).unwrap_or_default()
    }

    /// What stands in front of item `index`, or behind the last one.
    pub(super) fn gap(&self, index: usize) -> Vec<Bit> {
        let before = index.checked_sub(1).and_then(|it| self.items.get(it));
        let start = before.map_or(self.open, |it| it.end);
        let end = self.items.get(index).map_or(self.close, |it| it.start);
        bits(self.text, start..end)
    }

    /// What follows item `index`. A comment behind the comma is the item's if it ends the line or the
    /// list; otherwise it is about what comes next.
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

    /// The comments in front of item `index` that belong to it: those directly above it, or before it
    /// on its line.
    ///
    /// What is above the first item is about the list, unless it is the only item or others
    /// have a comment above them too.
    pub(super) fn above(&self, index: usize) -> Vec<Range<usize>> {
        let (own, on_lines) = self.directly_above(index);
        let heads = index == 0
            && on_lines
            && self.items.len() > 1
            && (1..self.items.len()).all(|it| self.directly_above(it).0.is_empty());
        if heads { Vec::new() } else { own }
    }

    /// The comments that no blank line separates from the item, and whether it has a line end before.
    fn directly_above(&self, index: usize) -> (Vec<Range<usize>>, bool) {
        let gap = self.gap(index);
        let behind = |what| gap.iter().position(|it: &Bit| it.what == what).map(|it| it + 1);
        let comma = behind(What::Comma).unwrap_or_default();
        // What is left on the line of the comma, or of the bracket, belongs there.
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

    /// Where item `index` starts, with the comments above it.
    pub(super) fn start(&self, index: usize) -> Option<usize> {
        let above = self.above(index);
        above.first().or_else(|| self.items.get(index)).map(|it| it.start)
    }

    /// Whether the first item is the first thing on its line.
    pub(super) fn first_has_own_line(&self) -> bool {
        self.items.first().is_some_and(|it| starts_line(self.text, it.start))
    }

    /// Whether a comma follows the last item.
    pub(super) fn has_trailing_comma(&self) -> bool {
        self.gap(self.items.len()).iter().any(|it| it.what == What::Comma && !self.items.is_empty())
    }

    /// Whether a blank line stands between the last two items.
    pub(super) fn is_spaced_out(&self) -> bool {
        let Some(last) = self.items.len().checked_sub(1).filter(|it| *it > 0) else { return false };
        let gap = self.gap(last);
        let pairs = gap.iter().zip(gap.iter().skip(1));
        pairs.into_iter().any(|(a, b)| a.what == What::Line && b.what == What::Line)
    }

    /// Whether the text directly in front of `at` is a comment that needs its line end.
    pub(super) fn follows_line_comment(&self, index: usize, at: usize) -> bool {
        let gap = self.gap(index);
        let last = gap.iter().rfind(|it| it.what == What::Comment && it.at.end <= at);
        last.is_some_and(|it| {
            let between = self.text.get(it.at.end..at).unwrap_or_default();
            ends_its_line(self.text, &it.at) && between.trim().is_empty()
        })
    }
}

/// Whether nothing but blanks stands before `at` on its line.
pub(super) fn starts_line(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let blank = before.rsplit('\n').next().unwrap_or_default();
    blank.len() < before.len() && is_blank(blank)
}

/// The blanks at the start of the line in which `at` is.
pub(super) fn indent_at(text: &str, at: usize) -> &str {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.get(..line.len() - line.trim_start_matches(BLANKS).len()).unwrap_or_default()
}

/// What may stand between the words of a line.
pub(super) const BLANKS: [char; 2] = [' ', '\t'];

fn is_blank(text: &str) -> bool {
    text.trim_start_matches(BLANKS).is_empty()
}

//! Applies a step to the text: which bytes to remove, and which to insert.

use std::ops::Range;

use serde_json::Value;

use super::super::hujson::{Document, Node};
use super::{
    block::{BLANKS, Block, indent_at, starts_line},
    step::{Change, Key, Step, find},
    style::Style,
    trivia::{What, comments, ends_its_line},
};

/// The replacements that make a step's change to a text.
#[derive(Debug, Default)]
pub(super) struct Patch {
    /// Byte ranges and their replacements. They do not overlap.
    parts: Vec<(Range<usize>, String)>,
    /// The ranges of the comments that the step removes.
    pub(super) gone: Vec<Range<usize>>,
}

impl Patch {
    /// The patch for a step; `None` if the step does not fit the document.
    pub(super) fn of(doc: &Document, step: &Step) -> Option<Self> {
        let style = Style::of(doc);
        let (text, node) = (doc.text(), find(doc.root(), &step.path)?);
        let deeper = (step.spread + 1).saturating_sub(step.path.len());
        match &step.change {
            Change::Replace(value) => {
                let new = style.write(value, deeper, indent_at(text, node.at.start));
                let gone = comments(text, node.at.clone());
                Some(Self { parts: vec![(node.at.clone(), new)], gone })
            }
            Change::Remove(key) => remove(&Block::of(text, node)?, index_of(node, key)?),
            Change::Insert(index, value) => {
                New { style: &style, name: None, value, levels: deeper, root: false }
                    .into_block(&Block::of(text, node)?, *index)
            }
            Change::Add(name, value) => {
                let block = Block::of(text, node)?;
                let (name, root) = (Some(name.as_str()), step.path.is_empty());
                New { style: &style, name, value, levels: deeper, root }
                    .into_block(&block, block.items.len())
            }
        }
    }

    /// The patched text; `None` if replacements overlap.
    pub(super) fn on(mut self, text: &str) -> Option<String> {
        self.parts.sort_by_key(|it| (it.0.start, it.0.end));
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (range, new) in &self.parts {
            out.push_str(text.get(at..range.start)?);
            out.push_str(new);
            at = range.end;
        }
        out.push_str(text.get(at..)?);
        Some(out)
    }
}

fn index_of(node: &Node, key: &Key) -> Option<usize> {
    match key {
        Key::Index(index) => Some(*index),
        Key::Name(name) => node.as_object()?.iter().position(|it| it.name == *name),
    }
}

/// A new element or member to be written.
struct New<'a> {
    style: &'a Style,
    name: Option<&'a str>,
    value: &'a Value,
    /// The number of levels written with one member per line, counted from the list or object that gets the
    /// new item.
    levels: usize,
    /// Whether it is added to the root object, as a section.
    root: bool,
}

impl New<'_> {
    fn into_block(self, block: &Block<'_>, index: usize) -> Option<Patch> {
        let parts = match block.items.len() {
            0 => self.alone(block),
            count if index < count => self.before(block, index)?,
            count if index == count => self.last(block)?,
            _ => return None,
        };
        Some(Patch { parts, gone: Vec::new() })
    }

    fn written(&self, indent: &str) -> String {
        let value = self.style.write(self.value, self.levels.saturating_sub(1), indent);
        self.name.map_or_else(|| value.clone(), |name| self.style.member(name, &value))
    }

    fn before(&self, block: &Block<'_>, index: usize) -> Option<Vec<(Range<usize>, String)>> {
        let (text, at) = (block.text, block.start(index)?);
        let indent = indent_at(text, at);
        let written = self.written(indent);
        let new = if starts_line(text, at) {
            format!("{written},{}{indent}", self.style.eol)
        } else {
            format!("{written}{}", self.between(block))
        };
        Some(vec![(at..at, new)])
    }

    fn last(&self, block: &Block<'_>) -> Option<Vec<(Range<usize>, String)>> {
        let (text, index) = (block.text, block.items.len().checked_sub(1)?);
        let (item, after) = (block.items.get(index)?, block.after(index));
        let needs_line = |it: &Range<usize>| ends_its_line(text, it);
        let behind = after.comments.iter().any(|it| after.comma.is_some_and(|at| at < it.start));
        let lines = starts_line(text, item.start)
            || behind
            || after.comments.iter().any(needs_line)
            || after.comma.is_some() && !after.near;
        let end = end_of_line(block, after.comma.map_or(item.end, |it| it + 1));
        Some(if lines {
            let eol = self.style.eol;
            let blank = if self.root && block.is_spaced_out() { eol } else { "" };
            let indent = indent_for(block, self.style);
            let comma = if after.comma.is_some() { "," } else { "" };
            let new = format!("{blank}{eol}{indent}{}{comma}", self.written(&indent));
            let comma = if after.comma.is_some() { "" } else { "," };
            vec![(item.end..item.end, comma.to_owned()), (end..end, new)]
        } else {
            let between = self.between(block);
            let written = self.written(indent_at(text, item.start));
            let new = match after.comma {
                Some(_) => format!("{}{written},", between.strip_prefix(',').unwrap_or_default()),
                None => format!("{between}{written}"),
            };
            vec![(end..end, new)]
        })
    }

    /// Writes it into an empty list or object.
    fn alone(&self, block: &Block<'_>) -> Vec<(Range<usize>, String)> {
        let (text, eol) = (block.text, self.style.eol);
        let has_lines = block.inside().contains('\n');
        let outer = indent_at(text, block.open);
        let indent = format!("{outer}{}", self.style.unit);
        let comma = if self.style.trailing { "," } else { "" };
        let last = comments(text, block.open..block.close).pop();
        let part = match last {
            Some(it) if has_lines => {
                let indent = if starts_line(text, it.start) {
                    indent_at(text, it.start).to_owned()
                } else {
                    indent
                };
                (it.end..it.end, format!("{eol}{indent}{}{comma}", self.written(&indent)))
            }
            Some(it) => (it.end..it.end, format!(" {}", self.written(outer))),
            None if has_lines || self.levels > 0 && self.style.lines => {
                let written = self.written(&indent);
                (block.open..block.close, format!("{eol}{indent}{written}{comma}{eol}{outer}"))
            }
            None => (block.open..block.close, self.written(outer)),
        };
        vec![part]
    }

    /// The separator to a neighbour on the same line: the one between the last two items, or the usual one.
    fn between(&self, block: &Block<'_>) -> String {
        let ends = block.items.iter().rev().zip(block.items.iter().rev().skip(1)).next();
        let there = ends.and_then(|(last, before)| block.text.get(before.end..last.start));
        let simple = |it: &&str| it.starts_with(',') && it.trim_end_matches(BLANKS) == ",";
        there.filter(simple).unwrap_or(self.style.between()).to_owned()
    }
}

/// The indentation of the last item that starts a line, or one level more than that of the block.
fn indent_for(block: &Block<'_>, style: &Style) -> String {
    let own = block.items.iter().rfind(|it| starts_line(block.text, it.start));
    own.map_or_else(
        || format!("{}{}", indent_at(block.text, block.open), style.unit),
        |it| indent_at(block.text, it.start).to_owned(),
    )
}

/// The end of the comments that follow `at` (the end of the last item or its comma) on the same line.
fn end_of_line(block: &Block<'_>, at: usize) -> usize {
    let gap = block.gap(block.items.len()).into_iter().filter(|it| it.at.start >= at);
    let comments = gap.take_while(|it| it.what == What::Comment);
    comments.last().map_or(at, |it| it.at.end)
}

fn remove(block: &Block<'_>, index: usize) -> Option<Patch> {
    let (text, item) = (block.text, block.items.get(index)?);
    let (above, after) = (block.above(index), block.after(index));
    let inner = comments(text, item.clone());
    let gone = [above.as_slice(), inner.as_slice(), after.comments.as_slice()].concat();
    if block.items.len() == 1 && gone.len() == comments(text, block.open..block.close).len() {
        return Some(Patch { parts: vec![(block.open..block.close, String::new())], gone });
    }
    let near = after.comma.filter(|_| after.near).map(|it| it + 1);
    let start = above.first().map_or(item.start, |it| it.start);
    let end = after.comments.last().map(|it| it.end).max(near).unwrap_or(item.end);
    let mut parts = vec![tidy(block, index, start..end)];
    let other_comma = match after.comma {
        Some(at) if !after.near => Some(at),
        None => index.checked_sub(1).and_then(|it| block.after(it).comma),
        Some(_) => None,
    };
    parts.extend(other_comma.map(|at| at..at + 1));
    Some(Patch { parts: parts.into_iter().map(|it| (it, String::new())).collect(), gone })
}

/// Extends a cut to the blanks that would be left over: to the full line, if nothing else is on it.
fn tidy(block: &Block<'_>, index: usize, cut: Range<usize>) -> Range<usize> {
    let text = block.text;
    let (before, rest) = (text.get(..cut.start), text.get(cut.end..));
    let (Some(before), Some(rest)) = (before, rest) else { return cut };
    let left = before.trim_end_matches(BLANKS).len();
    let right = cut.end + rest.len() - rest.trim_start_matches(BLANKS).len();
    let line_end = line_end_at(text, right);
    let is_last = index + 1 == block.items.len();
    match (starts_line(text, cut.start), line_end) {
        (true, Some(end)) => blank_line_before(block, left, end).unwrap_or(left)..end,
        (true, None) if is_last => {
            let above = before.trim_end();
            let stays = block.follows_line_comment(index, above.len()) || above.len() < block.open;
            if stays { cut } else { above.len()..cut.end }
        }
        (false, Some(_)) => left..cut.end,
        (false, None) if is_last => left..cut.end,
        (_, None) => cut.start..right,
    }
}

/// The start of the blank line before `left`, if another blank line or the end of the list follows at
/// `end`.
fn blank_line_before(block: &Block<'_>, left: usize, end: usize) -> Option<usize> {
    let text = block.text;
    let above = text.get(..left)?.strip_suffix('\n')?;
    let above = above.strip_suffix('\r').unwrap_or(above).trim_end_matches(BLANKS);
    let rest = text.get(end..)?;
    let next = end + rest.len() - rest.trim_start_matches(BLANKS).len();
    let follows = next == block.close || line_end_at(text, next).is_some();
    (above.ends_with('\n') && above.len() > block.open && follows).then_some(above.len())
}

/// The offset just after the line break at `at`.
fn line_end_at(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let length = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    (length > 0).then_some(at + length)
}

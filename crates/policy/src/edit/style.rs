//! The formatting of a file, so that new parts look like the existing ones.

use std::cmp::Reverse;

use serde_json::Value;

use super::super::hujson::{Document, Node};
use super::block::{Block, indent_at};

/// The order in which the fields of a rule are written. Other fields follow in alphabetical order.
const ORDER: &[&str] = &[
    "action",
    "target",
    "src",
    "users",
    "proto",
    "dst",
    "ports",
    "ip",
    "app",
    "srcPosture",
    "via",
    "attr",
    "accept",
    "check",
    "deny",
    "checkPeriod",
];

/// The formatting of a file.
#[derive(Debug)]
pub(super) struct Style {
    /// The line ending.
    pub(super) eol: &'static str,
    /// One level of indentation.
    pub(super) unit: String,
    /// Whether the file has no space after `:` and `,`: `{"a":[1,2]}`.
    pub(super) tight: bool,
    /// Whether the last item of a multi-line list or object has a trailing comma.
    pub(super) trailing: bool,
    /// Whether new lists and objects may be written on several lines.
    pub(super) lines: bool,
}

impl Style {
    /// The prevailing style of a file. By default tabs, as in Tailscale's own formatter, and no trailing
    /// comma.
    pub(super) fn of(doc: &Document) -> Self {
        let text = doc.text();
        let mut blocks = Vec::new();
        collect(text, doc.root(), &mut blocks);
        let first_line = text.split_inclusive('\n').next().unwrap_or_default();
        let on_lines = || blocks.iter().filter(|it| it.first_has_own_line());
        let trailing = on_lines().filter(|it| it.has_trailing_comma()).count();
        let root = Block::of(text, doc.root());
        Self {
            eol: if first_line.ends_with("\r\n") { "\r\n" } else { "\n" },
            unit: on_lines().find_map(Block::step).unwrap_or("\t").to_owned(),
            tight: is_tight(doc),
            trailing: 2 * trailing > on_lines().count(),
            lines: root.is_some_and(|it| it.items.is_empty() || it.inside().contains('\n')),
        }
    }

    /// Writes a value in this style. Its outermost `levels` are written with one member per line; `indent`
    /// is the indentation of the line on which the value starts.
    pub(super) fn write(&self, value: &Value, levels: usize, indent: &str) -> String {
        let inner = format!("{indent}{}", self.unit);
        let deeper = |it: &Value| self.write(it, levels.saturating_sub(1), &inner);
        let (open, close, parts): (_, _, Vec<String>) = match value {
            Value::Array(list) => ('[', ']', list.iter().map(deeper).collect()),
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| Reverse(rank(name)));
                let written = |(name, it): &(&String, &Value)| self.member(name, &deeper(it));
                ('{', '}', fields.iter().map(written).collect())
            }
            simple => return simple.to_string(),
        };
        if levels == 0 || !self.lines || parts.is_empty() {
            let between = if self.tight { "," } else { ", " };
            return format!("{open}{}{close}", parts.join(between));
        }
        let eol = self.eol;
        let last = if self.trailing { "," } else { "" };
        let between = format!(",{eol}{inner}");
        format!("{open}{eol}{inner}{}{last}{eol}{indent}{close}", parts.join(&between))
    }

    /// Writes a member of an object, given its name and its value as text.
    pub(super) fn member(&self, name: &str, value: &str) -> String {
        let colon = if self.tight { ":" } else { ": " };
        format!("{}{colon}{value}", Value::from(name))
    }

    /// The separator of two values on one line, if the list itself does not show one.
    pub(super) fn between(&self) -> &'static str {
        if self.tight { "," } else { ", " }
    }
}

/// The sort key of a field: fields with a higher rank are written first.
fn rank(name: &str) -> usize {
    ORDER.iter().rev().position(|it| *it == name).map_or(0, |it| it + 1)
}

fn is_tight(doc: &Document) -> bool {
    let first = doc.root().as_object().and_then(<[_]>::first);
    first.is_some_and(|it| doc.text().get(it.name_at.end..it.value.at.start) == Some(":"))
}

fn collect<'a>(text: &'a str, node: &'a Node, blocks: &mut Vec<Block<'a>>) {
    blocks.extend(Block::of(text, node).filter(|it| !it.items.is_empty()));
    for it in node.as_list().unwrap_or_default() {
        collect(text, it, blocks);
    }
    for it in node.as_object().unwrap_or_default() {
        collect(text, &it.value, blocks);
    }
}

impl Block<'_> {
    /// The indentation of the first item relative to the line of the opening bracket.
    fn step(&self) -> Option<&str> {
        let inner = indent_at(self.text, self.items.first()?.start);
        let step = inner.strip_prefix(indent_at(self.text, self.open))?;
        (!step.is_empty()).then_some(step)
    }
}

//! The answer of a tool as text: fields with their values, lists as tables.

use comfy_table::{ColumnConstraint, ContentArrangement, Row, Table, presets};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Number;

use super::{heading, warning};
use crate::visible::visible;

/// JSON whose fields stay in their order.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    /// `null`.
    Null(()),
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// An object.
    Object(Fields),
}

type Fields = IndexMap<String, Value>;

/// The columns that stand between two columns of a table.
const GAP: usize = 2;
/// The lines of a row, on average, above which a table is hard to read.
const MAX_LINES: usize = 3;
/// The fewest characters that a cell is squeezed into.
const LEAST_CELL: usize = 8;

impl Value {
    fn fields(&self) -> Option<&Fields> {
        match self {
            Self::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// A text of several lines.
    fn lines(&self) -> Option<&str> {
        match self {
            Self::String(text) if text.contains('\n') => Some(text),
            _ => None,
        }
    }

    fn items(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }
}

/// The answer, at most `width` columns wide where words allow it.
pub(super) fn text(answer: &Value, width: usize) -> String {
    let mut lines = Vec::new();
    match answer {
        Value::Object(fields) => object(&mut lines, fields, width, 0),
        Value::Array(items) => list(&mut lines, "items", items, width, 0),
        other => lines.push(cell(other)),
    }
    lines.join("\n")
}

fn object(lines: &mut Vec<String>, fields: &Fields, width: usize, depth: usize) {
    let tables = fields.values().filter(|it| is_list_of_records(it)).count();
    // How many there are belongs below the list that is counted.
    let is_count = |value: &Value| tables == 1 && depth == 0 && matches!(value, Value::Number(_));
    let is_line = |name: &str, value: &Value| {
        !is_list_of_records(value)
            && value.lines().is_none()
            && !matches!(value, Value::Object(_))
            && !is_last(name)
            && !is_count(value)
    };
    let plain = || fields.iter().filter(|(name, value)| is_line(name, value) && !is_empty(value));
    let widest = plain().map(|(name, _)| named(name).chars().count() + 1).max().unwrap_or_default();
    let indent = "  ".repeat(depth);
    for (name, value) in plain() {
        let name = format!("{}:", named(name));
        push_wrapped(lines, &format!("{indent}{name:<widest$} "), &cell(value), width);
    }
    for (name, value) in fields {
        if let Some(text) = value.lines() {
            lines.push(format!("{indent}{}:", heading(&named(name))));
            lines.extend(text.lines().map(verbatim));
        }
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                lines.push(format!("{indent}{}:", heading(&named(name))));
                object(lines, inner, width, depth + 1);
            }
            Value::Array(items) if is_list_of_records(value) => {
                // The only list needs no name: it is what was asked for.
                if !items.is_empty() && (tables > 1 || depth > 0 || !lines.is_empty()) {
                    lines.push(format!("{indent}{}:", heading(&named(name))));
                }
                list(lines, name, items, width, depth);
            }
            _ => {}
        }
    }
    let counts = fields.iter().filter(|(_, value)| is_count(value));
    let counts: Vec<String> =
        counts.map(|(name, value)| format!("{}: {}", named(name), cell(value))).collect();
    if !counts.is_empty() {
        lines.push(counts.join(", "));
    }
    remarks(lines, fields, width, &indent);
}

/// What stands below everything else: notes, warnings, and how to get the next page.
fn remarks(lines: &mut Vec<String>, fields: &Fields, width: usize, indent: &str) {
    let texts = |name: &str| {
        let list = fields.get(name).into_iter().flat_map(Value::items);
        list.map(cell)
    };
    for note in texts("notes") {
        push_wrapped(lines, &format!("{indent}note: "), &note, width);
    }
    for text in texts("warnings") {
        lines.push(format!("{indent}{}", warning(&text)));
    }
    if let Some(next) = fields.get("next").filter(|it| !is_empty(it)) {
        lines.push(format!("{indent}next page: cursor={}", cell(next)));
    }
}

fn is_last(name: &str) -> bool {
    matches!(name, "notes" | "warnings" | "next")
}

/// A table, or a block for each record if the terminal is too narrow for a table.
fn list(lines: &mut Vec<String>, name: &str, items: &[Value], width: usize, depth: usize) {
    if items.is_empty() {
        lines.push(format!("no {}", named(name)));
        return;
    }
    let mut columns: Vec<&str> = Vec::new();
    for (name, value) in items.iter().filter_map(Value::fields).flatten() {
        if !is_empty(value) && !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let least: usize = columns.iter().map(|it| it.len().max(LEAST_CELL) + GAP).sum();
    let table = (least <= width).then(|| table(&columns, items, width));
    let fits = |table: &Vec<String>| {
        table.len() - 1 <= items.len() * MAX_LINES
            && table.iter().all(|line| console::measure_text_width(line) <= width)
    };
    if let Some(table) = table.filter(fits) {
        return lines.extend(table);
    }
    for item in items.iter().filter_map(Value::fields) {
        object(lines, item, width, depth + 1);
        lines.push(String::new());
    }
    lines.pop();
}

fn table(columns: &[&str], items: &[Value], width: usize) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(columns.iter().map(|it| named(it).to_uppercase()));
    for item in items {
        let mut row = Row::new();
        match item {
            Value::Object(fields) => {
                for column in columns {
                    row.add_cell(fields.get(*column).map(cell).unwrap_or_default().into());
                }
            }
            other => {
                row.add_cell(cell(other).into());
            }
        }
        table.add_row(row);
    }
    for (column, name) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, u16::try_from(GAP).unwrap_or_default()));
        if is_copied(name) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.enumerate().map(|(at, line)| if at == 0 { heading(&line) } else { line }).collect()
}

/// Whether people copy what is in this column, so that it must stay on one line.
fn is_copied(column: &str) -> bool {
    matches!(column, "name" | "device" | "ip" | "id" | "login" | "key" | "tag" | "change")
}

/// Whether a value is a list that has objects in it.
fn is_list_of_records(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty() || items.iter().any(|it| it.fields().is_some()),
        _ => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null(()) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The name of a field, in words.
fn named(name: &str) -> String {
    visible(name).replace('_', " ")
}

/// A line as it is, with its tabs.
pub(in crate::cli) fn verbatim(line: &str) -> String {
    line.split('\t').map(visible).collect::<Vec<_>>().join("\t")
}

/// A value on one line.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null(()) => String::new(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => visible(text).into_owned(),
        Value::Array(items) => {
            // Pairs such as `["linux", 55]` are one part each.
            let pairs = items.iter().all(|it| matches!(it, Value::Array(_)));
            let part = |it: &Value| if pairs { cell(it).replace(", ", " ") } else { cell(it) };
            items.iter().map(part).collect::<Vec<_>>().join(", ")
        }
        Value::Object(fields) => {
            let shown = fields.iter().filter(|(_, value)| !is_empty(value));
            let parts = shown.map(|(name, value)| format!("{} {}", named(name), cell(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Adds a text after `start`, its further lines below the first one.
pub(in crate::cli) fn push_wrapped(lines: &mut Vec<String>, start: &str, text: &str, width: usize) {
    let indent = start.chars().count();
    let room = width.saturating_sub(indent).max(LEAST_CELL);
    let mut line = start.to_owned();
    let mut used = 0;
    for word in text.split(' ') {
        let length = console::measure_text_width(word);
        if used > 0 && used + 1 + length > room {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(answer: &str, width: usize) -> String {
        super::text(&serde_json::from_str(answer).unwrap(), width)
    }

    #[test]
    fn a_page_is_a_table_with_its_counts_below() {
        let page = r#"{
            "total": 98, "shown": 2,
            "devices": [
                { "name": "web-01", "tags": ["tag:web", "tag:prod"], "online": true },
                { "name": "db-01", "seen": "2 h ago", "online": false, "note": null }
            ],
            "next": "2-ab"
        }"#;

        assert_eq!(
            text(page, 80),
            "NAME    TAGS               ONLINE  SEEN\n\
             web-01  tag:web, tag:prod  yes\n\
             db-01                      no      2 h ago\n\
             total: 98, shown: 2\n\
             next page: cursor=2-ab"
        );
    }

    #[test]
    fn a_record_is_a_line_for_each_field() {
        let record = r#"{
            "device": "db-01", "online": true, "os": [["linux", 55], ["iOS", 3]],
            "key": { "state": "does not expire" }, "notes": ["its client is old"]
        }"#;

        assert_eq!(
            text(record, 80),
            "device: db-01\nonline: yes\nos:     linux 55, iOS 3\nkey:\n  state: does not expire\n\
             note: its client is old"
        );
    }

    #[test]
    fn what_is_too_wide_for_a_table_is_a_block_for_each_record() {
        let page = r#"{ "devices": [
            { "a_long_name": 1, "another_name": 2, "the_third_name": 3 },
            { "a_long_name": 4, "another_name": 5, "the_third_name": 6 }
        ] }"#;

        assert_eq!(
            text(page, 40),
            "  a long name:    1\n  another name:   2\n  the third name: 3\n\n\
             \u{20} a long name:    4\n  another name:   5\n  the third name: 6"
        );
    }

    #[test]
    fn a_name_or_an_address_is_never_cut() {
        let page = r#"{ "devices": [
            { "name": "davids-iphone-2-of-many", "ip": "100.112.246.130", "tags": ["tag:a", "tag:b"] }
        ] }"#;

        let narrow = text(page, 40);

        assert!(narrow.contains("davids-iphone-2-of-many"), "{narrow}");
        assert!(narrow.contains("100.112.246.130"), "{narrow}");
    }

    #[test]
    fn a_text_of_many_lines_keeps_them() {
        let file = r#"{ "etag": "ab", "text": "{\n\t\"groups\": {},\n}\u001b[2J\n" }"#;
        assert_eq!(text(file, 40), "etag: ab\ntext:\n{\n\t\"groups\": {},\n}\\u{1b}[2J");
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(text(r#"{ "total": 0, "changes": [] }"#, 80), "no changes\ntotal: 0");
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let shown = text(r#"{ "devices": [{ "name": "a\u001b[2Jb" }] }"#, 80);
        assert!(!shown.contains('\u{1b}') && shown.contains("a\\u{1b}[2Jb"), "{shown}");
    }

    #[test]
    fn a_long_text_is_wrapped_below_itself() {
        let mut lines = Vec::new();
        push_wrapped(&mut lines, "why: ", "one two three four", 13);
        assert_eq!(lines, ["why: one two", "     three", "     four"]);
    }
}

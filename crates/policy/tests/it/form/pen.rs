//! Writes a value in any of the styles that people use.

use serde_json::{Value, json};

/// Writes values in a style chosen by a sequence of numbers.
struct Pen<'a> {
    luck: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    eol: &'static str,
    indent: &'static str,
    comments: usize,
    out: String,
}

impl Pen<'_> {
    fn roll(&mut self, of: u8) -> u8 {
        self.luck.next().unwrap() % of
    }

    fn comment(&mut self, line: bool) {
        self.comments += 1;
        let (number, eol) = (self.comments, self.eol);
        let comment = if line {
            format!("// {number}: \"[{{, it's")
        } else if number.is_multiple_of(5) {
            format!("/* {number}{eol} // , ] */")
        } else {
            format!("/* {number} , \" */")
        };
        self.out.push_str(&comment);
    }

    /// Spaces, comments and line breaks between two tokens.
    fn gap(&mut self, depth: usize, lines: bool) {
        if !lines {
            if self.roll(3) == 0 {
                self.out.push(' ');
            }
            if self.roll(12) == 0 {
                self.comment(false);
            }
            return;
        }
        if self.roll(3) == 0 {
            self.out.push(' ');
            let line = self.roll(3) > 0;
            self.comment(line);
        }
        self.newline(depth);
        for _ in 0..self.roll(4).saturating_sub(1) {
            if self.roll(3) == 0 {
                self.newline(depth);
            }
            let line = self.roll(4) > 0;
            self.comment(line);
            self.newline(depth);
        }
        if self.roll(6) == 0 {
            self.newline(depth);
        }
    }

    fn newline(&mut self, depth: usize) {
        self.out.push_str(self.eol);
        self.out.push_str(&self.indent.repeat(depth));
    }

    fn value(&mut self, value: &Value, depth: usize) {
        let parts: Vec<(Option<&String>, &Value)> = match value {
            Value::Array(list) => list.iter().map(|it| (None, it)).collect(),
            Value::Object(map) => map.iter().map(|(name, it)| (Some(name), it)).collect(),
            simple => return self.out.push_str(&simple.to_string()),
        };
        let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
        let lines = self.roll(3) > 0 && depth < 4;
        self.out.push(open);
        self.gap(depth + 1, lines);
        for (at, (name, it)) in parts.iter().enumerate() {
            if let Some(name) = name {
                self.out.push_str(&json!(name).to_string());
                let near = self.roll(4);
                self.out.push_str(if near == 0 { " : " } else { ": " });
            }
            self.value(it, depth + 1);
            if self.roll(8) == 0 {
                self.out.push(' ');
                self.comment(false);
            }
            let last = at + 1 == parts.len();
            if !last || self.roll(2) == 0 {
                if self.roll(30) == 0 && lines {
                    self.newline(depth + 1);
                }
                self.out.push(',');
            }
            let breaks = lines && (last || self.roll(8) > 0);
            self.gap(if last { depth } else { depth + 1 }, breaks);
        }
        self.out.push(close);
    }
}

/// Writes the value in a style chosen by `luck`.
pub(super) fn written(value: &Value, luck: &[u8]) -> String {
    let eol = if luck[0].is_multiple_of(4) { "\r\n" } else { "\n" };
    let indent = ["  ", "\t", "    ", ""][usize::from(luck[1] % 4)];
    let mut pen = Pen { luck: luck.iter().cycle(), eol, indent, comments: 0, out: String::new() };
    if luck[2].is_multiple_of(5) {
        pen.out.push('\u{feff}');
    }
    pen.value(value, 0);
    pen.out
}

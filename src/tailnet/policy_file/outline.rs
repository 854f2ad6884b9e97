//! The sections of a policy file, and where each stands in it.

use std::ops::Range;

use serde::Serialize;

use super::PolicyFile;
use crate::{Error, client::Result};

/// Brackets in brackets; a policy file has five or so.
const DEEPEST: usize = 100;

/// A section of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Section {
    /// Its name, as it is written.
    pub name: String,
    /// The line on which it starts, counted from 1.
    pub line: usize,
    /// How many rules or names it has; absent for a single value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<usize>,
    /// Its size.
    pub bytes: usize,
    /// From its name to the end of its value.
    #[serde(skip)]
    at: Range<usize>,
    #[serde(skip)]
    is_null: bool,
}

/// One section, cut out of the policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SectionText {
    /// The version that it was cut out of.
    pub etag: String,
    /// Its name, as it is written.
    pub section: String,
    /// The line on which it starts, counted from 1.
    pub line: usize,
    /// The text, from its name on, with the comments in it.
    pub text: String,
}

/// What there is in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The version.
    pub etag: String,
    /// How many lines it has.
    pub lines: usize,
    /// Its size.
    pub bytes: usize,
    /// Its sections.
    pub sections: Vec<Section>,
    /// What is not here.
    pub left_out: &'static str,
}

impl PolicyFile {
    /// The sections, in the order in which they are written.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the text is no `HuJSON` object.
    pub fn sections(&self) -> Result<Vec<Section>> {
        outline(&self.text)
    }

    /// One section, as it is written. The case of `name` does not matter.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) with the sections there are.
    pub fn section(&self, name: &str) -> Result<SectionText> {
        let sections = self.sections()?;
        let Some(found) = sections.iter().find(|it| it.name.eq_ignore_ascii_case(name)) else {
            let names: Vec<&str> = sections.iter().map(|it| it.name.as_str()).collect();
            let there_is = format!("is `{name}`, and the file has {}", names.join(", "));
            return Err(Error::invalid_input("section", there_is));
        };
        Ok(SectionText {
            etag: self.etag.clone(),
            section: found.name.clone(),
            line: found.line,
            text: self.text.get(found.at.clone()).unwrap_or_default().to_owned(),
        })
    }

    /// What there is in it, without the rules themselves.
    ///
    /// # Errors
    ///
    /// As [`sections`](Self::sections).
    pub fn summary(&self) -> Result<Summary> {
        Ok(Summary {
            etag: self.etag.clone(),
            lines: self.text.lines().count(),
            bytes: self.text.len(),
            sections: self.sections()?,
            left_out: "rules, names and comments; `section` shows them",
        })
    }
}

/// Whether a file with these sections says nothing about access, and so allows all of it.
pub(super) fn allows_all(sections: &[Section]) -> bool {
    let speaks = |it: &Section| {
        let of_access = ["acls", "grants"].iter().any(|name| it.name.eq_ignore_ascii_case(name));
        of_access && !it.is_null
    };
    !sections.iter().any(speaks)
}

/// How many entries the section `name` has.
pub(super) fn entries(sections: &[Section], name: &str) -> usize {
    let found = sections.iter().find(|it| it.name.eq_ignore_ascii_case(name));
    found.and_then(|it| it.entries).unwrap_or_default()
}

/// The sections of a text.
pub(super) fn outline(text: &str) -> Result<Vec<Section>> {
    let mut scan = Scan { text, at: 0 };
    let read = scan.file();
    read.map_err(|wrong| {
        Error::invalid_input("text", format!("is no HuJSON: line {}: {wrong}", scan.line(scan.at)))
    })
}

type Scanned<T> = std::result::Result<T, &'static str>;

/// Goes over a text without making anything of what it says.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl Scan<'_> {
    fn file(&mut self) -> Scanned<Vec<Section>> {
        self.at = if self.text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut sections = Vec::new();
        self.blank()?;
        self.expect(b'{', "a policy file is an object: `{` is missing")?;
        loop {
            self.blank()?;
            if self.takes(b'}') {
                break;
            }
            sections.push(self.section()?);
            self.blank()?;
            if !self.takes(b',') && self.next() != Some(b'}') {
                return Err("a comma is missing");
            }
        }
        self.blank()?;
        if self.next().is_some() { Err("something follows the end") } else { Ok(sections) }
    }

    fn section(&mut self) -> Scanned<Section> {
        let start = self.at;
        self.string()?;
        let written = self.text.get(start..self.at).unwrap_or_default();
        let name = serde_json::from_str(written).map_err(|_| "the name cannot be read")?;
        self.blank()?;
        self.expect(b':', "a colon is missing")?;
        self.blank()?;
        let value = self.at;
        let entries = self.value(0)?;
        let is_null = self.text.get(value..self.at) == Some("null");
        let (line, bytes) = (self.line(start), self.at - start);
        Ok(Section { name, line, entries, bytes, at: start..self.at, is_null })
    }

    /// Goes over a value: how many values are in it, if it is a list or an object.
    fn value(&mut self, depth: usize) -> Scanned<Option<usize>> {
        let (open, close) = match self.next() {
            Some(b'"') => return self.string().map(|()| None),
            Some(b'{') => (b'{', b'}'),
            Some(b'[') => (b'[', b']'),
            _ => return self.word().map(|()| None),
        };
        if depth == DEEPEST {
            return Err("the brackets are too deep");
        }
        self.at += 1;
        let mut count = 0;
        loop {
            self.blank()?;
            if self.takes(close) {
                return Ok(Some(count));
            }
            if open == b'{' {
                self.string()?;
                self.blank()?;
                self.expect(b':', "a colon is missing")?;
                self.blank()?;
            }
            self.value(depth + 1)?;
            count += 1;
            self.blank()?;
            if !self.takes(b',') && self.next() != Some(close) {
                return Err("a comma or the end of a list is missing");
            }
        }
    }

    fn string(&mut self) -> Scanned<()> {
        self.expect(b'"', "a name or a text is missing")?;
        loop {
            match self.next() {
                None | Some(b'\n') => return Err("a text does not end"),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
    }

    /// `null`, `true`, `false`, or a number.
    fn word(&mut self) -> Scanned<()> {
        let start = self.at;
        while self.next().is_some_and(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it)) {
            self.at += 1;
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        if serde_json::from_str::<serde_json::Value>(word).is_ok() {
            return Ok(());
        }
        self.at = start;
        Err("a value is missing")
    }

    /// Goes over space and comments.
    fn blank(&mut self) -> Scanned<()> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                self.at += comment.find("*/").ok_or("a comment does not end")? + 4;
            } else if self.next().is_some_and(|it| it.is_ascii_whitespace()) {
                self.at += 1;
            } else {
                return Ok(());
            }
        }
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn takes(&mut self, wanted: u8) -> bool {
        let is_there = self.next() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, wanted: u8, otherwise: &'static str) -> Scanned<()> {
        if self.takes(wanted) { Ok(()) } else { Err(otherwise) }
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|it| *it == b'\n').count()
    }
}

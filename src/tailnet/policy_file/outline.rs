//! The sections of a policy file, and where each stands in it.

use std::ops::Range;

use serde::Serialize;

use super::PolicyFile;
use crate::{
    Error,
    client::Result,
    policy::hujson::{Document, Kind, Member},
};

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
    let wrong = |what: String| Error::invalid_input("text", format!("is no HuJSON: {what}"));
    let document = Document::parse(text).map_err(|error| wrong(error.to_string()))?;
    let root = document.root();
    let sections = root
        .as_object()
        .ok_or_else(|| wrong(format!("a policy file is an object, not {}", root.what())))?;
    Ok(sections.iter().map(|it| section(&document, text, it)).collect())
}

fn section(document: &Document, text: &str, member: &Member) -> Section {
    // Places are those of the text without the mark in front of it.
    let mark = text.len() - document.text().len();
    let at = member.name_at.start + mark..member.value.at.end + mark;
    let entries = match &member.value.kind {
        Kind::List(list) => Some(list.len()),
        Kind::Object(members) => Some(members.len()),
        _ => None,
    };
    Section {
        name: member.name.clone(),
        line: document.place(member.name_at.start).line,
        entries,
        bytes: at.len(),
        at,
        is_null: member.value.is_null(),
    }
}

//! The sections of a policy file and their positions in it.

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
    /// Name of the section, as written.
    pub name: String,
    /// First line of the section, counted from 1.
    pub line: usize,
    /// Number of entries; absent for a single value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<usize>,
    /// Size in bytes.
    pub bytes: usize,
    /// The byte range from the section's name to the end of its value.
    #[serde(skip)]
    at: Range<usize>,
    #[serde(skip)]
    is_null: bool,
}

/// The text of one section of the policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SectionText {
    /// Version (`ETag`) of the policy file.
    pub etag: String,
    /// Name of the section, as written.
    pub section: String,
    /// First line of the section, counted from 1.
    pub line: usize,
    /// The text, from the section's name on, with comments.
    pub text: String,
}

/// A summary of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Version (`ETag`) of the policy file.
    pub etag: String,
    /// Number of lines.
    pub lines: usize,
    /// Size in bytes.
    pub bytes: usize,
    /// The sections.
    pub sections: Vec<Section>,
    /// What the summary leaves out.
    pub left_out: &'static str,
}

impl PolicyFile {
    /// Lists the sections in the order of the file.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the text is not a `HuJSON` object.
    pub fn sections(&self) -> Result<Vec<Section>> {
        outline(&self.text)
    }

    /// Returns one section as written. `name` is matched without case.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with the existing sections, if there is none.
    pub fn section(&self, name: &str) -> Result<SectionText> {
        let sections = self.sections()?;
        let Some(found) = sections.iter().find(|it| it.name.eq_ignore_ascii_case(name)) else {
            let names: Vec<&str> = sections.iter().map(|it| it.name.as_str()).collect();
            let there_is = format!("is `{name}`; sections of the file: {}", names.join(", "));
            return Err(Error::invalid_input("section", there_is));
        };
        Ok(SectionText {
            etag: self.etag.clone(),
            section: found.name.clone(),
            line: found.line,
            text: self.text.get(found.at.clone()).unwrap_or_default().to_owned(),
        })
    }

    /// Summarizes the policy file, without its rules.
    ///
    /// # Errors
    ///
    /// Same as [`sections`](Self::sections).
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

/// Whether a file with these sections has no access rules, and so allows all traffic.
pub(super) fn allows_all(sections: &[Section]) -> bool {
    let speaks = |it: &Section| {
        let of_access = ["acls", "grants"].iter().any(|name| it.name.eq_ignore_ascii_case(name));
        of_access && !it.is_null
    };
    !sections.iter().any(speaks)
}

/// Number of entries in the section `name`; 0 if there is none.
pub(super) fn entries(sections: &[Section], name: &str) -> usize {
    let found = sections.iter().find(|it| it.name.eq_ignore_ascii_case(name));
    found.and_then(|it| it.entries).unwrap_or_default()
}

/// Parses the sections of a text.
pub(super) fn outline(text: &str) -> Result<Vec<Section>> {
    let wrong = |what: String| Error::invalid_input("text", format!("is not valid HuJSON: {what}"));
    let document = Document::parse(text).map_err(|error| wrong(error.to_string()))?;
    let root = document.root();
    let sections = root
        .as_object()
        .ok_or_else(|| wrong(format!("a policy file is an object, not {}", root.what())))?;
    Ok(sections.iter().map(|it| section(&document, text, it)).collect())
}

fn section(document: &Document, text: &str, member: &Member) -> Section {
    // The parser's positions do not count a byte order mark at the start of the text.
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

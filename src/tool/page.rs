//! Pages of lists: one contract for all of them. A call takes `cursor` and `limit`, an answer has
//! `next`, which is the `cursor` of the page after it.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};

use super::written;
use crate::{
    Error,
    client::{Result, call::is_empty},
};

/// Where the page before ended.
const CURSOR: &str = "cursor";
/// Rows on the page.
const LIMIT: &str = "limit";
/// The most that a page may weigh, in bytes of JSON; the rest comes on the next page.
const MAX_PAGE_BYTES: usize = 48_000;

/// How many rows the pages of a list have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize {
    /// Unless the call says otherwise.
    pub(crate) usual: usize,
    /// At most.
    pub(crate) max: usize,
}

impl Default for PageSize {
    fn default() -> Self {
        Self::USUAL
    }
}

impl PageSize {
    /// The size where a list has no reason for another one.
    pub(crate) const USUAL: Self = Self { usual: 50, max: 500 };

    /// Adds the two parameters of a page to a tool's schema.
    pub(super) fn describe(self, properties: &mut Map<String, Value>) {
        let Self { usual, max } = self;
        let limit = format!("Rows, up to {max}; usually {usual}.");
        properties.insert(
            CURSOR.to_owned(),
            json!({ "type": "string", "description": "`next` of the page before." }),
        );
        properties.insert(
            LIMIT.to_owned(),
            json!({ "type": "integer", "description": limit, "minimum": 1 }),
        );
    }
}

/// Which part of a list a call asks for.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    offset: usize,
    /// The key of the last row of the page before.
    after: Option<String>,
    limit: usize,
    /// Tells lists apart whose pages do not fit together.
    fingerprint: u32,
    /// Whether the call names a cursor or a limit.
    pub(crate) is_named: bool,
}

impl Part {
    /// Takes `cursor` and `limit` out of the arguments of a call of `tool`.
    pub(super) fn take(
        arguments: &mut Map<String, Value>,
        tool: &str,
        size: PageSize,
    ) -> Result<Self> {
        let (cursor, limit) = (arguments.remove(CURSOR), arguments.remove(LIMIT));
        let cursor = cursor.filter(|given| !given.is_null());
        let limit = limit.filter(|given| !given.is_null());
        let mut part = Self {
            offset: 0,
            after: None,
            limit: size.usual,
            fingerprint: fingerprint(tool, arguments)?,
            is_named: cursor.is_some() || limit.is_some(),
        };
        if let Some(limit) = limit {
            let rows = limit.as_u64().and_then(|rows| usize::try_from(rows).ok());
            let rows = rows.filter(|rows| (1..=size.max).contains(rows));
            part.limit = rows.ok_or_else(|| {
                Error::invalid_input(LIMIT, format!("must be between 1 and {}", size.max))
            })?;
        }
        if let Some(cursor) = cursor {
            part.go_on(cursor.as_str().unwrap_or_default())?;
        }
        Ok(part)
    }

    /// Where `cursor` says that the page before ended.
    fn go_on(&mut self, cursor: &str) -> Result<()> {
        let mut parts = cursor.splitn(3, '-');
        let offset = parts.next().and_then(|offset| offset.parse().ok());
        let fingerprint = parts.next().and_then(|text| u32::from_str_radix(text, 16).ok());
        let (Some(offset), Some(fingerprint), Some(key)) = (offset, fingerprint, parts.next())
        else {
            return Err(Error::invalid_input(CURSOR, "must be the `next` of the page before"));
        };
        if fingerprint != self.fingerprint {
            let why = "is from a list with other filters or another order; start anew without it";
            return Err(Error::invalid_input(CURSOR, why));
        }
        self.offset = offset;
        self.after = Some(key.to_owned()).filter(|key| !key.is_empty());
        Ok(())
    }

    /// Rows at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Rows before this part.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The key of the last row before this part.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// The cursor of the page that begins after `offset` rows, the last of which has `key`.
    pub(crate) fn next(&self, offset: usize, key: &str) -> String {
        format!("{offset}-{:08x}-{key}", self.fingerprint)
    }
}

/// The same in every build and on every replica.
fn fingerprint(tool: &str, filters: &Map<String, Value>) -> Result<u32> {
    let text = written(&(tool, filters))?;
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(text).into();
    Ok(u32::from_be_bytes([a, b, c, d]))
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// What the list is of.
    name: Cow<'static, str>,
    total: usize,
    /// How many of them the filters match, where there are filters.
    matching: Option<usize>,
    /// What else is counted.
    counts: Vec<(&'static str, usize)>,
    rows: Vec<Box<RawValue>>,
    /// The cursor of the page after this.
    next: Option<String>,
}

impl Page {
    /// The `part` of `all`, under `name`. What comes after it is not looked at.
    pub(crate) fn of<L>(name: impl Into<Cow<'static, str>>, all: L, part: &Part) -> Result<Self>
    where
        L: IntoIterator<Item: Serialize, IntoIter: ExactSizeIterator>,
    {
        let all = all.into_iter();
        let (total, offset) = (all.len(), part.offset);
        let rows = all.skip(offset).map(|row| written(&row));
        Self::filled(name.into(), total, offset, rows, part, |_| "")
    }

    /// The `part` of `all`, where each row has a key: the page begins behind the last row of the page
    /// before, wherever that is by now.
    pub(crate) fn keyed<'a, T, R: Serialize>(
        name: &'static str,
        all: &'a [T],
        part: &Part,
        key: impl Fn(&'a T) -> &'a str,
        row: impl Fn(&'a T) -> Result<R>,
    ) -> Result<Self> {
        let found = part.after().and_then(|after| all.iter().position(|it| key(it) == after));
        // If that row is gone, those behind it have moved up: one shown twice is better than one lost.
        let gone = part.offset.saturating_sub(usize::from(part.after().is_some()));
        let offset = found.map_or(gone, |at| at + 1);
        let rows = all.iter().skip(offset).map(|it| written(&row(it)?));
        let key = |at: usize| all.get(at).map(&key).unwrap_or_default();
        Self::filled(Cow::Borrowed(name), all.len(), offset, rows, part, key)
    }

    fn filled<'a>(
        name: Cow<'static, str>,
        total: usize,
        offset: usize,
        rows: impl Iterator<Item = Result<String>>,
        part: &Part,
        key: impl Fn(usize) -> &'a str,
    ) -> Result<Self> {
        let mut shown = Vec::new();
        let mut weight = 0;
        for row in rows.take(part.limit) {
            let row =
                RawValue::from_string(row?).map_err(|error| Error::invalid_input(&name, error))?;
            weight += row.get().len();
            // One row is always shown, however heavy.
            if weight > MAX_PAGE_BYTES && !shown.is_empty() {
                break;
            }
            shown.push(row);
        }
        let end = offset.saturating_add(shown.len());
        let next = (end < total).then(|| part.next(end, key(end.saturating_sub(1))));
        Ok(Self { name, total, matching: None, counts: Vec::new(), rows: shown, next })
    }

    /// The same page of what filters have taken out of `total`.
    pub(crate) fn out_of(self, total: usize) -> Self {
        Self { total, matching: Some(self.total), ..self }
    }

    /// The same page, with another count.
    pub(crate) fn counting(mut self, what: &'static str, count: usize) -> Self {
        self.counts.push((what, count));
        self
    }
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_map(None)?;
        page.serialize_entry("total", &self.total)?;
        if let Some(matching) = self.matching {
            page.serialize_entry("matching", &matching)?;
        }
        for (what, count) in &self.counts {
            page.serialize_entry(what, count)?;
        }
        page.serialize_entry("shown", &self.rows.len())?;
        page.serialize_entry(&self.name, &self.rows)?;
        if let Some(next) = &self.next {
            page.serialize_entry("next", next)?;
        }
        page.end()
    }
}

/// Something with one page of a list in it, and the cursor of the page after it.
#[derive(Debug, Serialize)]
pub(crate) struct Paged<T> {
    #[serde(flatten)]
    answer: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<T> Paged<T> {
    pub(crate) fn new(answer: T, next: Option<String>) -> Self {
        Self { answer, next }
    }
}

/// What `record` has under `fields`, as the API names them, less what is empty.
pub(crate) fn row(record: &impl Serialize, fields: &[&str]) -> Map<String, Value> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(record) else { return Map::new() };
    let of = |field: &&str| all.remove(*field).map(|value| ((*field).to_owned(), value));
    fields.iter().filter_map(of).filter(|(_, value)| !is_empty(value)).collect()
}

/// All that `record` has but `secrets`, less what is empty.
pub(crate) fn all_but(record: &impl Serialize, secrets: &[&str]) -> Map<String, Value> {
    let Ok(Value::Object(all)) = serde_json::to_value(record) else { return Map::new() };
    let is_shown =
        |(field, value): &(String, Value)| !secrets.contains(&field.as_str()) && !is_empty(value);
    all.into_iter().filter(is_shown).collect()
}

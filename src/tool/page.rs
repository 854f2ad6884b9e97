//! Pagination of lists, the same for all tools. A call takes `cursor` and `limit`; a result has `next`, the
//! `cursor` of the next page.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value, json, value::RawValue};
use sha2::{Digest as _, Sha256};

use super::answer::written;
use crate::{
    Error,
    client::{Result, call::is_empty},
};

/// The parameter with the cursor of the page.
const CURSOR: &str = "cursor";
/// The parameter with the number of rows.
const LIMIT: &str = "limit";
/// The largest page in bytes of JSON. Further rows go to the next page.
const MAX_PAGE_BYTES: usize = 48_000;

/// The number of rows on the pages of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageSize {
    /// The default.
    pub(crate) usual: usize,
    /// The maximum.
    pub(crate) max: usize,
}

impl PageSize {
    /// The page size of most lists.
    pub(crate) const USUAL: Self = Self { usual: 50, max: 500 };

    /// Adds the parameters `cursor` and `limit` to a tool's schema.
    pub(super) fn describe(self, properties: &mut Map<String, Value>) {
        let Self { usual, max } = self;
        let limit = format!("Rows, up to {max}; default {usual}.");
        properties.insert(
            CURSOR.to_owned(),
            json!({ "type": "string", "description": "`next` of the previous page." }),
        );
        properties.insert(
            LIMIT.to_owned(),
            json!({ "type": "integer", "description": limit, "minimum": 1 }),
        );
    }
}

/// The part of a list that a call requests.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    offset: usize,
    /// The key of the last row on the previous page.
    after: Option<String>,
    limit: usize,
    /// Identifies the tool and its filters, so that a cursor is not used with another list.
    fingerprint: u32,
    /// Whether the call has a cursor or a limit.
    pub(crate) is_named: bool,
}

impl Part {
    /// Takes `cursor` and `limit` out of the arguments of a tool call.
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

    /// Sets the position from a cursor.
    fn go_on(&mut self, cursor: &str) -> Result<()> {
        let mut parts = cursor.splitn(3, '-');
        let offset = parts.next().and_then(|offset| offset.parse().ok());
        let fingerprint = parts.next().and_then(|text| u32::from_str_radix(text, 16).ok());
        let (Some(offset), Some(fingerprint), Some(key)) = (offset, fingerprint, parts.next())
        else {
            return Err(Error::invalid_input(CURSOR, "must be `next` of the previous page"));
        };
        if fingerprint != self.fingerprint {
            let why = "is from a list with other filters or another order; start again without it";
            return Err(Error::invalid_input(CURSOR, why));
        }
        self.offset = offset;
        self.after = Some(key.to_owned()).filter(|key| !key.is_empty());
        Ok(())
    }

    /// The maximum number of rows.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The number of rows before this part.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The key of the last row before this part.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// The cursor of the page that starts after `offset` rows, the last of which has this `key`.
    pub(crate) fn next(&self, offset: usize, key: &str) -> String {
        format!("{offset}-{:08x}-{key}", self.fingerprint)
    }
}

/// A hash of the tool and its filters. It is the same in every build and on every replica.
fn fingerprint(tool: &str, filters: &Map<String, Value>) -> Result<u32> {
    let text = written(&(tool, filters))?;
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(text).into();
    Ok(u32::from_be_bytes([a, b, c, d]))
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// The field name of the list.
    name: Cow<'static, str>,
    total: usize,
    /// The number of rows that match the filters, if there are any.
    matching: Option<usize>,
    /// Other counts, by name.
    counts: Vec<(&'static str, usize)>,
    rows: Vec<Box<RawValue>>,
    /// The cursor of the next page.
    next: Option<String>,
}

impl Page {
    /// The requested part of `all`, as a page with the field `name`. Rows after it are not evaluated.
    pub(crate) fn of<L>(name: impl Into<Cow<'static, str>>, all: L, part: &Part) -> Result<Self>
    where
        L: IntoIterator<Item: Serialize, IntoIter: ExactSizeIterator>,
    {
        let all = all.into_iter();
        let (total, offset) = (all.len(), part.offset);
        let rows = all.skip(offset).map(|row| written(&row));
        Self::filled(name.into(), total, offset, rows, part, |_| "")
    }

    /// The requested part of `all`, where each row has a key: the page starts after the last row of the
    /// previous page, even if that has moved.
    pub(crate) fn keyed<'a, T, R: Serialize>(
        name: &'static str,
        all: &'a [T],
        part: &Part,
        key: impl Fn(&'a T) -> &'a str,
        row: impl Fn(&'a T) -> Result<R>,
    ) -> Result<Self> {
        let found = part.after().and_then(|after| all.iter().position(|it| key(it) == after));
        // If that row was removed, the rows after it have moved up: showing a row twice is better than
        // skipping one.
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
            // A page has at least one row, however large.
            if weight > MAX_PAGE_BYTES && !shown.is_empty() {
                break;
            }
            shown.push(row);
        }
        let end = offset.saturating_add(shown.len());
        let next = (end < total).then(|| part.next(end, key(end.saturating_sub(1))));
        Ok(Self { name, total, matching: None, counts: Vec::new(), rows: shown, next })
    }

    /// The page of a filtered list; `total` is the number of rows without filters.
    pub(crate) fn out_of(self, total: usize) -> Self {
        Self { total, matching: Some(self.total), ..self }
    }

    /// The page with an additional count.
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

/// A result that contains a page of a list, and the cursor of the next page.
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

/// The given fields of `record` as the API names them, without empty ones.
pub(crate) fn row(record: &impl Serialize, fields: &[&str]) -> Map<String, Value> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(record) else { return Map::new() };
    let of = |field: &&str| all.remove(*field).map(|value| ((*field).to_owned(), value));
    fields.iter().filter_map(of).filter(|(_, value)| !is_empty(value)).collect()
}

/// All fields of `record` except `secrets`, without empty ones.
pub(crate) fn all_but(record: &impl Serialize, secrets: &[&str]) -> Map<String, Value> {
    let Ok(Value::Object(all)) = serde_json::to_value(record) else { return Map::new() };
    let is_shown =
        |(field, value): &(String, Value)| !secrets.contains(&field.as_str()) && !is_empty(value);
    all.into_iter().filter(is_shown).collect()
}

//! A part of a list, in rows that say no more than they have to.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value, value::RawValue};

use super::written;
use crate::{
    Error,
    client::{Result, call::is_empty},
};

/// Rows on a page unless asked otherwise.
const PAGE_SIZE: usize = 50;
/// Rows on the largest page.
const LARGEST: usize = 500;
/// The most that a page may weigh, in bytes of JSON; what is left comes on the next.
const MAX_PAGE_BYTES: usize = 48_000;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    skip: usize,
    limit: usize,
}

impl Part {
    /// The rows after the first `skip`, `limit` at most.
    pub(crate) fn new(skip: impl Into<Option<usize>>, limit: Option<usize>) -> Result<Self> {
        Self::within(LARGEST, skip, limit)
    }

    /// The same, where a page has `most` rows at most.
    pub(crate) fn within(
        most: usize,
        skip: impl Into<Option<usize>>,
        limit: Option<usize>,
    ) -> Result<Self> {
        let limit = limit.unwrap_or(PAGE_SIZE);
        if limit == 0 || limit > most {
            return Err(Error::invalid_input("limit", format!("must be between 1 and {most}")));
        }
        Ok(Self { skip: skip.into().unwrap_or_default(), limit })
    }
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// What the list is of.
    name: Cow<'static, str>,
    total: usize,
    /// How many of them the filters take, where there are filters.
    matching: Option<usize>,
    /// What else is counted.
    counts: Vec<(&'static str, usize)>,
    rows: Vec<Box<RawValue>>,
    /// What to give as `skip` for the page after this.
    next: Option<usize>,
}

impl Page {
    /// The `part` of `all`, under `name`. What comes after it is not looked at.
    pub(crate) fn of<L>(name: impl Into<Cow<'static, str>>, all: L, part: Part) -> Result<Self>
    where
        L: IntoIterator<Item: Serialize, IntoIter: ExactSizeIterator>,
    {
        let (name, all) = (name.into(), all.into_iter());
        let total = all.len();
        let mut rows = Vec::new();
        let mut weight = 0;
        for row in all.skip(part.skip).take(part.limit) {
            let row = RawValue::from_string(written(&row)?)
                .map_err(|error| Error::invalid_input(&name, error))?;
            weight += row.get().len();
            // One row is always shown, however heavy.
            if weight > MAX_PAGE_BYTES && !rows.is_empty() {
                break;
            }
            rows.push(row);
        }
        let end = part.skip.saturating_add(rows.len());
        let next = (end < total).then_some(end);
        Ok(Self { name, total, matching: None, counts: Vec::new(), rows, next })
    }

    /// The same page of what filters have taken out of `total`.
    pub(crate) fn out_of(self, total: usize) -> Self {
        Self { total, matching: Some(self.total), ..self }
    }

    /// The same page, with another count of the whole list.
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
        if let Some(next) = self.next {
            page.serialize_entry("next", &next)?;
        }
        page.end()
    }
}

/// What `record` has under `fields`, as the API names them, less what says nothing.
pub(crate) fn row(record: &impl Serialize, fields: &[&str]) -> Map<String, Value> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(record) else { return Map::new() };
    let of = |field: &&str| all.remove(*field).map(|value| ((*field).to_owned(), value));
    fields.iter().filter_map(of).filter(|(_, value)| !is_empty(value)).collect()
}

/// All that `record` has but `secrets`, less what says nothing.
pub(crate) fn all_but(record: &impl Serialize, secrets: &[&str]) -> Map<String, Value> {
    let Ok(Value::Object(all)) = serde_json::to_value(record) else { return Map::new() };
    let is_said =
        |(field, value): &(String, Value)| !secrets.contains(&field.as_str()) && !is_empty(value);
    all.into_iter().filter(is_said).collect()
}

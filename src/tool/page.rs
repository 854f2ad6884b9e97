//! A part of a list, in rows that say no more than they have to.

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value, value::RawValue};

use super::written;
use crate::{
    Error,
    client::{Result, call::is_empty},
};

/// Rows on a page unless asked otherwise.
const PAGE: usize = 50;
/// Rows on the largest page.
const LARGEST: usize = 500;
/// The most that a page may weigh, in bytes of JSON; what is left comes on the next.
const HEAVIEST: usize = 48_000;

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    name: &'static str,
    total: usize,
    rows: Vec<Box<RawValue>>,
    /// What to give as `skip` for the page after this.
    next: Option<usize>,
}

impl Page {
    /// The rows of `all` after the first `skip`, `limit` at most, under `name`.
    pub(crate) fn of<T: Serialize>(
        name: &'static str,
        all: &[T],
        skip: Option<usize>,
        limit: Option<usize>,
    ) -> Result<Self> {
        let (skip, limit) = (skip.unwrap_or_default(), limit.unwrap_or(PAGE));
        if limit == 0 || limit > LARGEST {
            return Err(Error::invalid_input("limit", format!("must be between 1 and {LARGEST}")));
        }
        let mut rows = Vec::new();
        let mut weight = 0;
        for row in all.iter().skip(skip).take(limit) {
            let row = RawValue::from_string(written(row)?)
                .map_err(|error| Error::invalid_input(name, error))?;
            weight += row.get().len();
            // One row is always shown, however heavy.
            if weight > HEAVIEST && !rows.is_empty() {
                break;
            }
            rows.push(row);
        }
        let end = skip + rows.len();
        Ok(Self { name, total: all.len(), rows, next: (end < all.len()).then_some(end) })
    }
}

impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut page = serializer.serialize_map(None)?;
        page.serialize_entry("total", &self.total)?;
        page.serialize_entry("shown", &self.rows.len())?;
        page.serialize_entry(self.name, &self.rows)?;
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

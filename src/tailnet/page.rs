//! Long lists, a page at a time.

use serde::Serialize;

use crate::{Error, client::Result};

/// Which part of a list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// How many are left out before it.
    pub skip: usize,
    /// How many there are at most.
    pub limit: usize,
}

impl Part {
    /// The part that is asked for: `usual` items unless a limit is given, which is `most` at most.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for another limit.
    pub fn new(
        skip: Option<usize>,
        limit: Option<usize>,
        usual: usize,
        most: usize,
    ) -> Result<Self> {
        let limit = limit.unwrap_or(usual);
        if limit == 0 || limit > most {
            return Err(Error::invalid_input("limit", format!("must be between 1 and {most}")));
        }
        Ok(Self { skip: skip.unwrap_or_default(), limit })
    }
}

/// A page of a list.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// How many there are in all.
    pub total: usize,
    /// Those on this page.
    pub items: Vec<T>,
    /// What to skip for the page after this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<usize>,
}

impl<T> Page<T> {
    /// The part of `all`.
    pub fn of(all: Vec<T>, part: Part) -> Self {
        let total = all.len();
        let end = part.skip.saturating_add(part.limit);
        let items = all.into_iter().skip(part.skip).take(part.limit).collect();
        Self { total, items, next: (end < total).then_some(end) }
    }
}

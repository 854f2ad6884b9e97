//! Lists of named entries, such as groups, that are looked up by name.

use std::{collections::HashMap, ops::Deref, slice};

use super::Text;

/// A named entry of a section, such as a group with its members.
#[derive(Debug, Clone)]
pub struct Named<T> {
    /// The name.
    pub name: Text,
    /// The value.
    pub value: T,
}

/// The entries of a section in the order of the file, indexed by name.
#[derive(Debug, Clone)]
pub struct NamedList<T> {
    entries: Vec<Named<T>>,
    index: HashMap<String, usize>,
}

impl<T> NamedList<T> {
    /// Appends an entry. An entry that has the same name is replaced.
    pub fn push(&mut self, entry: Named<T>) {
        let next = self.entries.len();
        let index = *self.index.entry(entry.name.value.clone()).or_insert(next);
        match self.entries.get_mut(index) {
            Some(earlier) => *earlier = entry,
            None => self.entries.push(entry),
        }
    }

    /// The value of the entry called `name`.
    pub fn find(&self, name: &str) -> Option<&T> {
        let index = *self.index.get(name)?;
        self.entries.get(index).map(|entry| &entry.value)
    }
}

impl<T> Default for NamedList<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), index: HashMap::new() }
    }
}

impl<T> Deref for NamedList<T> {
    type Target = [Named<T>];

    fn deref(&self) -> &[Named<T>] {
        &self.entries
    }
}

impl<'l, T> IntoIterator for &'l NamedList<T> {
    type Item = &'l Named<T>;
    type IntoIter = slice::Iter<'l, Named<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

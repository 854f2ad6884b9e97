//! What is kept of a window: rows between named ends, which can be added to those of another window.

use std::collections::{BTreeMap, HashMap};

use super::{
    KnownDevice,
    ends::{NONE, OTHERS, Place},
    row::{Numbers, Sort, add, once, weight},
};

/// The ID of the end that stands for all that are not kept apart.
const OTHERS_ID: &str = "*";

/// One who sends or receives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// The node ID; the address of who is no node, and `*` for all that are not kept apart.
    pub id: String,
    /// Short name; the address of who is no node.
    pub name: String,
    /// Tags of the node.
    pub tags: Vec<String>,
}

impl End {
    pub(crate) fn new(id: String, name: String, tags: Vec<String>) -> Self {
        Self { id, name, tags }
    }

    pub(super) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn others() -> Self {
        Self { id: OTHERS_ID.to_owned(), name: "others".to_owned(), tags: Vec::new() }
    }

    pub(super) fn address(address: &str) -> Self {
        Self { id: address.to_owned(), name: address.to_owned(), tags: Vec::new() }
    }

    /// Whether it is a device of a tailnet, and not an address behind a router.
    pub fn is_node(&self) -> bool {
        !self.is_none() && !self.is_others() && self.id.parse::<std::net::IpAddr>().is_err()
    }

    /// Whether it stands for all that are not kept apart.
    pub fn is_others(&self) -> bool {
        self.id == OTHERS_ID
    }

    pub(crate) fn is_none(&self) -> bool {
        self.id.is_empty()
    }
}

/// What a row is about. Its ends are places in the list of ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Row {
    /// What its numbers count.
    pub(crate) sort: Sort,
    pub(crate) one: Place,
    /// None for what one node reports alone, and for services.
    pub(crate) other: Place,
    pub(crate) protocol: u8,
    pub(crate) port: u16,
}

/// The sums of a window.
#[derive(Debug, Clone)]
pub struct Totals {
    ends: Vec<End>,
    places: HashMap<String, Place>,
    rows: BTreeMap<Row, Numbers>,
    /// How many records were counted.
    pub records: u64,
    /// How many records could not be read.
    pub unreadable_records: u64,
    /// How many entries of records could not be read.
    pub unreadable_entries: u64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            ends: vec![End::none(), End::others()],
            places: HashMap::from([(String::new(), NONE), (OTHERS_ID.to_owned(), OTHERS)]),
            rows: BTreeMap::new(),
            records: 0,
            unreadable_records: 0,
            unreadable_entries: 0,
        }
    }
}

impl Totals {
    /// Each row, with its ends and numbers.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (Row, &End, &End, Numbers)> {
        self.rows.iter().filter_map(|(row, numbers)| {
            Some((*row, self.end(row.one)?, self.end(row.other)?, *numbers))
        })
    }

    pub(crate) fn end(&self, place: Place) -> Option<&End> {
        self.ends.get(usize::try_from(place).ok()?)
    }

    /// Who is in a row, each once. Others may be left of rows that were added up.
    #[cfg(feature = "journal")]
    pub(crate) fn used_ends(&self) -> Vec<&End> {
        let places: std::collections::BTreeSet<Place> =
            self.rows.keys().flat_map(|it| [it.one, it.other]).collect();
        let ends = places.into_iter().filter_map(|it| self.end(it));
        ends.filter(|it| !it.is_none() && !it.is_others()).collect()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The place of an end, which gets one if it has none. What came last about it counts.
    pub(crate) fn place(&mut self, end: &End) -> Place {
        if let Some(place) = self.places.get(&end.id).copied() {
            let known = usize::try_from(place).ok().and_then(|it| self.ends.get_mut(it));
            if let Some(known) = known.filter(|it| *it != end && !end.name.is_empty()) {
                known.clone_from(end);
            }
            return place;
        }
        let place = Place::try_from(self.ends.len()).unwrap_or(OTHERS);
        self.ends.push(end.clone());
        self.places.insert(end.id.clone(), place);
        place
    }

    /// Adds a row, with its ends in order.
    pub(crate) fn add(&mut self, row: Row, numbers: Numbers) {
        let turned = row.sort.has_two_ends() && row.one > row.other;
        let (row, numbers) = if turned {
            let [a, b, c, d] = numbers;
            (Row { one: row.other, other: row.one, ..row }, [d, c, b, a])
        } else {
            (row, numbers)
        };
        add(self.rows.entry(row).or_default(), numbers);
    }

    /// Adds the sums of another window.
    pub fn absorb(&mut self, more: &Self) {
        let places: Vec<Place> = more.ends.iter().map(|it| self.place(it)).collect();
        let moved = |place: Place| {
            usize::try_from(place).ok().and_then(|it| places.get(it)).copied().unwrap_or(OTHERS)
        };
        for (row, numbers) in &more.rows {
            self.add(Row { one: moved(row.one), other: moved(row.other), ..*row }, *numbers);
        }
        self.records += more.records;
        self.unreadable_records += more.unreadable_records;
        self.unreadable_entries += more.unreadable_entries;
    }

    /// The same with the devices of a list in place of their addresses.
    #[must_use]
    pub fn named(&self, known: &[KnownDevice]) -> Self {
        let mut listed = HashMap::new();
        for device in known {
            for address in &device.addresses {
                listed.insert(address.to_string(), device);
            }
        }
        let by_id: HashMap<&str, &KnownDevice> = known.iter().map(|it| (&*it.id, it)).collect();
        let mut named = Self::default();
        let mut places = Vec::new();
        for end in &self.ends {
            let device = listed.get(&end.id).or_else(|| by_id.get(&*end.id));
            places.push(match device {
                Some(it) if end.name.is_empty() || end.name == end.id => {
                    named.place(&End::new(it.id.clone(), it.name.clone(), it.tags.clone()))
                }
                _ => named.place(end),
            });
        }
        let place = |it: Place| usize::try_from(it).ok().and_then(|it| places.get(it)).copied();
        for (row, numbers) in &self.rows {
            let (one, other) = (place(row.one), place(row.other));
            let (one, other) = (one.unwrap_or(OTHERS), other.unwrap_or(OTHERS));
            named.add(Row { one, other, ..*row }, *numbers);
        }
        named.records = self.records;
        named.unreadable_records = self.unreadable_records;
        named.unreadable_entries = self.unreadable_entries;
        named
    }

    /// Keeps the `most` largest rows of each sort, and adds up the others.
    pub fn keep_largest(&mut self, most: usize) {
        for sort in Sort::ALL {
            let mut all: Vec<(u64, Row)> = self
                .rows
                .iter()
                .filter(|(row, _)| row.sort == sort && row.one != OTHERS)
                .map(|(row, numbers)| (weight(sort, *numbers), *row))
                .collect();
            if all.len() <= most {
                continue;
            }
            all.sort_unstable_by(|a, b| b.cmp(a));
            for (_, row) in all.drain(most..) {
                let numbers = self.rows.remove(&row).unwrap_or_default();
                let (ahead, back) = once(sort, numbers);
                let other = if sort.has_two_ends() { OTHERS } else { NONE };
                let others = Row { sort, one: OTHERS, other, protocol: 0, port: 0 };
                add(self.rows.entry(others).or_default(), [ahead, back, 0, 0]);
            }
        }
    }
}

/// Two totals are equal if the same was counted between the same ends, in whatever order.
impl PartialEq for Totals {
    fn eq(&self, other: &Self) -> bool {
        let counts = |it: &Self| (it.records, it.unreadable_records, it.unreadable_entries);
        counts(self) == counts(other) && self.by_id() == other.by_id()
    }
}

impl Totals {
    fn by_id(&self) -> BTreeMap<(Sort, &str, &str, u8, u16), Numbers> {
        let mut all = BTreeMap::new();
        for (row, one, other, numbers) in self.rows() {
            let turned = row.sort.has_two_ends() && one.id > other.id;
            let [a, b, c, d] = numbers;
            let (one, other, numbers) =
                if turned { (other, one, [d, c, b, a]) } else { (one, other, numbers) };
            all.insert((row.sort, &*one.id, &*other.id, row.protocol, row.port), numbers);
        }
        all
    }
}

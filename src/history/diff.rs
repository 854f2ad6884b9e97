//! What changed between two looks. Pure: it knows no database and no clock.

use std::collections::{HashMap, HashSet};

use super::{Connection, Fact, Field, Look, Seconds, Sighting, values::Values};

/// How many good looks in a row a thing must be missing in before it counts as gone.
const LOOKS_UNTIL_GONE: u8 = 2;

/// How far the API's clock may be ahead: within this time after a look, the end of a connection is the one
/// that the look saw.
const CLOCKS_APART: Seconds = 10;

/// What is remembered of the things of one kind.
#[derive(Debug, Default)]
pub struct Known {
    pub(super) things: foldhash::HashMap<Box<str>, Thing>,
    /// When somebody last looked, in seconds since 1970.
    pub(super) looked_at: Option<Seconds>,
    /// Whether the last look saw too little to be believed.
    pub(super) doubted: bool,
}

/// What is remembered of one thing.
#[derive(Debug, Clone, Default)]
pub(super) struct Thing {
    /// Its number in the database; 0 until it is there.
    pub(super) id: i64,
    pub(super) name: Box<str>,
    /// When it was made.
    pub(super) created: Option<Seconds>,
    pub(super) connection: Option<(Connection, Seconds)>,
    pub(super) values: Values,
    missing: u8,
    missing_since: Seconds,
}

/// One thing, as it was last seen.
#[derive(Debug, Clone, Copy)]
pub struct Remembered<'a> {
    key: &'a str,
    thing: &'a Thing,
}

impl<'a> Remembered<'a> {
    /// Its ID.
    pub fn key(self) -> &'a str {
        self.key
    }

    /// What people call it.
    pub fn name(self) -> &'a str {
        &self.thing.name
    }

    /// When it was made, in seconds since 1970.
    pub fn created(self) -> Option<Seconds> {
        self.thing.created
    }

    /// Whether a device is connected, and since when; none if that was never seen.
    pub fn connection(self) -> Option<(Connection, Seconds)> {
        self.thing.connection
    }

    /// The value of a field; empty if it is false, absent or empty.
    pub fn value(self, field: Field) -> &'a str {
        self.thing.values.get(field)
    }

    /// All fields that are not false, absent or empty.
    pub fn values(self) -> impl Iterator<Item = (Field, &'a str)> {
        self.thing.values.iter()
    }
}

/// What one look changes.
#[derive(Debug, Default)]
pub struct Diff {
    /// Things that were not known.
    pub new: Vec<New>,
    /// What changed, by ID. The first values of new things are among it.
    pub facts: Vec<(Box<str>, Vec<Fact>)>,
    /// Things with another name: their ID, and the name.
    pub renamed: Vec<(Box<str>, Box<str>)>,
    /// IDs of things that are gone, and since when.
    pub gone: Vec<(Box<str>, Seconds)>,
    missing: Vec<Box<str>>,
}

/// A thing that was not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// Its ID.
    pub key: Box<str>,
    /// What people call it.
    pub name: Box<str>,
    /// When it was made.
    pub created: Option<Seconds>,
}

/// Why a look is not believed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Implausible {
    /// How many things were known.
    pub known: usize,
    /// How many of them the look saw.
    pub seen: usize,
}

/// What `look`, at `now`, changes of what is known.
///
/// # Errors
///
/// [`Implausible`] if it saw nothing, or less than half of what is known: an API that fails may answer so.
/// The next look is believed, if it sees as little.
pub fn diff(known: &Known, look: &Look<'_>, now: Seconds) -> Result<Diff, Implausible> {
    let keys: HashSet<&str> = look.seen.iter().map(|it| &*it.key).collect();
    let still = known.things.keys().filter(|it| keys.contains(&***it)).count();
    let too_few = !known.things.is_empty() && (look.is_empty() || still * 2 < known.things.len());
    if too_few && !known.doubted {
        return Err(Implausible { known: known.things.len(), seen: still });
    }
    let mut diff = Diff::default();
    let mut done: HashSet<&str> = HashSet::with_capacity(look.seen.len());
    for seen in look.seen.iter().filter(|it| done.insert(&it.key)) {
        let thing = known.things.get(&*seen.key);
        if thing.is_none() {
            let name = (&*seen.name).into();
            diff.new.push(New { key: (&*seen.key).into(), name, created: seen.created });
        }
        if thing.is_some_and(|it| *it.name != *seen.name) {
            diff.renamed.push(((&*seen.key).into(), (&*seen.name).into()));
        }
        let mut facts: Vec<Fact> =
            connection(thing, seen, known.looked_at, now).into_iter().collect();
        values(&mut facts, thing, seen, look.has_all_fields, now);
        if !facts.is_empty() {
            diff.facts.push(((&*seen.key).into(), facts));
        }
    }
    for (key, thing) in known.things.iter().filter(|it| !keys.contains(&**it.0)) {
        if thing.missing + 1 >= LOOKS_UNTIL_GONE {
            diff.gone.push((key.clone(), thing.missing_since));
        } else {
            diff.missing.push(key.clone());
        }
    }
    Ok(diff)
}

/// The fact that a connection began or ended, if it did.
fn connection(
    thing: Option<&Thing>,
    seen: &Sighting<'_>,
    looked_at: Option<Seconds>,
    now: Seconds,
) -> Option<Fact> {
    let (is, last_seen) = seen.connection?;
    let was = thing.and_then(|it| it.connection);
    // A time that is still to come is the fault of a clock.
    let last_seen = last_seen.map(|it| it.min(now));
    let at = match (was, is) {
        (None, Connection::Down) => last_seen?,
        (None, Connection::Never) => seen.created.map_or(now, |it| it.min(now)),
        (Some((Connection::Up, _)), Connection::Up) => return None,
        // It was still connected when somebody last looked.
        (Some((Connection::Up, since)), Connection::Down) => {
            last_seen?.max(looked_at.unwrap_or(since)).min(now)
        }
        (None, _) | (Some(_), Connection::Up) => now,
        // It was connected in the meantime, and is not any more.
        (Some((_, since)), Connection::Down) => {
            let before = looked_at.map_or(since, |it| since.max(it + CLOCKS_APART));
            seen.connection.and_then(|it| it.1).filter(|it| (before + 1..=now).contains(it))?
        }
        // It was connected, so it cannot be that it never was.
        (Some((Connection::Up, _)), _) => return Some(undated(now)),
        (Some(_), _) => return None,
    };
    Some(Fact { field: Field::ONLINE, at, value: is.word().into() })
}

fn undated(at: Seconds) -> Fact {
    Fact { field: Field::ONLINE, at, value: Connection::Undated.word().into() }
}

/// Adds the facts that a value is another one, or not there any more.
fn values(
    facts: &mut Vec<Fact>,
    thing: Option<&Thing>,
    seen: &Sighting<'_>,
    has_all_fields: bool,
    now: Seconds,
) {
    let mut old = thing.into_iter().flat_map(|it| it.values.iter()).peekable();
    let mut new = seen.values.iter().peekable();
    let mut put = |field: Field, value: &str| {
        facts.push(Fact { field, at: now, value: value.into() });
    };
    // What a list with the usual fields leaves out has not changed.
    let is_told = |field: Field| has_all_fields || !field.needs_all_fields();
    while old.peek().is_some() || new.peek().is_some() {
        let (was, is) = (old.peek().map(|it| it.0), new.peek().map(|it| it.0));
        let field = was.into_iter().chain(is).min();
        let was = old.next_if(|it| Some(it.0) == field);
        let is = new.next_if(|it| Some(it.0) == field);
        match (was, is) {
            (Some(was), Some(is)) if *was.1 == *is.1 => {}
            (_, Some(is)) => put(is.0, &is.1),
            (Some(was), None) if is_told(was.0) => put(was.0, ""),
            (_, None) => {}
        }
    }
}

impl Known {
    /// How many things are known.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// When somebody last looked, in seconds since 1970.
    pub fn looked_at(&self) -> Option<Seconds> {
        self.looked_at
    }

    /// The things, in no order.
    pub fn things(&self) -> impl Iterator<Item = Remembered<'_>> {
        self.things.iter().map(|(key, thing)| Remembered { key, thing })
    }

    /// The thing with this ID.
    pub fn thing(&self, key: &str) -> Option<Remembered<'_>> {
        self.things.get_key_value(key).map(|(key, thing)| Remembered { key, thing })
    }

    /// Takes over what a look changed, once that is recorded. `ids` has the numbers of new things.
    pub fn apply(&mut self, diff: &Diff, ids: &HashMap<String, i64>, now: Seconds) {
        self.looked_at = Some(now);
        self.doubted = false;
        for thing in self.things.values_mut() {
            thing.missing = 0;
        }
        for seen in &diff.new {
            let id = ids.get(&*seen.key).copied().unwrap_or_default();
            self.things.insert(seen.key.clone(), Thing::new(id, &seen.name, seen.created));
        }
        for (key, name) in &diff.renamed {
            if let Some(thing) = self.things.get_mut(key) {
                thing.name = name.clone();
            }
        }
        for (key, facts) in &diff.facts {
            if let Some(thing) = self.things.get_mut(key) {
                for fact in facts {
                    thing.take(fact);
                }
            }
        }
        for key in &diff.missing {
            if let Some(thing) = self.things.get_mut(key) {
                thing.missing = 1;
                thing.missing_since = now;
            }
        }
        for (key, _) in &diff.gone {
            self.things.remove(key);
        }
    }

    /// Remembers that a look saw too little: the next one is believed.
    pub fn doubt(&mut self) {
        self.doubted = true;
    }
}

impl Thing {
    pub(super) fn new(id: i64, name: &str, created: Option<Seconds>) -> Self {
        Self { id, name: name.into(), created, ..Self::default() }
    }

    /// Takes over a fact.
    pub(super) fn take(&mut self, fact: &Fact) {
        if fact.field == Field::ONLINE {
            self.connection = Some((Connection::of(&fact.value), fact.at));
            return;
        }
        self.values.set(fact.field, &fact.value);
    }
}

//! What was known of things at any time in the past, as far as somebody looked.

use super::{Fact, Known, Seconds, Source, Spans, diff::Thing};

/// A thing that was seen: its ID, its name, when it was made, and from when to when it was there.
#[derive(Debug, Clone)]
pub(super) struct Was {
    pub(super) id: i64,
    pub(super) key: Box<str>,
    pub(super) name: Box<str>,
    pub(super) created: Option<Seconds>,
    pub(super) first_seen: Seconds,
    pub(super) gone_at: Option<Seconds>,
}

#[derive(Debug)]
enum Step {
    Appears(usize),
    Takes(usize, Fact),
    Goes(usize),
}

/// Goes through the past of the things of one source, forwards.
#[derive(Debug)]
pub struct Replay {
    things: Vec<Was>,
    /// In the order of time.
    steps: std::vec::IntoIter<(Seconds, Step)>,
    next: Option<(Seconds, Step)>,
    known: Known,
    spans: Spans,
    /// How long nobody may have looked for the things to be known still.
    gap: Seconds,
}

impl Replay {
    /// `facts` have the number of their thing.
    pub(super) fn new(
        source: &Source,
        things: Vec<Was>,
        facts: Vec<(i64, Fact)>,
        spans: Spans,
    ) -> Self {
        let mut steps = Vec::with_capacity(facts.len() + things.len());
        let places: std::collections::HashMap<i64, usize> =
            things.iter().enumerate().map(|(at, it)| (it.id, at)).collect();
        for (at, it) in things.iter().enumerate() {
            steps.push((it.first_seen, 0, Step::Appears(at)));
            steps.extend(it.gone_at.map(|gone| (gone, 2, Step::Goes(at))));
        }
        for (id, fact) in facts {
            if let Some(&at) = places.get(&id) {
                // What was before the first look became known with it.
                let seen = things.get(at).map_or(fact.at, |it| it.first_seen.max(fact.at));
                steps.push((seen, 1, Step::Takes(at, fact)));
            }
        }
        steps.sort_by_key(|it| (it.0, it.1));
        let steps: Vec<(Seconds, Step)> = steps.into_iter().map(|it| (it.0, it.2)).collect();
        let mut steps = steps.into_iter();
        let next = steps.next();
        let gap = source.longest_gap();
        Self { things, steps, next, known: Known::default(), spans, gap }
    }

    /// When somebody looked.
    pub fn spans(&self) -> &Spans {
        &self.spans
    }

    /// How many things there were.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// What was known at a time, which must not be before the last one that was asked for. Its time of the last
    /// look says whether it was known.
    pub fn at(&mut self, now: Seconds) -> &Known {
        while let Some((_, step)) = self.next.take_if(|it| it.0 <= now) {
            self.next = self.steps.next();
            self.take(step);
        }
        let last = self.spans.last_before(now);
        self.known.looked_at =
            last.map(|(_, to)| if now - to <= self.gap { to.min(now) } else { to });
        &self.known
    }

    fn take(&mut self, step: Step) {
        let things = &self.things;
        match step {
            Step::Appears(at) => {
                if let Some(it) = things.get(at) {
                    let thing = Thing::new(it.id, &it.name, it.created);
                    self.known.things.insert(it.key.clone(), thing);
                }
            }
            Step::Takes(at, fact) => {
                let key = things.get(at).map(|it| &it.key);
                if let Some(thing) = key.and_then(|key| self.known.things.get_mut(key)) {
                    thing.take(&fact);
                }
            }
            Step::Goes(at) => {
                if let Some(it) = things.get(at) {
                    self.known.things.remove(&it.key);
                }
            }
        }
    }
}

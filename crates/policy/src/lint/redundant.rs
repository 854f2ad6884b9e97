//! Finds rules that another rule makes redundant.

use std::collections::HashMap;

use super::{Findings, Weight};
use crate::{
    address::Span,
    compile::{Access, Bits, Special},
    model::Rule,
    ports::Ports,
};

/// The most comparisons of sources and destinations, enough for a thousand different rules.
const MAX_COMPARISONS: usize = 1_000_000;

/// A rule that only opens ports, prepared for comparison.
struct Plain<'f> {
    access: &'f Access<'f>,
    rule: Option<&'f Rule>,
    spans: Vec<Span>,
    /// The number of addresses and ports in the destinations.
    goals: usize,
}

/// What identifies rules that allow exactly the same.
type Key<'f> = (&'f Bits, Special, Vec<Span>, Vec<(&'f Bits, &'f [Span], Special, &'f [Ports])>);

impl Findings<'_, '_> {
    /// Finds rules that allow nothing which another rule does not allow. Of equal rules, the later ones are
    /// reported.
    pub(super) fn repeated(&mut self) {
        let policy = self.policy;
        let all = policy.rules.iter().filter(|access| is_plain(access)).map(Plain::of);
        let mut first: HashMap<Key<'_>, usize> = HashMap::new();
        let mut distinct: Vec<Plain<'_>> = Vec::new();
        let mut found = Vec::new();
        for plain in all {
            let index = *first.entry(plain.key()).or_insert(distinct.len());
            match distinct.get(index) {
                Some(earlier) => found.extend(duplicate(&plain, earlier)),
                None => distinct.push(plain),
            }
        }
        let mut left = MAX_COMPARISONS;
        for (index, inner) in distinct.iter().enumerate() {
            let Some(outer) = covering(index, inner, &distinct, &mut left) else { continue };
            let same = inner.covers(outer);
            found.extend(if same { duplicate(inner, outer) } else { shadowed(inner, outer) });
        }
        if left == 0 {
            let message = "too many rules to compare all of them with each other".to_owned();
            self.add(Weight::Low, "not_compared", 0, String::new(), message);
        }
        for (kind, rule, message) in found {
            self.add(Weight::Low, kind, rule.at.start, rule.label(), message);
        }
    }
}

/// The first rule that covers the one at `index`; of two that cover each other, only the earlier one. Each
/// comparison is taken off `left`, and at 0 the search ends.
fn covering<'p, 'f>(
    index: usize,
    inner: &Plain<'f>,
    all: &'p [Plain<'f>],
    left: &mut usize,
) -> Option<&'p Plain<'f>> {
    for (other, outer) in all.iter().enumerate().filter(|(other, _)| *other != index) {
        *left = left.saturating_sub(outer.cost_of(inner));
        if *left == 0 {
            return None;
        }
        if outer.covers(inner) && (other < index || !inner.covers(outer)) {
            return Some(outer);
        }
    }
    None
}

type Found<'f> = Option<(&'static str, &'f Rule, String)>;

fn duplicate<'f>(inner: &Plain<'f>, outer: &Plain<'f>) -> Found<'f> {
    Some(("duplicate", inner.rule?, format!("repeats {}", outer.rule?.label())))
}

fn shadowed<'f>(inner: &Plain<'f>, outer: &Plain<'f>) -> Found<'f> {
    Some(("shadowed", inner.rule?, format!("adds nothing to {}", outer.rule?.label())))
}

/// Whether a rule only opens ports, without `app`, `via` or posture conditions.
fn is_plain(access: &Access<'_>) -> bool {
    let no_app = access.app.is_none_or(serde_json::Map::is_empty);
    no_app && access.via.is_none() && access.source.fit.is_none() && !access.source.is_empty()
}

impl<'f> Plain<'f> {
    fn of(access: &'f Access<'f>) -> Self {
        let mut spans: Vec<Span> =
            access.source.sets.iter().flat_map(|set| set.spans.iter().copied()).collect();
        spans.sort_unstable();
        spans.dedup();
        let goals = access.targets.iter();
        let goals = goals.map(|goal| goal.set.spans.len() + goal.ports.len()).sum();
        Self { access, rule: access.rule, spans, goals }
    }

    fn key(&self) -> Key<'f> {
        let source = &self.access.source;
        let goals = self.access.targets.iter().map(|goal| {
            (&goal.set.devices, goal.set.spans.as_slice(), goal.set.special, &*goal.ports)
        });
        (&source.devices, source.special, self.spans.clone(), goals.collect())
    }

    /// How many comparisons [`covers`](Self::covers) may take.
    fn cost_of(&self, inner: &Self) -> usize {
        let spans = self.spans.len().saturating_mul(inner.spans.len());
        1 + spans.saturating_add(self.goals.saturating_mul(inner.goals) / 4)
    }

    /// Whether the rule allows everything that `inner` allows.
    fn covers(&self, inner: &Self) -> bool {
        let wide = self.access.source.special != Special::None;
        let sources = self.access.source.devices.covers(&inner.access.source.devices)
            && (wide || inner.access.source.special == Special::None)
            && (wide || all_covered(&self.spans, &inner.spans));
        sources
            && inner.access.targets.iter().all(|goal| {
                goal.set.is_empty()
                    || self.access.targets.iter().any(|other| {
                        let set = match (other.set.special, goal.set.special) {
                            (Special::Any, Special::Any | Special::None) => true,
                            (a, b) if a != b => false,
                            (Special::None, _) => {
                                other.set.devices.covers(&goal.set.devices)
                                    && all_covered(&other.set.spans, &goal.set.spans)
                            }
                            _ => true,
                        };
                        set && goal
                            .ports
                            .iter()
                            .all(|it| other.ports.iter().any(|out| out.covers(it)))
                    })
            })
    }
}

/// Whether each of the `inner` ranges is inside one of the `outer` ranges.
fn all_covered(outer: &[Span], inner: &[Span]) -> bool {
    inner.iter().all(|range| outer.iter().any(|out| out.covers(range)))
}

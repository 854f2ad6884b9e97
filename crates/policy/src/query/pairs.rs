//! Which sources of a question have to be asked about one by one.

use std::collections::HashMap;

use super::Question;
use crate::{
    compile::{Access, Compiled},
    identity::Party,
};

/// The most steps of a question: pairs of a source and a destination, times rules.
const MAX_STEPS: usize = 5_000_000;

/// Fails if a question with so many sources, destinations and rules takes too long.
pub(super) fn check_size(sources: usize, targets: usize, rules: usize) -> Result<(), String> {
    let pairs = sources.saturating_mul(targets);
    if pairs.saturating_mul(rules) <= MAX_STEPS { Ok(()) } else { Err(too_many(pairs)) }
}

fn too_many(pairs: usize) -> String {
    format!("{pairs} pairs are too many to ask about at once; name a smaller group")
}

/// Sources for which the same rules count.
struct Class<'q> {
    rules: Vec<usize>,
    first: &'q Party,
    /// A source other than the first, which stands in for it when the first is also the destination.
    second: Option<&'q Party>,
}

/// A source and a destination, and the first rule that lets the one reach the other.
pub(super) type Pair<'p, 'c> = (&'p Party, &'p Party, Option<&'c Access<'c>>);

impl Compiled<'_> {
    /// The pairs of a question that decide about all its pairs. Members of one group usually have the same
    /// rules, and only one of them needs to be asked about.
    ///
    /// # Errors
    ///
    /// A message, if there are too many pairs.
    pub(super) fn pairs<'q>(&self, question: &Question<'q>) -> Result<Vec<Pair<'q, '_>>, String> {
        let mut left = MAX_STEPS;
        let mut spend = |steps: usize| {
            left = left
                .checked_sub(steps)
                .ok_or_else(|| too_many(question.from.len().saturating_mul(question.to.len())))?;
            Ok::<(), String>(())
        };
        let mut people: HashMap<&str, Vec<&Party>> = HashMap::new();
        for target in question.to {
            if let Some(login) = self.person_of(target) {
                people.entry(login).or_default().push(target);
            }
        }
        let mut pairs = Vec::new();
        for class in self.classes(question, &mut spend)? {
            for target in question.to {
                spend(class.rules.len() + 1)?;
                let Some(source) = class.other_than(target, self) else { continue };
                pairs.push((source, target, self.first_of(&class.rules, source, target, question)));
            }
        }
        // The devices of one user may reach each other by rules that are about nobody else.
        for source in question.from {
            let own = self.person_of(source).and_then(|login| people.get(login));
            for target in own.into_iter().flatten() {
                let rules = self.source_index.candidates(source, self.rules.len());
                spend(rules.len() + 1)?;
                pairs.push((source, *target, self.first_of(&rules, source, target, question)));
            }
        }
        Ok(pairs)
    }

    fn classes<'q>(
        &self,
        question: &Question<'q>,
        spend: &mut impl FnMut(usize) -> Result<(), String>,
    ) -> Result<Vec<Class<'q>>, String> {
        let mut classes: Vec<Class<'q>> = Vec::new();
        let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
        for source in question.from {
            let mut rules = self.source_index.candidates(source, self.rules.len());
            spend(rules.len() + 1)?;
            rules.retain(|index| {
                self.rules.get(*index).is_some_and(|access| {
                    access.rule.is_none_or(|rule| self.counts(access, rule, source))
                })
            });
            let alike = matches!(source, Party::Person(_)).then(|| rules.clone());
            let next = classes.len();
            let index = alike.map_or(next, |rules| *known.entry(rules).or_insert(next));
            match classes.get_mut(index) {
                Some(class) => class.second = class.second.or(Some(source)),
                None => classes.push(Class { rules, first: source, second: None }),
            }
        }
        Ok(classes)
    }

    fn first_of(
        &self,
        rules: &[usize],
        source: &Party,
        target: &Party,
        question: &Question<'_>,
    ) -> Option<&Access<'_>> {
        let rules = rules.iter().filter_map(|index| self.rules.get(*index));
        self.rule_among(rules, source, target, question.protocol, question.port)
    }
}

impl<'q> Class<'q> {
    /// A source that is not the same person as the destination.
    fn other_than(&self, target: &Party, policy: &Compiled<'_>) -> Option<&'q Party> {
        let person = policy.person_of(target);
        let differs = |source: &&Party| person.is_none() || policy.person_of(source) != person;
        [Some(self.first), self.second].into_iter().flatten().find(differs)
    }
}

//! Some hosts show a model only the tools that a search finds, by BM25 over names and descriptions.

use std::collections::{BTreeMap, BTreeSet};

use tailsteward::catalogue;

use super::file;

/// Of a hundred questions, those whose tool is among the first three.
const PERCENT_FOUND: usize = 95;
const FIRST: usize = 3;
/// The usual parameters of BM25.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// Words that every search leaves out.
const STOP: &str = "a an and are as at be been by can could did do does for from had has have how i if in into \
                    is it its list me my no not of on or our out s should show so t than that the their them \
                    then there these they this those to up us was we were what when where which who whom why \
                    will with would you your about all any";

/// The words of a text, without their plural.
fn words(text: &str) -> Vec<String> {
    let stop: BTreeSet<&str> = STOP.split_whitespace().collect();
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|it| !it.is_empty() && !stop.contains(it)).map(singular).collect()
}

fn singular(word: &str) -> String {
    match word.strip_suffix("ies") {
        Some(stem) if word.len() > 4 => format!("{stem}y"),
        _ if word.len() > 3 && !word.ends_with("ss") => word.trim_end_matches('s').to_owned(),
        _ => word.to_owned(),
    }
}

/// The tools and their words.
struct Index {
    tools: Vec<(&'static str, Vec<String>)>,
    /// In how many tools a word is.
    spread: BTreeMap<String, usize>,
    mean: f64,
}

impl Index {
    fn new() -> Self {
        let tools: Vec<_> = catalogue::all()
            .map(|tool| (tool.name, words(&format!("{} {}", tool.name, tool.description()))))
            .collect();
        let mut spread = BTreeMap::new();
        for (_, words) in &tools {
            for word in words.iter().collect::<BTreeSet<_>>() {
                *spread.entry(word.clone()).or_default() += 1;
            }
        }
        let all: usize = tools.iter().map(|(_, words)| words.len()).sum();
        let mean = number(all) / number(tools.len());
        Self { tools, spread, mean }
    }

    /// The tools, the best match first.
    fn search(&self, question: &str) -> Vec<&'static str> {
        let asked: BTreeSet<String> = words(question).into_iter().collect();
        let mut scored: Vec<(f64, &str)> =
            self.tools.iter().map(|(name, words)| (self.score(&asked, words), *name)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        scored.into_iter().map(|(_, name)| name).collect()
    }

    fn score(&self, asked: &BTreeSet<String>, words: &[String]) -> f64 {
        let all = number(self.tools.len());
        let length = K1 * (1.0 - B + B * number(words.len()) / self.mean);
        asked
            .iter()
            .map(|word| {
                let count = number(words.iter().filter(|it| *it == word).count());
                let spread = number(self.spread.get(word).copied().unwrap_or_default());
                let rarity = (1.0 + (all - spread + 0.5) / (spread + 0.5)).ln();
                rarity * count * (K1 + 1.0) / (count + length)
            })
            .sum()
    }
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

#[test]
fn the_right_tool_is_among_the_first_three() {
    let index = Index::new();
    let questions = file().questions;
    let mut missed = Vec::new();
    for question in &questions {
        let found = index.search(&question.ask);
        let right = |name: &&&str| question.calls.iter().any(|it| it.tool == **name);
        if found.iter().take(FIRST).find(right).is_none() {
            missed.push(format!("{}: {:?}", question.ask, &found[..FIRST]));
        }
    }
    let found = questions.len() - missed.len();
    println!("{found} of {}; missed: {missed:#?}", questions.len());
    assert!(found * 100 >= questions.len() * PERCENT_FOUND, "{missed:#?}");
}

//! A hundred questions of operators, in plain words: they are answered in few calls and few tokens, and a search
//! over names and descriptions finds the tool. What cannot be answered is in the same file, with the reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde::Deserialize;
use serde_json::Value;
use tailsteward::{alerts::Setup, catalogue};

use crate::support::{agent::Agent, tailnet::sandbox};

mod errors;
mod search;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/questions/questions.json");
/// The most calls and tokens of one question.
const MAX_CALLS: usize = 3;
const MAX_TOKENS: usize = 5_000;
/// Half of the questions take no more.
const MEDIAN_CALLS: usize = 1;
const MEDIAN_TOKENS: usize = 300;

#[derive(Deserialize)]
struct File {
    questions: Vec<Question>,
    unanswerable: Vec<Unanswerable>,
}

#[derive(Deserialize)]
struct Question {
    ask: String,
    /// The calls that answer it, in order. `{{/pointer}}` stands for a value of the answer before.
    calls: Vec<Call>,
    /// A fact that is in the last answer.
    finds: String,
}

#[derive(Deserialize)]
struct Call {
    tool: String,
    arguments: Value,
}

#[derive(Deserialize)]
struct Unanswerable {
    ask: String,
    why: String,
}

fn file() -> File {
    serde_json::from_str(&fs::read_to_string(FILE).unwrap()).unwrap()
}

fn tokens(text: &str) -> usize {
    tiktoken_rs::cl100k_base_singleton().encode_with_special_tokens(text).len()
}

/// An assistant with all tools, in a tailnet that somebody watches.
async fn assistant(tailnet: &tailsteward::Tailnet) -> Agent {
    Agent::of_watched(tailnet, Setup::default(), &["all"]).await
}

/// The arguments with the values of the answer before.
fn filled(arguments: &Value, before: &Value) -> Value {
    match arguments {
        Value::String(text) => {
            let pointer = text.strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
            pointer.map_or_else(
                || arguments.clone(),
                |it| before.pointer(it).unwrap_or_else(|| panic!("no {it} in {before}")).clone(),
            )
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), filled(value, before)));
            Value::Object(fields.collect())
        }
        Value::Array(items) => items.iter().map(|it| filled(it, before)).collect(),
        other => other.clone(),
    }
}

fn median(mut figures: Vec<usize>) -> usize {
    figures.sort_unstable();
    figures[figures.len() / 2]
}

#[tokio::test]
async fn each_is_answered_in_few_calls_and_tokens() {
    let (_sandbox, tailnet) = sandbox().await;
    let agent = assistant(&tailnet).await;
    let questions = file().questions;
    assert!(questions.len() >= 100, "{}", questions.len());
    let (mut failures, mut calls, mut cost) = (Vec::new(), Vec::new(), Vec::new());

    for Question { ask, calls: made, finds } in &questions {
        let (mut answer, mut text, mut used) = (Value::Null, String::new(), 0);
        for call in made {
            let tool = catalogue::named(&call.tool).unwrap().name;
            let arguments = filled(&call.arguments, &answer);
            let (got, failed) = agent.ask(tool, arguments).await;
            text = got.to_string();
            used += tokens(&text);
            if failed {
                failures.push(format!("{ask}: {tool}: {text}"));
            }
            answer = got;
        }
        if !text.contains(finds.as_str()) {
            failures.push(format!("{ask}: `{finds}` is not in {text}"));
        }
        if made.len() > MAX_CALLS || used > MAX_TOKENS {
            failures.push(format!("{ask}: {} calls, {used} tokens", made.len()));
        }
        calls.push(made.len());
        cost.push(used);
    }

    println!("median {} calls, {} tokens", median(calls.clone()), median(cost.clone()));
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(median(calls) <= MEDIAN_CALLS && median(cost) <= MEDIAN_TOKENS);
}

#[test]
fn what_cannot_be_answered_has_a_reason() {
    let file = file();
    let mut asked = BTreeSet::new();
    for Unanswerable { ask, why } in &file.unanswerable {
        assert!(!why.is_empty() && why.ends_with('.'), "{ask}: {why}");
        assert!(asked.insert(ask.clone()), "{ask} is there twice");
    }
    for Question { ask, .. } in &file.questions {
        assert!(asked.insert(ask.clone()), "{ask} is there twice");
    }
    let toolsets: BTreeMap<&str, usize> =
        file.questions.iter().flat_map(|it| &it.calls).fold(BTreeMap::new(), |mut counts, call| {
            let has = |set: &&tailsteward::tool::Toolset| {
                set.tools.iter().any(|tool| tool.name == call.tool)
            };
            *counts.entry(catalogue::toolsets().find(has).unwrap().name).or_default() += 1;
            counts
        });
    // Those about one machine need a daemon, and have tests of their own.
    let local = ["this_node", "funnel", "caller"];
    for set in catalogue::TOOLSETS.iter().filter(|it| !local.contains(&it.name)) {
        assert!(toolsets.contains_key(set.name), "nobody asks for anything in `{}`", set.name);
    }
}

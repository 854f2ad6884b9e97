//! What a model reads stands alone: it sees parameters sorted by name, each without its neighbours.

use serde_json::Value;
use tailsteward::{catalogue, mcp, tool::Risk};

/// Words that point at a neighbour, and what may follow them.
const POINTING: [(&str, &[&str]); 3] =
    [("likewise", &[]), ("the same", &["time", "way"]), ("instead", &["of"])];

const WORDS_AT_LEAST: usize = 3;

#[test]
fn every_description_of_a_tool_and_a_parameter_stands_alone() {
    let mut wrong = Vec::new();
    for tool in catalogue::all() {
        let described = serde_json::to_value(mcp::describe(tool, Risk::Danger)).unwrap();
        check(tool.name, described["description"].as_str().unwrap_or_default(), &mut wrong);
        walk(tool.name, &described["inputSchema"], &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn walk(path: &str, schema: &Value, wrong: &mut Vec<String>) {
    for (name, parameter) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        check(&path, parameter["description"].as_str().unwrap_or_default(), wrong);
        walk(&path, parameter, wrong);
        walk(&path, &parameter["items"], wrong);
    }
}

fn check(path: &str, text: &str, wrong: &mut Vec<String>) {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let plain = words.iter().map(|word| bare(word)).collect::<Vec<_>>().join(" ");
    for (pointing, followed) in POINTING {
        let rest = plain.split_once(pointing).map(|(_, rest)| rest.trim_start());
        let next = rest.map(|rest| rest.split(' ').next().unwrap_or_default());
        if next.is_some_and(|next| !followed.contains(&next)) {
            wrong.push(format!("{path}: `{pointing}` of what? {text:?}"));
        }
    }
    if words.len() < WORDS_AT_LEAST {
        wrong.push(format!("{path}: under {WORDS_AT_LEAST} words: {text:?}"));
    }
    let dangling = ["of", "or", "as", "for", "and"];
    if words.first().is_some_and(|first| dangling.contains(&bare(first).as_str())) {
        wrong.push(format!("{path}: begins in the middle of a sentence: {text:?}"));
    }
}

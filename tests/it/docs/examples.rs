//! The calls of `docs/EXAMPLES.md` work, one after the other, in the tailnet of the sandbox.
//!
//! `cargo test examples -- --nocapture` shows what they answer.

use std::{collections::BTreeMap, fs};

use serde_json::Value;
use tailsteward::{alerts::Setup, catalogue, local::EditPrefs};

use crate::support::{
    agent::Agent,
    daemons::{Daemons, soon},
    edits,
    judge::is_judged,
    tailnet::sandbox,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/EXAMPLES.md");

/// A block of the file: ```` ```json call=TOOL keep=NAME:/pointer tokens=N ````.
struct Example {
    /// Where it begins in the file.
    line: usize,
    tool: &'static str,
    /// What is kept of the answer: names, and where the values are.
    keeps: Vec<(String, String)>,
    /// The most tokens of the answer.
    tokens: Option<usize>,
    /// It is refused, with this text.
    refused: Option<String>,
    /// Nothing has to change.
    unchanged: bool,
    arguments: String,
}

fn examples(file: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut lines = file.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```json call=") else { continue };
        let mut words = info.split_whitespace();
        let name = words.next().unwrap();
        let keep = |word: &str| {
            let kept = word.strip_prefix("keep=").and_then(|it| it.split_once(':'));
            let (name, pointer) =
                kept.unwrap_or_else(|| panic!("line {}: what is `{word}`?", at + 1));
            (name.to_owned(), pointer.to_owned())
        };
        let tool = catalogue::named(name).unwrap_or_else(|it| panic!("line {}: {it}", at + 1)).name;
        let (mut keeps, mut tokens, mut refused, mut unchanged) = (Vec::new(), None, None, false);
        for word in words {
            match word.split_once('=') {
                Some(("tokens", most)) => tokens = Some(most.parse().unwrap()),
                Some(("refused", text)) => refused = Some(text.to_owned()),
                None if word == "unchanged" => unchanged = true,
                _ => keeps.push(keep(word)),
            }
        }
        let body = lines.by_ref().map(|it| it.1).take_while(|it| *it != "```");
        let arguments = body.collect::<Vec<_>>().join("\n");
        examples.push(Example { line: at + 1, tool, keeps, tokens, refused, unchanged, arguments });
    }
    examples
}

#[test]
fn every_tool_has_an_example() {
    let file = fs::read_to_string(FILE).unwrap();
    let examples = examples(&file);
    for set in catalogue::TOOLSETS {
        for tool in set.tools {
            let is_shown = |it: &Example| tool.name == it.tool;
            assert!(examples.iter().any(is_shown), "docs/EXAMPLES.md has none of {}", tool.name);
        }
        let heading = format!("\n## {}\n", set.name);
        assert!(file.contains(&heading), "docs/EXAMPLES.md has no heading `{}`", set.name);
    }
}

#[tokio::test]
async fn every_example_works() {
    let (_sandbox, tailnet) = sandbox().await;
    let receivers = Setup { receivers: vec!["slack".into()], ..Setup::default() };
    let agent = Agent::of_watched(&tailnet, receivers, &["all", "api"]).await;
    run(&agent, |tool| !is_of_this_machine(tool)).await;
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn every_example_about_this_machine_works_with_a_real_daemon() {
    let daemons = Daemons::start(&["-n", "2", "-funnel"]);
    let (_sandbox, tailnet) = sandbox().await;
    let mut edit = EditPrefs::default();
    edit.advertise_routes = Some(vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()]);
    daemons.daemon(2).edit_prefs(&edit).await.unwrap();
    daemons.post("/routes?node=node2&routes=0.0.0.0/0,::/0", "").await;
    soon(|| async {
        let status = daemons.daemon(1).status().await.unwrap();
        status.peers.values().any(|it| it.exit_node_option).then_some(())
    })
    .await;
    let agent = edits::agent(&daemons.on(1, &tailnet)).await;

    run(&agent, is_of_this_machine).await;
}

/// Whether a tool asks the daemon of this machine.
fn is_of_this_machine(tool: &str) -> bool {
    let mut sets =
        catalogue::TOOLSETS.iter().filter(|it| matches!(it.name, "this_node" | "funnel"));
    sets.any(|set| set.tools.iter().any(|it| it.name == tool))
}

/// Makes the calls of the file whose tool `is_wanted`.
async fn run(agent: &Agent, is_wanted: impl Fn(&str) -> bool) {
    let mut kept: BTreeMap<String, Value> = BTreeMap::new();
    let mut failures = Vec::new();
    let mut calls = 0;

    let all = examples(&fs::read_to_string(FILE).unwrap());
    for Example { line, tool, keeps, tokens, refused, unchanged, arguments } in
        all.into_iter().filter(|it| is_wanted(it.tool))
    {
        calls += 1;
        let mut text = arguments;
        for (name, value) in &kept {
            text = text.replace(&format!("\"{{{{{name}}}}}\""), &value.to_string());
        }
        if text.contains("\"{{") {
            failures.push(format!("line {line}: nothing is kept for {text}"));
            continue;
        }
        let arguments =
            serde_json::from_str(&text).unwrap_or_else(|it| panic!("line {line}: {it}"));
        let (answer, failed) = agent.ask(tool, arguments).await;
        println!("{line}: {tool} {text}\n  {answer}");
        // What changes nothing shows nothing.
        let is_as_said = match &refused {
            // Behind a judge, the minute after which a mail is sent again may be over.
            Some(text) if text == "minute" && is_judged() && !failed => answer["applied"] == true,
            Some(text) => failed && answer.to_string().contains(text.as_str()),
            None => !failed && (answer["unchanged"] == true) == unchanged,
        };
        if !is_as_said {
            failures.push(format!("line {line}: {tool} {text}: {answer}"));
        }
        let cost = tiktoken_rs::cl100k_base_singleton()
            .encode_with_special_tokens(&answer.to_string())
            .len();
        if tokens.is_some_and(|most| cost > most) {
            failures.push(format!("line {line}: {tool}: {cost} tokens"));
        }
        for (name, pointer) in keeps {
            match answer.pointer(&pointer) {
                Some(value) => drop(kept.insert(name, value.clone())),
                None => failures.push(format!("line {line}: {tool}: no {pointer} in {answer}")),
            }
        }
    }

    assert!(failures.is_empty() && calls > 0, "{failures:#?}");
}

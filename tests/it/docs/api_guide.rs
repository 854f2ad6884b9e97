//! `docs/API_GUIDE.md` is written by this test, so that it cannot be stale.

use std::{
    fmt::{Display, Write as _},
    fs,
};

use serde_json::Value;
use tailsteward::{Operation, catalogue, tailnet::operations::is_offered, tool::Toolset};

const INTRO: &str = "\
# API guide

Written by `cargo test` from the document of Tailscale's API that this is built from: every operation,
with the tools that use it. What the tools take is in [tools.md](tools.md), calls to copy are in
[EXAMPLES.md](EXAMPLES.md).

Where there is a tool for it, use the tool: it finds devices and users by name, checks more, and its
answers are shorter. Everything else is reached in two ways:

- `call_api_operation` takes any operation by its name, with its `parameters` as they are below. What is
  called `body.name` below is the field `name` of the parameter `body`, and `body[].name` that of each of
  its elements. `find_api_operation` finds the name by
  words, and shows the whole schema.
- `--toolsets default,api:webhooks` offers one tool for each operation of a group, `--toolsets
  default,api` those of all groups. They take the parameters themselves as their arguments.

```sh
tailsteward call call_api_operation '{\"operation\":\"listUsers\",\"parameters\":{\"role\":\"admin\"}}' --sandbox
tailsteward call api_list_users '{\"role\":\"admin\"}' --sandbox --toolsets api:users
```

Both answer a list a page at a time, with `cursor` and `limit`. Both turn a change into a plan: `dry_run`
previews it, and a `danger` runs only after it was confirmed, as with any other tool
([safety.md](safety.md)). A `change` of which nothing can be undone counts as `danger` there. Where several
scopes are named, it depends on what is asked for which of them it takes; where the document names none,
none is named here. `setPolicyFile` is not called by either:
`update_acl_policy` does it.
";

/// Values of a parameter that are shown; the schema has the others.
const SHOWN: usize = 20;

#[test]
fn the_guide_to_the_api_is_fresh() {
    if let Some(other) = option_env!("TAILSTEWARD_OPENAPI") {
        println!(
            "skipped: docs/API_GUIDE.md is of our own document, and this is built from {other}"
        );
        return;
    }
    let mut guide = String::from(INTRO);
    for group in catalogue::toolsets().filter(|it| it.name.starts_with("api:")) {
        describe_group(group, &mut guide);
    }
    for operation in offered() {
        assert!(guide.contains(&format!("\n### `{operation}`\n")), "`{operation}` is in no group");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/API_GUIDE.md");
    if fs::read_to_string(path).unwrap_or_default() != guide {
        fs::write(path, &guide).unwrap();
        panic!("docs/API_GUIDE.md was out of date; it is written anew, commit it");
    }
}

fn offered() -> impl Iterator<Item = Operation> {
    Operation::ALL.iter().copied().filter(|it| is_offered(*it))
}

fn describe_group(group: &Toolset, guide: &mut String) {
    let operations =
        || offered().filter(|it| group.tools.iter().any(|tool| tool.name == it.tool()));
    let tag = operations().next().map_or("", Operation::tag);
    let _ = writeln!(guide, "\n## {tag}\n\nThe toolset `{}`.", group.name);
    operations().for_each(|it| describe(it, guide));
}

fn describe(operation: Operation, guide: &mut String) {
    let named = catalogue::all().filter(|it| it.operations.contains(&operation)).map(|it| it.name);
    let mut tools = list(named);
    if tools.is_empty() {
        tools.push_str("`call_api_operation`");
    }
    let scopes = list(operation.scopes());
    let scopes = if scopes.is_empty() { "not named".to_owned() } else { scopes };
    let _ = write!(
        guide,
        "\n### `{operation}`\n\n`{} {}`: {}.\n\nRisk: {}. Scopes: {scopes}. Used by {tools}. \
         Its own tool: `{}`.\n",
        operation.method(),
        operation.path(),
        operation.summary().trim_end_matches('.'),
        tailsteward::tailnet::operations::risk(operation),
        operation.tool(),
    );
    let mut rows = String::new();
    rows_of("", &operation.input(), true, &mut rows);
    if !rows.is_empty() {
        let _ = write!(guide, "\n| parameter | type | |\n|---|---|---|\n{rows}");
    }
}

fn list(names: impl IntoIterator<Item = impl Display>) -> String {
    names.into_iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

/// A row for each property of `schema`; for `body` the rows of its fields come after its own.
fn rows_of(under: &str, schema: &Value, outer: bool, rows: &mut String) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, parameter) in schema["properties"].as_object().into_iter().flatten() {
        let must = if required.contains(&Value::from(name.as_str())) { ", required" } else { "" };
        let text = first_sentence(parameter["description"].as_str().unwrap_or_default());
        let _ = writeln!(rows, "| `{under}{name}` | {}{must} | {text} |", kind(parameter));
        if outer && name == "body" {
            rows_of("body.", parameter, false, rows);
            rows_of("body[].", &parameter["items"], false, rows);
        }
    }
}

fn kind(parameter: &Value) -> String {
    if let Some(values) = parameter["enum"].as_array() {
        let text = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        let shown = list(values.iter().take(SHOWN).map(text));
        let rest = values.len().saturating_sub(SHOWN);
        return if rest == 0 { shown } else { format!("{shown} and {rest} more") };
    }
    match &parameter["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", kind_of_items(parameter)),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

fn kind_of_items(parameter: &Value) -> String {
    if parameter["items"].is_object() { kind(&parameter["items"]) } else { "any".to_owned() }
}

/// On one line, and nothing in it that ends a cell.
fn first_sentence(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = words.match_indices(". ").map(|it| it.0).find(|at| !is_abbreviation(&words[..*at]));
    let sentence = end.map_or(words.as_str(), |at| &words[..=at]);
    sentence.replace('|', "\\|")
}

fn is_abbreviation(before: &str) -> bool {
    ["e.g", "i.e", "etc", "vs"].iter().any(|it| before.ends_with(it))
}

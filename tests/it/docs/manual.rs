//! `docs/tools.md` is written by this test, so that it cannot be stale.

use std::{fmt::Write as _, fs};

use serde_json::Value;
use tailsteward::catalogue;
use tailsteward::tool::ToolDef;

#[test]
fn the_manual_is_fresh() {
    let mut manual = String::from(
        "# Tools\n\nWritten by `cargo test`; change the doc comments of the tools instead.\n\
         `read` is offered always, `change` and `danger` with `--access change` and `--access danger`.\n",
    );
    for set in catalogue::TOOLSETS {
        let _ = write!(manual, "\n## {}\n\n{}\n", set.name, set.about);
        for tool in set.tools {
            describe(tool, &mut manual);
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tools.md");
    if fs::read_to_string(path).unwrap_or_default() != manual {
        fs::write(path, &manual).unwrap();
        panic!("docs/tools.md was out of date; it is written anew, commit it");
    }
}

fn describe(tool: &ToolDef, manual: &mut String) {
    let scopes: Vec<String> = tool.scopes().iter().map(|it| format!("`{it}`")).collect();
    let operations: Vec<String> = tool.operations.iter().map(|it| format!("`{it}`")).collect();
    let uses = if operations.is_empty() && !tool.is_edit() {
        "Uses no API operation, and needs no scope.".to_owned()
    } else if operations.is_empty() {
        "Uses no fixed API operations. Scopes: those of the change or operation that it makes, if any.".to_owned()
    } else {
        format!("Uses {}. Scopes: {}.", operations.join(", "), scopes.join(", "))
    };
    let (name, risk, about) = (tool.name, tool.risk, tool.description());
    let _ = write!(manual, "\n### `{name}` ({risk})\n\n{about}\n\n{uses}\n\n");
    let schema = tool.input().to_value();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let _ = writeln!(manual, "| parameter | type | |\n|---|---|---|");
    for (name, parameter) in schema["properties"].as_object().unwrap() {
        let must = if required.contains(&Value::from(name.as_str())) { ", required" } else { "" };
        let text = parameter["description"].as_str().unwrap_or_default();
        let _ = writeln!(manual, "| `{name}` | {}{must} | {text} |", kind(parameter));
    }
}

fn kind(parameter: &Value) -> String {
    if let Some(values) = parameter["enum"].as_array() {
        let values: Vec<_> =
            values.iter().map(|it| format!("`{}`", it.as_str().unwrap())).collect();
        return values.join(", ");
    }
    match parameter["type"].as_str().unwrap() {
        "array" => format!("list of {}", parameter["items"]["type"].as_str().unwrap()),
        kind => kind.to_owned(),
    }
}

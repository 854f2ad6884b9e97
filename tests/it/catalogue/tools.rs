//! The tools as a model sees them: one snapshot each.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use tailsteward::{
    Operation, catalogue,
    catalogue::Offer,
    mcp,
    tool::{Risk, Toolset},
};

#[test]
fn every_tool_has_its_snapshot() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for tool in catalogue::all() {
            insta::assert_json_snapshot!(
                format!("tool__{}", tool.name),
                mcp::describe(tool, Risk::Danger)
            );
        }
    });
}

#[test]
fn no_snapshot_outlives_its_tool() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(tool) = name.strip_prefix("tool__").and_then(|it| it.strip_suffix(".snap")) else {
            continue;
        };
        assert!(catalogue::named(tool).is_ok(), "{name} is of no tool; delete it");
    }
}

#[test]
fn names_are_unique_and_say_what_is_done() {
    let mut seen = BTreeSet::new();
    for tool in catalogue::all() {
        assert!(seen.insert(tool.name), "two tools are called `{}`", tool.name);
        assert!(tool.name.len() <= 40, "`{}` is long", tool.name);
        assert!(
            tool.name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()),
            "`{}` is no snake case",
            tool.name
        );
    }
}

#[test]
fn descriptions_are_short_and_end_like_sentences() {
    for tool in catalogue::all() {
        let text = tool.description();
        assert!(text.ends_with('.') && text.len() <= 160, "`{}`: {text}", tool.name);
        assert!(text.starts_with(|c: char| c.is_ascii_uppercase()), "`{}`: {text}", tool.name);
        assert!(!text.contains('\n'), "`{}` has line ends", tool.name);
    }
}

#[test]
fn every_parameter_is_described() {
    for tool in catalogue::all() {
        let schema = tool.input().to_value();
        for (name, parameter) in schema["properties"].as_object().unwrap() {
            let text = parameter["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "`{name}` of `{}`", tool.name);
        }
    }
}

#[test]
fn the_device_has_one_name_and_one_description_everywhere() {
    let mut words = BTreeSet::new();
    for tool in catalogue::all() {
        let schema = tool.input().to_value();
        let names: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert!(
            !names.iter().any(|it| ["id", "node", "device_id", "machine"].contains(&it.as_str())),
            "`{}` calls the device something else",
            tool.name
        );
        let words_here = schema.pointer("/properties/device/description").map(Value::to_string);
        // What cuts a device off does not take the start of a name, and has to say so.
        if ["revoke_device", "expire_device_key", "quarantine_device"].contains(&tool.name) {
            assert_eq!(
                words_here.as_deref(),
                Some("\"Full device name, ID or IP.\""),
                "{}",
                tool.name
            );
        } else {
            words.extend(words_here);
        }
    }
    assert_eq!(words.len(), 1, "{words:?}");
}

#[test]
fn what_a_tool_does_is_no_more_than_it_says() {
    for tool in catalogue::all() {
        let writes: Vec<&Operation> = tool.operations.iter().filter(|it| !it.reads()).collect();
        // What is taken back, and what is called by its name, may be anything. Findings are accepted here, and
        // alerts and their rules are kept here, not in the tailnet.
        let here = ["accept_finding", "set_alert_rules", "acknowledge_alert", "mute_alerts"];
        // The daemon of this machine is asked for them, and no API.
        let node = |name| matches!(name, "this_node" | "funnel");
        let of_node =
            |it: &&'static Toolset| node(it.name) && it.tools.iter().any(|it| it.name == tool.name);
        let is_of_node = catalogue::TOOLSETS.iter().any(of_node);
        let any = ["undo_change", "call_api_operation"];
        if !here.contains(&tool.name) && !is_of_node && !any.contains(&tool.name) {
            assert_eq!(tool.is_edit(), !writes.is_empty(), "`{}`: {writes:?}", tool.name);
        }
        if tool.name != "call_api_operation" {
            assert_eq!(tool.is_edit(), tool.risk > Risk::Read, "`{}`", tool.name);
        }
        let deletes = writes.iter().any(|it| it.method() == "DELETE");
        assert!(!deletes || tool.risk == Risk::Danger, "`{}` deletes", tool.name);
        let asks = !tool.operations.is_empty();
        assert_eq!(!tool.scopes().is_empty(), asks, "`{}` names no scope", tool.name);
        if tool.risk > Risk::Read {
            let schema = tool.input().to_value();
            assert!(schema["properties"]["dry_run"].is_object(), "`{}` has no dry run", tool.name);
            let plan_id = schema["properties"]["plan_id"].is_object();
            assert_eq!(plan_id, tool.worst == Risk::Danger, "`{}`", tool.name);
        }
    }
}

#[test]
fn hints_follow_from_the_risk() {
    for access in [Risk::Read, Risk::Change, Risk::Danger] {
        for tool in Offer::up_to(access).tools() {
            let hints = mcp::describe(tool, access).annotations.unwrap();
            // What is graver than the access is refused, whatever the tool could do elsewhere.
            let reads = tool.worst.min(access) == Risk::Read;
            assert_eq!(hints.read_only_hint, Some(reads), "`{}`", tool.name);
            let destructive = tool.worst.min(access) == Risk::Danger;
            assert_eq!(hints.destructive_hint.unwrap_or_default(), destructive, "`{}`", tool.name);
        }
    }
}

#[test]
fn every_tool_is_called_by_a_test() {
    let mut tests = String::new();
    read_all(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it").as_ref(), &mut tests);
    let missed: Vec<&str> = catalogue::all()
        .map(|it| it.name)
        .filter(|it| !tests.contains(&format!("\"{it}\"")))
        .collect();
    assert!(missed.is_empty(), "no test calls {missed:?}");
}

fn read_all(folder: &std::path::Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else if !path.ends_with("server/catalogue.rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

//! What there is to know about one tool before it is called.

use serde_json::{Map, Value, json};

use crate::{
    catalogue::{self, Offer},
    cli::{
        arguments,
        shown::{heading, push_wrapped},
    },
    client::call::is_empty,
    tool::{Risk, ToolDef, Toolset},
};

/// The page for a person.
pub(super) fn text(tool: &ToolDef, offer: &Offer, width: usize) -> String {
    let mut lines = vec![heading(tool.name), tool.description(), String::new()];
    let toolset = toolset(tool).unwrap_or_default();
    lines.push(format!("toolset:  {toolset}"));
    push_wrapped(&mut lines, "risk:     ", &risk(tool), width);
    let scopes: Vec<&str> = tool.scopes().into_iter().collect();
    if !scopes.is_empty() {
        push_wrapped(&mut lines, "scopes:   ", &scopes.join(", "), width);
    }
    if let Some(undo) = catalogue::undo(tool.name) {
        push_wrapped(&mut lines, "undo:     ", undo, width);
    }
    if !offer.takes(tool) {
        push_wrapped(&mut lines, "offered:  ", &format!("no; add {}", missing(tool)), width);
    }
    parameters(&mut lines, tool, width);
    if let Some(example) = catalogue::example(tool.name) {
        lines.extend([String::new(), heading("Example"), format!("  {}", example.question)]);
        let words = arguments::written(&example.arguments);
        let access = (tool.risk > Risk::Read).then(|| format!(" --access {}", tool.risk));
        let call = format!("  tailsteward call {} {words}", tool.name);
        lines.push(format!("{}{}", call.trim_end(), access.unwrap_or_default()));
    }
    lines.join("\n")
}

/// The parameters for a person, as `key=value` words.
pub(super) fn parameters_of(tool: &ToolDef, width: usize) -> String {
    let mut lines = Vec::new();
    parameters(&mut lines, tool, width);
    lines.join("\n")
}

/// The page for a program.
pub(super) fn json(tool: &ToolDef) -> Value {
    let example = catalogue::example(tool.name);
    let mut page = json!({
        "name": tool.name, "toolset": toolset(tool), "risk": tool.risk, "worst": tool.worst,
        "description": tool.description(), "scopes": tool.scopes(), "input": tool.input(),
    });
    if let Some(page) = page.as_object_mut() {
        page.extend(catalogue::undo(tool.name).map(|undo| ("undo".to_owned(), undo.into())));
        page.extend(example.map(|it| {
            let example = json!({ "question": it.question, "arguments": it.arguments });
            ("example".to_owned(), example)
        }));
    }
    page
}

/// The options with which a server offers the tool.
fn missing(tool: &ToolDef) -> String {
    let has = |set: &&Toolset| set.tools.iter().any(|it| it.name == tool.name);
    let set = catalogue::toolsets().find(has).filter(|it| !it.default);
    let toolsets = set.map(|it| format!("--toolsets default,{}", it.name));
    let access = (tool.risk > Risk::Read).then(|| format!("--access {}", tool.risk));
    let words: Vec<String> = toolsets.into_iter().chain(access).collect();
    if words.is_empty() { "it to --tools".to_owned() } else { words.join(" ") }
}

fn toolset(tool: &ToolDef) -> Option<&'static str> {
    let has = |set: &&Toolset| set.tools.iter().any(|it| it.name == tool.name);
    catalogue::toolsets().find(has).map(|set| set.name)
}

fn risk(tool: &ToolDef) -> String {
    match (tool.risk, tool.worst) {
        (Risk::Read, Risk::Read) => "read".to_owned(),
        (Risk::Danger, _) => "danger: it always asks for confirmation".to_owned(),
        (risk, Risk::Danger) => {
            format!(
                "{risk}; what is hard to undo, such as a change of several resources, needs `danger` access \
                 and asks for confirmation"
            )
        }
        (risk, _) => risk.to_string(),
    }
}

fn parameters(lines: &mut Vec<String>, tool: &ToolDef, width: usize) {
    let input = tool.input();
    let known = input.get("properties").and_then(Value::as_object);
    let required = input.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|it| it.iter().any(|it| it == name));
    let Some(known) = known.filter(|it| !it.is_empty()) else {
        lines.extend([String::new(), "It takes no parameters.".to_owned()]);
        return;
    };
    lines.extend([String::new(), heading("Parameters")]);
    let widest = known.keys().map(String::len).max().unwrap_or_default();
    let (first, rest): (Vec<_>, Vec<_>) = known.iter().partition(|(name, _)| is_required(name));
    for (name, schema) in first.into_iter().chain(rest) {
        let fields = schema.as_object();
        let mut about = described(fields);
        if is_required(name) {
            about = format!("required, {about}");
        }
        push_wrapped(lines, &format!("  {name:<widest$}  "), &about, width);
    }
}

/// `one of read, write: What it means. Default read.`
fn described(schema: Option<&Map<String, Value>>) -> String {
    let get = |name: &str| schema.and_then(|it| it.get(name));
    let mut about = kind(schema);
    if let Some(text) = get("description").and_then(Value::as_str) {
        about = format!("{about}: {text}");
    }
    if let Some(usual) = get("default").filter(|it| !is_empty(it)) {
        about =
            format!("{about} Default {}.", usual.as_str().map_or(usual.to_string(), str::to_owned));
    }
    about
}

fn kind(schema: Option<&Map<String, Value>>) -> String {
    let get = |name: &str| schema.and_then(|it| it.get(name));
    if let Some(values) = get("enum").and_then(Value::as_array) {
        let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        return format!("one of {}", values.join(", "));
    }
    match get("type").and_then(Value::as_str) {
        Some("boolean") => "true or false".to_owned(),
        Some("integer" | "number") => "number".to_owned(),
        Some("array") => {
            let items = get("items").and_then(Value::as_object);
            match kind(items).as_str() {
                "object" => "list of objects".to_owned(),
                one if one.starts_with("one of") => format!("list, each {one}"),
                _ => "list".to_owned(),
            }
        }
        Some("object") => "object".to_owned(),
        _ => "text".to_owned(),
    }
}

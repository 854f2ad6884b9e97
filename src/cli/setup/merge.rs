//! Puts the server into a host's file, and leaves all else in it as it is: other servers, comments, formatting.

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstNode, CstObject, CstObjectProp, CstRootNode},
};
use serde_json::{Map, Value};

use super::hosts::{Host, INPUT, KEY, NAME, Started};

/// The file with the server in it; `old` is its present text. Fails with what is wrong with `old`.
pub(super) fn merged(host: Host, started: &Started, old: &str) -> Result<String, String> {
    if host == Host::Codex { toml(host, started, old) } else { json(host, started, old) }
}

fn json(host: Host, started: &Started, old: &str) -> Result<String, String> {
    let old = if old.trim().is_empty() { "{}\n" } else { old };
    let root = CstRootNode::parse(old, &ParseOptions::default()).map_err(|it| it.to_string())?;
    let object = root.object_value_or_create().ok_or("it is not an object")?;
    let name = host.servers();
    let not_object = || format!("its `{name}` is not an object");
    let servers = object.object_value_or_create(name).ok_or_else(not_object)?;
    let there = servers.get(NAME);
    if let Some(there) = there.as_ref().and_then(CstObjectProp::object_value) {
        renew(&there, host.entry(started));
    } else {
        if let Some(broken) = there {
            broken.remove();
        }
        servers.append(NAME, members(host.entry(started)));
    }
    if let Some(asked) = host.input(started) {
        let inputs = object.array_value_or_create("inputs").ok_or("its `inputs` is no list")?;
        let is_there = |it: &CstNode| {
            it.to_serde_value().is_some_and(|it| it.get("id").is_some_and(|id| id == INPUT))
        };
        if !inputs.elements().iter().any(is_there) {
            inputs.append(members(asked));
        }
    }
    Ok(root.to_string())
}

/// Renews what is ours in an entry that is there: command, arguments, and where the key comes from.
fn renew(there: &CstObject, entry: Vec<(&'static str, Value)>) {
    let has_key = entry.iter().any(|(name, _)| *name == "env");
    let variables = there.object_value("env").filter(|_| !has_key);
    if let Some(key) = variables.and_then(|it| it.get(KEY)) {
        key.remove();
    }
    for (name, value) in entry {
        match (there.get(name), &value) {
            (Some(_), Value::Object(fields)) => {
                let inner = there.object_value_or_set(name);
                for (name, value) in fields {
                    match inner.get(name) {
                        Some(member) => member.set_value(input(value)),
                        None => drop(inner.append(name, input(value))),
                    }
                }
            }
            (Some(member), _) => member.set_value(input(&value)),
            (None, _) => {
                there.append(name, input(&value));
            }
        }
    }
}

fn members(members: Vec<(&'static str, Value)>) -> CstInputValue {
    let members = members.into_iter().map(|(name, value)| (name.to_owned(), input(&value)));
    CstInputValue::Object(members.collect())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(yes) => CstInputValue::Bool(*yes),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(fields) => CstInputValue::Object(
            fields.iter().map(|(name, value)| (name.clone(), input(value))).collect(),
        ),
    }
}

fn toml(host: Host, started: &Started, old: &str) -> Result<String, String> {
    let mut file: toml_edit::DocumentMut =
        old.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let name = host.servers();
    let servers = file.entry(name).or_insert_with(|| {
        let mut table = toml_edit::Table::new();
        table.set_implicit(true);
        table.into()
    });
    let servers = servers.as_table_like_mut().ok_or(format!("its `{name}` is not a table"))?;
    let entry = servers.entry(NAME).or_insert_with(|| toml_edit::Table::new().into());
    let entry = entry.as_table_like_mut().ok_or(format!("its `{name}.{NAME}` is not a table"))?;
    // Where the key came from, before it comes from somewhere else.
    if let Some(variables) = entry.get_mut("env").and_then(toml_edit::Item::as_table_like_mut) {
        variables.remove(KEY);
    }
    if let Some(names) = entry.get_mut("env_vars").and_then(toml_edit::Item::as_array_mut) {
        names.retain(|it| it.as_str() != Some(KEY));
    }
    for (name, value) in host.entry(started) {
        match (entry.get_mut(name), &value) {
            (Some(there), Value::Object(fields)) if there.is_table_like() => {
                let there = there.as_table_like_mut().into_iter();
                there.for_each(|it| set_all(it, fields));
            }
            (Some(there), Value::Array(names)) if name == "env_vars" && there.is_array() => {
                let there = there.as_array_mut().into_iter();
                there.for_each(|it| it.extend(names.iter().map(toml_value)));
            }
            _ => drop(entry.insert(name, toml_edit::Item::Value(toml_value(&value)))),
        }
    }
    Ok(file.to_string())
}

fn set_all(table: &mut dyn toml_edit::TableLike, fields: &Map<String, Value>) {
    for (name, value) in fields {
        table.insert(name, toml_edit::Item::Value(toml_value(value)));
    }
}

/// Entries have texts, lists of texts and objects of texts.
fn toml_value(value: &Value) -> toml_edit::Value {
    match value {
        Value::Array(items) => items.iter().map(toml_value).collect::<toml_edit::Array>().into(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.as_str(), toml_value(value)));
            fields.collect::<toml_edit::InlineTable>().into()
        }
        other => other.as_str().map_or_else(|| other.to_string(), str::to_owned).into(),
    }
}

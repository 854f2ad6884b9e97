//! What the document says of every operation, as Rust: the `Operation` enum.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use serde_json::Value;

use super::{each_operation, inputs::Input};

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// As in the document: `setDeviceTags`.
    pub(crate) id: String,
    /// As in the generated client: `set_device_tags`.
    pub(crate) snake: String,
    /// `POST`.
    pub(crate) method: String,
    /// `/device/{deviceId}/tags`.
    pub(crate) path: String,
    /// `Devices`.
    pub(crate) tag: String,
    /// A few words on what it does.
    pub(crate) summary: String,
    /// OAuth scopes that the document names.
    pub(crate) scopes: Vec<String>,
    /// Whether it leaves everything as it is.
    pub(crate) reads: bool,
    /// How much can go wrong, where the method does not tell.
    pub(crate) danger: bool,
    /// What goes into it.
    pub(crate) input: Input,
}

impl Facts {
    /// The name as a variant: `SetDeviceTags`.
    pub(crate) fn variant(&self) -> String {
        variant(&self.snake)
    }
}

/// The variant of the operation whose method the generated client calls `snake`.
pub(crate) fn variant(snake: &str) -> String {
    snake.split('_').map(capitalised).collect()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|it| it.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Reads the facts of every operation, in the order of the document.
pub(crate) fn collect(
    document: &Value,
    inputs: &BTreeMap<(String, String), Input>,
) -> Result<Vec<Facts>, String> {
    let mut all = Vec::new();
    each_operation(&mut document.clone(), &mut |path, method, operation| {
        let text = |key: &str| operation.get(key).and_then(Value::as_str).unwrap_or_default();
        all.push(Facts {
            id: text("x-id").to_owned(),
            snake: text("operationId").to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            tag: operation
                .get("tags")
                .and_then(|it| it.get(0)?.as_str())
                .unwrap_or_default()
                .to_owned(),
            summary: text("summary").trim_end_matches('.').to_owned(),
            scopes: operation.get("x-scopes").map_or_else(|| in_prose(text("description")), listed),
            reads: method == "get" || operation.get("x-reads") == Some(&Value::Bool(true)),
            danger: method == "delete" || operation.get("x-danger") == Some(&Value::Bool(true)),
            input: inputs.get(&(path.to_owned(), method.to_owned())).cloned().unwrap_or_default(),
        });
    });
    if all.is_empty() {
        return Err("the document has no operations under `paths`".to_owned());
    }
    Ok(all)
}

fn listed(scopes: &Value) -> Vec<String> {
    scopes
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|it| it.as_str().map(str::to_owned))
        .collect()
}

/// Upstream's document names scopes in its descriptions: everything in backticks, after the words
/// `OAuth Scope`, that looks like one.
fn in_prose(description: &str) -> Vec<String> {
    let Some((_, after)) = description.split_once("OAuth Scope") else { return Vec::new() };
    let looks_like_scope = |it: &&str| {
        !it.is_empty() && it.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ':')
    };
    let mut scopes: Vec<String> =
        after.split('`').skip(1).step_by(2).filter(looks_like_scope).map(str::to_owned).collect();
    scopes.dedup();
    scopes
}

/// Writes the enum.
pub(crate) fn source(operations: &[Facts]) -> Result<String, fmt::Error> {
    let mut out = String::from(
        "/// An operation of the admin API.\n\
         #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]\n\
         #[non_exhaustive]\npub enum Operation {\n",
    );
    for it in operations {
        let summary = it.summary.replace(['\n', '\r'], " ");
        writeln!(out, "    /// {summary}: `{} {}`.\n    {},", it.method, it.path, it.variant())?;
    }
    let all: Vec<String> = operations.iter().map(|it| format!("Self::{}", it.variant())).collect();
    write!(
        out,
        "}}\n\nimpl Operation {{\n    /// Every operation of the document.\n    \
         pub const ALL: &'static [Self] = &[{}];\n\n    \
         pub(crate) const fn facts(self) -> &'static Facts {{\n        match self {{\n",
        all.join(", ")
    )?;
    for it in operations {
        writeln!(
            out,
            "            Self::{} => &Facts {{ id: {:?}, method: {:?}, path: {:?}, tag: {:?}, summary: {:?}, scopes: &{:?}, reads: {}, danger: {}, tool: {:?}, input: {:?}, takes_text: {}, secrets: &{:?}, lists: {} }},",
            it.variant(),
            it.id,
            it.method,
            it.path,
            it.tag,
            it.summary,
            it.scopes,
            it.reads,
            it.danger,
            format!("api_{}", it.snake),
            it.input.schema.to_string(),
            it.input.takes_text,
            it.input.secrets.iter().collect::<Vec<_>>(),
            it.input.lists,
        )?;
    }
    out.push_str("        }\n    }\n}\n");
    Ok(out)
}

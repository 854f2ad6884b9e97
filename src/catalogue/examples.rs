//! An example of each tool, from `docs/EXAMPLES.md`, all of whose calls a test makes.

use serde_json::{Map, Value};

const FILE: &str = include_str!("../../docs/EXAMPLES.md");

/// A question, and the call that answers it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The question in a user's words, such as `Which devices are not connected?`.
    pub question: &'static str,
    /// The arguments of the call.
    pub arguments: Map<String, Value>,
}

impl Example {
    /// Whether the call needs a value of an earlier answer.
    fn needs_another(&self) -> bool {
        self.arguments.values().any(|it| it.to_string().contains("{{"))
    }
}

/// An example of the tool called `tool`, one that stands alone if there is such a one. In another, something that
/// looks like it is in the place of what an earlier answer had.
pub fn example(tool: &str) -> Option<Example> {
    let mut found = all().filter(|(name, _)| *name == tool).map(|(_, example)| example);
    let first = found.next()?;
    if !first.needs_another() {
        return Some(first);
    }
    let mut example = found.find(|it| !it.needs_another()).unwrap_or(first);
    for (name, value) in &mut example.arguments {
        if value.as_str().is_some_and(|it| it.starts_with("{{")) {
            *value = sample(name);
        }
    }
    Some(example)
}

/// What a value of this parameter looks like.
fn sample(parameter: &str) -> Value {
    match parameter {
        "change" | "version" => 12.into(),
        "user" => "nora.meyer@example.com".into(),
        "key" => "kSmjLzc6K6HUCNTRL".into(),
        "invite" => "387859693".into(),
        "alert" => "16b4e477034a".into(),
        "external_id" => "f0e577ff-4e25-ce66-975c-c8bad696b82a".into(),
        other => other.to_uppercase().into(),
    }
}

/// The tools and examples, in the order of the file.
fn all() -> impl Iterator<Item = (&'static str, Example)> {
    FILE.split("\n### ").skip(1).flat_map(|section| {
        let question = section.lines().next().unwrap_or_default();
        section.split("```json call=").skip(1).filter_map(move |block| {
            let (head, rest) = block.split_once('\n')?;
            let tool = head.split_whitespace().next()?;
            let arguments = rest.split("```").next()?;
            let arguments = serde_json::from_str(arguments).ok()?;
            Some((tool, Example { question, arguments }))
        })
    })
}

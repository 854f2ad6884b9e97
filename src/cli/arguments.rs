//! The arguments of a call, as a JSON object or as `key=value` words.

use serde_json::{Map, Number, Value};

use crate::{Error, client::Result, tool::ToolDef};

/// The parameter with the number of a change.
const CHANGE: &str = "change";

/// The arguments of a call to `tool`: one JSON object, or a word such as `os=linux` for each parameter. Words
/// have the types of the tool's parameters; lists are separated by commas.
pub(super) fn read(tool: &ToolDef, words: &[String]) -> Result<Value> {
    if let [object] = words
        && object.trim_start().starts_with('{')
    {
        return serde_json::from_str(object).map_err(|error| {
            Error::invalid_input("arguments", format!("must be a JSON object: {error}"))
        });
    }
    let schema = tool.input();
    let known = schema.get("properties").and_then(Value::as_object);
    let mut arguments = Map::new();
    for word in words {
        let (name, text) = pair(word, known).ok_or_else(|| not_a_pair(tool, word, known))?;
        // Names are written with dashes in options, and with underscores in parameters.
        let name = name.trim_start_matches("--").replace('-', "_");
        let kind = known.and_then(|it| it.get(&name)).and_then(|it| it.get("type"));
        let value = typed(&name, kind.and_then(Value::as_str), text)?;
        match (arguments.get_mut(&name), value) {
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
            (Some(_), _) => return Err(Error::invalid_input(&name, "is given twice")),
            (None, value) => {
                arguments.insert(name, value);
            }
        }
    }
    Ok(Value::Object(arguments))
}

/// The parameter that a word is for, and its value. A number alone is that of a change, where a tool takes one.
fn pair<'w>(word: &'w str, known: Option<&Map<String, Value>>) -> Option<(&'w str, &'w str)> {
    let takes_change = || known.is_some_and(|it| it.contains_key(CHANGE));
    let change = || word.parse::<u64>().is_ok() && takes_change();
    word.split_once('=').or_else(|| change().then_some((CHANGE, word)))
}

fn not_a_pair(tool: &ToolDef, word: &str, known: Option<&Map<String, Value>>) -> Error {
    let first = known.and_then(|it| it.keys().next()).map_or("name", String::as_str);
    let kind = known.and_then(|it| it.get(word)).and_then(|it| it.get("type"));
    let such = match kind.and_then(Value::as_str) {
        Some("boolean") => format!("{word}=true"),
        Some(_) => format!("{word}=…"),
        None => format!("{first}=…"),
    };
    let problem = format!("must be `key=value`, such as `{such}`, or one JSON object");
    Error::invalid_input(word, problem)
        .with_remedy(format!("see the parameters with `tailsteward tools {}`", tool.name))
}

/// The value that `text` stands for in a parameter of this type. One that is unknown is refused later, with the
/// names of those that are known.
fn typed(name: &str, kind: Option<&str>, text: &str) -> Result<Value> {
    let wrong = |should: &str| Err(Error::invalid_input(name, should.to_owned()));
    match kind {
        Some("boolean") => match text {
            "true" | "yes" => Ok(Value::Bool(true)),
            "false" | "no" => Ok(Value::Bool(false)),
            _ => wrong("must be `true` or `false`"),
        },
        Some("integer") => match text.parse::<i64>() {
            Ok(number) => Ok(number.into()),
            Err(_) => wrong("must be a whole number, such as `10`"),
        },
        Some("number") => match text.parse().ok().and_then(Number::from_f64) {
            Some(number) => Ok(Value::Number(number)),
            None => wrong("must be a number, such as `1.5`"),
        },
        Some("array") if !text.trim_start().starts_with('[') => {
            let parts = text.split(',').map(str::trim).filter(|it| !it.is_empty());
            Ok(parts.map(Value::from).collect())
        }
        Some("array" | "object") => serde_json::from_str(text)
            .map_err(|error| Error::invalid_input(name, format!("must be JSON: {error}"))),
        _ => Ok(text.into()),
    }
}

/// The arguments as words for a shell, where each can be read back.
pub(super) fn written(arguments: &Map<String, Value>) -> String {
    let word = |(name, value): (&String, &Value)| match value {
        Value::String(text) => quoted(&format!("{name}={text}")),
        Value::Array(items) if items.iter().all(is_plain) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            quoted(&format!("{name}={}", items.join(",")))
        }
        other => quoted(&format!("{name}={other}")),
    };
    arguments.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn is_plain(item: &Value) -> bool {
    item.as_str().is_some_and(|it| {
        !it.contains(',') && !it.starts_with('[') && it.trim() == it && !it.is_empty()
    })
}

/// The word in quotes where a shell needs them.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=_-.,:/@+".contains(c);
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::catalogue;

    fn read_as(tool: &str, words: &[&str]) -> Result<Value> {
        let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
        read(catalogue::named(tool)?, &words)
    }

    #[test]
    fn words_have_the_types_of_their_parameters() {
        let arguments =
            read_as("list_devices", &["os=linux", "online=false", "limit=5", "tags=tag:a,tag:b"]);
        let expected =
            json!({ "os": "linux", "online": false, "limit": 5, "tags": ["tag:a", "tag:b"] });
        assert_eq!(arguments.unwrap(), expected);
        let arguments =
            read_as("list_devices", &["tags=tag:a", "tags=tag:b", "key-expires-within=7d"]);
        let expected = json!({ "tags": ["tag:a", "tag:b"], "key_expires_within": "7d" });
        assert_eq!(arguments.unwrap(), expected);
    }

    #[test]
    fn an_object_is_taken_as_it_is() {
        let arguments = read_as("list_devices", &[r#"{"os": "linux"}"#]);
        assert_eq!(arguments.unwrap(), json!({ "os": "linux" }));
        assert_eq!(read_as("list_devices", &[]).unwrap(), json!({}));
        assert_eq!(read_as("undo_change", &["12"]).unwrap(), json!({ "change": 12 }));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (word, message) in [
            ("web-01", "`web-01` must be `key=value`"),
            ("5", "`5` must be `key=value`"),
            ("online=maybe", "`online` must be `true` or `false`"),
            ("limit=many", "`limit` must be a whole number"),
        ] {
            let error = read_as("list_devices", &[word]).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
        }
        let twice = read_as("list_devices", &["os=linux", "os=ios"]).unwrap_err();
        assert_eq!(twice.to_string(), "`os` is given twice");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            text in "[ -~]{0,12}", items in prop::collection::vec("[ -~]{0,6}", 1..4), yes: bool, many: i32,
        ) {
            let arguments = json!({ "name": text, "tags": items, "online": yes, "limit": many });
            let words = shell_words(&written(arguments.as_object().unwrap()));
            prop_assert_eq!(read(catalogue::named("list_devices").unwrap(), &words).unwrap(), arguments);
        }
    }

    /// What a shell makes of a line with single quotes only.
    fn shell_words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                '\'' => quoted = !quoted,
                '\\' if !quoted => word.extend(chars.next()),
                ' ' if !quoted => words.push(std::mem::take(&mut word)),
                c => word.push(c),
            }
        }
        words.push(word);
        words
    }
}

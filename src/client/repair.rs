//! Reads answers that do not fit their types, without losing a record or a value.
//!
//! A value that does not fit is moved beside its field, under the field's name behind
//! [`UNREADABLE`]; types keep what they do not know, so it stays in the record. This is the slow
//! way: it is taken only when an answer could not be read straight into its type.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_path_to_error::Segment;

use super::{Error, ErrorKind, Result};

/// What stands before the name of a field whose value does not fit.
pub const UNREADABLE: &str = "unreadable:";

/// How many kinds of misfit one answer may have.
const ROUNDS: usize = 500;

/// Reads `body` as a `T`, moving aside what does not fit.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let mut value = parse(body)?;
    let mut last = String::new();
    for _ in 0..ROUNDS {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(decoded) => return Ok(decoded),
            Err(error) => error,
        };
        let path: Vec<Segment> = error.path().iter().cloned().collect();
        last = error.to_string();
        tracing::warn!(error = last, "an answer does not fit its description");
        if !mend(&mut value, &path) {
            break;
        }
    }
    Err(Error::new(ErrorKind::NotJson, format!("the answer is of another shape: {last}")))
}

/// Nothing at all stands for an empty object: some operations answer so.
fn parse(body: &[u8]) -> Result<Value> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|error| {
        let (kind, what) = if error.is_eof() {
            (ErrorKind::Truncated, "the answer broke off")
        } else {
            (ErrorKind::NotJson, "the answer is no JSON")
        };
        Error::new(kind, format!("{what} at line {}, column {}", error.line(), error.column()))
    })
}

/// Mends what stands at `path`, and every value of the same JSON type at that place in other
/// records: where one is odd, often all are, and each mending costs another reading.
fn mend(value: &mut Value, path: &[Segment]) -> bool {
    // A type that is read as a whole reports a place inside or above it; take what is there.
    let Some((path, odd)) = (1..=path.len()).rev().find_map(|length| {
        let path = path.get(..length)?;
        Some((path, kind(at(value, path)?)))
    }) else {
        return false;
    };
    let Some((last, parents)) = path.split_last() else { return false };
    let mut mended = false;
    let mut list_is_odd = false;
    each(value, parents, &mut |parent| match (parent, last) {
        (Value::Object(fields), Segment::Map { key }) => {
            mended |= fields.get(key).is_some_and(|it| kind(it) == odd) && set_aside(fields, key);
        }
        (Value::Array(items), Segment::Seq { .. }) => {
            items.retain(|it| odd != Kind::Null || !it.is_null());
            for item in items.iter_mut().filter(|it| kind(it) == odd) {
                list_is_odd |= is_wrapped(item);
                rewrite(item);
            }
            mended = true;
        }
        _ => {}
    });
    if list_is_odd { mend(value, parents) } else { mended }
}

/// The JSON types, with numbers apart that fit different Rust types.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Bool,
    Signed,
    Unsigned,
    Float,
    String,
    Array,
    Object,
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Null => Kind::Null,
        Value::Bool(_) => Kind::Bool,
        Value::Number(it) if it.is_i64() => Kind::Signed,
        Value::Number(it) if it.is_u64() => Kind::Unsigned,
        Value::Number(_) => Kind::Float,
        Value::String(_) => Kind::String,
        Value::Array(_) => Kind::Array,
        Value::Object(_) => Kind::Object,
    }
}

fn at<'a>(value: &'a Value, path: &[Segment]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, step| match step {
        Segment::Map { key } => value.get(key),
        Segment::Seq { index } => value.get(index),
        Segment::Enum { .. } | Segment::Unknown => None,
    })
}

/// Calls `change` on whatever stands at `path`, with any index for each index.
fn each(value: &mut Value, path: &[Segment], change: &mut dyn FnMut(&mut Value)) {
    match (path.split_first(), value) {
        (None, value) => change(value),
        (Some((Segment::Map { key }, rest)), Value::Object(fields)) => {
            fields.get_mut(key).into_iter().for_each(|it| each(it, rest, change));
        }
        (Some((Segment::Seq { .. }, rest)), Value::Array(items)) => {
            for item in items {
                each(item, rest, change);
            }
        }
        _ => {}
    }
}

fn set_aside(fields: &mut Map<String, Value>, key: &str) -> bool {
    let Some(value) = fields.remove(key) else { return false };
    if !value.is_null() {
        fields.insert(format!("{UNREADABLE}{key}"), value);
    }
    true
}

/// An item has no field to stand beside: it becomes text, which lists of names take, and then an
/// object around itself, which lists of records take.
fn rewrite(item: &mut Value) {
    *item = match item.take() {
        Value::String(text) => json!({ UNREADABLE: text }),
        other => Value::String(other.to_string()),
    };
}

fn is_wrapped(item: &Value) -> bool {
    item.as_object().is_some_and(|it| it.len() == 1 && it.contains_key(UNREADABLE))
}

//! Decodes answers whose values do not fit the documented types, without losing data.
//!
//! A value that does not fit is moved to a field whose name is the original one with the prefix
//! [`UNREADABLE`]. Types keep unknown fields, so the value stays in the record. This is slow, and
//! used only if an answer cannot be decoded directly.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_path_to_error::Segment;

use super::{Error, ErrorKind, Result, redact::expected};

/// Prefix for the name of a field whose value does not fit its type.
pub const UNREADABLE: &str = "unreadable:";

/// The maximum number of repairs to one answer.
const ROUNDS: usize = 500;

/// After this many repairs, the value one level above the error is moved instead.
const ROUNDS_PER_LEVEL: usize = 100;

/// Decodes `body` as a `T`, moving values that do not fit.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    let mut value = parse(body)?;
    // An empty body or null stands for an empty object or list.
    if let (Value::Null, Ok(decoded)) = (&value, T::deserialize(json!({}))) {
        return Ok(decoded);
    }
    if let (Value::Null, Ok(decoded)) = (&value, T::deserialize(json!([]))) {
        return Ok(decoded);
    }
    let mut last = String::new();
    for round in 0..ROUNDS {
        let error = match serde_path_to_error::deserialize::<_, T>(&value) {
            Ok(decoded) => return Ok(decoded),
            Err(error) => error,
        };
        let mut path: Vec<Segment> = error.path().iter().cloned().collect();
        last = words(&error);
        tracing::warn!(error = last, "a response does not match its schema");
        // Every value of a large map may be wrong. Then the entire map is moved, but never more
        // than one field of a record.
        let record = path.iter().position(|it| matches!(it, Segment::Seq { .. }));
        let shortest = record.map_or(1, |it| it + 2).min(path.len());
        path.truncate(path.len().saturating_sub(round / ROUNDS_PER_LEVEL).max(shortest));
        if !mend(&mut value, &path) {
            break;
        }
    }
    Err(Error::new(ErrorKind::NotJson, format!("the response does not match its schema: {last}")))
}

/// The path of the error and the expected type, without the value, which may be a secret.
fn words(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let message = error.inner().to_string();
    format!("`{}`: {}", error.path(), expected(&message).unwrap_or("wrong type"))
}

/// Parses a body; an empty one counts as `null`, because some operations return no body.
fn parse(body: &[u8]) -> Result<Value> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        let (kind, what) = if error.is_eof() {
            (ErrorKind::Truncated, "the response ended early")
        } else {
            (ErrorKind::NotJson, "the response is not JSON")
        };
        Error::new(kind, format!("{what} at line {}, column {}", error.line(), error.column()))
    })
}

/// Repairs the value at `path`, and every value of the same JSON type at that place in other
/// records: they are often wrong, too, and each repair costs another decoding.
fn mend(value: &mut Value, path: &[Segment]) -> bool {
    // A type with its own deserializer reports a path inside or above the value; use the nearest one.
    let Some((path, odd)) = (1..=path.len()).rev().find_map(|length| {
        let path = path.get(..length)?;
        Some((path, kind(at(value, path)?)))
    }) else {
        return false;
    };
    let Some((last, parents)) = path.split_last() else { return false };
    if let Segment::Map { key } = last
        && key.starts_with(UNREADABLE)
    {
        return mend_map(value, parents, key);
    }
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

/// Moves each map at `path` that contains the moved value `key`, which does not fit either: all
/// values of such a map must have the same type.
fn mend_map(value: &mut Value, path: &[Segment], key: &str) -> bool {
    let Some((Segment::Map { key: name }, parents)) = path.split_last() else {
        return mend(value, path);
    };
    let mut mended = false;
    each(value, parents, &mut |parent| {
        if let Value::Object(fields) = parent
            && fields.get(name).is_some_and(|it| it.get(key).is_some())
        {
            mended |= set_aside(fields, name);
        }
    });
    mended
}

/// JSON types; numbers are split by the Rust types that hold them.
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

/// Calls `change` on every value at `path`; an index in the path stands for all items of the list.
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

/// Rewrites a list item, which has no field name to prefix: first as text, which fits lists of
/// names, and next as an object with one field, which fits lists of records.
fn rewrite(item: &mut Value) {
    *item = match item.take() {
        Value::String(text) => json!({ UNREADABLE: text }),
        other => Value::String(other.to_string()),
    };
}

fn is_wrapped(item: &Value) -> bool {
    item.as_object().is_some_and(|it| it.len() == 1 && it.contains_key(UNREADABLE))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::types::{Device, ListTailnetDevicesResponse};

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        // Mostly keys that mean something.
        let key = prop_oneof![
            prop::sample::select(vec![
                "nodeId",
                "tags",
                "authorized",
                "created",
                "distro",
                "name",
                "latency",
                "fra",
                "clientConnectivity",
                "clientSupports",
                "endpoints",
                "latencyMs",
                "udp",
                "id",
                UNREADABLE,
                "unreadable:tags",
                "postureIdentity",
                "serialNumbers",
            ])
            .prop_map(str::to_owned),
            ".{0,8}",
        ];
        leaf.prop_recursive(5, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(key.clone(), inner, 0..8)
                    .prop_map(|it| Value::Object(it.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_list_of_anything_is_read_and_keeps_all_that_is_not_null(
            records in prop::collection::vec(any_json(), 0..8),
        ) {
            let there = records.iter().filter(|it| !it.is_null()).count();
            let body = json!({ "devices": records }).to_string();

            let read: ListTailnetDevicesResponse = decode(body.as_bytes()).unwrap();

            prop_assert_eq!(read.devices.unwrap_or_default().len(), there);
        }

        #[test]
        fn any_object_is_a_device(fields in any_json().prop_filter("an object", Value::is_object)) {
            decode::<Device>(fields.to_string().as_bytes()).unwrap();
        }

        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode::<ListTailnetDevicesResponse>(&bytes);
            let _ = decode::<Option<Vec<Device>>>(&bytes);
        }
    }

    #[test]
    fn nothing_stands_for_whatever_is_empty() {
        for body in ["", " ", "null"] {
            let list = decode::<Option<Vec<Device>>>(body.as_bytes()).unwrap();
            assert!(list.is_none_or(|it| it.is_empty()));
            assert!(decode::<Vec<Device>>(body.as_bytes()).unwrap().is_empty());
            assert!(decode::<Device>(body.as_bytes()).unwrap().node_id.is_none());
        }
    }

    #[test]
    fn an_error_says_where_and_not_what() {
        let error = decode::<Vec<Device>>(b"\"s3cret\"").unwrap_err();

        assert_eq!(error.kind(), ErrorKind::NotJson);
        assert!(error.to_string().ends_with("`.`: expected a sequence"), "{error}");
    }
}

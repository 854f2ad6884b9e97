//! Device posture conditions (`postures`), and how they are evaluated.

use std::{cmp::Ordering, collections::BTreeMap};

use serde_json::Value;

use super::model::{Model, Text};

/// A single condition: `node:os == 'macos'`, or just an attribute that must be true.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    attribute: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Compare(&'static str, Value),
    OneOf(bool, Vec<Value>),
    IsSet(bool),
    /// An attribute without a comparison.
    IsTrue,
}

/// Comparison operators; longer ones first, so that `<=` is not taken for `<`.
const OPERATORS: &[&str] = &["==", "!=", "<=", ">=", "<", ">"];

/// The posture attributes of a device, by name.
pub(super) type Attributes = BTreeMap<String, Value>;

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let end = text.find(|it: char| it.is_whitespace() || "=!<>".contains(it));
        let (attribute, rest) = text.split_at(end.unwrap_or(text.len()));
        if !attribute.contains(':') {
            return Err("expected an attribute like node:os");
        }
        let rest = rest.trim();
        let upper = rest.to_ascii_uppercase();
        let condition = match upper.as_str() {
            "" => Test::IsTrue,
            "IS SET" => Test::IsSet(true),
            "NOT SET" => Test::IsSet(false),
            _ if upper.starts_with("IN ") || upper.starts_with("IN[") => {
                Test::OneOf(true, list(rest.get(2..).unwrap_or_default())?)
            }
            _ if upper.starts_with("NOT IN") => {
                Test::OneOf(false, list(rest.get(6..).unwrap_or_default())?)
            }
            _ => {
                let operator = OPERATORS.iter().find(|it| rest.starts_with(**it));
                let operator = operator.ok_or("expected an operator like ==")?;
                let value = rest.get(operator.len()..).unwrap_or_default();
                Test::Compare(operator, literal(value).ok_or("expected a value")?)
            }
        };
        Ok(Self { attribute: attribute.to_owned(), test: condition })
    }

    fn holds(&self, attributes: &Attributes) -> bool {
        let value = attributes.get(&self.attribute).filter(|it| !it.is_null());
        match (&self.test, value) {
            (Test::IsSet(wanted), value) => value.is_some() == *wanted,
            (Test::IsTrue, Some(value)) => *value == Value::Bool(true),
            (Test::OneOf(wanted, list), Some(value)) => {
                list.iter().any(|it| order(value, it) == Some(Ordering::Equal)) == *wanted
            }
            (Test::Compare(operator, wanted), Some(value)) => {
                let order = order(value, wanted);
                match *operator {
                    "==" => order == Some(Ordering::Equal),
                    "!=" => order != Some(Ordering::Equal),
                    "<" => order == Some(Ordering::Less),
                    ">" => order == Some(Ordering::Greater),
                    "<=" => order.is_some_and(Ordering::is_le),
                    _ => order.is_some_and(Ordering::is_ge),
                }
            }
            // A missing attribute satisfies no comparison.
            (_, None) => false,
        }
    }
}

/// The conditions of a posture; `None` if one of them is invalid.
pub(super) fn parsed(conditions: &[Text]) -> Option<Vec<Condition>> {
    conditions.iter().map(|condition| Condition::parse(&condition.value).ok()).collect()
}

/// Whether a device with these attributes satisfies all conditions of a posture.
pub(super) fn hold(conditions: &[Condition], attributes: &Attributes) -> bool {
    conditions.iter().all(|condition| condition.holds(attributes))
}

/// Whether a device with these attributes satisfies one of the postures.
pub(super) fn fits<'n>(
    model: &Model,
    postures: impl IntoIterator<Item = &'n str>,
    attributes: &Attributes,
) -> bool {
    postures.into_iter().any(|name| {
        let conditions = model.posture(name).and_then(parsed);
        conditions.is_some_and(|conditions| hold(&conditions, attributes))
    })
}

fn list(text: &str) -> Result<Vec<Value>, &'static str> {
    let inside = text.trim().strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let inside = inside.ok_or("expected a list like ['macos', 'linux']")?;
    let values = inside.split(',').filter(|it| !it.trim().is_empty());
    values.map(|it| literal(it).ok_or("expected a value")).collect()
}

fn literal(text: &str) -> Option<Value> {
    let text = text.trim();
    for quote in ['\'', '"'] {
        if let Some(inside) = text.strip_prefix(quote) {
            return inside.strip_suffix(quote).map(Value::from);
        }
    }
    match text {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => text.parse::<f64>().ok().map(Value::from),
    }
}

/// Compares two values; strings are compared as version numbers.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(versions(a, b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::Number(b)) => a.parse::<f64>().ok()?.partial_cmp(&b.as_f64()?),
        _ => None,
    }
}

fn versions(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split(['.', '-']), b.split(['.', '-']));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => {
                let (a, b) = (a.unwrap_or("0"), b.unwrap_or("0"));
                match (a.parse::<u64>(), b.parse::<u64>()) {
                    (Ok(a), Ok(b)) => a.cmp(&b),
                    _ => a.cmp(b),
                }
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

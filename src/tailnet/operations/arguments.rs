//! Checks the parameters of a call against the API's schema, and splits them into path, query and body.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::{
    Error, Operation,
    change::Secrets,
    client::{Result, path_segment},
};

/// The placeholder for a secret in records.
pub(super) const DOTS: &str = "•••";

/// The maximum number of further schema errors in one message.
const FAULTS: usize = 5;

/// The parameters of a call.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    path: Vec<(String, String)>,
    pub(super) query: Vec<(String, String)>,
    /// The body, with dots instead of secrets.
    pub(super) body: Option<Value>,
    /// The secrets, by their JSON pointer in the body.
    pub(super) secrets: Secrets,
}

impl Arguments {
    /// Checks the given parameters and splits them into path, query and body.
    pub(super) fn read(operation: Operation, given: &Value) -> Result<Self> {
        let empty = Map::new();
        let fields = match given {
            Value::Null => &empty,
            Value::Object(fields) => fields,
            _ => return Err(Error::invalid_input("parameters", "must be a JSON object")),
        };
        // Null counts as absent.
        let fields: Map<String, Value> = fields
            .iter()
            .filter(|it| !it.1.is_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        check(operation, &Value::Object(fields.clone()))?;
        let mut arguments = Self::default();
        for (name, value) in fields {
            let in_path = operation.path().contains(&format!("{{{name}}}"));
            match name.as_str() {
                "body" => arguments.take_body(operation, value),
                _ if in_path => arguments.path.push((name, plain(&value))),
                _ => add(&mut arguments.query, &name, &value),
            }
        }
        Ok(arguments)
    }

    fn take_body(&mut self, operation: Operation, mut body: Value) {
        hide(&mut body, "", operation.secrets(), &mut self.secrets);
        self.body = Some(body);
    }

    /// The path parameters.
    pub(super) fn path(&self) -> Vec<(&str, &str)> {
        self.path.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The body with its secrets.
    pub(super) fn whole_body(&self) -> Option<Value> {
        self.body.clone().map(|body| revealed(body, &self.secrets))
    }

    /// Path and query as one text, such as `/tailnet/{tailnet}/keys?all=true`. `{tailnet}` is left
    /// as it is: the client fills it in.
    pub(super) fn place(&self, operation: Operation) -> String {
        let mut place = operation.path().to_owned();
        for (name, value) in &self.path {
            place = place.replace(&format!("{{{name}}}"), &path_segment(value));
        }
        if !self.query.is_empty() {
            let pairs = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&self.query)
                .finish();
            place = format!("{place}?{pairs}");
        }
        place
    }

    /// Parses a text made by [`place`](Self::place).
    pub(super) fn of_place(operation: Operation, place: &str) -> Self {
        let (path, query) = place.split_once('?').unwrap_or((place, ""));
        let names = operation.path().split('/').zip(path.split('/'));
        let path = names.filter_map(|(template, value)| {
            let name = template.strip_prefix('{')?.strip_suffix('}')?;
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            (name != "tailnet").then(|| (name.to_owned(), value))
        });
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { path: path.collect(), query, ..Self::default() }
    }
}

/// Checks `given` against the schema in the OpenAPI document.
fn check(operation: Operation, given: &Value) -> Result<()> {
    let schema = operation.input();
    // Without a valid schema, only the API checks the call.
    let Ok(validator) = jsonschema::validator_for(&schema) else { return Ok(()) };
    let mut faults = validator.iter_errors(given);
    let Some(first) = faults.next() else { return Ok(()) };
    let place = first.instance_path().to_string();
    let field = place.trim_start_matches('/').replace('/', ".");
    let field = if field.is_empty() { "parameters" } else { &field };
    // The message masks the value, which may be a secret.
    let mut problems = vec![first.masked().to_string()];
    for fault in faults.take(FAULTS) {
        problems.push(format!("{}: {}", fault.instance_path(), fault.masked()));
    }
    let known = schema.get("properties").and_then(Value::as_object);
    let known: Vec<&String> = known.into_iter().flat_map(Map::keys).collect();
    let known = known.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
    let takes = if known.is_empty() { "nothing".to_owned() } else { known };
    Err(Error::invalid_input(field, format!("does not match the schema: {}", problems.join("; ")))
        .with_remedy(format!("`{operation}` takes {takes}; see its schema")))
}

/// A path parameter as text; it may be given as a number.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Adds a query parameter: a list repeats the parameter, and an object adds one for each field.
fn add(query: &mut Vec<(String, String)>, name: &str, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|it| add(query, name, it)),
        Value::Object(fields) => fields.iter().for_each(|(name, it)| add(query, name, it)),
        other => query.push((name.to_owned(), plain(other))),
    }
}

/// Replaces every secret in the body with dots and moves it to `aside`.
fn hide(value: &mut Value, at: &str, names: &[&str], aside: &mut Secrets) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                hide(item, &format!("{at}/{index}"), names, aside);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match field.as_str().filter(|_| names.contains(&name.as_str())) {
                    Some(secret) if !secret.is_empty() => {
                        let Ok(secret) = secret.parse();
                        aside.insert(at, secret);
                        *field = DOTS.into();
                    }
                    _ => hide(field, &at, names, aside),
                }
            }
        }
        _ => {}
    }
}

/// Puts the secrets back into the body.
pub(super) fn revealed(mut body: Value, secrets: &Secrets) -> Value {
    for (at, secret) in secrets {
        if let Some(place) = body.pointer_mut(at) {
            *place = secret.reveal().into();
        }
    }
    body
}

/// Whether a value contains the placeholder for a secret.
pub(super) fn has_dots(value: &Value) -> bool {
    match value {
        Value::String(text) => text == DOTS,
        Value::Array(items) => items.iter().any(has_dots),
        Value::Object(fields) => fields.values().any(has_dots),
        _ => false,
    }
}

//! Parses the config file. Error messages never repeat values from the file.

use std::{ops::Range, path::Path};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::{Error, Result};

/// Names under which secrets are often written down, without `_` and `-`.
const SECRET_NAMES: &[&str] = &[
    "accesstoken",
    "apikey",
    "authkey",
    "clientsecret",
    "identitytoken",
    "key",
    "passphrase",
    "password",
    "routingkey",
    "secret",
    "token",
];

/// The key of the receivers of alerts.
const RECEIVER: &str = "receiver";

/// How secrets begin that are URLs: incoming webhooks.
const SECRET_URLS: &[&str] = &[
    "https://hooks.slack.com/",
    "https://discord.com/api/webhooks/",
    "https://discordapp.com/api/webhooks/",
];

/// Parses `text`, the content of the file at `path`.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if it contains a secret, or is not a config file.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    let tree: Value = toml_edit::de::from_str(text).map_err(|error| bad(path, text, &error))?;
    if let Some(place) = secret_in(&tree, &mut Vec::new()) {
        return Err(plain_secret(path, &place));
    }
    toml_edit::de::from_str(text).map_err(|error| bad(path, text, &error))
}

/// Whether `text` looks like a secret: a Tailscale key, a JSON Web Token, an age identity, a webhook's secret,
/// or the URL of an incoming webhook.
pub(super) fn looks_secret(text: &str) -> bool {
    let text = text.trim();
    let is_token = text.starts_with("eyJ") && text.matches('.').count() == 2;
    let lower = text.to_lowercase();
    let begins = ["tskey-", "age-secret-key-", "whsec_"];
    is_token || begins.iter().chain(SECRET_URLS).any(|it| lower.starts_with(it))
}

/// The path of keys to the first secret, if there is one.
fn secret_in(tree: &Value, place: &mut Vec<String>) -> Option<Vec<String>> {
    match tree {
        Value::String(text) => looks_secret(text).then(|| place.clone()),
        Value::Array(items) if *place == [RECEIVER] => items.iter().find_map(|it| {
            let name = it.get("name").and_then(Value::as_str).filter(|it| !looks_secret(it));
            place.push(name.unwrap_or("NAME").to_owned());
            let found = secret_in(it, place);
            place.pop();
            found
        }),
        Value::Array(items) => items.iter().find_map(|it| secret_in(it, place)),
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            if looks_secret(key) {
                return Some(place.clone());
            }
            let is_profile = place.len() == 1 && place.first().is_some_and(|it| it == "profiles");
            place.push(key.clone());
            // Where a receiver's secret is stored; a text would be the secret.
            let is_place =
                value.is_object() && matches!(place.as_slice(), [first, _, _] if first == RECEIVER);
            if !is_profile && !is_place && names_secret(key) {
                return Some(place.clone());
            }
            let found = secret_in(value, place);
            place.pop();
            found
        }),
        _ => None,
    }
}

fn names_secret(key: &str) -> bool {
    let key = key.to_lowercase().replace(['_', '-'], "");
    SECRET_NAMES.contains(&key.as_str())
}

fn plain_secret(path: &Path, place: &[String]) -> Error {
    let (owner, field, name) = match place {
        [first, name, field @ ..] if first == "profiles" => {
            (format!("profile `{name}`"), field.join("."), name.as_str())
        }
        field => ("the config file".to_owned(), field.join("."), "NAME"),
    };
    let field = if field.is_empty() { String::new() } else { format!(", in `{field}`") };
    if let [first, name, field, ..] = place
        && first == RECEIVER
    {
        return Error::config(
            format!("receiver `{name}` has a secret in plain text, in `{field}`"),
            format!(
                "remove it from {}, and write where it is stored instead: `{{ env = \"NAME\" }}` or \
                 `{{ file = \"path\" }}`; if others could read the file, replace the secret",
                path.display()
            ),
        );
    }
    Error::config(
        format!("{owner} has a secret in plain text{field}"),
        format!(
            "remove it from {}, and store it with `tailsteward auth set {name}`; if others could \
             read the file, replace the secret",
            path.display()
        ),
    )
}

fn bad(path: &Path, text: &str, error: &toml_edit::de::Error) -> Error {
    let place = error.span().map_or_else(String::new, |span| position(text, &span));
    Error::config(
        format!("{}{place}: {}", path.display(), without_values(error.message())),
        "correct the config file",
    )
}

/// Reduces an error message of serde or the parser to what does not contain values.
fn without_values(message: &str) -> String {
    let has_value = ["invalid type:", "invalid value:", "invalid length", "unknown variant"]
        .iter()
        .any(|it| message.starts_with(it));
    if !has_value {
        return message.replace('\n', "; ");
    }
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "this value is not allowed here".to_owned(),
    }
}

fn position(text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |it| it.chars().count()) + 1;
    format!(", line {line}, column {column}")
}

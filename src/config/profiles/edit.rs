//! Edits profiles in the text of the config file, and keeps the rest as written.

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use super::profile::{CredentialKind, Place, Profile};
use crate::client::{Error, Result};

/// Adds the profile `name`, or replaces it.
pub(super) fn set(document: &mut DocumentMut, name: &str, profile: &Profile) -> Result<()> {
    let root = document.as_table_mut();
    let profiles = table(root, "profiles")?;
    let entry = table(profiles, name)?;
    let text = |it: &Option<String>| it.as_deref().map(Value::from);
    put(entry, "tailnet", text(&profile.tailnet));
    put(entry, "base_url", text(&profile.base_url));
    put(entry, "rate", profile.rate.map(Value::from));
    put(entry, "burst", profile.burst.map(|it| i64::from(it.get()).into()));
    put(entry, "deadline_seconds", profile.deadline.map(|it| seconds(it).into()));
    let ca_file = profile.ca_file.as_ref().map(|it| it.to_string_lossy().into_owned());
    put(entry, "ca_file", text(&ca_file));
    set_credential(table(entry, "credential")?, profile);
    Ok(())
}

/// Removes the profile `name`, and the default if it is this profile.
pub(super) fn remove(document: &mut DocumentMut, name: &str) {
    if let Some(profiles) = document.get_mut("profiles").and_then(Item::as_table_like_mut) {
        profiles.remove(name);
    }
    if document.get("default").and_then(Item::as_str) == Some(name) {
        document.remove("default");
    }
}

/// Makes the profile `name` the default.
pub(super) fn set_default(document: &mut DocumentMut, name: &str) {
    put(document.as_table_mut(), "default", Some(name.into()));
}

fn set_credential(entry: &mut dyn TableLike, profile: &Profile) {
    let (client_id, scopes) = match &profile.credential {
        CredentialKind::ApiKey => (None, None),
        CredentialKind::OAuth { client_id, scopes } => (Some(client_id), Some(scopes)),
        CredentialKind::Federated { client_id } => (Some(client_id), None),
    };
    put(entry, "kind", Some(profile.credential.as_str().into()));
    put(entry, "client_id", client_id.map(Value::from));
    let scopes = scopes.filter(|it| !it.is_empty());
    put(entry, "scopes", scopes.map(|it| it.iter().collect::<Array>().into()));
    let (mut env, mut file) = (None, None);
    match &profile.secret {
        Place::Env(name) => env = Some(name.as_str().into()),
        Place::File(path) => file = Some(path.to_string_lossy().as_ref().into()),
        Place::Keychain | Place::Age => {}
    }
    put(entry, "env", env);
    put(entry, "file", file);
    put(entry, "keychain", (profile.secret == Place::Keychain).then(|| true.into()));
    put(entry, "age", (profile.secret == Place::Age).then(|| true.into()));
}

/// Sets a value, or removes it if `None`. Its comments are kept.
fn put(table: &mut dyn TableLike, key: &str, value: Option<Value>) {
    let Some(mut value) = value else {
        table.remove(key);
        return;
    };
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

fn table<'a>(parent: &'a mut dyn TableLike, key: &str) -> Result<&'a mut dyn TableLike> {
    if !parent.contains_key(key) {
        let mut table = Table::new();
        // Without a header of its own as long as it only contains other tables.
        table.set_implicit(true);
        // Not through `entry`: only `insert` converts the table for an inline parent.
        parent.insert(key, Item::Table(table));
    }
    parent.get_mut(key).and_then(Item::as_table_like_mut).ok_or_else(|| {
        Error::config(
            format!("`{key}` is not a table in the config file"),
            "correct the config file",
        )
    })
}

fn seconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

//! `/tailnet/{tailnet}/dns/configuration`: the DNS configuration in one body. Only this endpoint has
//! `overrideLocalDNS`, and the setting to use a resolver together with an exit node.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::http::{Call, Object, Outcome, Reply};
use super::super::state::null_as_default;
use super::{Dns, Resolver, check};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    #[serde(default, deserialize_with = "null_as_default")]
    nameservers: Vec<Object<Resolver>>,
    #[serde(default, rename = "splitDNS", deserialize_with = "null_as_default")]
    split: BTreeMap<String, Option<Vec<Object<Resolver>>>>,
    #[serde(default, deserialize_with = "null_as_default")]
    search_paths: Vec<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    preferences: Object<Preferences>,
}

#[derive(Default, Deserialize)]
struct Preferences {
    #[serde(default, rename = "overrideLocalDNS", deserialize_with = "null_as_default")]
    override_local: bool,
    #[serde(default, rename = "magicDNS", deserialize_with = "null_as_default")]
    magic_dns: bool,
}

/// `GET /tailnet/{tailnet}/dns/configuration`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    Reply::json(&wire(&call.state.dns))
}

/// `POST /tailnet/{tailnet}/dns/configuration`: replaces the configuration; fields that are not sent are
/// reset.
pub(crate) fn set(call: &mut Call<'_>) -> Outcome {
    let wanted: Wanted = call.json()?;
    let plain = |list: Vec<Object<Resolver>>| list.into_iter().map(|Object(it)| it).collect();
    let Object(preferences) = wanted.preferences;
    let mut split = BTreeMap::new();
    for (domain, resolvers) in wanted.split {
        let resolvers = resolvers.unwrap_or_default();
        if !resolvers.is_empty() {
            split.insert(check::domain(&domain)?, plain(resolvers));
        }
    }
    let next = Dns {
        nameservers: plain(wanted.nameservers),
        split,
        search_paths: wanted.search_paths,
        magic: preferences.magic_dns,
        override_local: preferences.override_local,
    };
    check::all(&next)?;
    call.change_dns(next);
    get(call)
}

/// The configuration as the API returns it: without the lists that are empty.
pub(super) fn wire(dns: &Dns) -> Value {
    let lists = [
        ("nameservers", json!(dns.nameservers), dns.nameservers.is_empty()),
        ("splitDNS", json!(dns.split), dns.split.is_empty()),
        ("searchPaths", json!(dns.search_paths), dns.search_paths.is_empty()),
    ];
    let filled = lists.into_iter().filter(|(_, _, is_empty)| !is_empty);
    let mut fields: Map<String, Value> =
        filled.map(|(name, list, _)| (name.to_owned(), list)).collect();
    let preferences = json!({ "overrideLocalDNS": dns.override_local, "magicDNS": dns.magic });
    fields.insert("preferences".to_owned(), preferences);
    Value::Object(fields)
}

//! Our description of the API against the one that upstream publishes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{generator, no_overlay, ours, upstream};

/// Keywords that describe a schema without constraining it.
const PROSE: [&str; 5] = ["description", "example", "examples", "summary", "title"];

#[test]
#[cfg_attr(not(has_shared), ignore = "needs upstream's document")]
fn our_document_states_every_fact_of_upstreams_and_no_other() {
    let upstream = upstream();

    let (theirs, ours) = (facts(&upstream), facts(&ours()));
    let missing: Vec<&String> = theirs.difference(&ours).collect();
    let added: Vec<&String> = ours.difference(&theirs).collect();

    println!("{} facts, {} missing, {} added", theirs.len(), missing.len(), added.len());
    assert!(theirs.len() > 1000, "the comparison compares nothing");
    assert!(missing.is_empty(), "missing: {missing:#?}");
    assert!(added.is_empty(), "added: {added:#?}");
}

#[test]
#[cfg_attr(not(has_shared), ignore = "needs upstream's document")]
fn our_document_names_every_scope_that_upstreams_prose_names() {
    let upstream = upstream();

    let (theirs, ours) = (scopes(upstream), scopes(ours()));
    let named = theirs.values().filter(|it| !it.is_empty()).count();

    for (operation, scopes) in &theirs {
        let missing: Vec<_> = scopes.difference(&ours[operation]).collect();
        let added: Vec<_> = ours[operation].difference(scopes).collect();
        if !added.is_empty() {
            println!("{operation}: {added:?} is ours alone");
        }
        assert!(missing.is_empty(), "{operation}: {missing:?}");
    }
    assert!(named > 60, "only {named} operations have scopes");
}

#[test]
#[cfg_attr(not(has_shared), ignore = "needs upstream's document")]
fn our_document_repeats_no_sentence_and_no_example_of_upstreams() {
    let upstream = upstream();
    let mut theirs = Vec::new();
    texts(&upstream, &mut theirs);
    let mut own = Vec::new();
    texts(&ours(), &mut own);
    let own = plain(&own.join(" \n "));

    let sentences = theirs.iter().flat_map(|it| it.split(['\n', '.'])).map(plain);
    let repeated: BTreeSet<String> =
        sentences.filter(|it| it.chars().count() >= 40 && own.contains(it)).collect();

    assert!(repeated.is_empty(), "{repeated:#?}");
    assert_eq!(examples(&ours(), false), 0);
}

/// Everything that the document says other than in prose, a fact a line: a type, a value of an
/// enum, a limit, a status, with its place.
fn facts(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in ["paths", "components", "security"] {
        collect(&document[part], part.to_owned(), &mut found);
    }
    found
}

fn collect(value: &Value, place: String, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            // An object without keywords is still listed.
            found.insert(place.clone());
            for (key, value) in fields {
                let is_name = place.ends_with("/properties");
                if is_name || !(key.starts_with("x-") || PROSE.contains(&key.as_str())) {
                    collect(value, format!("{place}/{key}"), found);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                let named = item["name"].as_str().or(item["$ref"].as_str());
                let name = named.map_or_else(String::new, str::to_owned);
                collect(item, format!("{place}[{name}]"), found);
            }
        }
        plain => drop(found.insert(format!("{place} = {plain}"))),
    }
}

/// The scopes of each operation, from a field of ours or out of upstream's prose.
fn scopes(document: Value) -> BTreeMap<String, BTreeSet<String>> {
    let prepared = generator::prepare(document, &no_overlay()).unwrap();
    prepared.operations.into_iter().map(|it| (it.id, it.scopes.into_iter().collect())).collect()
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if ["description", "summary"].contains(&key.as_str()) => {
                        found.push(text.clone());
                    }
                    value => texts(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|it| texts(it, found)),
        _ => {}
    }
}

/// The words alone.
fn plain(text: &str) -> String {
    let letters = text.chars().map(|it| if it.is_alphanumeric() { it } else { ' ' });
    let text: String = letters.flat_map(char::to_lowercase).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn examples(value: &Value, is_name: bool) -> usize {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| {
                let here = !is_name && (key == "example" || key == "examples");
                usize::from(here) + examples(value, key == "properties")
            })
            .sum(),
        Value::Array(items) => items.iter().map(|it| examples(it, false)).sum(),
        _ => 0,
    }
}

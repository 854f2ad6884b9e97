//! Corrections of the document.

use serde_json::{Value, json};

use super::generator::overlay::apply;

#[test]
fn an_update_merges_and_a_list_grows() {
    let document = corrected(&[json!({
        "target": "$.a", "description": "why",
        "update": { "b": { "c": 2 }, "list": [3], "new": true }
    })]);

    let expected = json!({ "b": { "c": 2, "d": 1 }, "list": [1, 2, 3], "e": "x", "new": true });
    assert_eq!(document["a"], expected);
}

#[test]
fn null_takes_a_keyword_out() {
    let document =
        corrected(&[json!({ "target": "$.a", "description": "why", "update": { "e": null } })]);

    assert_eq!(document["a"], json!({ "b": { "c": 1, "d": 1 }, "list": [1, 2] }));
}

#[test]
fn several_members_of_a_list_are_removed_at_once() {
    let document = corrected(&[json!({
        "target": "$.items[?@.kind == 'x']", "description": "why", "remove": true
    })]);

    assert_eq!(document["items"], json!([{ "kind": "y" }]));
}

#[test]
fn a_field_is_removed() {
    let document =
        corrected(&[json!({ "target": "$.a.b.c", "description": "why", "remove": true })]);

    assert_eq!(document["a"]["b"], json!({ "d": 1 }));
}

#[test]
fn keys_with_slashes_and_tildes_are_found() {
    let document = corrected(&[json!({
        "target": "$['/path/~x']", "description": "why", "update": { "found": true }
    })]);

    assert_eq!(document["/path/~x"], json!({ "found": true }));
}

#[test]
fn a_target_that_matches_nothing_is_reported_and_the_others_are_applied() {
    let mut document = start();

    let unmatched = apply(
        &mut document,
        &json!({ "actions": [
            { "target": "$.gone", "description": "why", "update": {} },
            { "target": "$.a", "description": "why", "update": { "e": "y" } },
        ]}),
    );

    assert_eq!(unmatched.unwrap(), ["$.gone"]);
    assert_eq!(document["a"]["e"], "y");
}

#[test]
fn an_action_without_a_reason_or_a_target_is_refused() {
    for (action, expected) in [
        (json!({ "target": "$.a", "update": {} }), "no reason (`description`) for $.a"),
        (json!({ "target": "$.a", "description": " ", "update": {} }), "for $.a"),
        (json!({ "description": "why", "update": {} }), "has no target"),
        (json!({ "target": "not a path", "description": "why" }), "not a path"),
    ] {
        let error = apply(&mut start(), &json!({ "actions": [action] })).unwrap_err();

        assert!(error.contains(expected), "{error}");
    }
}

fn start() -> Value {
    json!({
        "a": { "b": { "c": 1, "d": 1 }, "list": [1, 2], "e": "x" },
        "items": [{ "kind": "x" }, { "kind": "y" }, { "kind": "x" }],
        "/path/~x": {},
    })
}

fn corrected(actions: &[Value]) -> Value {
    let mut document = start();
    let unmatched = apply(&mut document, &json!({ "actions": actions })).unwrap();
    assert!(unmatched.is_empty(), "{unmatched:?}");
    document
}

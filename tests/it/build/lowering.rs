//! What becomes of constructs that the generator does not know.

use serde_json::{Value, json};

use super::{generator::prepare, no_overlay};

#[test]
fn a_type_or_null_is_nullable() {
    assert_eq!(lowered(&json!({ "type": ["string", "null"] })), nullable("string"));
    assert_eq!(
        lowered(&json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] })),
        nullable("string")
    );
    assert_eq!(
        lowered(&json!({ "oneOf": [{ "type": "null" }, { "type": "string" }] })),
        nullable("string")
    );
}

#[test]
fn several_types_are_any_value() {
    for schema in [
        json!({ "type": ["string", "integer"] }),
        json!({ "anyOf": [{ "type": "string" }, { "type": "object", "properties": { "a": {} } }] }),
        json!({ "enum": ["a", 1] }),
        json!(true),
        json!(false),
        json!({ "not": { "type": "string" } }),
        json!({ "type": "file" }),
        json!({ "$ref": "elsewhere.yaml#/a" }),
        json!({ "$ref": "#/components/schemas/Gone" }),
    ] {
        assert_eq!(lowered(&schema), json!({}), "{schema}");
    }
}

#[test]
fn a_union_of_strings_is_a_string_and_of_enums_an_enum() {
    let names = json!({ "anyOf": [{ "enum": ["a"] }, { "type": "string" }] });
    let values = json!({ "oneOf": [{ "const": "a" }, { "enum": ["a", "b"] }] });

    assert_eq!(lowered(&names), json!({ "type": "string" }));
    assert_eq!(lowered(&values), json!({ "type": "string", "enum": ["a", "b"] }));
}

#[test]
fn an_enum_that_no_rust_enum_can_say_is_its_type() {
    for values in [["a-b", "a_b"], ["unlisted", "a"], ["a", "A"], ["1", "x1"]] {
        assert_eq!(lowered(&json!({ "enum": values })), json!({ "type": "string" }), "{values:?}");
    }
    assert_eq!(lowered(&json!({ "enum": [1, 2] })), json!({ "type": "integer" }));
    let with_null = json!({ "type": "string", "enum": ["a"], "nullable": true });
    assert_eq!(lowered(&json!({ "enum": ["a", null] })), with_null);
}

#[test]
fn parts_become_one_object_with_all_their_fields() {
    let schema = json!({ "allOf": [
        { "type": "object", "required": ["a"], "properties": { "a": { "type": ["string", "null"] } } },
        { "allOf": [{ "properties": { "b": { "const": "x" } } }] },
    ]});

    let lowered = lowered(&schema);

    assert_eq!(lowered["properties"]["a"], nullable("string"));
    assert_eq!(lowered["properties"]["b"], json!({ "type": "string", "enum": ["x"] }));
}

#[test]
fn limits_and_formats_without_a_type_of_ours_are_dropped() {
    let schema = json!({
        "type": "string", "format": "uuid", "pattern": "^x", "minLength": 3, "default": "x"
    });

    assert_eq!(lowered(&schema), json!({ "type": "string" }));
    assert_eq!(
        lowered(&json!({ "type": "string", "format": "date-time" })),
        json!({ "type": "string", "format": "date-time" })
    );
}

#[test]
fn nothing_in_an_answer_is_required_and_all_of_it_may_grow() {
    let schema = json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": { "a": { "type": "array", "items": { "type": "string" } } }
    });

    let lowered = lowered(&schema);

    assert_eq!(lowered.get("required").cloned().unwrap_or(json!([])), json!([]));
    assert_eq!(lowered["additionalProperties"], json!({}));
    assert_eq!(lowered["properties"]["a"]["nullable"], true);
}

#[test]
fn fields_that_would_share_a_name_are_left_to_the_rest() {
    let schema = json!({ "type": "object", "properties": {
        "a-b": { "type": "string" }, "a_b": { "type": "string" }, "extra": { "type": "string" }
    }});

    let fields = lowered(&schema)["properties"].clone();

    assert_eq!(fields, json!({ "a-b": { "type": "string" } }));
}

#[test]
fn an_enum_that_grew_in_one_of_two_places_stays_one_type() {
    let role = |values: &[&str]| json!({ "type": "object", "properties": { "role": { "type": "string", "enum": values } } });
    let overlay = json!({ "actions": [{
        "target": "$.components.schemas[*].properties.role", "description": "one type",
        "update": { "title": "Role" }
    }]});
    let mut document = around(&json!({ "$ref": "#/components/schemas/A" }));
    document["components"]["schemas"] = json!({
        "A": role(&["owner", "member"]), "B": role(&["owner", "admin"])
    });

    let prepared = prepare(document, &overlay).unwrap();

    for name in ["A", "B"] {
        let role = &prepared.document["components"]["schemas"][name]["properties"]["role"];
        assert_eq!(role["enum"], json!(["owner", "member", "admin"]), "{name}");
        assert_eq!(role["title"], "Role");
    }
    assert_eq!(prepared.notes, [""; 0]);
}

#[test]
fn a_circle_of_references_ends_in_any_value() {
    let mut document = around(&json!({ "$ref": "#/components/schemas/A" }));
    document["components"]["schemas"] = json!({
        "A": { "$ref": "#/components/schemas/B" },
        "B": { "$ref": "#/components/schemas/A" },
    });

    assert_eq!(answer(document), json!({}));
}

#[test]
fn a_list_of_itself_keeps_its_name() {
    let tree = json!({ "$ref": "#/components/schemas/Tree" });
    let mut document = around(&tree);
    document["components"]["schemas"] = json!({ "Tree": { "type": "array", "items": tree } });

    assert_eq!(answer(document), tree);
}

fn nullable(kind: &str) -> Value {
    json!({ "type": kind, "nullable": true })
}

/// What `schema` is made of where an operation answers it.
fn lowered(schema: &Value) -> Value {
    answer(around(schema))
}

fn answer(document: Value) -> Value {
    let prepared = prepare(document, &no_overlay()).unwrap();
    let answer = &prepared.document["paths"]["/a"]["get"]["responses"]["2XX"];
    answer["content"]["application/json"]["schema"].clone()
}

fn around(schema: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "A", "version": "1" },
        "paths": { "/a": { "get": { "operationId": "getA", "responses": { "200": {
            "description": "", "content": { "application/json": { "schema": schema } }
        }}}}},
        "components": { "schemas": {} },
    })
}

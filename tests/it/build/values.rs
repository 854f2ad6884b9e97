//! Lists of values that become enums.

use serde_json::json;

use super::{
    generator::{
        prepare,
        values::{missing, source, take},
    },
    ours, read,
};

#[test]
fn a_list_becomes_an_enum_and_lists_with_one_name_are_joined() {
    let key = json!({ "name": "Role", "about": "What a user may do." });
    let mut document = json!({
        "a": { "enum": ["member", "it-admin"], "x-input-enum": key },
        "b": [{ "enum": ["it-admin", "3d"], "x-input-enum": key }],
    });

    let values = take(&mut document).unwrap();

    let expected = "values! {\n    /// What a user may do.\n    pub enum Role {\n        \
                    Member = \"member\",\n        ItAdmin = \"it-admin\",\n        \
                    V3d = \"3d\",\n    }\n}\n\n";
    assert_eq!(source(&values), expected);
    assert_eq!(document["a"], json!({ "enum": ["member", "it-admin"] }));
}

#[test]
fn values_that_would_be_one_variant_and_empty_lists_are_refused() {
    let key = json!({ "name": "Role", "about": "What a user may do." });
    for list in [json!(["it-admin", "itAdmin"]), json!([]), json!(null)] {
        let mut document = json!({ "enum": list, "x-input-enum": key });
        assert!(take(&mut document).unwrap_err().contains("`Role`"), "{list}");
    }
    let mut unnamed = json!({ "enum": ["a"], "x-input-enum": { "name": "Role" } });
    assert!(take(&mut unnamed).unwrap_err().contains("about"));
}

#[test]
fn a_list_that_a_later_edition_lacks_is_told_by_name() {
    let overlay = read("openapi/overlay.yaml");
    assert_eq!(missing(&overlay, &prepare(ours(), &overlay).unwrap().values), None);
    let mut document = ours();
    document["components"]["schemas"]["Webhook"] = json!({});

    let prepared = prepare(document, &overlay).unwrap();

    let gone = missing(&overlay, &prepared.values).unwrap();
    assert!(gone.contains("`WebhookProvider`") || gone.contains("`WebhookEvent`"), "{gone}");
}

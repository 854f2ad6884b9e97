//! The forms in which a document may come.

use serde_json::json;

use super::{generator, generator::read::read};

#[test]
fn json_and_yaml_say_the_same() {
    let expected = json!({ "openapi": "3.1.0", "paths": { "/a": { "get": { "tags": ["x"] } } } });
    let yaml = "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      tags: [x]\n";

    assert_eq!(read(&expected.to_string()).unwrap(), expected);
    assert_eq!(read(yaml).unwrap(), expected);
    assert_eq!(read(&format!("# a comment\n---\n{yaml}")).unwrap(), expected);
}

#[test]
fn a_byte_order_mark_is_no_part_of_it() {
    assert_eq!(read("\u{feff} {\"a\": 1}").unwrap(), json!({ "a": 1 }));
    assert_eq!(read("\u{feff}a: 1\n").unwrap(), json!({ "a": 1 }));
}

#[test]
fn what_is_neither_says_where() {
    assert!(read("{\n\"a\": }").unwrap_err().contains("line 2"));
    assert!(read("a: [").is_err());
}

#[test]
fn a_document_in_yaml_becomes_a_client() {
    let yaml = "
openapi: 3.1.0
info: { title: Later, version: 2.0 }
paths:
  /a:
    get:
      operationId: getA
      responses:
        200:
          description: Fine.
          content:
            application/json:
              schema: { type: [string, 'null'], format: date-time }
components: {}
";

    let mut prepared = generator::prepare(read(yaml).unwrap(), &super::no_overlay()).unwrap();
    let source = generator::generate::source(
        &mut prepared.document,
        &prepared.operations,
        &mut prepared.notes,
    )
    .unwrap();

    assert_eq!(prepared.notes, [""; 0]);
    assert!(source.contains("Response<::std::option::Option<crate::wire::Timestamp>>"));
}

#[test]
fn a_document_without_operations_is_refused() {
    let document = json!({ "openapi": "3.1.0", "paths": {} });

    let error = generator::prepare(document, &super::no_overlay()).err().unwrap();

    assert_eq!(error, "the document has no operations under `paths`");
}

//! The document of what a node serves.

use proptest::prelude::*;
use serde_json::{Value, json};
use tailsteward::local::serve::Mount;

#[test]
fn a_place_is_written_and_read_back() {
    let mount = Mount::new("node1.tail1.ts.net.", 8443, "/docs").unwrap();

    assert_eq!(mount.to_string(), "node1.tail1.ts.net:8443/docs");
    assert_eq!(mount.url(), "https://node1.tail1.ts.net:8443/docs");
    assert_eq!(Mount::read(&mount.to_string()).unwrap(), mount);
}

#[test]
fn a_path_that_is_none_is_refused_with_what_would_be_right() {
    for path in ["docs", "", "/a/../b", "/a b", "//x", "/a?b", "/%2e", "/\u{202e}"] {
        let error = Mount::new("node1", 443, path).unwrap_err();
        assert!(error.to_string().contains("`path` must"), "{path}: {error}");
    }
}

/// Reading any JSON as a place never fails in another way than with an error.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![".*", "[a-z.]{0,9}:[0-9]{0,6}/[ -~]{0,9}"]
}

proptest! {
    #[test]
    fn whatever_is_read_as_a_place_is_written_the_same(text in any_text()) {
        if let Ok(mount) = Mount::read(&text) {
            prop_assert_eq!(Mount::read(&mount.to_string()).unwrap(), mount);
        }
    }
}

#[test]
fn a_place_in_json_is_no_surprise() {
    let id: Value = json!("n1 node1:443/");
    assert!(Mount::read(id.as_str().unwrap()).is_ok());
}

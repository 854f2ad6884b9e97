//! Names of devices and versions of clients.

use proptest::prelude::*;
use tailsteward::tailnet::devices::{Version, name::normalise};

#[test]
fn names_become_what_the_server_makes_of_them() {
    for (wanted, name) in [
        ("Web", "web"),
        ("web_server.01", "web-server-01"),
        ("web-", "web"),
        ("my laptop", "my-laptop"),
        ("web.tail1.ts.net", "web"),
        ("web.tail1.ts.net.", "web"),
        ("web.other.net", "web-other-net"),
    ] {
        assert_eq!(normalise(wanted, Some("tail1.ts.net")).unwrap(), name, "{wanted}");
    }
    for wrong in ["", "-", "wéb", "web/1", "tag:web", &"x".repeat(64)] {
        assert!(normalise(wrong, None).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn a_name_that_is_taken_is_a_label_and_stays_as_it_is(wanted in "\\PC{0,80}") {
        if let Ok(name) = normalise(&wanted, Some("tail1.ts.net")) {
            prop_assert!((1..=63).contains(&name.len()));
            prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            prop_assert!(!name.starts_with('-') && !name.ends_with('-'));
            prop_assert_eq!(normalise(&name, Some("tail1.ts.net")).unwrap(), name);
        }
    }

    #[test]
    fn versions_compare_as_numbers(a in 0u32..200, b in 0u32..200, c in 0u32..200) {
        let text = format!("{a}.{b}.{c}-t0929812-g7c14b1");
        let version: Version = text.parse().unwrap();
        prop_assert_eq!(version.to_string(), format!("{a}.{b}.{c}"));
        let next: Version = format!("{a}.{b}.{}", c + 1).parse().unwrap();
        prop_assert!(next > version);
    }

    #[test]
    fn no_text_upsets_the_version(text in "\\PC{0,30}") {
        let _: Result<Version, _> = text.parse();
    }
}

//! Tests of the `HuJSON` parser.

use proptest::prelude::*;
use serde_json::Value;
use tailsteward_policy::hujson::Document;

#[test]
fn what_is_no_hujson_is_refused_where_it_goes_wrong() {
    for (text, line, column) in [
        ("", 1, 1),
        ("// nothing\n", 1, 1),
        ("{\"a\": 1,, }", 1, 9),
        ("{\"a\" 1}", 1, 6),
        ("{a: 1}", 1, 2),
        ("{'a': 1}", 1, 2),
        ("{\"a\": 0x1}", 1, 7),
        ("{\"a\": +1}", 1, 7),
        ("{\"a\": 01}", 1, 8),
        ("{\"a\": \"\tx\"}", 1, 8),
        ("[1 2]", 1, 3),
        ("{} {}", 1, 4),
        ("{\"a\": tru}", 1, 7),
        ("/* {}", 1, 1),
        // Texts that other programs read differently or reject.
        ("{\"a\": \"\\x41\"}", 1, 8),
        ("{\"a\": \"\\'\"}", 1, 8),
        ("{\"a\": .5}", 1, 7),
        ("{\"a\": NaN}", 1, 7),
        ("{\u{a0}}", 1, 2),
        ("{\n\u{b}}", 2, 1),
        ("{} // a\r", 1, 8),
        ("{ // a\r\"a\": 1\n}", 1, 7),
        ("{\"é\": 1,\n  \"b\": ?}", 2, 8),
    ] {
        let error = Document::parse(text).unwrap_err();
        assert_eq!((error.at.line, error.at.column), (line, column), "{text:?}: {error}");
    }
}

/// first-use 25
#[test]
fn an_error_says_what_was_found_and_what_belongs_there() {
    for (text, words) in [
        ("{\"acls\": [{\"action\" \"accept\"}]}", "`:` after the name, but found `\"accept\"`"),
        ("{\"a\": [] /* c */ // d\n \"b\": []}", "a comma is missing before `\"b\"`"),
        ("{\"a\": 1,, }", "expected a name in quotes or `}`, but found `,`"),
        ("{\"a\": [@x, 1]}", "expected a value, but found `@x`"),
        ("{\"a\": ?}", "expected a value, but found `?`"),
        ("{\"a\": tru}", "found `tru`; text needs double quotes"),
        ("{\"a\": }", "found `}`"),
        ("{\"a\": ", "expected a value after `:`, but found the end of the file"),
        ("{acls: []}", "the name `acls` must be in double quotes"),
        ("{'a': 1}", "text needs double quotes"),
        ("{} {}", "expected the end, but found `{`"),
        ("{\"a\": [1, {}", "this `[` has no `]`"),
        ("{\"a\": [1]", "this `{` has no `}`"),
        ("{} /* a", "this comment has no `*/`"),
        ("{\"a\": \"x", "unterminated string literal"),
        ("{\"a\" \u{202e}}", "found `\\u{202e}`"),
    ] {
        let error = Document::parse(text).unwrap_err();
        assert!(error.message.contains(words), "{text:?}: {error}");
    }
    let long =
        Document::parse(&format!("{{\"a\": [] \"{}\": 1}}", "é".repeat(10_000))).unwrap_err();
    assert!(long.message.len() < 120, "{long}");
}

/// L14
#[test]
fn a_name_that_is_there_twice_is_found_and_its_last_value_counts() {
    let text = "{\n\"a\": 1,\n\"a\": 2}";
    let document = Document::parse(text).unwrap();
    assert_eq!(document.root().to_json(), serde_json::json!({ "a": 2 }));
    assert_eq!(document.root().member("a").unwrap().value.to_json(), serde_json::json!(2));
    assert_eq!(document.repeated()[0].name, "a");
    let error = Document::parse_strict(text).unwrap_err();
    assert_eq!(error.to_string(), "line 3, column 1: the name \"a\" is here twice");
}

#[test]
fn everything_in_it_has_its_place() {
    let text = "\u{feff}{\n  // c\n  \"a\": [1, {\"b\": null}], /* d */\n}";
    let document = Document::parse(text).unwrap();
    let a = document.root().member("A").unwrap();
    let at = document.place(a.name_at.start);
    assert_eq!((at.line, at.column), (3, 3));
    let list = a.value.as_list().unwrap();
    assert_eq!(&document.text()[list[1].at.clone()], "{\"b\": null}");
    assert!(list[1].member("b").unwrap().value.is_null());
}

/// A random JSON value.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\/ é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d]{1,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn written(value: &Value, comment: &str) -> String {
    match value {
        Value::Array(list) => {
            let entries: Vec<String> = list.iter().map(|it| written(it, comment)).collect();
            let trailing = if list.is_empty() { "" } else { "," };
            format!("[{comment}{}{trailing}]{comment}", entries.join(","))
        }
        Value::Object(map) => {
            let field = |(name, it): (&String, &Value)| {
                format!("{comment}{name:?}:{comment}{}", written(it, comment))
            };
            let fields: Vec<String> = map.iter().map(field).collect();
            let trailing = if map.is_empty() { "" } else { "," };
            format!("{{{}{comment}{trailing}}}", fields.join(","))
        }
        other => other.to_string(),
    }
}

/// The text without comments and trailing commas, which must be JSON.
fn plain(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|(_, it)| {
                let ends = *it == '"' && !escaped;
                escaped = *it == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |it| it.0 + 1)
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(inside) = rest.strip_prefix("/*") {
            inside.find("*/").map_or(rest.len(), |it| it + 4)
        } else {
            first.len_utf8()
        };
        if matches!(first, ']' | '}') {
            let before = plain.trim_end().strip_suffix(',').map(str::len);
            plain.truncate(before.unwrap_or(plain.len()));
        }
        plain.push_str(if first == '/' && length > 1 { " " } else { &rest[..length] });
        rest = &rest[length..];
    }
    plain
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_taken_is_json_with_comments_and_trailing_commas(
        value in value(),
        comment in prop::sample::select(vec!["", " ", "/* \" */", "// }\n"]),
        at in any::<prop::sample::Index>(),
        odd in "[\\[\\]{}\",:/*0x+.'eN\\\\\r\n\t\u{b}\u{a0}\u{feff}-]{1,2}",
    ) {
        let mut text = written(&value, comment);
        let places: Vec<usize> = text.char_indices().map(|it| it.0).chain([text.len()]).collect();
        text.insert_str(*at.get(&places), &odd);
        if let Ok(read) = Document::parse(&text) {
            let plain = plain(text.trim_start_matches('\u{feff}'));
            prop_assert_eq!(serde_json::from_str::<Value>(&plain).ok(), Some(read.root().to_json()), "{}", text);
        }
    }

    #[test]
    fn comments_and_trailing_commas_mean_nothing(value in value()) {
        for comment in ["", " ", "/* \" */", "// }\n"] {
            let text = written(&value, comment);
            let read = Document::parse(&text).map(|it| it.root().to_json());
            prop_assert_eq!(read.as_ref(), Ok(&value), "{}", text);
        }
    }

    #[test]
    fn what_json_takes_is_taken_and_means_the_same(text in "[\\[\\]{}\",:ab0-9tfnulrse \\-.]{0,24}") {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            prop_assert_eq!(Document::parse(&text).map(|it| it.root().to_json()), Ok(value));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = Document::parse(&text);
    }
}

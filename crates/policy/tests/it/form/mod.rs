//! An edit changes only what it is meant to, in files of any style.

mod meaning;
mod pen;

use proptest::prelude::*;
use serde_json::{Value, json};
use tailsteward_policy::{
    edit::{Edit, EditError, Op, apply},
    hujson::Document,
    merge::{Merge, three_way},
};

use meaning::{edit, expected, member, policy, rule};
use pen::written;

fn json_of(text: &str) -> Value {
    Document::parse(text).unwrap_or_else(|error| panic!("{error}: {text}")).root().to_json()
}

/// The comments of a text, in order.
fn comments(text: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|it| {
                let ends = it == '"' && !escaped;
                escaped = it == '\\' && !escaped;
                ends
            });
            end.unwrap() + 2
        } else if rest.starts_with("//") {
            rest.find(['\r', '\n']).unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").unwrap() + 2
        } else {
            rest = &rest[first.len_utf8()..];
            continue;
        };
        if first == '/' {
            found.push(rest[..length].to_owned());
        }
        rest = &rest[length..];
    }
    found
}

/// Whether `part` can be obtained from `all` by removing characters.
fn is_within(part: &str, all: &str) -> bool {
    let mut rest = all.chars();
    part.chars().all(|it| rest.any(|other| other == it))
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|it| !it.is_whitespace()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn an_edit_changes_what_it_says_and_nothing_else(
        value in policy(), luck in prop::collection::vec(any::<u8>(), 40..80), edit in edit(),
    ) {
        let text = written(&value, &luck);
        prop_assert_eq!(&json_of(&text), &value);
        let wanted = expected(value.clone(), &edit);
        let edited = match (apply(&text, std::slice::from_ref(&edit)), &wanted) {
            (Ok(edited), Some(wanted)) => {
                prop_assert_eq!(&json_of(&edited.text), wanted, "{}", edited.text);
                edited
            }
            (Err(EditError::Unsafe { .. }), _) => {
                prop_assert!(false, "unsafe: {:?}\n{}", edit, text);
                unreachable!()
            }
            (Err(_), None) => return Ok(()),
            (Ok(edited), None) => {
                prop_assert!(false, "{:?} gave {}", edit, edited.text);
                unreachable!()
            }
            (Err(error), Some(_)) => {
                prop_assert!(false, "{:?}: {}", edit, error);
                unreachable!()
            }
        };
        prop_assert_eq!(edited.text.starts_with('\u{feff}'), text.starts_with('\u{feff}'));
        if value == json_of(&edited.text) {
            prop_assert_eq!(&edited.text, &text);
            return Ok(());
        }
        // Every comment is either kept, in order, or listed in the notes.
        let (old, new) = (comments(&text), comments(&edited.text));
        let mut left = new.iter().peekable();
        let notes = edited.notes.join("\n");
        for it in &old {
            if left.next_if_eq(&it).is_none() {
                let words = it.split_whitespace().collect::<Vec<_>>().join(" ");
                prop_assert!(notes.contains(&words), "{} is gone: {}\n{}", it, notes, edited.text);
            }
        }
        prop_assert_eq!(left.next(), None);
        // Line endings do not change.
        if text.contains("\r\n") {
            prop_assert_eq!(edited.text.matches('\n').count(), edited.text.matches("\r\n").count());
        }
        // Adding only adds, and removing only removes.
        let was_empty = ["null", "[]", "{}"].iter().any(|it| value.to_string().contains(it));
        let (less, more) = if edit.op == Op::Add { (&text, &edited.text) } else { (&edited.text, &text) };
        if edit.op != Op::Set && (edit.op == Op::Remove || !was_empty) {
            prop_assert!(is_within(less, more), "{}\n{}", text, edited.text);
        } else if edit.op == Op::Add && !value.to_string().contains("null") {
            prop_assert!(is_within(&without_blanks(less), &without_blanks(more)), "{}\n{}", text, edited.text);
        }
    }

    #[test]
    fn what_is_added_and_removed_again_leaves_the_text_as_it_was(
        value in policy(), luck in prop::collection::vec(any::<u8>(), 40..80),
        rule in rule(), member in member(), at in prop::option::of(0_usize..4), which in 0..3,
    ) {
        let text = written(&value, &luck);
        let new = json!(format!("{member}new"));
        let (section, name, new, at) = match which {
            0 => ("grants", None, rule, at),
            1 => ("groups", value["groups"].as_object().and_then(|it| it.keys().next().cloned()), new, None),
            _ => ("hosts", Some(format!("{member}new")), new, None),
        };
        let holder = match which {
            0 => value["Grants"].as_array().map(Vec::len),
            1 => name.as_ref().and_then(|it| value["groups"][it].as_array()).map(Vec::len),
            _ => value["hosts"].as_object().map(serde_json::Map::len),
        };
        let Some(count) = holder.filter(|it| *it > 0) else { return Ok(()) };
        if which == 0 && value["Grants"].as_array().unwrap().contains(&new) || at.is_some_and(|at| at > count) {
            return Ok(());
        }
        let make = |op, value, index| Edit { op, section: section.to_owned(), name: name.clone(), value, index };
        let added = apply(&text, &[make(Op::Add, Some(new.clone()), at)]).unwrap();
        prop_assert_ne!(&added.text, &text);
        let index = (which == 0).then_some(at.unwrap_or(count));
        let removed = apply(&added.text, &[make(Op::Remove, Some(new).filter(|_| which != 2), index)]).unwrap();
        prop_assert_eq!(&removed.text, &text, "{}", added.text);
        prop_assert!(removed.notes.is_empty(), "{:?}", removed.notes);
    }

    #[test]
    fn two_edits_of_different_sections_come_to_both_or_to_a_conflict(
        value in policy(), luck in prop::collection::vec(any::<u8>(), 40..80), one in edit(), other in edit(),
    ) {
        let text = written(&value, &luck);
        let section = |it: &Edit| it.section.to_lowercase().split('.').next().map(str::to_owned);
        let (ours, theirs) = (apply(&text, std::slice::from_ref(&one)), apply(&text, std::slice::from_ref(&other)));
        let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return Ok(()) };
        if section(&one) == section(&other) {
            return Ok(());
        }
        let both = apply(&ours.text, &[other]).unwrap();
        if let Merge::Clean(merged) = three_way(&text, &ours.text, &theirs.text) {
            prop_assert_eq!(json_of(&merged), json_of(&both.text), "{}", merged);
        }
    }
}

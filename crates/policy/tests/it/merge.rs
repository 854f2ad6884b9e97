//! Tests of three-way merges.

use proptest::prelude::*;
use tailsteward_policy::merge::{Merge, changed_lines, three_way};

/// A file with a host on each line.
fn file(hosts: &[(String, u8)]) -> String {
    let line = |(name, last): &(String, u8)| format!("\t\"{name}\": \"10.0.0.{last}\",\n");
    let lines = hosts.iter().map(line).collect::<Vec<_>>().concat();
    format!("{{\n// Hosts.\n\"hosts\": {{\n{lines}}},\n\"grants\": [],\n}}\n")
}

fn hosts(count: u8) -> Vec<(String, u8)> {
    (0..count).map(|it| (format!("h{it}"), it)).collect()
}

#[test]
fn edits_in_different_places_come_to_both() {
    let base = file(&hosts(9));
    let ours = base.replace("10.0.0.1\"", "10.9.9.1\"");
    let theirs = base.replace("10.0.0.7\"", "10.9.9.7\"");
    let both = ours.replace("10.0.0.7\"", "10.9.9.7\"");
    assert_eq!(three_way(&base, &ours, &theirs), Merge::Clean(both));
    assert_eq!(three_way(&base, &base, &theirs), Merge::Clean(theirs.clone()));
    assert_eq!(three_way(&base, &ours, &ours), Merge::Clean(ours.clone()));
    assert_eq!(three_way(&base, &ours, &base), Merge::Clean(ours));
}

#[test]
fn the_same_line_changed_twice_is_a_conflict_with_all_three_texts() {
    let base = file(&hosts(9));
    let (ours, theirs) =
        (base.replace("10.0.0.4", "10.1.1.1"), base.replace("10.0.0.4", "10.2.2.2"));
    let Merge::Conflict(places) = three_way(&base, &ours, &theirs) else { panic!() };
    assert_eq!(places.len(), 1);
    let place = &places[0];
    assert_eq!(base.lines().nth(place.line - 1), Some("\t\"h4\": \"10.0.0.4\","));
    assert!(place.base.contains("10.0.0.4") && place.ours.contains("10.1.1.1"));
    assert!(place.theirs.contains("10.2.2.2"));
}

#[test]
fn a_name_that_both_added_elsewhere_is_a_conflict() {
    let base = file(&hosts(9));
    let ours = base.replacen("\t\"h0\"", "\t\"new\": \"10.0.1.1\",\n\t\"h0\"", 1);
    let theirs = base.replacen("\t\"h8\"", "\t\"new\": \"10.0.1.2\",\n\t\"h8\"", 1);
    assert!(matches!(three_way(&base, &ours, &theirs), Merge::Conflict(_)));
}

#[test]
fn the_lines_of_a_difference_are_marked() {
    let base = file(&hosts(3));
    let text = base.replace("10.0.0.1", "10.9.9.9");
    assert_eq!(changed_lines(&base, &text), ["- \"h1\": \"10.0.0.1\",", "+ \"h1\": \"10.9.9.9\","]);
    assert!(changed_lines(&base, &base).is_empty());
}

proptest! {
    /// If each side changes one line, the result has both changes unless the lines are adjacent.
    #[test]
    fn two_changed_lines_come_to_both_or_to_a_conflict(count in 3_u8..30, a in 0_u8..30, b in 0_u8..30) {
        let (a, b) = (a % count, b % count);
        let change = |text: &str, host: u8, last: u8| {
            text.replace(&format!("\"h{host}\": \"10.0.0.{host}\""), &format!("\"h{host}\": \"10.9.9.{last}\""))
        };
        let base = file(&hosts(count));
        let (ours, theirs) = (change(&base, a, 1), change(&base, b, 2));
        match three_way(&base, &ours, &theirs) {
            Merge::Clean(text) => {
                prop_assert!(a.abs_diff(b) > 1);
                prop_assert_eq!(text, change(&ours, b, 2));
            }
            Merge::Conflict(places) => {
                prop_assert!(a.abs_diff(b) <= 1);
                prop_assert_eq!(places.len(), 1);
            }
        }
    }

    #[test]
    fn no_three_texts_make_it_panic(base in "[a-c\n]{0,20}", ours in "[a-c\n]{0,20}", theirs in "[a-c\n]{0,20}") {
        let _ = three_way(&base, &ours, &theirs);
        let _ = changed_lines(&base, &ours);
    }
}

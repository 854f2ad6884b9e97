//! Texts that are made to take long: none may take more than time in proportion to its size.

use std::time::Duration;

use tailsteward_policy::{check, check_untested};

use super::{growth::time_of, inventory::inventory};

/// Validates, compiles and asks, and fails if that takes two seconds.
fn in_time(text: &str) -> Vec<String> {
    let (inventory, mut errors) = (inventory(), Vec::new());
    let time = time_of(|| {
        let checked = check(text, Some(&inventory));
        let policy = checked.policy.as_ref().unwrap();
        let compiled = policy.compile(&inventory);
        let _ = compiled.ask("bob-laptop", "web-1", None, 443).unwrap();
        errors = checked.errors().map(|it| it.message.clone()).collect();
    });
    println!("{} bytes in {time:?}", text.len());
    assert!(time < Duration::from_secs(2), "{time:?}");
    errors
}

/// A file with the IP sets, and a grant from the first one to everything.
fn with_sets(sets: &[String]) -> String {
    format!(
        r#"{{"ipsets":{{{}}},"grants":[{{"src":["ipset:a0"],"dst":["*"],"ip":["*"]}}]}}"#,
        sets.join(",")
    )
}

fn set(name: usize, entries: &[String]) -> String {
    format!(r#""ipset:a{name}":{}"#, serde_json::json!(entries))
}

/// H3
#[test]
fn a_set_that_contains_itself_is_refused_with_the_chain() {
    let errors = in_time(&with_sets(&[set(0, &vec!["add ipset:a0".to_owned(); 12])]));
    let wanted = r#"ipsets["ipset:a0"]: the set contains itself: ipset:a0 → ipset:a0"#;
    assert_eq!(errors[0], wanted);

    let to = |next: usize| vec![format!("add ipset:a{next}"); 12];
    let errors = in_time(&with_sets(&[set(0, &to(1)), set(1, &to(2)), set(2, &to(0))]));
    assert!(errors[0].ends_with("ipset:a0 → ipset:a1 → ipset:a2 → ipset:a0"), "{errors:?}");
}

/// H3
#[test]
fn sets_in_sets_are_expanded_once() {
    let next = |name: usize| vec![format!("add ipset:a{}", name + 1); 12];
    let mut sets: Vec<String> = (0..40).map(|name| set(name, &next(name))).collect();
    sets.push(set(40, &["100.64.0.3".to_owned()]));
    assert!(in_time(&with_sets(&sets)).is_empty());
    let text = with_sets(&sets);
    let checked = check_untested(&text, None);
    let (policy, inventory) = (checked.policy.unwrap(), inventory());
    let compiled = policy.compile(&inventory);
    assert!(compiled.ask("bob-laptop", "web-1", None, 443).unwrap().allowed);
    assert!(!compiled.ask("ann-laptop", "web-1", None, 443).unwrap().allowed);
}

/// H3
#[test]
fn sets_that_remove_sets_are_expanded_once() {
    let entries = |name: usize| -> Vec<String> {
        let next = name + 1;
        let pair = [format!("add ipset:a{next}"), format!("remove ipset:a{next}")];
        let mut all = pair.iter().cycle().take(12).cloned().collect::<Vec<String>>();
        all.extend([format!("add ipset:a{next}"), format!("remove 100.64.1.{name}")]);
        all
    };
    let mut sets: Vec<String> = (0..40).map(|name| set(name, &entries(name))).collect();
    sets.push(set(40, &["100.64.0.0/16".to_owned()]));
    let text = with_sets(&sets);
    assert!(in_time(&text).is_empty());
    let (policy, inventory) = (check_untested(&text, None).policy.unwrap(), inventory());
    let compiled = policy.compile(&inventory);
    for (from, allowed) in [("100.64.1.39", false), ("100.64.1.40", true), ("100.65.0.1", false)] {
        assert_eq!(compiled.ask(from, "web-1", None, 443).unwrap().allowed, allowed, "{from}");
    }
}

/// H3
#[test]
fn a_deep_chain_of_growing_sets_is_refused_as_too_large() {
    let entries = |name: usize| {
        vec![format!("add ipset:a{}", name + 1), format!("10.{}.{}.1", name / 256, name % 256)]
    };
    let mut sets: Vec<String> = (0..4000).map(|name| set(name, &entries(name))).collect();
    sets.push(set(4000, &["10.99.0.0/16".to_owned()]));
    let errors = in_time(&with_sets(&sets));
    assert!(errors[0].contains("too many ranges to evaluate here"), "{errors:?}");
}

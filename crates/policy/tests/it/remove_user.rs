//! A user removed from a policy file.

use proptest::prelude::*;
use serde_json::{Value, json};
use tailsteward_policy::{
    Inventory, Policy, check,
    edit::{apply, remove_user},
    inventory::{Device, User},
};

const ANN: &str = "ann@example.com";
const PEOPLE: [&str; 3] = [ANN, "bob@example.com", "eve@example.com"];

const FILE: &str = r#"{
  "groups": {
    // Who is on call.
    "group:ops": ["Ann@example.com", "bob@example.com"],
    "group:solo": ["ann@example.com"],
  },
  "tagOwners": { "tag:web": ["ann@example.com", "group:ops"] },
  "autoApprovers": {
    "routes": { "10.0.0.0/8": ["ann@example.com"] },
    "exitNode": ["ann@example.com", "tag:web"],
  },
  "acls": [
    { "action": "accept", "src": ["ann@example.com"], "dst": ["tag:web:22"] },
    // Everybody on call.
    { "action": "accept", "src": ["group:ops", "ann@example.com"], "dst": ["ann@example.com:443", "tag:web:443"] },
  ],
  "grants": [
    { "src": ["bob@example.com"], "dst": ["tag:web"], "ip": ["22"],
      "app": { "example.com/cap/x": [{ "who": "ann@example.com" }] } },
  ],
  "tests": [
    { "src": "ann@example.com", "accept": ["tag:web:22"] },
    { "src": "bob@example.com", "accept": ["tag:web:443"], "deny": ["ann@example.com:22"] },
    { "src": "eve@example.com", "deny": ["ann@example.com:22"] },
  ],
}"#;

#[test]
fn the_person_is_taken_out_and_what_stays_is_told_with_its_line() {
    let found = remove_user(FILE, ANN).unwrap();

    assert_eq!(
        found.removed,
        [
            "removed from groups group:ops",
            "removed from groups group:solo",
            "removed from tagOwners tag:web",
            "removed from autoApprovers.routes 10.0.0.0/8",
            "removed from autoApprovers.exitNode",
            "removed acls[0], which has no other source or destination",
            "removed from acls[1]",
            "removed tests[0], which has no other source or destination",
            "removed from tests[1]",
            "removed tests[2], which has no other source or destination",
        ]
    );
    // An app capability is for the app to understand.
    assert_eq!(found.remaining, ["grants (line 19)"]);
    let text = apply(FILE, &found.edits).unwrap().text;
    assert!(
        text.contains("// Who is on call.") && text.contains("// Everybody on call."),
        "{text}"
    );
    assert!(text.contains(r#""group:solo": []"#), "a rule may name the group: {text}");
    assert!(text.contains(r#"{ "src": "bob@example.com", "accept": ["tag:web:443"]"#), "{text}");
}

/// Lists that name them several times, in several spellings.
#[test]
fn every_mention_in_a_list_goes() {
    let text = r#"{
  "groups": { "group:x": ["ann@example.com", "Ann@example.com", "bob@example.com", "ann@example.com"] },
  "autoApprovers": { "exitNode": ["ann@example.com", "bob@example.com", "ann@example.com"] },
}"#;
    let found = remove_user(text, ANN).unwrap();
    let after = apply(text, &found.edits).unwrap().text;
    assert!(!after.to_lowercase().contains(ANN) && found.remaining.is_empty(), "{after}");
    assert_eq!(after.matches("bob@example.com").count(), 2, "{after}");
}

#[test]
fn a_file_that_does_not_name_them_needs_no_edit() {
    let found = remove_user(FILE, "nn@example.com").unwrap();
    assert!(
        found.edits.is_empty() && found.removed.is_empty() && found.remaining.is_empty(),
        "{found:?}"
    );
    assert!(remove_user("[]", ANN).is_err());
    assert!(remove_user("{", ANN).is_err());
}

/// Some of the people, and groups of them.
fn some(more: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    let all: Vec<&'static str> = PEOPLE.iter().chain(more).copied().collect();
    prop::sample::subsequence(all, 1..=2)
}

fn file() -> impl Strategy<Value = Value> {
    let grant = (some(&["group:a", "tag:t"]), some(&["group:a", "tag:t"]))
        .prop_map(|(src, dst)| json!({ "src": src, "dst": dst, "ip": ["tcp:443"] }));
    (some(&[]), prop::collection::vec(grant, 0..5)).prop_map(|(group, grants)| {
        json!({ "groups": { "group:a": group }, "tagOwners": { "tag:t": ["group:a"] }, "grants": grants })
    })
}

fn tailnet() -> Inventory {
    let mut inventory = Inventory::named("example.com");
    for (number, login) in PEOPLE.iter().enumerate() {
        inventory.users.push(User::new(*login, "member"));
        let address = format!("100.64.0.{}", number + 1).parse().unwrap();
        let mut device = Device::new(format!("of-{number}"), vec![address]);
        (*login).clone_into(&mut device.user);
        inventory.devices.push(device);
    }
    let mut tagged = Device::new("server", vec!["100.64.0.9".parse().unwrap()]);
    tagged.tags = vec!["tag:t".to_owned()];
    inventory.devices.push(tagged);
    inventory
}

/// Who reaches whom on 443.
fn reach(text: &str) -> Vec<(String, String)> {
    let (policy, inventory) = (Policy::parse(text).unwrap(), tailnet());
    let compiled = policy.compile(&inventory);
    let addresses: Vec<String> =
        inventory.devices.iter().map(|it| it.addresses[0].to_string()).collect();
    let pairs = addresses.iter().flat_map(|from| addresses.iter().map(move |to| (from, to)));
    pairs
        .filter(|(from, to)| from != to)
        .filter(|(from, to)| compiled.ask(from, to, None, 443).unwrap().allowed)
        .map(|(from, to)| (from.clone(), to.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// They reach nothing and nothing reaches them by name; between all others nothing changes.
    #[test]
    fn nobody_else_gains_or_loses_anything(file in file()) {
        let text = file.to_string();
        let found = remove_user(&text, ANN).unwrap();
        let after = apply(&text, &found.edits).unwrap().text;

        prop_assert!(!after.contains(ANN), "{}", after);
        prop_assert!(found.remaining.is_empty());
        prop_assert_eq!(found.edits.is_empty(), !text.contains(ANN));
        let of_ann = |(from, to): &(String, String)| from == "100.64.0.1" || to == "100.64.0.1";
        let mut before = reach(&text);
        before.retain(|pair| !of_ann(pair));
        prop_assert_eq!(reach(&after), before, "{} became {}", text, after);
        let checked = check(&after, Some(&tailnet()));
        prop_assert!(checked.is_accepted(), "{}: {:?}", after, checked.problems);
    }
}

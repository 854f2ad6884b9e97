//! Asks a policy file offline who reaches what, and why.
//!
//! `cargo run --example can_reach`
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "an example prints, and stops where it cannot go on"
)]

use tailsteward::policy::{
    Inventory, check,
    inventory::{Device, User},
};

const POLICY: &str = r#"{
  // HuJSON: comments and trailing commas are fine.
  "tagOwners": { "tag:db": ["group:dba"] },
  "groups": { "group:dba": ["ada@example.com"] },
  "grants": [
    { "src": ["group:dba"], "dst": ["tag:db"], "ip": ["tcp:5432"] },
  ],
}"#;

fn main() {
    let mut inventory = Inventory::named("example.com");
    inventory.users = vec![User::new("ada@example.com", "admin")];
    let mut laptop = Device::new("laptop", vec!["100.64.0.1".parse().expect("an address")]);
    "ada@example.com".clone_into(&mut laptop.user);
    let mut database = Device::new("db", vec!["100.64.0.2".parse().expect("an address")]);
    database.tags = vec!["tag:db".to_owned()];
    inventory.devices = vec![laptop, database];

    let checked = check(POLICY, Some(&inventory));
    assert!(checked.is_accepted(), "{:?}", checked.problems);
    let policy = checked.policy.expect("a text that can be read");
    let compiled = policy.compile(&inventory);
    for port in [5432, 22] {
        let answer = compiled.ask("laptop", "db", None, port).expect("names of the inventory");
        println!("tcp:{port}: {}", if answer.allowed { "yes" } else { "no" });
        answer.because.iter().for_each(|reason| println!("  because {reason}"));
    }
}

//! A small tailnet for testing policy files.

use std::net::IpAddr;

use tailsteward_policy::{
    Checked, Inventory, Policy, check,
    inventory::{Device, User},
};

/// Two users, Ann (owner) with two devices and Bob with one; a web server, a database, and a subnet router
/// for 10.1.0.0/16 that is an exit node, too.
pub fn inventory() -> Inventory {
    let mut inventory = Inventory::named("example.com");
    inventory.users =
        vec![User::new("ann@example.com", "owner"), User::new("bob@example.com", "member")];
    let mut add = |name: &str, last: u8, user: &str, tags: &[&str]| {
        let v4: IpAddr = format!("100.64.0.{last}").parse().unwrap();
        let v6: IpAddr = format!("fd7a:115c:a1e0::{last:x}").parse().unwrap();
        let mut device = Device::new(name, vec![v4, v6]);
        user.clone_into(&mut device.user);
        device.tags = tags.iter().map(|it| (*it).to_owned()).collect();
        inventory.devices.push(device);
    };
    add("ann-laptop", 1, "ann@example.com", &[]);
    add("ann-phone", 2, "ann@example.com", &[]);
    add("bob-laptop", 3, "bob@example.com", &[]);
    add("web-1", 4, "", &["tag:web"]);
    add("db-1", 5, "", &["tag:db"]);
    add("router", 6, "", &["tag:router"]);
    let router = inventory.devices.last_mut().unwrap();
    for net in ["10.1.0.0/16", "0.0.0.0/0", "::/0"] {
        router.advertised_routes.push(net.parse().unwrap());
        router.enabled_routes.push(net.parse().unwrap());
    }
    inventory
}

/// The groups and tags of that tailnet, for the start of a policy file.
pub const NAMES: &str = r#"
    // Who is who.
    "groups": { "group:ops": ["ann@example.com"], "group:all": ["ann@example.com", "bob@example.com"] },
    "tagOwners": { "tag:web": ["group:ops"], "tag:db": ["group:ops"], "tag:router": ["group:ops"] },
    "hosts": { "printer": "10.1.2.3" },"#;

/// A policy file with the groups and tags, followed by `rest`.
pub fn file(rest: &str) -> String {
    format!("{{{NAMES}\n{rest}\n}}")
}

pub fn policy(rest: &str) -> Policy {
    let checked = judged(rest);
    let errors: Vec<String> = checked.errors().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:?}");
    checked.policy.unwrap()
}

pub fn judged(rest: &str) -> Checked {
    check(&file(rest), Some(&inventory()))
}

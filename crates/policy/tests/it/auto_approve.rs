//! Tests of auto-approval.

use ipnet::IpNet;
use tailsteward_policy::{
    Inventory, Policy,
    inventory::{Device, User},
};

const FILE: &str = r#"{
    "groups": { "group:net": ["ann@example.com"] },
    "tagOwners": { "tag:router": [], "tag:exit": [] },
    "autoApprovers": {
        "routes": {
            "10.0.0.0/8": ["tag:router"],
            "10.1.0.0/16": ["group:net", "bob@example.com"],
            "fd00::/8": ["autogroup:admin"],
            "0.0.0.0/0": ["tag:exit"],
            "odd": ["tag:router"],
        },
        "exitNode": ["tag:exit", "autogroup:admin"],
    },
}"#;

fn inventory() -> Inventory {
    let mut inventory = Inventory::named("example.com");
    for (login, role) in [("ann", "admin"), ("bob", "member")] {
        inventory.users.push(User::new(format!("{login}@example.com"), role));
    }
    for (name, user, tag) in [
        ("router", "", "tag:router"),
        ("exit", "", "tag:exit"),
        ("ann", "ann", ""),
        ("bob", "bob", ""),
    ] {
        let mut device = Device::new(name, Vec::new());
        device.user = format!("{user}@example.com");
        device.tags = Some(tag.to_owned()).filter(|it| !it.is_empty()).into_iter().collect();
        inventory.devices.push(device);
    }
    inventory
}

#[test]
fn a_route_is_approved_for_whom_a_wider_one_names() {
    let (policy, inventory) = (Policy::parse(FILE).unwrap(), inventory());
    let mut approvals = policy.auto_approvals(&inventory);
    let routes = |net: &str| Some(format!("autoApprovers.routes[{net:?}]"));
    let exit = || Some("autoApprovers.exitNode".to_owned());
    for (device, route, place) in [
        (0, "10.0.0.0/8", routes("10.0.0.0/8")),
        (0, "10.1.2.0/24", routes("10.0.0.0/8")),
        (0, "8.0.0.0/6", None),
        (0, "192.168.0.0/24", None),
        (0, "fd00:1::/32", None),
        (1, "10.1.2.0/24", routes("0.0.0.0/0")),
        (1, "fd00:1::/32", None),
        (2, "10.1.2.0/24", routes("10.1.0.0/16")),
        (3, "10.1.0.0/16", routes("10.1.0.0/16")),
        (3, "10.2.0.0/16", None),
        (2, "fd00:1::/32", routes("fd00::/8")),
        // A default route is approved by `exitNode`, not by an entry for its prefix.
        (0, "0.0.0.0/0", None),
        (1, "0.0.0.0/0", exit()),
        (1, "::/0", exit()),
        (2, "::/0", exit()),
        (3, "::/0", None),
    ] {
        let net: IpNet = route.parse().unwrap();
        assert_eq!(approvals.of_route(device, &net), place, "{device} {route}");
    }
}

#[test]
fn a_file_without_approvers_approves_nothing() {
    let (policy, inventory) = (Policy::parse("{}").unwrap(), inventory());
    let mut approvals = policy.auto_approvals(&inventory);
    for route in ["10.0.0.0/8", "0.0.0.0/0"] {
        assert_eq!(approvals.of_route(0, &route.parse().unwrap()), None);
    }
    // A device that does not exist is not approved either.
    let policy = Policy::parse(FILE).unwrap();
    assert_eq!(policy.auto_approvals(&inventory).of_route(9, &"10.0.0.0/8".parse().unwrap()), None);
}

//! Any text at all is read and judged without a panic, and a text that can be read is kept byte for
//! byte.
#![no_main]

use std::net::Ipv4Addr;

use libfuzzer_sys::fuzz_target;
use tailsteward::policy::{
    Inventory, check,
    hujson::Document,
    inventory::{Device, User},
};

fn inventory() -> Inventory {
    let mut inventory = Inventory::named("example.com");
    inventory.users = vec![User::new("alice@example.com", "owner"), User::new("bob@example.com", "member")];
    let mut laptop = Device::new("laptop", vec![Ipv4Addr::new(100, 64, 0, 1).into()]);
    laptop.user = "alice@example.com".to_owned();
    let mut server = Device::new("server", vec![Ipv4Addr::new(100, 64, 0, 2).into()]);
    server.tags = vec!["tag:server".to_owned()];
    inventory.devices = vec![laptop, server];
    inventory
}

fuzz_target!(|text: &str| {
    if let Ok(document) = Document::parse(text) {
        assert_eq!(document.text(), text);
        let _ = document.root().to_json();
    }
    let inventory = inventory();
    let checked = check(text, Some(&inventory));
    if let Some(policy) = &checked.policy {
        let compiled = policy.compile(&inventory);
        let _ = compiled.packet_filter(1);
        let _ = compiled.ssh_rules(1);
        let _ = compiled.findings();
    }
});

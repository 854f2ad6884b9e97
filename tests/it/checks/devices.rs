//! Cases of the device checks.

use serde_json::json;
use tailsteward::checks::Facts;

use super::{
    healthy::{ago, device, first, scope, tags},
    table::Case,
};

fn hidden(facts: &mut Facts) {
    facts.devices = Err(scope());
}

fn add(facts: &mut Facts, it: tailsteward::checks::Device) {
    facts.devices.as_mut().unwrap().push(it);
}

pub const CASES: &[Case] = &[
    Case {
        id: "D1",
        fails: |it| {
            first(it).version = "1.96.4".into();
            first(it).ssh = true;
        },
        because: "laptop: 1.96.4 is vulnerable (TS-2026-004, TS-2026-006, TS-2026-009); update to 1.98.10",
        unknown: |it| first(it).version.clear(),
    },
    Case {
        id: "D2",
        fails: |it| first(it).version = "1.96.4".into(),
        because: "laptop: 1.96.4; the newest known is 1.104.0",
        unknown: |it| first(it).version = "unknown".into(),
    },
    Case {
        id: "D3",
        fails: |it| {
            first(it).online = false;
            first(it).last_seen = Some(ago(61));
        },
        because: "laptop: last connected 61 d ago",
        unknown: |it| {
            first(it).online = false;
            first(it).created = None;
        },
    },
    Case {
        id: "D4",
        fails: |it| first(it).key_expiry_disabled = true,
        because: "laptop: belongs to ada@example.com",
        unknown: hidden,
    },
    Case {
        id: "D5",
        fails: |it| {
            tags(it).push("tag:web".to_owned());
            first(it).expires = Some(ago(-3));
        },
        because: "tag:web; expires in 3 d",
        unknown: |it| {
            tags(it).push("tag:web".to_owned());
            first(it).expires = None;
        },
    },
    Case {
        id: "D6",
        fails: |it| first(it).multiple_connections = true,
        because: "laptop: several machines connect",
        unknown: hidden,
    },
    Case {
        id: "D7",
        fails: |it| first(it).lock_error = "node not signed".into(),
        because: "laptop: node not signed",
        unknown: hidden,
    },
    Case {
        id: "D8",
        fails: |it| {
            first(it).waits = true;
            first(it).created = Some(ago(2));
        },
        because: "added 2 d ago",
        unknown: |it| {
            first(it).waits = true;
            first(it).created = None;
        },
    },
    Case {
        id: "D10",
        fails: |it| {
            let old = json!({
                "os": "macOS", "hostname": "Laptop", "online": false, "last_seen": ago(8),
            });
            add(it, device("laptop-1", old));
        },
        because: "laptop-1: same host name, system and owner as laptop",
        unknown: hidden,
    },
    Case {
        id: "D11",
        fails: |it| add(it, device("pixel", json!({ "os": "android", "tags": ["tag:web"] }))),
        because: "pixel: android with tag:web",
        unknown: hidden,
    },
    Case {
        id: "D12",
        fails: |it| {
            tags(it).push("tag:web".to_owned());
            first(it).key_expiry_disabled = true;
        },
        because: "laptop: tag:web",
        unknown: hidden,
    },
    Case {
        id: "R1",
        fails: |it| it.devices.as_mut().unwrap().truncate(2),
        because: "10.0.0.0/8: only by router-1",
        unknown: hidden,
    },
    Case {
        id: "R2",
        fails: |it| first(it).advertised.push("192.168.0.0/24".to_owned()),
        because: "laptop: 192.168.0.0/24",
        unknown: |it| {
            first(it).advertised.push("192.168.0.0/24".to_owned());
            first(it).created = None;
        },
    },
    Case {
        id: "R3",
        fails: |it| it.devices.as_mut().unwrap()[1].blocks_incoming = true,
        because: "router-1: 10.0.0.0/8",
        unknown: hidden,
    },
];

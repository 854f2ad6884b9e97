//! Cases of the checks of keys.

use serde_json::{Value, json};
use tailsteward::checks::{Facts, KeyKind};

use super::{
    healthy::{ago, of, scope},
    table::Case,
};

fn add(facts: &mut Facts, key: Value) {
    facts.keys.as_mut().unwrap().list.push(of(key));
}

fn hide(facts: &mut Facts, kind: KeyKind) {
    let keys = facts.keys.as_mut().unwrap();
    keys.list.retain(|it| it.kind != kind);
    keys.readable.remove(&kind);
}

pub const CASES: &[Case] = &[
    Case {
        id: "K1",
        fails: |it| {
            let key =
                json!({ "id": "k9", "description": "CI", "reusable": true, "created": ago(3) });
            add(it, key);
        },
        because: "CI: made 3 d ago",
        unknown: |it| hide(it, KeyKind::Auth),
    },
    Case {
        id: "K2",
        fails: |it| add(it, json!({ "id": "k9", "reusable": true, "preauthorized": true })),
        because: "k9: ",
        unknown: |it| it.keys = Err(scope()),
    },
    Case {
        id: "K3",
        fails: |it| {
            add(it, json!({ "id": "k9", "kind": "api", "user": "u1", "created": ago(31) }));
        },
        because: "k9: made 31 d ago",
        unknown: |it| hide(it, KeyKind::Api),
    },
    Case {
        id: "K4",
        fails: |it| add(it, json!({ "id": "k9", "kind": "federated", "scopes": ["all"] })),
        because: "k9: scopes: all",
        unknown: |it| hide(it, KeyKind::Federated),
    },
    Case {
        id: "K5",
        fails: |it| {
            add(it, json!({ "id": "k9", "kind": "client", "scopes": ["auth_keys"] }));
        },
        because: "k9: scopes: auth_keys; no tags",
        unknown: |it| hide(it, KeyKind::Client),
    },
    Case {
        id: "K6",
        fails: |it| it.users.as_mut().unwrap()[0].status = "suspended".into(),
        because: "k1: its maker ada@example.com is suspended",
        unknown: |it| it.users = Err(scope()),
    },
    Case {
        id: "K7",
        fails: |it| add(it, json!({ "id": "k9", "created": ago(85), "expires": ago(-5) })),
        because: "k9: made 85 d ago; expires in 5 d",
        unknown: |it| hide(it, KeyKind::Api),
    },
];

//! Cases of the checks of users and of the audit log.

use serde_json::json;

use super::{
    healthy::{ago, log, of, scope},
    table::Case,
};

pub const CASES: &[Case] = &[
    Case {
        id: "U1",
        fails: |it| it.users.as_mut().unwrap()[1].status = "suspended".into(),
        because: "1 owner or admin: ada@example.com",
        unknown: |it| it.users.as_mut().unwrap()[2].role.clear(),
    },
    Case {
        id: "U2",
        fails: |it| it.users.as_mut().unwrap()[2].last_seen = Some(ago(91)),
        because: "cy@example.com: not seen for 91 d; 2 devices, 0 keys",
        unknown: |it| {
            it.users.as_mut().unwrap()[2].last_seen = Some(ago(91));
            it.users.as_mut().unwrap()[2].devices = None;
            it.keys = Err(scope());
        },
    },
    Case {
        id: "U3",
        fails: |it| {
            let old =
                json!({ "id": "i9", "email": "ed@example.com", "mailed": ago(8), "role": "admin" });
            it.invites.as_mut().unwrap().push(of(old));
        },
        because: "ed@example.com: as admin; mailed 8 d ago",
        unknown: |it| it.invites = Ok(of(json!([{ "id": "i9" }]))),
    },
    Case {
        id: "A1",
        fails: |it| {
            log(
                it,
                json!({ "action": "UPDATE", "property": "USER_ROLE", "target": "cy", "new": "\"admin\"" }),
            );
        },
        because: "cy: 2026-10-30 made admin, by ada@example.com",
        unknown: |it| it.log = Err(scope()),
    },
    Case {
        id: "A2",
        fails: |it| {
            for _ in 0..21 {
                log(it, json!({ "target_kind": "FAILED_REQUEST", "actor": "k2" }));
            }
        },
        because: "k2: 21 refused",
        unknown: |it| it.log = Err(scope()),
    },
];

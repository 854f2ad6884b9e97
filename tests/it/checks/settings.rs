//! Cases of the checks of settings, contacts, and what reports to elsewhere.

use serde_json::json;
use tailsteward::checks::{Facts, Settings};

use super::{
    healthy::{ago, log, scope},
    table::Case,
};

fn settings(facts: &mut Facts) -> &mut Settings {
    facts.settings.as_mut().unwrap()
}

pub const CASES: &[Case] = &[
    Case {
        id: "S1",
        fails: |it| {
            settings(it).device_approval = Some(false);
            log(it, json!({ "action": "ENABLE", "property": "TKA", "at": ago(9) }));
            log(it, json!({ "action": "DISABLE", "property": "TKA", "at": ago(3) }));
        },
        because: "Tailnet Lock was turned off",
        // Off; and nothing shows whether Tailnet Lock is on.
        unknown: |it| settings(it).device_approval = Some(false),
    },
    Case {
        id: "S2",
        fails: |it| settings(it).user_approval = Some(false),
        because: "user approval is off",
        unknown: |it| {
            settings(it).user_approval = Some(false);
            it.log = Err(scope());
        },
    },
    Case {
        id: "S3",
        fails: |it| settings(it).key_days = Some(91),
        because: "91 days",
        unknown: |it| settings(it).key_days = None,
    },
    Case {
        id: "S4",
        fails: |it| settings(it).auto_updates = Some(false),
        because: "auto-updates are off",
        unknown: |it| settings(it).auto_updates = None,
    },
    Case {
        id: "S5",
        fails: |it| settings(it).flow_logs = Some(false),
        because: "network flow logs are off",
        unknown: |it| {
            settings(it).flow_logs = Some(false);
            it.has_flow_logs = Err(scope());
        },
    },
    Case {
        id: "S6",
        fails: |it| it.stream = Ok(None),
        because: "not streamed",
        unknown: |it| it.stream.as_mut().unwrap().as_mut().unwrap().last_error = None,
    },
    Case {
        id: "S7",
        fails: |it| it.webhooks.as_mut().unwrap()[0].events.retain(|it| it != "policyUpdate"),
        because: "no webhook for: policy file",
        unknown: |it| it.webhooks = Err(scope()),
    },
    Case {
        id: "S8",
        fails: |it| it.contacts.as_mut().unwrap().security = "Ada@example.com".into(),
        because: "Ada@example.com is the contact for the account, too",
        unknown: |it| it.contacts = Err(scope()),
    },
    Case {
        id: "S9",
        fails: |it| it.posture.as_mut().unwrap()[0].matched = Some(7),
        because: "intune: 7 of 10 devices found",
        unknown: |it| it.posture.as_mut().unwrap()[0].last_sync = None,
    },
    Case {
        id: "S10",
        fails: |it| settings(it).may_join_others = Some("member".to_owned()),
        because: "allowed for: member",
        unknown: |it| it.settings = Err(scope()),
    },
];

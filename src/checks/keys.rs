//! The checks of keys, K1 to K7.

use super::{
    Check, DAY, Facts, Known, Looked, Seen, Severity, Subject, Unknown, Why, days,
    records::{Key, KeyKind},
};

const K1: Check = Check {
    id: "K1",
    title: "Reusable auth keys",
    severity: Severity::Medium,
    fails: "an auth key is reusable",
    remedy: "use a one-off key, or a federated identity",
    source: "auth keys (kb/1085); best practices (kb/1196)",
    of_devices: false,
    look: |facts| each(&K1, facts, AUTH, |it| it.reusable.then(|| made(it, facts))),
};

const K2: Check = Check {
    id: "K2",
    title: "Reusable, pre-approved auth keys without tags",
    severity: Severity::Critical,
    fails: "an auth key is reusable, pre-approved and without tags: anyone with it can add devices with its creator's access",
    remedy: "revoke it, and make one with tags that is one-off",
    source: "auth keys (kb/1085)",
    of_devices: false,
    look: |facts| {
        each(&K2, facts, AUTH, |it| {
            let fails = it.reusable && it.preauthorized && it.tags.is_empty();
            fails.then(|| made(it, facts))
        })
    },
};

const K3: Check = Check {
    id: "K3",
    title: "API access tokens of users",
    severity: Severity::Medium,
    fails: "a user's token is older than 30 days",
    remedy: "use an OAuth client or a federated identity with fewer scopes, and revoke the token",
    source: "best practices (kb/1196); API (kb/1101)",
    of_devices: false,
    look: |facts| {
        each(&K3, facts, &[KeyKind::Api], |it| {
            let is_old = it.created.is_none_or(|then| days(then, facts.now) > TOKEN_AGE);
            // A token that a trust credential obtained has no user, and ends within the hour.
            (is_old && !it.user.is_empty()).then(|| made(it, facts))
        })
    },
};

const K4: Check = Check {
    id: "K4",
    title: "Credentials that may do everything",
    severity: Severity::High,
    fails: "an OAuth client or federated identity has the scope `all`",
    remedy: "give it only the scopes that it needs",
    source: "trust credentials (kb/1623)",
    of_devices: false,
    look: |facts| {
        each(&K4, facts, CREDENTIALS, |it| {
            has(it, &["all"]).then(|| format!("scopes: {}", it.scopes.join(", ")))
        })
    },
};

const K5: Check = Check {
    id: "K5",
    title: "Credentials that make devices without tags",
    severity: Severity::Medium,
    fails: "an OAuth client or federated identity has `auth_keys` or `devices:core`, and no tags",
    remedy: "set the tags that it may give",
    source: "API document (Key.tags)",
    of_devices: false,
    look: |facts| {
        each(&K5, facts, CREDENTIALS, |it| {
            let fails = has(it, &["auth_keys", "devices:core"]) && it.tags.is_empty();
            fails.then(|| format!("scopes: {}; no tags", it.scopes.join(", ")))
        })
    },
};

const K6: Check = Check {
    id: "K6",
    title: "Credentials of suspended or removed users",
    severity: Severity::High,
    fails: "its creator is suspended or was removed from the tailnet",
    remedy: "replace it by one of an OAuth client, and revoke it",
    source: "best practices (kb/1196)",
    of_devices: false,
    look: orphaned,
};

const K7: Check = Check {
    id: "K7",
    title: "Credentials that end within 7 days",
    severity: Severity::Low,
    fails: "an auth key or a user's API access token expires within 7 days",
    remedy: "replace it before it ends",
    source: "auth keys (kb/1085)",
    of_devices: false,
    look: |facts| {
        each(&K7, facts, &[KeyKind::Auth, KeyKind::Api], |it| {
            let left = it.expires?.duration_since(facts.now).as_hours();
            let is_token = it.kind == KeyKind::Api && it.user.is_empty();
            let fails = (0..7 * DAY).contains(&left) && !is_token;
            fails.then(|| format!("{}; expires in {} d", made(it, facts), left / DAY))
        })
    },
};

pub(super) const CHECKS: &[Check] = &[K1, K2, K3, K4, K5, K6, K7];

const AUTH: &[KeyKind] = &[KeyKind::Auth];
const CREDENTIALS: &[KeyKind] = &[KeyKind::Client, KeyKind::Federated];
/// Days after which a user's token is reported.
const TOKEN_AGE: i64 = 30;

/// Fails for each key of these kinds for which `wrong` returns evidence. If none fails, and a kind may be
/// hidden, the result is unknown.
fn each(
    check: &Check,
    facts: &Facts,
    kinds: &[KeyKind],
    wrong: impl Fn(&Key) -> Option<String>,
) -> Looked {
    let hidden = |kind: &KeyKind| Unknown::scope(kind.plural(), kind.scope());
    let keys = facts.keys.as_ref().map_err(|why| match (why.why, kinds.first()) {
        // Any of four scopes shows some keys: name the one that shows these.
        (Why::Scope, Some(kind)) => hidden(kind),
        _ => why.clone(),
    })?;
    let of_kind = keys.list.iter().filter(|it| kinds.contains(&it.kind));
    let subjects = of_kind.filter_map(|it| Some(subject(check, it, &wrong(it)?)));
    let seen = Seen::of(subjects.collect());
    let unseen = kinds.iter().find(|it| !keys.readable.contains(it));
    Ok(seen.missing(unseen.map(hidden)))
}

fn subject(check: &Check, key: &Key, evidence: &str) -> Subject {
    let name = if key.description.is_empty() { &key.id } else { &key.description };
    Subject::new(check, &key.id, name, evidence)
}

/// What a key is, and how old.
fn made(key: &Key, facts: &Facts) -> String {
    let age = match key.created {
        Some(then) => format!("made {} d ago", days(then, facts.now)),
        None => "creation date unknown".to_owned(),
    };
    match key.tags.as_slice() {
        [] => age,
        tags => format!("{age}; {}", tags.join(", ")),
    }
}

/// Whether a key has one of these scopes for writing.
fn has(key: &Key, scopes: &[&str]) -> bool {
    key.scopes.iter().any(|it| scopes.contains(&it.as_str()))
}

fn orphaned(facts: &Facts) -> Looked {
    let users = facts.users.as_ref().map_err(Clone::clone)?;
    each(&K6, facts, &KeyKind::ALL, |it| {
        if it.user.is_empty() {
            return None;
        }
        match users.iter().find(|user| user.id == it.user) {
            None => Some(format!("its maker {} is not a user of the tailnet", it.user)),
            Some(user) if user.status == "suspended" => {
                Some(format!("its maker {} is suspended", user.login))
            }
            Some(_) => None,
        }
    })
}

/// Whether a user has keys; used by the check of inactive users.
pub(super) fn of_user(facts: &Facts, id: &str) -> Known<usize> {
    let keys = facts.keys.as_ref().map_err(Clone::clone)?;
    Ok(keys.list.iter().filter(|it| it.user == id).count())
}

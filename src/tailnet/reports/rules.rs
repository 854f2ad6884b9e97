//! The parts of a report about the audit, the policy file, users and keys. Pure.

use super::{
    Gathered, ROWS, cut,
    devices::{counts, days},
    first,
};
use crate::{
    checks::{self, KeyKind, Known, Outcome, User, Verdict},
    policy::{Finding, Weight},
    report::{
        CheckRow, Compliance, KeyKindRow, KeyRow, Keys, Person, PolicyFinding, PolicyPart, Reach,
        Users,
    },
    tailnet::devices::device::relative,
    words::to_the_second,
};

/// How many subjects of a check are named.
const SUBJECTS: usize = 20;
/// How many users and tags are listed by what they reach.
const WIDEST: usize = 10;
/// After how many days a user is idle.
const IDLE: i64 = 90;
/// Findings about what is of no use.
const UNUSED: [&str; 7] = [
    "dead_rule",
    "duplicate",
    "shadowed",
    "empty_group",
    "unused_group",
    "unused_host",
    "unused_tag",
];

pub(super) fn compliance(audit: &checks::Report) -> Compliance {
    Compliance {
        points: audit.score.points,
        score: audit.score.to_string(),
        checks: audit.outcomes.iter().map(check).collect(),
    }
}

fn check(it: &Outcome) -> CheckRow {
    let seen = it.subjects.iter().map(|it| format!("{}: {}", it.name, it.evidence));
    let accepted = it.accepted.iter().map(|it| {
        let (by, reason) = (&it.exception.by, &it.exception.reason);
        format!("{}: accepted by {}: {}", it.subject.name, cut(by), cut(reason))
    });
    let (subjects, more) = first(seen.chain(accepted).collect(), SUBJECTS);
    let unknown = it.unknown.as_ref().map(|it| it.text.clone());
    let why = unknown.or_else(|| it.does_not_apply.clone()).or_else(|| it.note.clone());
    CheckRow {
        id: it.check.id.to_owned(),
        title: it.check.title.to_owned(),
        severity: it.severity.as_str().to_owned(),
        verdict: it.verdict.as_str().to_owned(),
        subjects,
        more,
        why: why.unwrap_or_default(),
        remedy: if it.verdict == Verdict::Fail { it.check.remedy } else { "" }.to_owned(),
        source: it.check.source.to_owned(),
    }
}

impl Gathered {
    pub(super) fn policy(&self) -> Known<PolicyPart> {
        let known = self.facts.policy.as_ref().map_err(Clone::clone)?;
        let of = |unused: bool| {
            let all = known.findings.iter().filter(|it| is_unused(it) == unused);
            first(all.map(finding).collect(), ROWS)
        };
        let ((findings, more), (without_use, more_unused)) = (of(false), of(true));
        let widest =
            self.inventory.as_ref().map(|inventory| known.policy.compile(inventory).widest(WIDEST));
        let reach = |it: crate::policy::Breadth| Reach { who: cut(&it.who), devices: it.devices };
        Ok(PolicyPart {
            rules: known.policy.model().rules.len(),
            findings,
            without_use,
            more: more + more_unused,
            widest: widest.unwrap_or_default().into_iter().map(reach).collect(),
            without_inventory: known.inventory.as_ref().err().map(|it| it.text.clone()),
        })
    }

    pub(super) fn users(&self) -> Known<Users> {
        let all = self.facts.users.as_ref().map_err(Clone::clone)?;
        let silent = |it: &User| it.last_seen.map(|at| days(self.now.duration_since(at)));
        let is_idle = |it: &User| !it.connected && silent(it).is_some_and(|it| it >= IDLE);
        let is_notable = |it: &&User| {
            matches!(it.status.as_str(), "needs-approval" | "suspended") || is_idle(it)
        };
        let person = |it: &User| Person {
            login: cut(&it.login),
            role: cut(&it.role),
            status: cut(&it.status),
            seen: match it.last_seen {
                _ if it.connected => "connected".to_owned(),
                Some(at) => relative(at, self.now),
                None => String::new(),
            },
        };
        let mut notable: Vec<&User> = all.iter().filter(is_notable).collect();
        notable.sort_by_key(|it| (it.status != "needs-approval", it.last_seen));
        let (notable, more) = first(notable.into_iter().map(person).collect(), ROWS);
        Ok(Users {
            total: all.len(),
            roles: counts(all.iter().map(|it| it.role.as_str())),
            statuses: counts(all.iter().map(|it| it.status.as_str())),
            notable,
            more,
        })
    }

    pub(super) fn keys(&self) -> Known<Keys> {
        let known = self.facts.keys.as_ref().map_err(Clone::clone)?;
        let age = |it: &checks::Key| it.created.map(|at| days(self.now.duration_since(at)));
        let kinds = KeyKind::ALL.iter().filter(|it| known.readable.contains(*it));
        let kinds = kinds.map(|kind| {
            let here: Vec<&checks::Key> = known.list.iter().filter(|it| it.kind == *kind).collect();
            KeyKindRow {
                kind: kind.plural().to_owned(),
                count: here.len(),
                oldest_days: here.iter().filter_map(|it| age(it)).max(),
            }
        });
        let mut keys: Vec<&checks::Key> = known.list.iter().collect();
        keys.sort_by_key(|it| (it.created.is_none(), it.created));
        let row = |it: &checks::Key| KeyRow {
            id: cut(&it.id),
            kind: it.kind.singular().to_owned(),
            description: cut(&it.description),
            days: age(it),
            expires: it.expires.map(to_the_second).unwrap_or_default(),
        };
        let (keys, more) = first(keys.into_iter().map(row).collect(), ROWS);
        let hidden = KeyKind::ALL.iter().filter(|it| !known.readable.contains(*it));
        Ok(Keys {
            kinds: kinds.collect(),
            hidden: hidden.map(|it| it.plural().to_owned()).collect(),
            keys,
            more,
        })
    }
}

fn is_unused(it: &Finding) -> bool {
    UNUSED.contains(&it.kind)
}

fn finding(it: &Finding) -> PolicyFinding {
    let weight = match it.weight {
        Weight::High => "high",
        Weight::Medium => "medium",
        Weight::Low => "low",
    };
    PolicyFinding {
        weight: weight.to_owned(),
        message: cut_long(&it.message),
        path: cut(&it.path),
        line: it.at.line,
    }
}

fn cut_long(text: &str) -> String {
    crate::visible::visible_up_to(text, 300).into_owned()
}

//! Audit, policy file, users, keys, and how the report was made.

use maud::{Markup, html};

use super::{counts, minute, more, part, still_table, table, tag};
use crate::report::{CheckRow, Compliance, Keys, PolicyFinding, PolicyPart, Report, Users, svg};

pub(super) fn compliance(it: &Compliance) -> Markup {
    let of =
        |verdict: &str| it.checks.iter().filter(|it| it.verdict == verdict).collect::<Vec<_>>();
    let groups = [
        ("Failing", of("fail"), true),
        ("Unknown", of("unknown"), true),
        ("Accepted", of("accepted"), false),
        ("Passed", of("ok"), false),
        ("Does not apply", of("does_not_apply"), false),
    ];
    html! {
        p { "Score: " strong { (it.score) } "." }
        @for (title, checks, open) in groups.iter().filter(|it| !it.1.is_empty()) {
            details open[*open] {
                summary { (title) ": " (checks.len()) }
                (table(
                    title,
                    &["Check", "Severity", "What it is about", "What was seen", "What to do"],
                    &html! { @for it in checks { (check(it)) } }
                ))
            }
        }
    }
}

fn check(it: &CheckRow) -> Markup {
    html! {
        tr {
            th scope="row" { (it.id) }
            td { (tag(&it.severity)) }
            td.long { (it.title) br; span.soft { (it.source) } }
            td.long {
                @for (at, it) in it.subjects.iter().enumerate() { @if at > 0 { br; } (it) }
                @if it.more > 0 { br; "and " (it.more) " more" }
                @if !it.why.is_empty() { @if !it.subjects.is_empty() { br; } span.soft { (it.why) } }
            }
            td.long { (it.remedy) }
        }
    }
}

pub(super) fn policy(it: &PolicyPart) -> Markup {
    let most = it.widest.iter().map(|it| it.devices).max().unwrap_or_default();
    let widest = html! {
        @for it in &it.widest {
            tr {
                th scope="row" { (it.who) }
                td.n { (it.devices) }
                td { (svg::bar(it.devices, most)) }
            }
        }
    };
    html! {
        p { (it.rules) " rules allow connections." }
        @if let Some(why) = &it.without_inventory {
            p.why { "Findings about users and devices may be missing: " (why) }
        }
        (findings("Findings", &it.findings))
        (findings("Unused rules and names", &it.without_use))
        (more(it.more, "findings"))
        @if !it.widest.is_empty() {
            (still_table("Who reaches the most devices", &["User or tag", "#Devices", ""], &widest))
        }
    }
}

fn findings(title: &str, findings: &[PolicyFinding]) -> Markup {
    let rows = html! {
        @for it in findings {
            tr {
                th scope="row" { (it.path) }
                td.n { @if it.line > 0 { (it.line) } }
                td { (tag(&it.weight)) }
                td.long { (it.message) }
            }
        }
    };
    html! {
        @if findings.is_empty() {
            p { (title) ": none." }
        } @else {
            (table(title, &["Where", "#Line", "Severity", "What"], &rows))
        }
    }
}

pub(super) fn people(report: &Report) -> Markup {
    html! {
        h3 { "People" }
        (part(&report.people.users, users))
        h3 { "Credentials" }
        (part(&report.people.keys, keys))
    }
}

fn users(it: &Users) -> Markup {
    let rows = html! {
        @for it in &it.notable {
            tr {
                th scope="row" { (it.login) }
                td { (it.role) }
                td { (it.status) }
                td { @if it.seen.is_empty() { "unknown" } @else { (it.seen) } }
            }
        }
    };
    html! {
        p { (it.total) " users." }
        div.two {
            div { (counts("By role", &it.roles)) }
            div { (counts("By status", &it.statuses)) }
        }
        @if !it.notable.is_empty() {
            (table(
                "Waiting for approval, suspended, or not seen for 90 days",
                &["User", "Role", "Status", "Last seen"],
                &rows
            ))
            (more(it.more, "users"))
        }
    }
}

fn keys(it: &Keys) -> Markup {
    let days = |it: Option<i64>| it.map_or_else(|| "unknown".to_owned(), |it| format!("{it} d"));
    let kinds = html! {
        @for it in &it.kinds {
            tr {
                th scope="row" { (it.kind) }
                td.n { (it.count) }
                td.n { @if it.count > 0 { (days(it.oldest_days)) } @else { "none" } }
            }
        }
    };
    let rows = html! {
        @for it in &it.keys {
            tr {
                th scope="row" { (it.id) }
                td { (it.kind) }
                td.long { (it.description) }
                td.n { (days(it.days)) }
                td { @if it.expires.is_empty() { "never" } @else { (minute(&it.expires)) } }
            }
        }
    };
    html! {
        @if !it.hidden.is_empty() {
            p.why { "The credential may not see: " (it.hidden.join(", ")) }
        }
        (table("Keys by kind", &["Kind", "#Valid", "#Oldest"], &kinds))
        @if !it.keys.is_empty() {
            (table("Keys, the oldest first", &["Key", "Kind", "Description", "#Age", "Expires"], &rows))
            (more(it.more, "keys"))
        }
    }
}

pub(super) fn method(report: &Report) -> Markup {
    let rows = html! {
        @for it in &report.method.sources {
            tr {
                th scope="row" { (it.name) }
                td { @if it.scope.is_empty() { "none is documented" } @else { (it.scope) } }
                td { @if it.was_read { "read" } @else { strong { "not read" } } }
            }
        }
    };
    html! {
        (table("Sources", &["What", "Scope", "Read"], &rows))
        h3 { "What words mean here" }
        dl { @for it in &report.method.definitions { dt { (it.word) } dd { (it.meaning) } } }
        h3 { "What the API never says" }
        ul { @for it in &report.method.never_known { li { (it) } } }
    }
}

//! What comes first: head, needs, changes, what could not be read.

use maud::{Markup, html};

use super::{minute, more, percent, table, tag};
use crate::report::{Changes, Need, Part, Report};

pub(super) fn head(report: &Report) -> Markup {
    let head = &report.head;
    html! {
        h1 { (head.tailnet) }
        p.soft {
            "Network report, " (minute(&head.at)) " UTC. The window is " (minute(&head.from)) " to " (minute(&head.to))
            @match &head.watched {
                Some(it) => {
                    ", of which somebody watched " strong { (percent(it.percent)) }
                    " (watched since " (minute(&it.since)) ")."
                }
                None => ". No history: this tailnet has never been watched.",
            }
        }
        div.tiles {
            (tile(&needs_count(report).to_string(), "need attention"))
            (tile(&score(report), "compliance score"))
            @if let Part::Known(fleet) = &report.fleet {
                (tile(&format!("{} of {}", fleet.online, fleet.total), "own devices connected now"))
            }
            @if let Part::Known(it) = &report.routes {
                (tile(
                    &it.routes.iter().filter(|it| it.is_down()).count().to_string(),
                    "routes down now"
                ))
            }
            @if let Part::Known(it) = &report.expiry {
                (tile(
                    &it.next.iter().filter(|it| it.days < 30).count().to_string(),
                    "expire within 30 days"
                ))
            }
            (tile(&head.unread.len().to_string(), "could not be read"))
        }
    }
}

fn tile(figure: &str, what: &str) -> Markup {
    html! { div.tile { b { (figure) } span { (what) } } }
}

fn needs_count(report: &Report) -> usize {
    report.needs.len() + report.more_needs
}

fn score(report: &Report) -> String {
    let points = report.compliance.known().and_then(|it| it.points);
    points.map_or_else(|| "unknown".to_owned(), |it| format!("{it} of 100"))
}

pub(super) fn needs(report: &Report) -> Markup {
    html! {
        @if report.needs.is_empty() {
            p { "Nothing needs attention in what could be read." }
        } @else {
            ul.need { @for it in &report.needs { (need(it)) } }
            (more(report.more_needs, "need attention"))
        }
    }
}

fn need(it: &Need) -> Markup {
    html! {
        li class=(it.severity) {
            p { (tag(&it.severity)) " " strong { (it.title) } span.soft { " (" (it.source) ")" } }
            ul {
                @for subject in &it.subjects { li { (subject) } }
                @if it.more > 0 { li { "and " (it.more) " more" } }
            }
            @if let Some(since) = &it.since { p.soft { "Since " (minute(since)) } }
            @if !it.first_step.is_empty() { p { strong { "First: " } (it.first_step) } }
        }
    }
}

pub(super) fn changes(it: &Changes) -> Markup {
    let points = |it: Option<u8>| it.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
    let rows = html! {
        @for it in &it.changes {
            tr {
                th scope="row" { (it.name) }
                td { (it.what) }
                td.long { (it.from) }
                td.long { (it.to) }
            }
        }
    };
    html! {
        p {
            "The last report is from " (minute(&it.last)) ". The score was " (points(it.score.0)) " and is "
            (points(it.score.1)) "."
        }
        @if it.changes.is_empty() {
            p { "No changes of devices or users." }
        } @else {
            (table("Changes", &["Name", "What", "Before", "Now"], &rows))
            (more(it.more, "changes"))
        }
        @if !it.policy.is_empty() {
            h3 { "What the change of the policy file does" }
            ul { @for line in &it.policy { li { (line) } } }
        }
        @if !it.notes.is_empty() {
            h3 { "Not compared" }
            ul { @for line in &it.notes { li { (line) } } }
        }
    }
}

pub(super) fn unread(report: &Report) -> Markup {
    html! {
        @if report.head.unread.is_empty() {
            p { "Everything could be read." }
        } @else {
            dl {
                @for it in &report.head.unread { dt { (it.what) } dd { (it.why) } }
            }
        }
    }
}

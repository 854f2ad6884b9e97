//! A report as one page of HTML.

mod fleet;
mod network;
mod rules;
mod top;
mod traffic;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::{Count, Part, Report, svg};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page.
pub(super) fn page(report: &Report) -> String {
    let title = format!("{}: network report", report.head.tailnet);
    // Nothing is loaded from anywhere, and nothing runs but this script.
    let policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let sections = sections(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#needs" { "Skip to the report" }
                (svg::hatch())
                header { (top::head(report)) }
                nav aria-label="Sections" {
                    ol { @for it in &sections { li { a href={ "#" (it.id) } { (it.title) } } } }
                }
                main {
                    @for it in &sections {
                        section id=(it.id) aria-labelledby={ (it.id) "-title" } {
                            h2 id={ (it.id) "-title" } { (it.title) }
                            (it.body)
                        }
                    }
                }
                footer {
                    p {
                        "Made by " (report.method.program) " at " (report.head.at) " for " (report.head.by)
                        ". Times are in UTC."
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// A section of the page.
struct Section {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

fn sections(report: &Report) -> Vec<Section> {
    let section = |id, title, body| Section { id, title, body };
    vec![
        section("needs", "Needs attention", top::needs(report)),
        section("changes", "Since the last report", part(&report.changes, top::changes)),
        section("unread", "What could not be read", top::unread(report)),
        section("fleet", "Fleet", part(&report.fleet, fleet::fleet)),
        section("online", "Online over time", part(&report.online, network::online)),
        section("expiry", "Key expiry", part(&report.expiry, network::expiry)),
        section("routes", "Routes and exit nodes", part(&report.routes, network::routes)),
        section("connectivity", "Connectivity", part(&report.connectivity, network::connectivity)),
        section("traffic", "Traffic", part(&report.traffic, traffic::traffic)),
        section("compliance", "Compliance", part(&report.compliance, rules::compliance)),
        section("policy", "Policy file", part(&report.policy, rules::policy)),
        section("people", "People and credentials", rules::people(report)),
        section("method", "How this was made", rules::method(report)),
    ]
}

/// A part, or why it is not known.
fn part<T>(part: &Part<T>, draw: impl FnOnce(&T) -> Markup) -> Markup {
    match part {
        Part::Known(it) => draw(it),
        Part::Unknown(why) => html! { p.why { "Not known: " (why) } },
    }
}

/// A word with a border around it.
fn tag(word: &str) -> Markup {
    html! { span class={ "tag " (word) } { (word.replace('_', " ")) } }
}

/// How many rows are left out.
fn more(count: usize, what: &str) -> Markup {
    html! { @if count > 0 { p.soft { "and " (count) " more " (what) } } }
}

/// Counts, each with a bar.
fn counts(caption: &str, counts: &[Count]) -> Markup {
    let most = counts.iter().map(|it| it.count).max().unwrap_or_default();
    let rows = html! {
        @for it in counts {
            tr {
                th scope="row" { (it.name) }
                td.n { (it.count) }
                td { (svg::bar(it.count, most)) }
            }
        }
    };
    still_table(caption, &[], &rows)
}

/// A table with these column titles, which a reader can sort and filter. A title that begins with `#` is of numbers,
/// and an empty one of bars.
fn table(caption: &str, titles: &[&str], rows: &Markup) -> Markup {
    framed(caption, titles, rows, true)
}

/// The same in a given order.
fn still_table(caption: &str, titles: &[&str], rows: &Markup) -> Markup {
    framed(caption, titles, rows, false)
}

fn framed(caption: &str, titles: &[&str], rows: &Markup, can_be_sorted: bool) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(caption) {
            table data-sort[can_be_sorted] {
                caption { (caption) }
                @if !titles.is_empty() {
                    thead {
                        tr {
                            @for it in titles {
                                @if it.is_empty() {
                                    td {}
                                } @else if let Some(title) = it.strip_prefix('#') {
                                    th.n scope="col" { (title) }
                                } @else {
                                    th scope="col" { (it) }
                                }
                            }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

/// A percentage with as many decimal places as it has, at most three.
fn percent(it: f64) -> String {
    let text = format!("{it:.3}");
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The time without seconds, as in `2026-11-29 03:01`.
fn minute(at: &str) -> String {
    let text: String = at.chars().take(16).collect();
    text.replace('T', " ")
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

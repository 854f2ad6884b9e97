//! The devices.

use maud::{Markup, html};

use super::{counts, more, still_table, table, tag};
use crate::report::{DeviceRow, Fleet, svg};

pub(super) fn fleet(it: &Fleet) -> Markup {
    if it.total == 0 {
        return html! { p { "The tailnet has no device of its own." } };
    }
    let rows = html! { @for it in &it.devices { (device(it)) } };
    html! {
        p {
            (it.total) " own devices, of which " (it.online) " are connected now."
            @if it.shared_in > 0 { " " (it.shared_in) " more are shared in, and counted nowhere else." }
        }
        div.two {
            div { (counts("By operating system", &it.systems)) }
            div { (versions(it)) }
            div { (counts("By age", &it.ages)) }
            div { (counts("By owner", &it.owners)) }
        }
        (table(
            "Devices, the worst first",
            &["Device", "Owner", "System", "Version", "Last connected", "Severity", "Problems"],
            &rows
        ))
        (more(it.more, "devices"))
    }
}

fn versions(fleet: &Fleet) -> Markup {
    let most = fleet.versions.iter().map(|it| it.count).max().unwrap_or_default();
    let rows = html! {
        @for it in &fleet.versions {
            tr {
                th scope="row" { (it.version) }
                td.n { (it.count) }
                td { (svg::bar(it.count, most)) }
                td {
                    @match it.behind {
                        Some(0) => "newest",
                        Some(minors) => { (minors) " minor versions" }
                        None => "unknown",
                    }
                }
                td.n { @if it.vulnerable > 0 { (it.vulnerable) } @else { "none" } }
            }
        }
    };
    let titles = ["Version", "#Devices", "", "Behind the newest here", "#Vulnerable"];
    still_table("By version", &titles, &rows)
}

fn device(it: &DeviceRow) -> Markup {
    // So that the worst sort first.
    let rank = match it.severity.as_str() {
        "critical" => 0,
        "high" => 1,
        "medium" => 2,
        "low" => 3,
        "info" => 4,
        _ => 5,
    };
    html! {
        tr {
            th scope="row" { (it.name) }
            td { (it.owner) }
            td { (it.os) }
            td { (it.version) }
            td { (it.seen) }
            td data-v=(rank) { @if !it.severity.is_empty() { (tag(&it.severity)) } }
            td.long { @for (at, it) in it.problems.iter().enumerate() { @if at > 0 { br; } (it) } }
        }
    }
}

//! Traffic.

use maud::{Markup, html};

use super::{minute, more, percent, table};
use crate::{
    report::{ExitTalker, Refused, Relayed, Service, TagTable, Talker, TrafficPart, svg},
    words::bytes,
};

/// Into how many shades the cells of a matrix are divided.
const SHADES: u64 = 4;

pub(super) fn traffic(it: &TrafficPart) -> Markup {
    html! {
        p {
            strong { (bytes(it.bytes)) } " from " (minute(&it.from)) " to " (minute(&it.to)) ", of which "
            (percent(it.percent)) " was read: within the tailnet " (bytes(it.inside)) ", subnets " (bytes(it.subnet))
            ", exit nodes " (bytes(it.exit)) "."
            @if let Some(relayed) = it.relayed { " " (share(relayed)) }
        }
        @for note in &it.notes { p.soft { (note) } }
        @if it.talkers.is_empty() {
            p { "No device moved anything in that time." }
        } @else {
            (talkers(it))
            (matrix(&it.tags))
            (services(&it.services))
            (exit_nodes(&it.exit_nodes))
        }
        (refusals(it.refused, &it.refusals))
    }
}

fn share(it: Relayed) -> String {
    let (bytes, connections) = (percent(it.bytes_percent), percent(it.connections_percent));
    format!("Relayed: {bytes} of bytes, {connections} of connections.")
}

/// A cell with a number of bytes, which is sorted by the number.
fn cell(count: u64) -> Markup {
    html! { td.n data-v=(count) { (bytes(count)) } }
}

fn bar(count: u64, most: u64) -> Markup {
    let percent = usize::try_from(
        (u128::from(count) * 100).checked_div(u128::from(most)).unwrap_or_default(),
    );
    svg::bar(percent.unwrap_or_default(), 100)
}

fn talkers(it: &TrafficPart) -> Markup {
    let most = it.talkers.iter().map(Talker::moved).max().unwrap_or_default();
    let rows = html! {
        @for it in &it.talkers {
            tr {
                th scope="row" { (it.name) }
                td data-v=(it.moved()) { (bar(it.moved(), most)) }
                (cell(it.sent))
                (cell(it.received))
                (cell(it.carried))
                (cell(it.exit))
                td.n { @match it.relayed_percent { Some(it) => (percent(it)), None => "unknown" } }
            }
        }
    };
    let titles = [
        "Device",
        "Moved",
        "#Sent",
        "#Received",
        "#Carried for subnets",
        "#Exit traffic",
        "#Relayed",
    ];
    html! {
        (table("Devices that moved the most", &titles, &rows))
        (more(it.more, "devices"))
    }
}

fn matrix(it: &TagTable) -> Markup {
    if it.tags.is_empty() {
        return html! { p { "Nothing went between two tagged devices." } };
    }
    let most = it.bytes.iter().flatten().copied().max().unwrap_or_default().max(1);
    let shade = |count: u64| {
        let shade = if count == 0 { 0 } else { 1 + (count - 1).saturating_mul(SHADES) / most };
        format!("n h{shade}")
    };
    html! {
        div.wide tabindex="0" role="region" aria-label="From tag to tag" {
            table {
                caption {
                    "From tag to tag: " (percent(it.covers_percent)) " of what went within the tailnet. A device with \
                     several tags counts for each"
                }
                thead {
                    tr {
                        th scope="col" { "From \\ to" }
                        @for tag in &it.tags { th.n scope="col" { (tag) } }
                    }
                }
                tbody {
                    @for (tag, row) in it.tags.iter().zip(&it.bytes) {
                        tr {
                            th scope="row" { (tag) }
                            @for count in row { td class=(shade(*count)) { (bytes(*count)) } }
                        }
                    }
                }
            }
        }
        (more(it.more, "tags"))
    }
}

fn services(services: &[Service]) -> Markup {
    let rows = html! {
        @for it in services {
            tr {
                th scope="row" { @if it.at.is_empty() { "unknown" } @else { (it.at) } }
                td { (it.port) }
                (cell(it.received))
                (cell(it.sent))
            }
        }
    };
    html! {
        @if !services.is_empty() {
            (table("Services", &["At", "Port", "#To it", "#From it"], &rows))
        }
    }
}

fn exit_nodes(all: &[ExitTalker]) -> Markup {
    let rows = html! {
        @for it in all {
            tr {
                th scope="row" { (it.name) }
                td { @if it.is_exit_node { "is an exit node" } @else { "uses one" } }
                (cell(it.sent))
                (cell(it.received))
            }
        }
    };
    html! {
        @if !all.is_empty() {
            (table("Exit traffic, by who reports it", &["Device", "How", "#Sent", "#Received"], &rows))
        }
    }
}

fn refusals(times: u64, refusals: &[Refused]) -> Markup {
    let rows = html! {
        @for it in refusals {
            tr {
                th scope="row" { (it.by) }
                td { (it.to) }
                td.n { (it.times) }
            }
        }
    };
    html! {
        @if times == 0 {
            p { "No connection was refused." }
        } @else {
            p { (times) " times a connection was refused by its destination." }
            (table("Refused connections", &["Refused by", "Refused", "#Times"], &rows))
        }
    }
}

//! The part of a report about traffic, from network flow logs.

use jiff::Timestamp;

use super::{cut, first, reason};
use crate::{
    Error, ErrorKind,
    client::Result,
    report::{ExitTalker, Refused, Relayed, Service, TagTable, Talker, TrafficPart},
    tailnet::{
        Tailnet,
        logging::Window,
        monitoring::traffic::{USUAL, Which},
    },
    traffic::{self, Traffic},
};

/// How many devices, services, exit nodes and refusals are listed.
const MOST: usize = 20;
/// How many tags the table has.
const TAGS: usize = 12;
/// How many gaps are named.
const GAPS: usize = 3;

/// Reads the traffic of the window; without sums that are kept, of its last hour. `Err` is why it is not known.
pub(super) async fn read(
    tailnet: &Tailnet,
    from: Timestamp,
    now: Timestamp,
) -> std::result::Result<TrafficPart, String> {
    let (traffic, note) = match of(tailnet, from, now).await {
        // It is not kept, and too long to be read; or too little of it is kept.
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            (last_hour(tailnet, from, now).await?, Some("No traffic history"))
        }
        Ok(traffic) if traffic.coverage.percent < 50.0 => {
            (last_hour(tailnet, from, now).await?, Some("Less than half of the window was watched"))
        }
        traffic => (traffic.map_err(|it| why(&it))?, None),
    };
    let mut part = part(traffic);
    part.notes.splice(0..0, note.map(|it| format!("{it}: this is the last hour.")));
    Ok(part)
}

async fn last_hour(
    tailnet: &Tailnet,
    from: Timestamp,
    now: Timestamp,
) -> std::result::Result<Traffic, String> {
    of(tailnet, from.max(now - USUAL), now).await.map_err(|it| why(&it))
}

fn why(error: &Error) -> String {
    error.advice().map_or_else(|| reason(error), |it| format!("{error}; {it}"))
}

async fn of(tailnet: &Tailnet, from: Timestamp, now: Timestamp) -> Result<Traffic> {
    let window = Window::new(from, now)?;
    // Many requests would hold up the report, and the watcher.
    let which = Which { live: Some(USUAL), ..Which::default() };
    tailnet.monitoring().traffic(window, &which, now).await
}

fn part(it: Traffic) -> TrafficPart {
    let (talkers, more) = first(it.devices.iter().map(talker).collect(), MOST);
    let service = |it: &traffic::ServiceTraffic| Service {
        at: cut(&it.at),
        port: it.port.map_or_else(|| it.protocol.clone(), |port| format!("{}/{port}", it.protocol)),
        received: it.received,
        sent: it.sent,
    };
    let exit = |it: &traffic::ExitTraffic| ExitTalker {
        name: cut(&it.device),
        is_exit_node: it.is_exit_node,
        sent: it.amount.sent,
        received: it.amount.received,
    };
    let refused =
        |it: &traffic::Refusal| Refused { by: cut(&it.by), to: cut(&it.to), times: it.times };
    TrafficPart {
        percent: it.coverage.percent,
        bytes: it.totals.bytes,
        inside: it.totals.inside,
        subnet: it.totals.subnet,
        exit: it.totals.exit,
        relayed: it.relayed.map(|it| Relayed {
            bytes_percent: it.bytes_percent,
            connections_percent: it.connections_percent,
        }),
        talkers,
        more,
        tags: table(&it.tags),
        services: it.services.iter().take(MOST).map(service).collect(),
        exit_nodes: it.exit_nodes.iter().take(MOST).map(exit).collect(),
        refused: it.refusals.iter().map(|it| it.times).sum(),
        refusals: it.refusals.iter().take(MOST).map(refused).collect(),
        notes: notes(&it),
        from: it.from,
        to: it.to,
    }
}

fn talker(it: &traffic::DeviceTraffic) -> Talker {
    Talker {
        name: cut(&it.device),
        sent: it.amount.sent,
        received: it.amount.received,
        carried: it.carried,
        exit: it.exit,
        relayed_percent: it.relayed.map(|it| it.bytes_percent),
    }
}

fn table(matrix: &traffic::TagMatrix) -> TagTable {
    // Only tags that have a place in it: others talk only to devices without tags.
    let in_pairs = |tag: &str| matrix.pairs.iter().any(|it| it.from == tag || it.to == tag);
    let tags: Vec<&str> =
        matrix.tags.iter().map(|it| it.tag.as_str()).filter(|it| in_pairs(it)).collect();
    let (tags, more) = first(tags, TAGS);
    let bytes = |from: &str, to: &str| {
        matrix.pairs.iter().find(|it| it.from == from && it.to == to).map_or(0, |it| it.bytes)
    };
    let row = |from: &&str| tags.iter().map(|to| bytes(from, to)).collect();
    TagTable {
        covers_percent: matrix.covers_percent,
        bytes: tags.iter().map(row).collect(),
        tags: tags.iter().map(|it| cut(it)).collect(),
        more,
    }
}

fn notes(it: &Traffic) -> Vec<String> {
    let gaps = &it.coverage.gaps;
    let gap = |it: &traffic::Gap| format!("Not read: {} to {}: {}", it.from, it.to, it.why);
    let mut notes: Vec<String> = gaps.iter().take(GAPS).map(gap).collect();
    if gaps.len() > GAPS {
        notes.push(format!("Not read: {} more parts.", gaps.len() - GAPS));
    }
    if !it.unreadable.is_nothing() {
        let (records, entries) = (it.unreadable.records, it.unreadable.entries);
        notes.push(format!(
            "Not readable: {records} records, and {entries} connections in other records."
        ));
    }
    notes.extend(it.notes.iter().cloned());
    notes
}

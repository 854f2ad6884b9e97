//! A report as text for a terminal.

use std::fmt::Write as _;

use crate::{
    cli::table::{bar, line},
    report::{Changes, Expiry, Fleet, Online, Part, Report, TrafficPart},
    words::{bytes, counted},
};

/// How many rows a table has; the page has more.
const ROWS: usize = 10;

/// The sections that fit a terminal. The others are in the page and in the JSON.
pub(super) fn text(report: &Report, is_terminal: bool) -> String {
    let head = &report.head;
    let mut text =
        format!("{}: report {}\n{} to {}", head.tailnet, report.id(), head.from, head.to);
    let _ = match &head.watched {
        Some(it) => write!(text, ", {} % watched", it.percent),
        None => write!(text, ", not watched"),
    };
    needs(report, &mut text);
    part(&mut text, "Since the last report", &report.changes, changes);
    part(&mut text, "Devices", &report.fleet, fleet);
    part(&mut text, "Servers, the least uptime first", &report.online, |it, text| {
        online(it, is_terminal, text);
    });
    part(&mut text, "Expiry", &report.expiry, expiry);
    part(&mut text, "Traffic", &report.traffic, |it, text| traffic(it, is_terminal, text));
    part(&mut text, "Compliance", &report.compliance, |it, text| {
        let _ = write!(text, "\n  score {}", it.score);
    });
    if !head.unread.is_empty() {
        text.push_str("\n\nNot read");
        for it in &head.unread {
            let _ = write!(text, "\n  {}: {}", it.what, it.why);
        }
    }
    text.push_str("\n\nAll of it as a page: tailsteward report --out net.html");
    text
}

fn part<T>(text: &mut String, title: &str, part: &Part<T>, show: impl FnOnce(&T, &mut String)) {
    let _ = write!(text, "\n\n{title}");
    match part {
        Part::Known(it) => show(it, text),
        Part::Unknown(why) => {
            let _ = write!(text, "\n  not known: {why}");
        }
    }
}

fn needs(report: &Report, text: &mut String) {
    let count = report.needs.len() + report.more_needs;
    let _ = write!(text, "\n\nNeeds attention: {count}");
    for it in report.needs.iter().take(ROWS) {
        let more = it.subjects.len() + it.more;
        let with = match it.subjects.first() {
            Some(first) if more > 1 => format!(" {first}, and {} more.", more - 1),
            Some(first) => format!(" {first}."),
            None => String::new(),
        };
        let _ = write!(text, "\n  {:<8}  {}.{with}", it.severity, it.title.trim_end_matches('.'));
        if !it.first_step.is_empty() {
            let _ = write!(text, "\n            first: {}", it.first_step);
        }
    }
    more(count.saturating_sub(ROWS), text);
}

fn more(count: usize, text: &mut String) {
    if count > 0 {
        let _ = write!(text, "\n  and {count} more");
    }
}

fn changes(it: &Changes, text: &mut String) {
    let _ = write!(text, " ({})", it.last);
    if it.changes.is_empty() && it.policy.is_empty() {
        text.push_str("\n  no difference");
    }
    for it in it.changes.iter().take(ROWS) {
        let values = match (it.from.is_empty(), it.to.is_empty()) {
            (true, true) => String::new(),
            _ => format!(": {} → {}", or_none(&it.from), or_none(&it.to)),
        };
        let _ = write!(text, "\n  {} {}{values}", it.what, it.name);
    }
    more((it.changes.len() + it.more).saturating_sub(ROWS), text);
    for line in &it.policy {
        let _ = write!(text, "\n  policy file: {line}");
    }
    for note in &it.notes {
        let _ = write!(text, "\n  {note}");
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn fleet(it: &Fleet, text: &mut String) {
    let vulnerable: usize = it.versions.iter().map(|it| it.vulnerable).sum();
    let _ = write!(
        text,
        "\n  {} of {} connected now, {vulnerable} with a vulnerable version",
        it.online,
        counted(it.total, "own device", "own devices")
    );
}

fn online(it: &Online, is_terminal: bool, text: &mut String) {
    let rows = it.servers.get(..ROWS).unwrap_or(&it.servers);
    let width = rows.iter().map(|it| it.name.chars().count()).max().unwrap_or_default() + 2;
    if rows.is_empty() {
        text.push_str("\n  none");
    }
    for it in rows {
        let percent = it.up_percent.map_or_else(|| "withheld".to_owned(), |it| format!("{it} %"));
        let mut more = format!("{} % known", it.known_percent);
        if let Some(count) = it.disconnects {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let _ = write!(more, ", {}", counted(count, "disconnect", "disconnects"));
        }
        if let Some(outage) = &it.longest_outage {
            let _ = write!(more, ", longest outage {outage}");
        }
        let bar = it.up_percent.filter(|_| is_terminal).map(|it| bar(tenths(it), 1_000));
        line(text, &format!("  {}", it.name), width, &percent, bar, &more);
    }
    more((it.servers.len() + it.more).saturating_sub(ROWS), text);
}

fn expiry(it: &Expiry, text: &mut String) {
    let expired = counted(it.expired, "device key has expired", "device keys have expired");
    let _ = write!(text, "\n  {expired}");
    for it in it.next.iter().take(ROWS) {
        let days = usize::try_from(it.days).unwrap_or_default();
        let _ = write!(text, "\n  in {:<9} {} {}", counted(days, "day", "days"), it.kind, it.name);
    }
    more((it.next.len() + it.more).saturating_sub(ROWS), text);
}

fn traffic(it: &TrafficPart, is_terminal: bool, text: &mut String) {
    let _ =
        write!(text, "\n  {} to {}, {} % read: {}", it.from, it.to, it.percent, bytes(it.bytes));
    if let Some(relayed) = it.relayed {
        let _ = write!(text, ", {} % relayed", relayed.bytes_percent);
    }
    let rows = it.talkers.get(..ROWS).unwrap_or(&it.talkers);
    let width = rows.iter().map(|it| it.name.chars().count()).max().unwrap_or_default() + 2;
    let most = rows.iter().map(crate::report::Talker::moved).max().unwrap_or_default();
    for it in rows {
        let bar = is_terminal.then(|| bar(it.moved(), most));
        line(text, &format!("  {}", it.name), width, &bytes(it.moved()), bar, "");
    }
    for note in &it.notes {
        let _ = write!(text, "\n  {note}");
    }
}

/// Percent in tenths, as long as a bar needs.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "percent are between 0 and 100"
)]
fn tenths(percent: f64) -> u64 {
    (percent * 10.0) as u64
}

//! The texts of a notice. Names of devices and the like were chosen by others: they become one line of limited
//! length, without hidden characters, and in chat, mail and on phones without anything that would become a
//! link, a mention or markup.

use std::{borrow::Cow, fmt::Write as _};

use jiff::Timestamp;

use super::super::notice::{Line, Notice, Severity, Status};
use crate::{history::Seconds, visible::is_hidden, words};

/// The most alerts in one message.
pub(super) const MAX_LINES: usize = 20;
/// The most characters of a name.
const MAX_NAME: usize = 100;
/// The most characters of a sentence, which may contain names.
const MAX_SENTENCE: usize = 200;

/// For whom texts are made harmless.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reader {
    /// A program: text stays text.
    Program,
    /// A person, by mail or on a phone, where addresses become links.
    Plain,
    /// A person in a chat, which knows markup and mentions, too.
    Chat,
}

impl Reader {
    pub(super) fn name(self, text: &str) -> String {
        self.harmless(text, MAX_NAME)
    }

    pub(super) fn sentence(self, text: &str) -> String {
        self.harmless(text, MAX_SENTENCE)
    }

    fn harmless(self, text: &str, longest: usize) -> String {
        let line = one_line(text, longest);
        if self == Self::Program { line } else { inert(&line, self == Self::Chat) }
    }
}

/// The text on one line, with spaces for hidden characters, and `…` where it is cut.
fn one_line(text: &str, longest: usize) -> String {
    let seen = |c: char| if is_hidden(c) { ' ' } else { c };
    // No more than what can be shown, and a bit, is looked at.
    let shown: String = text.chars().take(longest * 8).map(seen).collect();
    let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(longest) {
        None => line,
        Some(_) => line.chars().take(longest - 1).chain(['…']).collect(),
    }
}

/// The text with characters that look alike in place of those with a meaning.
fn inert(line: &str, chat: bool) -> String {
    let mut out = String::with_capacity(line.len());
    let mut before = ' ';
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        out.push(match c {
            '@' => '＠',
            // Neither `https://` nor `example.com` is an address any more; versions and numbers stay.
            ':' if after == '/' => '：',
            '.' if after.is_alphabetic() => '․',
            '<' if chat => '‹',
            '>' if chat => '›',
            '&' if chat => '＆',
            '`' if chat => '‵',
            '*' if chat => '∗',
            '~' if chat => '～',
            '|' if chat => '｜',
            '#' if chat => '＃',
            '[' if chat => '［',
            ']' if chat => '］',
            '\\' if chat => '＼',
            // Between letters it is no markup, but part of a name.
            '_' if chat && !(before.is_alphanumeric() && after.is_alphanumeric()) => '＿',
            c => c,
        });
        before = c;
    }
    out
}

/// The alerts that are listed.
pub(super) fn listed(notice: &Notice) -> &[Line] {
    notice.lines.get(..MAX_LINES).unwrap_or(&notice.lines)
}

/// How many alerts are not listed.
pub(super) fn unlisted(notice: &Notice) -> usize {
    notice.lines.len().saturating_sub(MAX_LINES)
}

/// Whether all of it is over.
pub(super) fn is_over(notice: &Notice) -> bool {
    notice.lines.iter().all(is_ended)
}

pub(super) fn is_ended(line: &Line) -> bool {
    line.status == Status::Resolved
}

/// The first line: what kind of alert, how many, and where.
pub(super) fn headline(notice: &Notice, reader: Reader) -> String {
    let severity = match notice.severity {
        _ if is_over(notice) => "Resolved",
        Severity::Critical => "Critical",
        Severity::Warning => "Warning",
        Severity::Info => "Info",
    };
    let (rule, tailnet) = (reader.name(&notice.rule), reader.name(&notice.tailnet));
    let count = words::counted(notice.lines.len(), "alert", "alerts");
    format!("{severity}: {rule}, {count} in {tailnet}")
}

/// The alerts, one a line, and what to do first, in `most` bytes.
pub(super) fn body(notice: &Notice, reader: Reader, most: usize) -> String {
    let first_step = reader.sentence(&notice.first_step);
    let end =
        if first_step.is_empty() { String::new() } else { format!("First step: {first_step}\n") };
    // Room for the end and for "and N more".
    let room = most.saturating_sub(end.len() + 64);
    let (mut out, mut left_out) = (String::new(), unlisted(notice));
    for line in listed(notice) {
        let text = line_of(line, reader);
        if left_out == unlisted(notice) && out.len() + text.len() < room {
            out.push_str(&text);
            out.push('\n');
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let _ = writeln!(out, "and {left_out} more");
    }
    out + &end
}

fn line_of(line: &Line, reader: Reader) -> String {
    let (what, since) = (summary(line, reader), time(line.since));
    match (line.status, &line.ended) {
        (Status::Firing, _) => format!("- {what}, since {since}"),
        (Status::Reminder, _) => format!("- still firing: {what}, since {since}"),
        (Status::Resolved, Some((at, why))) => {
            format!("- resolved: {what}, from {since} to {} ({})", time(*at), reader.name(why))
        }
        (Status::Resolved, None) => format!("- resolved: {what}, since {since}"),
    }
}

/// What is wrong with what.
pub(super) fn summary(line: &Line, reader: Reader) -> String {
    let (subject, what) = (reader.name(&line.subject), reader.sentence(&line.summary));
    if subject.is_empty() || what.contains(&subject) { what } else { format!("{subject}: {what}") }
}

/// The time as RFC 3339.
pub(super) fn time(at: Seconds) -> String {
    Timestamp::from_second(at).map_or_else(|_| at.to_string(), words::to_the_second)
}

/// Seconds since 1970, now.
pub(super) fn now() -> Seconds {
    Timestamp::now().as_second()
}

/// An identifier in the characters that every receiver takes.
pub(super) fn identifier(id: &str) -> Cow<'_, str> {
    const LONGEST: usize = 200;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_:".contains(c);
    if id.is_empty() {
        return Cow::Borrowed("-");
    }
    if id.len() <= LONGEST && id.chars().all(fits) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(id.chars().take(LONGEST).map(|c| if fits(c) { c } else { '-' }).collect())
}

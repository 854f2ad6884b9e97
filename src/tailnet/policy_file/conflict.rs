//! Reports who changed the policy file since it was read, what they changed, and what conflicts.

use std::{fmt::Write as _, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    Error, ErrorKind,
    policy::{
        edit::without_comments,
        merge::{self, Conflict, Merge},
    },
    tailnet::{Tailnet, logging::Window},
    words::{counted, to_the_second},
};

/// The maximum number of lines to show of a difference.
const LINES: usize = 12;
/// The maximum number of characters to show of a line.
const MAX_LINE_LENGTH: usize = 120;
/// The maximum number of conflicts to show.
const PLACES: usize = 3;
/// How far back to search the audit log.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);
/// How long to wait for the audit log; without it, the message only lacks the name.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The error for a text made from `base` when the live text is now `theirs`.
pub(super) async fn moved(tailnet: &Tailnet, base: &str, ours: &str, theirs: &str) -> Error {
    let who = changed_by(tailnet, base, theirs).await;
    match merge::three_way(base, ours, theirs) {
        Merge::Clean(_) => Error::new(
            ErrorKind::Stale,
            format!(
                "the policy file was changed meanwhile{who}; that does not conflict with your \
                 change"
            ),
        )
        .with_remedy("call again: your change is then planned on top of the live policy file"),
        Merge::Conflict(places) => conflict(&who, &places),
    }
}

/// The error for a text that changes the same lines as somebody else.
pub(super) fn conflict(who: &str, places: &[Conflict]) -> Error {
    let mut message = format!("the policy file was changed meanwhile{who}; both changes edit");
    for place in places.iter().take(PLACES) {
        let Conflict { line, base, ours, theirs } = place;
        let show = |text: &str| in_one_line(text);
        let _ = write!(
            message,
            " line {line}, which was {}, is now {} and was to be {};",
            show(base),
            show(theirs),
            show(ours)
        );
    }
    if places.len() > PLACES {
        let _ = write!(
            message,
            " and {};",
            counted(places.len() - PLACES, "more place", "more places")
        );
    }
    Error::new(ErrorKind::Stale, message.trim_end_matches(';'))
        .with_remedy("read it again, and make the change to the current text")
}

/// Who changed the text from `base` to `theirs`, and how, as the end of a sentence.
pub(super) async fn changed_by(tailnet: &Tailnet, base: &str, theirs: &str) -> String {
    let who = tokio::time::timeout(READ_TIMEOUT, who(tailnet, theirs)).await.ok().flatten();
    let lines = difference(base, theirs);
    let how = match lines.as_slice() {
        [] if base == theirs => "to the same text".to_owned(),
        [] => "in comments and blank lines only".to_owned(),
        lines => format!("as follows: {}", lines.join("  ")),
    };
    format!("{} {how}", who.unwrap_or_default()).trim_end().to_owned()
}

/// The lines in which two texts differ, at most [`LINES`]. Comments and blank lines are left out, so that
/// they cannot take the place of a change that has an effect.
pub(super) fn difference(from: &str, to: &str) -> Vec<String> {
    let all = merge::changed_lines(&without_comments(from), &without_comments(to));
    // Each line has a sign and a space in front.
    let all: Vec<&String> = all.iter().filter(|line| line.trim().chars().count() > 1).collect();
    let mut lines: Vec<String> = all.iter().take(LINES).map(|line| cut(line)).collect();
    let more = all.len().saturating_sub(LINES);
    if more > 0 {
        let word = if more == 1 { "line is" } else { "lines are" };
        lines.push(format!("{more} more changed {word} not shown"));
    }
    lines
}

fn cut(line: &str) -> String {
    let mut short: String = line.chars().take(MAX_LINE_LENGTH).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

fn in_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() { "nothing".to_owned() } else { format!("`{}`", cut(&words.join(" "))) }
}

/// Who wrote the policy file last, according to the audit log: ` by ann@example.com at …`.
async fn who(tailnet: &Tailnet, theirs: &str) -> Option<String> {
    let now = Timestamp::now();
    // Tailscale's clock may be ahead of this machine's.
    let window = Window::new(now - LOOK_BACK, now + SignedDuration::from_mins(10)).ok()?;
    let logs = tailnet.logging().configuration(window, "").await.ok()?;
    let entry = logs
        .iter()
        .filter(|it| {
            let property = it.target.as_ref().and_then(|it| it.property.as_ref());
            property.is_some_and(|it| it.to_string() == "ACL")
        })
        .max_by(|a, b| a.event_time.cmp(&b.event_time))?;
    let actor = entry.actor.as_ref()?;
    let names = [&actor.login_name, &actor.display_name, &actor.id];
    let name = names.into_iter().flatten().find(|it| !it.is_empty())?;
    let at = entry.event_time.as_deref().map_or("an unknown time".to_owned(), |at| {
        at.parse().map_or_else(|_| at.to_owned(), to_the_second)
    });
    let is_it = entry.new.as_ref().and_then(|it| it.as_str()) == Some(theirs);
    Some(if is_it {
        format!(" by {name} at {at}")
    } else {
        format!(" (its last change in the audit log is by {name} at {at})")
    })
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn comments_and_blank_lines_do_not_hide_a_change() {
        let old = "{\n\"checkPeriod\": \"12h\",\n}";
        let padding = "// nothing to see\n/* nor\nhere\n*/\n\n".repeat(13);
        let new = format!("{padding}{}", old.replace("12h", "168h"));
        let lines = difference(old, &new);
        assert_eq!(lines, ["- \"checkPeriod\": \"12h\",", "+ \"checkPeriod\": \"168h\","]);
        let many = format!("{{\n{}}}", "\"x\": 1,\n".repeat(15));
        assert_eq!(difference("{\n}", &many).last().unwrap(), "3 more changed lines are not shown");
    }
}

//! What is wrong with a text that is not `HuJSON`: what was found, and what belongs there.

use jsonc_parser::errors::ParseErrorKind;

/// The most characters of the text that a message repeats.
const MAX_SHOWN: usize = 30;

/// The message for the error that the parser found at the byte offset `at`.
pub(super) fn message(text: &str, at: usize, kind: &ParseErrorKind) -> String {
    use ParseErrorKind as Kind;
    let rest = text.get(at..).unwrap_or_default();
    let found = || found(rest);
    match kind {
        Kind::ExpectedComma => format!("a comma is missing before {}", found()),
        Kind::ExpectedColonAfterObjectKey => {
            format!("expected `:` after the name, but found {}", found())
        }
        Kind::ExpectedObjectValue => format!("expected a value after `:`, but found {}", found()),
        Kind::ExpectedStringObjectProperty => {
            format!("the name {} must be in double quotes", found())
        }
        Kind::SingleQuotedStringsNotAllowed => "text needs double quotes: `\"`".to_owned(),
        Kind::UnexpectedTokenInObject => {
            format!("expected a name in quotes or `}}`, but found {}", found())
        }
        Kind::UnexpectedCloseBrace
        | Kind::UnexpectedCloseBracket
        | Kind::UnexpectedColon
        | Kind::UnexpectedComma => format!("expected a value, but found {}", found()),
        Kind::UnexpectedToken | Kind::UnexpectedWord => {
            let is_word = without_blanks(rest).starts_with(char::is_alphanumeric);
            let hint = if is_word { "; text needs double quotes" } else { "" };
            format!("expected a value, but found {}{hint}", found())
        }
        Kind::MultipleRootJsonValues => format!("expected the end, but found {}", found()),
        Kind::UnterminatedObject => "this `{` has no `}`".to_owned(),
        Kind::UnterminatedArray => "this `[` has no `]`".to_owned(),
        Kind::UnterminatedCommentBlock => "this comment has no `*/`".to_owned(),
        Kind::String(kind) => uncapitalized(&kind.to_string()),
        other => uncapitalized(&other.to_string()),
    }
}

/// The first thing in `rest` that is neither blank nor a comment.
fn found(rest: &str) -> String {
    let rest = without_blanks(rest);
    let Some(first) = rest.chars().next() else { return "the end of the file".to_owned() };
    let end = match first {
        '"' => super::hujson::length_of_text(rest),
        '{' | '}' | '[' | ']' | ':' | ',' => 1,
        _ => rest.find(ends_word).unwrap_or(rest.len()).max(first.len_utf8()),
    };
    let token = rest.get(..end).unwrap_or(rest);
    let mut shown = String::new();
    for c in token.chars().take(MAX_SHOWN) {
        // What cannot be seen is written as an escape.
        if c.is_ascii() && !c.is_control() || c.is_alphanumeric() {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    let more = if token.chars().count() > MAX_SHOWN { "…" } else { "" };
    format!("`{shown}{more}`")
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '{' | '}' | '[' | ']' | ':' | ',')
}

fn without_blanks(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let comment = match rest.get(..2) {
            Some("//") => rest.find('\n'),
            Some("/*") => rest.find("*/").map(|end| end + 2),
            _ => return rest,
        };
        rest = comment.and_then(|end| rest.get(end..)).unwrap_or_default().trim_start();
    }
}

fn uncapitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|it| it.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

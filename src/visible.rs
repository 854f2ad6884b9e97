//! Text that others wrote, such as device names, made safe to show: what cannot be seen is written as an
//! escape, and a line ends where we end it.

use std::{borrow::Cow, fmt::Write as _};

/// Whether a character is invisible, moves what stands beside it, or ends the line: controls, zero-width
/// and bidirectional characters, separators of lines, tags, and characters without meaning.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fdd0}'..='\u{fdef}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            | '\u{f0000}'..='\u{10ffff}')
}

/// The text on one line, with `\u{…}` for each hidden character.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden, "\\")
}

/// [`visible`], and no longer than `longest` characters.
pub(crate) fn visible_up_to(text: &str, longest: usize) -> Cow<'_, str> {
    let mut rest = text.char_indices().skip(longest);
    match rest.next() {
        None => visible(text),
        Some((end, _)) => {
            let more = rest.count() + 1;
            let shown = visible(text.get(..end).unwrap_or_default());
            Cow::Owned(format!("{shown}… (and {more} more)"))
        }
    }
}

/// JSON whose texts have `\u{…}` for each hidden character. JSON itself escapes controls already.
#[cfg(feature = "server")]
pub(crate) fn visible_json(json: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| (!c.is_ascii() || c == '\u{7f}') && is_hidden(c);
    escaped(json, is_hidden, "\\\\")
}

fn escaped<'a>(text: &'a str, is_hidden: impl Fn(char) -> bool, backslash: &str) -> Cow<'a, str> {
    let Some(first) = text.find(&is_hidden) else { return Cow::Borrowed(text) };
    let (clean, rest) = text.split_at(first);
    let mut shown = clean.to_owned();
    for c in rest.chars() {
        if is_hidden(c) {
            let _ = write!(shown, "{backslash}u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use proptest::prelude::*;

    use super::{is_hidden, visible, visible_json, visible_up_to};

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            prop_assert!(!visible(&text).contains(is_hidden));
            let json = serde_json::to_string(&text).unwrap();
            let shown = visible_json(&json);
            prop_assert!(!shown.contains(is_hidden), "{shown}");
            let read: String = serde_json::from_str(&shown).unwrap();
            let kept = |text: &str| text.chars().filter(|c| !is_hidden(*c)).count();
            prop_assert!(kept(&read) >= kept(&text), "{read}");
        }
    }

    #[test]
    fn what_can_be_seen_stays_and_length_is_counted_in_characters() {
        assert_eq!(visible("nora's µ-server 日本"), "nora's µ-server 日本");
        assert_eq!(visible("a\nb\u{202e}c\u{e0041}"), "a\\u{a}b\\u{202e}c\\u{e0041}");
        assert_eq!(visible_up_to("ééé", 2), "éé… (and 1 more)");
        assert_eq!(visible_up_to("ééé", 3), "ééé");
    }
}

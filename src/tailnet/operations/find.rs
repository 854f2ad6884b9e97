//! Searches the operations of the API by keywords.

use std::cmp::Reverse;

use serde::Serialize;
use serde_json::Value;

use super::is_offered;
use crate::{Error, ErrorKind, Operation, change::Risk, visible::visible_up_to};

/// An operation in a search result.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Found {
    /// Name of the operation.
    pub operation: &'static str,
    /// What the operation does.
    pub does: &'static str,
    /// Risk of the operation.
    pub risk: Risk,
    /// Required parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

impl Found {
    /// Describes `operation`.
    pub fn of(operation: Operation) -> Self {
        let input = operation.input();
        let needs = input.get("required").and_then(Value::as_array).into_iter().flatten();
        Self {
            operation: operation.id(),
            does: operation.summary(),
            risk: super::risk(operation),
            needs: needs.filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        }
    }
}

/// Finds the operations that match `words`, best match first; all operations if there are no words.
///
/// ```
/// # use tailsteward::tailnet::operations;
/// let nearest = operations::found("rotate a webhook's secret").next().unwrap();
/// assert_eq!(nearest.id(), "rotateWebhookSecret");
/// ```
pub fn found(words: &str) -> impl Iterator<Item = Operation> + use<> {
    let words = parts(words).filter(|word| !NOISE.contains(&word.as_str())).take(MAX_WORDS);
    let words: Vec<String> = words.collect();
    let offered = || Operation::ALL.iter().copied().filter(|it| is_offered(*it));
    let mut scored: Vec<(u32, Operation)> = offered().map(|it| (0, it)).collect();
    for word in &words {
        let fits: Vec<u32> = offered().map(|it| score(it, word)).collect();
        let matching = fits.iter().filter(|it| **it > 0).count();
        // A word that few operations match says more than one that many do.
        let weight = COMMON + RARE / u32::try_from(matching.max(1)).unwrap_or(RARE);
        scored.iter_mut().zip(fits).for_each(|(sum, fit)| sum.0 += fit * weight);
    }
    scored.retain(|it| words.is_empty() || it.0 > 0);
    // Between equal matches, lists come first and changes last; then the order of the document decides.
    scored
        .sort_by_key(|(score, it)| (Reverse(*score), !it.reads(), !it.lists() || words.is_empty()));
    scored.into_iter().map(|it| it.1)
}

/// Whether a search is for how to delete a tailnet, and for nothing else.
#[cfg(feature = "server")]
pub(super) fn is_for_deletion(words: &str) -> bool {
    const DELETE: [&str; 4] = ["delete", "remove", "destroy", "close"];
    const TAILNET: [&str; 3] = ["tailnet", "network", "organization"];
    let words: Vec<String> = parts(words).filter(|it| !NOISE.contains(&it.as_str())).collect();
    let any = |list: &[&str]| words.iter().any(|word| list.iter().any(|it| alike(it, word)));
    let known = [&DELETE[..], &TAILNET[..]].concat();
    let is_known = |word: &String| known.iter().any(|it| alike(it, word));
    any(&DELETE) && any(&TAILNET) && words.iter().all(is_known)
}

/// Words without meaning for the search.
const NOISE: [&str; 12] =
    ["a", "an", "and", "for", "in", "of", "on", "the", "to", "all", "s", "with"];

/// Synonyms: a word of the search, and the word in the API.
const MEANT: [(&str, &str); 20] = [
    ("add", "create"),
    ("remove", "delete"),
    ("show", "get"),
    ("read", "get"),
    ("change", "update"),
    ("edit", "update"),
    ("acl", "policy"),
    ("machine", "device"),
    ("node", "device"),
    ("share", "invite"),
    ("revoke", "delete"),
    ("disable", "delete"),
    ("bandwidth", "flow"),
    ("traffic", "flow"),
    ("usage", "flow"),
    ("history", "audit"),
    ("who", "audit"),
    ("funnel", "policy"),
    ("expiry", "settings"),
    ("secret", "key"),
];

/// The weight of a word that many operations match.
const COMMON: u32 = 10;
/// The weight that is added for a word that only one operation matches.
const RARE: u32 = 20;

/// How well an operation matches a word.
fn score(operation: Operation, word: &str) -> u32 {
    let id: Vec<String> = parts(operation.id()).collect();
    let summary: Vec<String> = parts(operation.summary()).collect();
    let rest: Vec<String> = parts(operation.path()).chain(parts(operation.tag())).collect();
    let of = |word: &str| {
        let has = |list: &[String]| list.iter().any(|it| alike(it, word));
        u32::from(has(&id)) * 4 + u32::from(has(&summary)) * 3 + u32::from(has(&rest)) * 2
    };
    let meant = MEANT.iter().filter(|it| it.0 == word).map(|it| of(it.1)).max();
    of(word).max(meant.unwrap_or_default())
}

/// Whether two words are equal apart from their endings.
fn alike(a: &str, b: &str) -> bool {
    let stem = |it: &str| it.trim_end_matches('s').trim_end_matches('e').to_owned();
    a == b || (a.len() > 2 && stem(a) == stem(b))
}

/// Splits a text into words, also camel case such as `setDeviceTags`.
fn parts(text: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for letter in text.chars() {
        let ends = !letter.is_alphanumeric() || (lower && letter.is_uppercase());
        if ends {
            words.push(String::new());
        }
        lower = letter.is_lowercase();
        if let (true, Some(word)) = (letter.is_alphanumeric(), words.last_mut()) {
            word.extend(letter.to_lowercase());
        }
    }
    words.into_iter().filter(|it| !it.is_empty())
}

/// The longest name that is compared with known ones.
const MAX_NAME_CHARS: usize = 100;
/// The most words of a search that count.
const MAX_WORDS: usize = 20;

/// The minimum similarity of a suggested name.
const NEAR: f64 = 0.75;

/// The error for an unknown operation `id`, with the nearest names.
pub(super) fn unknown(id: &str) -> Error {
    // What is longer than any name is neither compared nor repeated as it is.
    let id = &*visible_up_to(id, MAX_NAME_CHARS);
    let mut near: Vec<(f64, &str)> =
        found("").map(|it| (strsim::jaro_winkler(id, it.id()), it.id())).collect();
    near.retain(|it| it.0 > NEAR);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<&str> = near.iter().map(|it| it.1).take(3).collect();
    let instead = if near.is_empty() {
        "search for operations by words".to_owned()
    } else {
        format!("did you mean {}?", near.join(", "))
    };
    Error::new(ErrorKind::InvalidInput, format!("unknown operation `{id}`; {instead}"))
}

/// The name of an API group in snake case, such as `device_invites`.
#[cfg(feature = "server")]
pub(super) fn snake(tag: &str) -> String {
    // Keeps an abbreviation in one word: `OAuthApps`.
    parts(&tag.replace("OAuth", "Oauth")).collect::<Vec<_>>().join("_")
}

//! Takes secrets out of text that others wrote: an API may echo what it was sent.

use secrecy::{ExposeSecret, SecretString};

/// What stands where a secret was.
const DOTS: &str = "•••";

/// `text` without `secrets`, and without anything that looks like a Tailscale key.
pub(crate) fn redact(text: &str, secrets: &[SecretString]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().map(ExposeSecret::expose_secret).filter(|it| it.len() >= 8) {
        text = text.replace(secret, DOTS);
    }
    keys(&text)
}

/// Replaces everything after `tskey-` that can be part of a key.
fn keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("tskey-") {
        out.push_str(before);
        out.push_str("tskey-");
        out.push_str(DOTS);
        rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-');
    }
    out.push_str(rest);
    out
}

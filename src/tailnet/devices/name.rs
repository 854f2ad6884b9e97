//! Device names and tags, as the server accepts them.

use crate::{Error, client::Result};

/// The maximum length of a DNS label.
const MAX_LENGTH: usize = 63;

/// The short name that the server makes of `wanted`: lower case, with `-` for dots, underscores and
/// spaces, and no `-` at either end. Of a full name in the tailnet's `domain`, only the first label.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if nothing is left, or a character is not allowed.
///
/// ```
/// use tailsteward::tailnet::devices::name::normalise;
///
/// assert_eq!(normalise("Web_Server.01-", None).unwrap(), "web-server-01");
/// assert_eq!(normalise("web.tail1.ts.net", Some("tail1.ts.net")).unwrap(), "web");
/// ```
pub fn normalise(wanted: &str, domain: Option<&str>) -> Result<String> {
    let wanted = wanted.trim().trim_end_matches('.').to_lowercase();
    let own = domain.and_then(|it| wanted.strip_suffix(&it.to_lowercase())?.strip_suffix('.'));
    let label = own.unwrap_or(&wanted);
    let dashed: String =
        label.chars().map(|c| if matches!(c, '.' | '_' | ' ') { '-' } else { c }).collect();
    let name = dashed.trim_matches('-');
    let odd = name.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-');
    if let Some(odd) = odd {
        return Err(Error::invalid_input(
            "name",
            format!("contains `{odd}`; use letters, digits and `-`"),
        ));
    }
    if name.is_empty() || name.len() > MAX_LENGTH {
        return Err(Error::invalid_input(
            "name",
            format!("must have 1 to {MAX_LENGTH} letters, digits or `-`"),
        ));
    }
    Ok(name.to_owned())
}

/// The tailnet's domain in a full device name.
pub(crate) fn domain(full: &str) -> Option<&str> {
    full.trim_end_matches('.').split_once('.').map(|(_, domain)| domain)
}

/// The tag with its prefix, which people leave out.
pub(crate) fn with_prefix(tag: &str) -> String {
    if tag.starts_with("tag:") { tag.to_owned() } else { format!("tag:{tag}") }
}

/// The tags as `tag:name`; a bare `name` stands for the tag of that name.
pub(crate) fn full_tags(tags: &[impl AsRef<str>]) -> Result<Vec<String>> {
    tags.iter().map(|it| full_tag(it.as_ref())).collect()
}

/// The tag as `tag:name`, also if it is written as `name`: nothing else can be meant.
fn full_tag(tag: &str) -> Result<String> {
    let full = with_prefix(tag);
    let name = full.strip_prefix("tag:").unwrap_or_default();
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if good {
        return Ok(full);
    }
    Err(Error::invalid_input(
        "tags",
        format!("has `{tag}`; write a tag as `tag:name`, of letters, digits and `-`"),
    ))
}

//! Mail addresses, as far as they can be judged from outside.

use crate::{Error, client::Result};

/// Gives `address` back, trimmed, if it can be one.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) for `field` if it cannot.
pub(crate) fn check(field: &str, address: &str) -> Result<String> {
    let address = address.trim();
    let parts = address.split_once('@').filter(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.contains('@') && !host.ends_with('.')
    });
    if parts.is_none() || address.contains(|it: char| it.is_whitespace() || it == ',') {
        let should = format!("is `{address}`; write an address such as `ann@example.com`");
        return Err(Error::invalid_input(field, should));
    }
    Ok(address.to_owned())
}

//! Checks email addresses.

use crate::{Error, client::Result};

/// Trims `address` and checks that it looks like an email address.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) for `field` if it does not.
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

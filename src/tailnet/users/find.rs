//! Finds the user that somebody names.

use super::User;
use crate::{
    Error, ErrorKind, Operation,
    client::{Action, Result},
};

/// The maximum number of candidates in an error message.
const CANDIDATES: usize = 5;

/// The ID of `user`; empty if the API left it out.
pub fn id(user: &User) -> &str {
    user.id.as_deref().unwrap_or_default()
}

/// The login name of `user`, or the ID if there is none.
pub fn login(user: &User) -> &str {
    user.login_name.as_deref().filter(|it| !it.is_empty()).unwrap_or_else(|| id(user))
}

/// Finds a user by ID, login name, display name, or an unambiguous start of the login name.
///
/// # Errors
///
/// [`Ambiguous`](ErrorKind::Ambiguous) with the candidates, or [`NotFound`](ErrorKind::NotFound).
pub fn find<'a>(users: &'a [User], wanted: &str) -> Result<&'a User> {
    let wanted = wanted.trim();
    if wanted.is_empty() {
        return Err(Error::invalid_input("user", "is empty; give a login name or an ID"));
    }
    let lower = wanted.to_lowercase();
    let ways: [&dyn Fn(&User) -> bool; 3] = [
        &|it| id(it) == wanted,
        &|it| login(it).eq_ignore_ascii_case(wanted),
        // A person may choose a display name that others are known by.
        &|it| {
            let display = it.display_name.as_deref();
            display.is_some_and(|it| it.eq_ignore_ascii_case(wanted))
                || login(it).to_lowercase().starts_with(&lower)
        },
    ];
    for way in ways {
        let found: Vec<&User> = users.iter().filter(|it| way(it)).collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(*one),
            several => return Err(ambiguous(wanted, several)),
        }
    }
    Err(unknown(users, wanted, &lower))
}

/// Finds a user by the exact ID or login name. For changes that take away access.
///
/// # Errors
///
/// Same as [`find`]; [`Refused`](ErrorKind::Refused), with the login name, if `wanted` is not exact.
pub fn find_exact<'a>(users: &'a [User], wanted: &str) -> Result<&'a User> {
    let user = find(users, wanted)?;
    let (whole, wanted) = (login(user), wanted.trim());
    if id(user) == wanted || whole.eq_ignore_ascii_case(wanted) {
        return Ok(user);
    }
    Err(Error::refused(
        format!("no user has the login name `{wanted}`; the closest is `{whole}`"),
        format!("if you mean that user, give the full login name: `{whole}`"),
    ))
}

fn ambiguous(wanted: &str, found: &[&User]) -> Error {
    let words = |it: &&User| format!("{} ({})", login(it), id(it));
    let mut candidates: Vec<String> = found.iter().take(CANDIDATES).map(words).collect();
    if found.len() > CANDIDATES {
        candidates.push(format!("and {} more", found.len() - CANDIDATES));
    }
    Error::ambiguous(wanted, candidates)
}

fn unknown(users: &[User], wanted: &str, lower: &str) -> Error {
    let similar = users.iter().filter(|it| {
        let display = it.display_name.as_deref().unwrap_or_default();
        login(it).to_lowercase().contains(lower) || display.to_lowercase().contains(lower)
    });
    let similar: Vec<&str> = similar.map(login).take(CANDIDATES).collect();
    let error = Error::new(ErrorKind::NotFound, format!("no user is called `{wanted}`"));
    if similar.is_empty() {
        error
            .with_remedy("list the users; part of a name is enough to find one")
            .with_action(Action::Call(Operation::ListUsers))
    } else {
        error.with_remedy(format!("did you mean {}?", similar.join(", ")))
    }
}

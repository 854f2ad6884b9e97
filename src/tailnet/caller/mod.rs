//! What callers find out about themselves.

pub(crate) mod tools;

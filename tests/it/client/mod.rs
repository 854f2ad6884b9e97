//! The transport: what leaves, what comes back, and what is made of it.

mod cache;
mod connection;
mod credentials;
mod errors;
mod limits;
mod policy;
mod retry;
mod secrets;
mod tolerance;
mod unread;

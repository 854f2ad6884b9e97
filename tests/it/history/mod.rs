//! What was seen over time: looks, differences, spans, uptime, the database.

mod asked;
mod bad_days;
mod diff;
mod poll;
mod traffic;
mod uptime;
mod usage;
mod year;

//! What was seen over time: looks, differences, spans, uptime, the database.

mod diff;
mod poll;
mod uptime;
mod year;

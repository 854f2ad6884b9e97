//! Alerts: states, rules, judgements, tools, delivery.

mod judge;
mod states;
mod tools;
mod watch;

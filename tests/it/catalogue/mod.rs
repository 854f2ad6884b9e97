//! The list of tools: what it costs, and who is offered what.

mod budget;
mod selection;
mod tools;
mod words;

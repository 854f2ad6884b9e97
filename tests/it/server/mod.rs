//! What a model, a host and an operator see.

mod annotations;
mod api_guide;
mod budget;
mod catalogue;
pub mod command_line;
mod examples;
mod leaving;
mod manual;
mod policy_commands;
mod schemas;
mod sealing;
mod session;

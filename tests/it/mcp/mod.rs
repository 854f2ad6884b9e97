//! What a host and its model see.

mod confirm;
mod leaving;
mod protocol;
mod sealing;
mod session;

//! What a host and its model see.

mod approve;
mod approvers;
mod confirm;
mod hostile;
mod leaving;
mod protocol;
mod question;
mod sealing;
mod session;
mod views;

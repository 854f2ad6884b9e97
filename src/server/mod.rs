//! The MCP server's transports: stdin and stdout, or HTTP with authentication.

mod approve;
mod approve_page;
mod ask;
mod auth;
mod calls;
mod gate;
mod guard;
mod health;
mod hooks;
mod http;
mod limits;
mod listen;
mod metrics;
mod refusal;
mod sessions;
mod stdio;
mod token_file;
mod tokens;

pub use self::{
    ask::Ask,
    auth::Access,
    health::Probe,
    hooks::Hook,
    http::{Http, Limits, Options},
    stdio::serve_stdio,
    token_file::{Grant, NewToken, TokenFile},
    tokens::Tokens,
};

//! The MCP server's transports: stdin and stdout, or HTTP with authentication.

mod approve;
mod approve_page;
mod ask;
mod auth;
mod calls;
mod gate;
mod guard;
mod health;
mod holder;
mod hooks;
mod http;
mod identity;
mod limits;
mod listen;
mod listener;
mod metrics;
mod oauth;
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
    identity::{NodeRules, Nodes},
    oauth::{AccessTokens, OAuthRules},
    stdio::serve_stdio,
    token_file::{Grant, NewToken, TokenFile},
    tokens::Tokens,
};

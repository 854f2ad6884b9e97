//! The nouns of a tailnet, a folder each, as in `src/tailnet/`.

mod compliance;
mod contacts;
mod device_invites;
mod devices;
mod dns;
mod funnel;
pub mod keys;
mod logging;
mod monitoring;
mod network;
mod oauth_apps;
mod operations;
mod organization;
mod policy_file;
mod posture;
mod reports;
pub mod resource;
mod routes;
mod services;
mod settings;
mod tags;
mod this_node;
mod user_invites;
mod users;
mod webhooks;

//! The generated, typed client of the admin API: a method for every operation, and the JSON types. Its
//! calls use the credentials, limits, retries and errors of their [`Tailnet`].
//!
//! ```no_run
//! # async fn example() -> tailsteward::Result<()> {
//! let tailnet = tailsteward::Tailnet::from_env()?;
//! let response = tailnet.api()?.list_device_routes().device_id("nodeid").send().await?;
//! println!("{:?}", response.into_inner().enabled_routes);
//! # Ok(()) }
//! ```
//!
//! A call here takes effect immediately: nothing is planned, confirmed, recorded or undone. For that, use
//! the [resources of a tailnet](crate::tailnet). Names and types follow the API's OpenAPI document, so a
//! new version of it may change them.
//!
//! Optional fields that the API leaves out, sends as `null` or sends empty mean the same. Fields that the
//! document does not list are kept in `extra`, and unlisted enum values in `Unlisted`.
//!
//! [`Tailnet`]: crate::Tailnet
#![allow(
    warnings,
    missing_docs,
    rustdoc::all,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated from openapi/"
)]

include!(concat!(env!("OUT_DIR"), "/api.rs"));

pub use crate::client::Response;

impl Client {
    /// A typed client that sends its requests through `client`.
    pub(crate) fn through(client: crate::client::Client) -> crate::client::Result<Self> {
        let http = client.http()?.clone();
        Ok(Self::new_with_client(&client.base_url(), http, client))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_list_is_sent_as_an_empty_list_and_none_not_at_all() {
        let none: Vec<String> = Vec::new();

        let tags: types::SetDeviceTagsBody =
            types::SetDeviceTagsBody::builder().tags(none.clone()).try_into().unwrap();
        let routes: types::SetDeviceRoutesBody =
            types::SetDeviceRoutesBody::builder().routes(none.clone()).try_into().unwrap();
        let nameservers: types::SetDnsNameserversBody =
            types::SetDnsNameserversBody::builder().dns(none.clone()).try_into().unwrap();
        let paths: types::DnsSearchPaths =
            types::DnsSearchPaths::builder().search_paths(none).try_into().unwrap();
        let untouched: types::DnsSearchPaths = types::DnsSearchPaths::builder().try_into().unwrap();

        assert_eq!(json!(tags).to_string(), r#"{"tags":[]}"#);
        assert_eq!(json!(routes).to_string(), r#"{"routes":[]}"#);
        assert_eq!(json!(nameservers).to_string(), r#"{"dns":[]}"#);
        assert_eq!(json!(paths).to_string(), r#"{"searchPaths":[]}"#);
        assert_eq!(json!(untouched).to_string(), "{}");
    }
}

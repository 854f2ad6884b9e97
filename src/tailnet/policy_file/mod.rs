//! The policy file: who may reach what. Here is only what other nouns need of it, and what keeps
//! two editors from overwriting each other.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;
use http::header;
use serde_json::Value;

use crate::{
    Error, ErrorKind, Operation,
    client::{Result, answer},
    tailnet::Tailnet,
};

/// The policy file of a tailnet.
#[derive(Debug)]
pub struct PolicyFileOf<'a> {
    tailnet: &'a Tailnet,
}

/// A policy file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyFile {
    /// The text. HuJSON, with comments and formatting as they were written.
    pub text: String,
    /// The version, as [`replace`](PolicyFileOf::replace) wants it.
    pub etag: String,
}

/// How the API writes a policy file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    HuJson,
    Json,
}

impl<'a> PolicyFileOf<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Reads the policy file as it was written (`GET /tailnet/{tailnet}/acl`).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `policy_file:read`.
    pub async fn get(&self) -> Result<PolicyFile> {
        self.read(Form::HuJson).await
    }

    /// The tags that the policy file declares, in `tagOwners`.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `policy_file:read`.
    pub async fn declared_tags(&self) -> Result<BTreeSet<String>> {
        let text = self.read(Form::Json).await?.text;
        let policy: Value = serde_json::from_str(&text).map_err(|error| {
            Error::new(ErrorKind::NotJson, format!("the policy file: {error}"))
                .on(Operation::GetPolicyFile, None)
        })?;
        // Keys are matched without regard to case: old files write `TagOwners`.
        let owners = policy.as_object().and_then(|all| {
            all.iter().find(|(key, _)| key.eq_ignore_ascii_case("tagOwners"))?.1.as_object()
        });
        Ok(owners.map(|it| it.keys().cloned().collect()).unwrap_or_default())
    }

    /// Puts `text` in the place of the policy file, unless it changed since it was read with `etag`
    /// (`POST /tailnet/{tailnet}/acl` with `If-Match`). The API runs the file's own tests first.
    ///
    /// # Errors
    ///
    /// [`Stale`](crate::ErrorKind::Stale) if somebody else has changed it;
    /// [`Rejected`](crate::ErrorKind::Rejected) with
    /// [`policy_problems`](Error::policy_problems) if it is wrong.
    pub async fn replace(&self, text: &str, etag: &str) -> Result<PolicyFile> {
        if text.trim().is_empty() {
            return Err(Error::invalid_input(
                "text",
                "is empty, which would put Tailscale's default policy in place; write the policy out",
            ));
        }
        let client = self.tailnet.client();
        let answer = client
            .api()?
            .set_policy_file()
            .tailnet(client.tailnet())
            .accept("application/hujson")
            .content_type("application/hujson")
            .if_match(format!("\"{}\"", etag.trim_matches('"')))
            .body(text)
            .send()
            .await;
        Self::collect(Operation::SetPolicyFile, answer).await
    }

    async fn read(&self, form: Form) -> Result<PolicyFile> {
        let client = self.tailnet.client();
        let accept = match form {
            Form::HuJson => "application/hujson",
            Form::Json => "application/json",
        };
        let request = client.api()?.get_policy_file().tailnet(client.tailnet()).accept(accept);
        Self::collect(Operation::GetPolicyFile, request.send().await).await
    }

    async fn collect(
        operation: Operation,
        answer: Result<
            progenitor_client::ResponseValue<progenitor_client::ByteStream>,
            crate::api::Error<()>,
        >,
    ) -> Result<PolicyFile> {
        let answer = answer.map_err(|error| answer::failed(operation, error))?;
        let etag = answer.headers().get(header::ETAG).and_then(|it| it.to_str().ok());
        let etag = etag.unwrap_or_default().trim_matches('"').to_owned();
        let chunks: Vec<_> =
            answer.into_inner().into_inner().try_collect().await.map_err(|_| {
                Error::new(ErrorKind::Truncated, "the answer broke off").on(operation, None)
            })?;
        let text = String::from_utf8_lossy(&chunks.concat()).into_owned();
        Ok(PolicyFile { text, etag })
    }
}

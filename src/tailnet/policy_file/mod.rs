//! The policy file: who may reach what. It is read as written, can be queried and tested, and is
//! replaced only by a checked plan, and only if nobody else has changed it in between.
//!
//! ```no_run
//! # async fn example(tailnet: &tailsteward::Tailnet) -> tailsteward::Result<()> {
//! use tailsteward::tailnet::policy_file::Draft;
//!
//! let live = tailnet.policy_file().get().await?;
//! let text = live.text.replace("tcp:22", "tcp:2222");
//! let plan = tailnet.policy_file().plan_text(&Draft::new(text, live.etag)).await?;
//! println!("{:#?} {:#?}", plan.notes(), plan.warnings());
//! tailnet.apply(&plan).await?;
//! # Ok(()) }
//! ```

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;

pub(crate) mod change;
pub(super) mod compute;
mod conflict;
mod draft;
mod inventory;
mod offline;
mod outline;
mod pipeline;
mod query;
#[cfg(feature = "server")]
mod sections;
#[cfg(feature = "server")]
pub(crate) mod tools;
mod validation;
mod versions;

#[cfg(feature = "server")]
pub(crate) use self::sections::changed_sections;
pub use self::{
    draft::{Draft, Wanted},
    outline::{Section, SectionText, Summary},
    pipeline::Allow,
    validation::{PreviewFor, PreviewRuleMatchesResponse, Verdict},
    versions::{Recorded, Version, VersionList},
};
use crate::{
    Error, ErrorKind, Operation,
    client::{Response, Result},
    tailnet::Tailnet,
    words::counted,
};

/// The policy file of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct PolicyFileOf<'a> {
    tailnet: &'a Tailnet,
}

/// A version of the policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyFile {
    /// The text as HuJSON, with its comments and formatting.
    pub text: String,
    /// The version (`ETag`), which a [`Draft`] refers to.
    pub etag: String,
}

/// The format in which the API returns the policy file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    HuJson,
    Json,
}

const HUJSON: &str = "application/hujson";

impl<'a> PolicyFileOf<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Reads the policy file with its comments and formatting (`GET /tailnet/{tailnet}/acl`).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `policy_file:read`.
    pub async fn get(&self) -> Result<PolicyFile> {
        let file = self.read(Form::HuJson).await?;
        self.tailnet.client().policy_texts().read(&file.etag, &file.text);
        Ok(file)
    }

    /// Reads the tags that the policy file declares in `tagOwners` (`GET /tailnet/{tailnet}/acl`).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `policy_file:read`.
    pub async fn declared_tags(&self) -> Result<BTreeSet<String>> {
        let text = self.read(Form::Json).await?.text;
        let policy: Value = serde_json::from_str(&text).map_err(|error| {
            Error::new(ErrorKind::NotJson, format!("the policy file cannot be parsed: {error}"))
                .for_operation(Operation::GetPolicyFile, None)
        })?;
        // Section names are matched without case: old files write `TagOwners`.
        let owners = policy.as_object().and_then(|all| {
            all.iter().find(|(key, _)| key.eq_ignore_ascii_case("tagOwners"))?.1.as_object()
        });
        Ok(owners.map(|it| it.keys().cloned().collect()).unwrap_or_default())
    }

    /// Replaces the version `etag` with `text`. Called only by [`change::File`], for a plan that
    /// was confirmed and recorded.
    async fn write(&self, text: &str, etag: &str) -> Result<()> {
        let request = self.tailnet.api()?.set_policy_file().accept(HUJSON).content_type(HUJSON);
        let request = request.if_match(format!("\"{etag}\"")).body(text.to_owned());
        let written = versioned(&request.send().await?);
        self.tailnet.client().policy_texts().sent(&written.etag, text);
        Ok(())
    }

    async fn read(&self, form: Form) -> Result<PolicyFile> {
        let accept = match form {
            Form::HuJson => HUJSON,
            Form::Json => "application/json",
        };
        Ok(versioned(&self.tailnet.api()?.get_policy_file().accept(accept).send().await?))
    }
}

impl PolicyFile {
    /// Returns the policy file, or an error if it has no version: without one, it cannot be
    /// replaced safely.
    fn versioned(self) -> Result<Self> {
        if !self.etag.is_empty() {
            return Ok(self);
        }
        Err(Error::new(
            ErrorKind::Upstream,
            "the API returned no version (ETag) of the policy file, so it cannot be written safely",
        )
        .for_operation(Operation::GetPolicyFile, None)
        .with_remedy("check that no proxy in between drops the ETag header, and try again"))
    }
}

/// The text and version in an answer.
fn versioned(response: &Response<Bytes>) -> PolicyFile {
    let etag = bare(response.etag().unwrap_or_default()).to_owned();
    PolicyFile { text: String::from_utf8_lossy(response).into_owned(), etag }
}

/// An `ETag` without its quotes. A proxy that compresses marks it as weak (`W/`), which `If-Match`
/// does not accept, so the mark is removed, too.
fn bare(etag: &str) -> &str {
    let etag = etag.trim();
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

/// A short name for a text, such as `version 3f2a91c0, 93 lines`. Equal texts have equal names.
fn named(text: &str) -> String {
    // FNV-1a: enough to tell texts apart, not meant for security.
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    let short = (hash >> 32) ^ (hash & 0xffff_ffff);
    format!("version {short:08x}, {}", counted(text.lines().count(), "line", "lines"))
}

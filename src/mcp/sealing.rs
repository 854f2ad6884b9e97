//! Seals the state that clients keep between two calls, so that they cannot change it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rmcp::model::{RequestStateCodec, SealOptions};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use crate::client::{Error, Result};

/// The length of a key in bytes.
const LENGTH: usize = 32;

/// A key that signs the state that clients keep. Replicas with the same key accept each other's seals.
/// Clients can read the sealed state, so it must not contain secrets.
#[derive(Debug, Clone)]
pub struct SealingKey(RequestStateCodec);

impl SealingKey {
    /// A random key; its seals are valid only in this process.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the system provides no random bytes.
    pub fn random() -> Result<Self> {
        let mut key = vec![0; LENGTH];
        getrandom::fill(&mut key).map_err(|error| {
            Error::config(
                format!("cannot create a random sealing key: {error}"),
                "report this as a bug",
            )
        })?;
        Self::of(&SecretSlice::from(key))
    }

    /// Parses a key of 32 bytes in base64, as printed by `openssl rand -base64 32`.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if it is not a key; the message does not repeat the text.
    pub fn parse(text: &SecretString) -> Result<Self> {
        let key = STANDARD.decode(text.expose_secret().trim()).unwrap_or_default();
        Self::of(&SecretSlice::from(key))
    }

    fn of(key: &SecretSlice<u8>) -> Result<Self> {
        let key = key.expose_secret();
        let codec = (key.len() == LENGTH).then(|| RequestStateCodec::try_new(key).ok()).flatten();
        codec.map(Self).ok_or_else(|| {
            Error::config(
                format!("the sealing key is not {LENGTH} bytes in base64"),
                "create one with `openssl rand -base64 32`, and use it for all replicas",
            )
        })
    }

    /// Seals `state`. It can be opened until `lifetime` is over, with the same `context` (the caller and
    /// the request).
    pub fn seal(&self, state: &[u8], context: &[u8], lifetime: Duration) -> String {
        self.0.seal_with(state, &SealOptions::new().associated_data(context).ttl(lifetime))
    }

    /// The state in a seal that was made with this `context`.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) if the seal was changed, has expired, or was made with
    /// another context or key. The message does not say which.
    pub fn open(&self, sealed: &str, context: &[u8]) -> Result<Vec<u8>> {
        self.0.open_with(sealed, context).map_err(|why| {
            tracing::debug!(%why, "a seal does not open");
            Error::refused(
                "the request state does not belong to this call, or it has expired",
                "call again without it, and answer the new question",
            )
        })
    }
}

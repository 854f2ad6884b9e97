//! What a client keeps for us between two calls, sealed so that it cannot be changed.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rmcp::model::{RequestStateCodec, SealOptions};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use crate::client::{Error, Result};

/// Bytes of a key.
const LENGTH: usize = 32;

/// Signs what a client keeps for us. Replicas that share it accept each other's seals. What is
/// sealed can be read by the client: it holds no secrets.
#[derive(Debug, Clone)]
pub struct SealingKey(RequestStateCodec);

impl SealingKey {
    /// A key of this process alone: seals end with it.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the system has no randomness.
    pub fn random() -> Result<Self> {
        let mut key = vec![0; LENGTH];
        getrandom::fill(&mut key).map_err(|error| {
            Error::config(format!("no randomness for a sealing key: {error}"), "report this")
        })?;
        Self::of(&SecretSlice::from(key))
    }

    /// The key that `text` is in base64: 32 bytes, as `openssl rand -base64 32` gives them.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if it is anything else; the text is not repeated.
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
                "make one with `openssl rand -base64 32`, the same for all replicas",
            )
        })
    }

    /// Seals `state` for as long as `lifetime`. It opens only with the same `context`: who asked,
    /// and for what.
    pub fn seal(&self, state: &[u8], context: &[u8], lifetime: Duration) -> String {
        self.0.seal_with(state, &SealOptions::new().associated_data(context).ttl(lifetime))
    }

    /// What was sealed with `context`.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) if it was changed, is for another context, was sealed
    /// with another key, or is too old. Which of these stays secret.
    pub fn open(&self, sealed: &str, context: &[u8]) -> Result<Vec<u8>> {
        self.0.open_with(sealed, context).map_err(|why| {
            tracing::debug!(%why, "a seal does not open");
            Error::refused(
                "the request state is not one that this server gave for this call, or it is too old",
                "call again without it, and answer what is asked then",
            )
        })
    }
}

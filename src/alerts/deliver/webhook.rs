//! JSON to any HTTP server, signed as Standard Webhooks describes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::Sha256;

use super::{
    super::{notice::Notice, receivers::Outcome},
    http::{Endpoint, put},
    json,
    text::{identifier, now},
};
use crate::client::post::Poster;

pub(super) struct Webhook {
    endpoint: Endpoint,
    key: Option<SecretSlice<u8>>,
}

impl Webhook {
    /// # Errors
    ///
    /// If the secret starts like one of Standard Webhooks and is not one.
    pub(super) fn new(endpoint: Endpoint, secret: Option<SecretString>) -> Result<Self, String> {
        let Some(secret) = secret else { return Ok(Self { endpoint, key: None }) };
        let key = match secret.expose_secret().strip_prefix("whsec_") {
            Some(encoded) => STANDARD
                .decode(encoded)
                .map_err(|_| "its `secret` starts with `whsec_`, so the rest must be base64")?,
            None => secret.expose_secret().as_bytes().to_vec(),
        };
        let endpoint = endpoint.with_secret(&secret);
        Ok(Self { endpoint, key: Some(SecretSlice::from(key)) })
    }

    pub(super) async fn deliver(&self, poster: &Poster, notice: &Notice) -> Outcome {
        let body = json::notice(notice).to_string();
        let (id, at) = (identifier(&notice.id), now().to_string());
        let mut headers = HeaderMap::new();
        put(&mut headers, "webhook-id", &id);
        put(&mut headers, "webhook-timestamp", &at);
        if let Some(key) = &self.key {
            let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(key.expose_secret()) else {
                return Outcome::Failed { why: "its `secret` cannot be used".to_owned() };
            };
            hmac.update(format!("{id}.{at}.{body}").as_bytes());
            let signature = STANDARD.encode(hmac.finalize().into_bytes());
            put(&mut headers, "webhook-signature", &format!("v1,{signature}"));
        }
        self.endpoint.post(poster, self.endpoint.url(), headers, body).await
    }
}

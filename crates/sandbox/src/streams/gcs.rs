//! The Google Cloud credentials of a log stream, which the API returns in a form of its own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A credential configuration for workload identity federation. Fields are written in this order, and
/// those that are absent are left out.
#[derive(Debug, Deserialize, Serialize)]
struct Credentials {
    #[serde(skip_serializing_if = "Option::is_none")]
    universe_domain: Option<Value>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audience: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_token_type: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account_impersonation_url: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_url: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_source: Option<Source>,
    /// Fields of other types of credentials, such as the private key of a service account. What the real
    /// API does with them is not known; here they come back, which is the harder case for a client.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Where the token to exchange comes from.
#[derive(Debug, Deserialize, Serialize)]
struct Source {
    #[serde(skip_serializing_if = "Option::is_none")]
    environment_id: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region_url: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regional_cred_verification_url: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imdsv2_session_token_url: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The credentials as the API returns them: compact, with `&`, `<` and `>` escaped, as Go's encoder does.
/// A text that is not a JSON object is unchanged.
pub(super) fn compact(text: &str) -> String {
    let parsed: Option<Credentials> = serde_json::from_str(text).ok();
    match parsed.and_then(|credentials| serde_json::to_string(&credentials).ok()) {
        Some(json) => json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e"),
        None => text.to_owned(),
    }
}

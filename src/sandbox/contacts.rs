//! The tailnet's three contacts.

use serde_json::{Value, json};

use super::http::{Call, Outcome, Reply};

/// Who is written to about the account, support questions and security issues.
#[derive(Debug)]
pub(crate) struct Contacts(Value);

impl Contacts {
    pub(crate) fn new(owner: &str, tailnet: &str) -> Self {
        Self(json!({
            "account": { "email": owner, "needsVerification": false },
            "support": { "email": format!("it-support@{tailnet}"), "needsVerification": false },
            "security": {
                "email": format!("security@{tailnet}"),
                "fallbackEmail": owner,
                "needsVerification": true,
            },
        }))
    }
}

/// `GET /tailnet/{tailnet}/contacts`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    Reply::json(&call.state.contacts.0)
}

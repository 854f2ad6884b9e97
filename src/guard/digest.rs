//! Digests that bind a confirmation to what was requested and shown.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Principal;
use crate::{Error, Tailnet, change::Plan, client::Result, tool::ToolDef};

/// A request: the principal, the tailnet, the tool and its arguments.
pub(super) struct Request<'a> {
    pub(super) principal: &'a Principal,
    pub(super) tailnet: &'a Tailnet,
    pub(super) tool: &'static ToolDef,
    pub(super) arguments: &'a Value,
}

impl Request<'_> {
    /// The digest of the request alone, or of the request and all that is shown of `plan`.
    pub(super) fn digest(&self, plan: Option<&Plan>) -> Result<String> {
        // Sort the fields: clients may send them in another order.
        let fields = self.arguments.as_object().into_iter().flatten();
        let fields: BTreeMap<&String, &Value> =
            fields.filter(|(name, _)| *name != "plan_id").collect();
        let plan = plan.map(Plan::fingerprint);
        let (principal, tailnet) = (&*self.principal.key, self.tailnet.label());
        let text = serde_json::to_string(&(principal, tailnet, self.tool.name, fields, plan))
            .map_err(|error| {
                Error::invalid_input("arguments", format!("cannot be written as JSON: {error}"))
            })?;
        Ok(STANDARD_NO_PAD.encode(Sha256::digest(text)))
    }
}

/// A random string that is used only once.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if the system provides no random bytes.
pub(crate) fn nonce() -> Result<String> {
    Ok(STANDARD_NO_PAD.encode(random::<16>()?))
}

/// Random bytes.
///
/// # Errors
///
/// [`Config`](crate::ErrorKind::Config) if the system provides none.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::config(format!("cannot get random bytes: {error}"), "check the system")
    })?;
    Ok(bytes)
}

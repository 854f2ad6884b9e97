//! The parameters of a settings update.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, client::Result};

/// Who may join other tailnets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JoinExternalTailnets {
    /// Nobody.
    None,
    /// Admins.
    Admin,
    /// All users.
    Member,
}

/// Change the tailnet's settings; if one fails, the others are rolled back.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SettingsUpdate {
    /// Policy file is managed externally (console editor locked).
    pub acls_externally_managed_on: Option<bool>,
    /// URL where the policy file is kept; empty for none.
    pub acls_external_link: Option<String>,
    /// New devices need approval.
    pub devices_approval_on: Option<bool>,
    /// Clients update themselves.
    pub devices_auto_updates_on: Option<bool>,
    /// Days until device keys expire, 1 to 180.
    pub devices_key_duration_days: Option<u32>,
    /// New users need approval.
    pub users_approval_on: Option<bool>,
    /// Role that may join other tailnets.
    pub users_role_allowed_to_join_external_tailnets: Option<JoinExternalTailnets>,
    /// Turn on network flow logs.
    pub network_flow_logging_on: Option<bool>,
    /// Turn on regional routing.
    pub regional_routing_on: Option<bool>,
    /// Collect hardware IDs for device posture.
    pub posture_identity_collection_on: Option<bool>,
    /// Turn on HTTPS certificates.
    pub https_enabled: Option<bool>,
}

impl SettingsUpdate {
    /// The given settings, under the names that this program uses.
    pub(super) fn named(&self) -> Result<Map<String, Value>> {
        match serde_json::to_value(self) {
            Ok(Value::Object(all)) => {
                Ok(all.into_iter().filter(|(_, value)| !value.is_null()).collect())
            }
            Ok(_) => Ok(Map::new()),
            Err(error) => Err(Error::invalid_input("settings", error)),
        }
    }
}

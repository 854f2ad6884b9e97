//! Device posture integrations with third-party providers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::audit::{Event, Target};
use super::clock::whole_seconds;
use super::http::{Call, Failure, Outcome, Reply};
use super::ids;

/// The providers. The last two are missing in the API documentation.
const PROVIDERS: &[&str] =
    &["falcon", "intune", "jamfpro", "kandji", "kolide", "sentinelone", "fleet", "huntress"];

/// All integrations, by ID.
pub(crate) type Integrations = BTreeMap<String, Integration>;

/// An integration. Its secret is never returned.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Integration {
    id: String,
    provider: String,
    cloud_id: String,
    client_id: String,
    tenant_id: String,
    client_secret: String,
    config_updated: Timestamp,
}

impl Integration {
    /// The integration as the API returns it, with the status of a sync that matched `hosts` devices.
    fn wire(&self, hosts: usize) -> Value {
        json!({
            "id": self.id,
            "provider": self.provider,
            "cloudId": self.cloud_id,
            "clientId": self.client_id,
            "tenantId": self.tenant_id,
            "configUpdated": self.config_updated,
            "status": {
                "lastSync": self.config_updated,
                "error": "",
                "providerHostCount": hosts,
                "matchedCount": hosts,
                "possibleMatchedCount": hosts,
            },
        })
    }

    /// The fields that the audit log records.
    fn audit_fields(&self) -> Value {
        json!({ "id": self.id, "provider": self.provider, "cloudId": self.cloud_id })
    }
}

impl Call<'_> {
    fn integration(&self) -> Result<Integration, Failure> {
        let found = self.state.integrations.get(&self.param("id"));
        found.cloned().ok_or_else(|| Failure::not_found("posture integration not found"))
    }

    /// The number of devices that can be matched with a provider's.
    fn identified_devices(&self) -> usize {
        if !self.state.settings.is_on("postureIdentityCollectionOn") {
            return 0;
        }
        let devices = self.state.devices.iter();
        devices.filter(|it| !it.is_external && it.hardware.reports_identity).count()
    }

    fn tell_of_integration(&mut self, action: &'static str, old: Value, new: Value) {
        let event = Event::new(action, Target::tailnet(&self.state.identity));
        self.record(event.property("POSTURE_INTEGRATION", old, new));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    provider: Option<String>,
    cloud_id: Option<String>,
    client_id: Option<String>,
    tenant_id: Option<String>,
    client_secret: Option<String>,
}

/// `GET /tailnet/{tailnet}/posture/integrations`.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let hosts = call.identified_devices();
    let all: Vec<Value> = call.state.integrations.values().map(|it| it.wire(hosts)).collect();
    Reply::json(&json!({ "integrations": all }))
}

/// `POST /tailnet/{tailnet}/posture/integrations`: there can be only one per provider.
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let wanted: Wanted = call.json()?;
    let provider = wanted.provider.unwrap_or_default();
    if !PROVIDERS.contains(&provider.as_str()) {
        return Err(Failure::bad_request(format!("invalid provider {provider:?}")));
    }
    let client_secret = wanted.client_secret.unwrap_or_default();
    if client_secret.is_empty() {
        return Err(Failure::bad_request("clientSecret is required"));
    }
    if call.state.integrations.values().any(|it| it.provider == provider) {
        let message = format!("an integration with {provider:?} exists already");
        return Err(Failure::new(409, message));
    }
    let integration = Integration {
        id: format!("p{}", ids::letters(&mut call.state.rng, 16)),
        provider,
        cloud_id: wanted.cloud_id.unwrap_or_default(),
        client_id: wanted.client_id.unwrap_or_default(),
        tenant_id: wanted.tenant_id.unwrap_or_default(),
        client_secret,
        config_updated: whole_seconds(call.now),
    };
    call.tell_of_integration("CREATE", Value::Null, integration.audit_fields());
    save(call, integration)
}

/// `GET /posture/integrations/{id}`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    Reply::json(&call.integration()?.wire(call.identified_devices()))
}

/// `PATCH /posture/integrations/{id}`: fields that are not sent stay unchanged, including the secret. A
/// `provider` in the body is ignored.
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let mut integration = call.integration()?;
    let wanted: Wanted = call.json()?;
    let old = integration.audit_fields();
    let fields = [
        (&mut integration.cloud_id, wanted.cloud_id),
        (&mut integration.client_id, wanted.client_id),
        (&mut integration.tenant_id, wanted.tenant_id),
        (&mut integration.client_secret, wanted.client_secret.filter(|it| !it.is_empty())),
    ];
    for (field, new) in fields {
        if let Some(new) = new {
            *field = new;
        }
    }
    integration.config_updated = whole_seconds(call.now);
    call.tell_of_integration("UPDATE", old, integration.audit_fields());
    save(call, integration)
}

/// `DELETE /posture/integrations/{id}`.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let integration = call.integration()?;
    call.state.integrations.remove(&integration.id);
    call.tell_of_integration("DELETE", integration.audit_fields(), Value::Null);
    Ok(Reply::empty())
}

fn save(call: &mut Call<'_>, integration: Integration) -> Outcome {
    let reply = Reply::json(&integration.wire(call.identified_devices()));
    call.state.integrations.insert(integration.id.clone(), integration);
    reply
}

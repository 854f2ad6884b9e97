//! Device posture integrations: providers that report device posture to Tailscale.

use serde_json::{Map, Value, json};

#[cfg(feature = "server")]
pub(crate) mod tools;

use crate::{
    Error, ErrorKind, Operation,
    change::{Plan, Secrets},
    client::{Action, Result, call},
    tailnet::resource::{Listed, Resource, ResourceSpec, Resources},
    wire::Secret,
};
pub use crate::{api::types::PostureIntegration, values::PostureProvider};

pub(crate) const INTEGRATION: &ResourceSpec = &ResourceSpec {
    parameter: "integration",
    removal: Some("its attributes are removed; rules that require them may block devices"),
    listed: Some((Operation::GetPostureIntegrations, "integrations")),
    names: &["provider"],
    make: Some(Operation::CreatePostureIntegration),
    change: Some(Operation::UpdatePostureIntegration),
    patches: true,
    remove: Some(Operation::DeletePostureIntegration),
    ..ResourceSpec::new(
        "posture integration",
        "id",
        "id",
        Operation::GetPostureIntegration,
        &["provider", "cloudId", "clientId", "tenantId"],
    )
};

/// The API field of the client secret, which the API never returns.
const SECRET: &str = "clientSecret";

/// How Tailscale connects to a provider. `None` means not needed or, in an update, unchanged.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Access {
    /// The provider's cloud: a region or a URL.
    pub cloud_id: Option<String>,
    /// Client ID at the provider.
    pub client_id: Option<String>,
    /// Tenant ID, Intune only.
    pub tenant_id: Option<String>,
    /// Client secret at the provider.
    pub client_secret: Option<Secret>,
}

impl Access {
    /// Checks the given fields and returns them under their API names, with the secret.
    fn fields(&self) -> Result<(Map<String, Value>, Secrets)> {
        let texts = [
            ("cloudId", "cloud_id", &self.cloud_id),
            ("clientId", "client_id", &self.client_id),
            ("tenantId", "tenant_id", &self.tenant_id),
        ];
        let mut fields = Map::new();
        for (name, field, value) in texts {
            let Some(value) = value else { continue };
            fields.insert(name.to_owned(), not_blank(field, value)?.into());
        }
        let mut secrets = Secrets::new();
        if let Some(secret) = &self.client_secret {
            not_blank("client_secret", secret.reveal())?;
            secrets.insert(SECRET.to_owned(), secret.clone());
        }
        Ok((fields, secrets))
    }
}

/// Trims a text and refuses an empty one: the API would not remove the value.
fn not_blank<'a>(field: &str, text: &'a str) -> Result<&'a str> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid_input(field, "must not be empty; leave it out"));
    }
    Ok(text)
}

impl Resource for PostureIntegration {
    const SPEC: &'static ResourceSpec = INTEGRATION;
}

impl Listed for PostureIntegration {}

/// The posture integrations of a tailnet: [`list`](Resources::list) reads all
/// (`GET /tailnet/{tailnet}/posture/integrations`), [`get`](Resources::get) one by ID or provider
/// (`GET /posture/integrations/{id}`), and [`plan_delete`](Resources::plan_delete) plans to delete
/// one (`DELETE /posture/integrations/{id}`).
pub type Posture<'a> = Resources<'a, PostureIntegration>;

impl Resources<'_, PostureIntegration> {
    /// Plans to create an integration (`POST /tailnet/{tailnet}/posture/integrations`). Each
    /// provider can have only one.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) without a client secret;
    /// [`Conflict`](ErrorKind::Conflict) if the provider has an integration already.
    pub async fn plan_create(&self, provider: PostureProvider, access: &Access) -> Result<Plan> {
        let (fields, secrets) = access.fields()?;
        if secrets.is_empty() {
            return Err(Error::invalid_input("client_secret", "is required"));
        }
        let all = INTEGRATION.list(self.tailnet()).await?;
        if let Some(there) =
            all.iter().find(|it| call::member(it, "provider") == Some(&json!(provider)))
        {
            let message =
                format!("an integration with {provider} already exists: {}", INTEGRATION.id(there));
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_remedy("change it, or delete it first")
                .with_action(Action::Call(Operation::UpdatePostureIntegration)));
        }
        let mut to = fields;
        to.insert("provider".to_owned(), provider.as_str().into());
        Ok(INTEGRATION.plan_make("", provider.as_str(), &to.into(), secrets))
    }

    /// Plans to change an integration (`PATCH /posture/integrations/{id}`). Without a new client
    /// secret, it keeps the old one.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get); [`InvalidInput`](ErrorKind::InvalidInput) if no field is given.
    pub async fn plan_update(&self, integration: &str, access: &Access) -> Result<Plan> {
        let (fields, secrets) = access.fields()?;
        if fields.is_empty() && secrets.is_empty() {
            let fields = "cloud_id, client_id, tenant_id and client_secret";
            return Err(Error::nothing_to_change(fields));
        }
        let (id, name) = self.identify(integration).await?;
        let has_secret = !secrets.is_empty();
        let now = INTEGRATION.get(self.tailnet(), &id).await?;
        let mut plan = INTEGRATION.plan_change(&id, &name, &now, &fields, secrets);
        if has_secret {
            plan.warnings.push(
                "the old secret is lost: it cannot be read, so it cannot be restored".to_owned(),
            );
        }
        Ok(plan)
    }
}

//! The tools of the posture integrations.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Access, PostureProvider};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, List, Page, Part, Query, Toolset, all_but, edit, list, query, row},
    wire::Secret,
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "posture",
    about: "Providers that tell Tailscale how devices are.",
    instructions: "`integration` takes an id or a provider.",
    default: false,
    tools: &[
        list::<ListPostureIntegrations>(),
        query::<GetPostureIntegration>(),
        edit::<CreatePostureIntegration>(),
        edit::<UpdatePostureIntegration>(),
        edit::<DeletePostureIntegration>(),
    ],
};

const FIELDS: &[&str] =
    &["id", "provider", "cloudId", "clientId", "tenantId", "configUpdated", "status"];

/// List posture integrations with how their last sync went.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListPostureIntegrations {}

impl List for ListPostureIntegrations {
    const NAME: &'static str = "list_posture_integrations";
    const OPERATIONS: &'static [Operation] = &[Operation::GetPostureIntegrations];
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let all = tailnet.posture().list().await?;
        let rows: Vec<_> = all.iter().map(|it| row(it, FIELDS)).collect();
        Page::of("integrations", &rows, &part)
    }
}

/// Show one posture integration.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetPostureIntegration {
    /// Its id or provider.
    integration: String,
}

impl Query for GetPostureIntegration {
    const NAME: &'static str = "get_posture_integration";
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetPostureIntegrations, Operation::GetPostureIntegration];
    type Output = Map<String, Value>;

    async fn call(self, tailnet: &Tailnet) -> Result<Self::Output> {
        Ok(all_but(&tailnet.posture().get(&self.integration).await?, &["clientSecret"]))
    }
}

/// Have a provider tell how devices are; there is one integration for each.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CreatePostureIntegration {
    // The first one: the log names it.
    /// Whom to ask.
    provider: PostureProvider,
    /// Client secret at the provider.
    client_secret: Secret,
    /// Client ID at the provider.
    client_id: Option<String>,
    /// Its region or URL.
    cloud_id: Option<String>,
    /// Tenant ID, Intune only.
    tenant_id: Option<String>,
}

impl Edit for CreatePostureIntegration {
    const NAME: &'static str = "create_posture_integration";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetPostureIntegrations, Operation::CreatePostureIntegration];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let access = Access {
            cloud_id: self.cloud_id,
            client_id: self.client_id,
            tenant_id: self.tenant_id,
            client_secret: Some(self.client_secret),
        };
        tailnet.posture().plan_create(self.provider, &access).await
    }
}

/// Change how a posture integration reaches its provider; without a secret it keeps its own.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdatePostureIntegration {
    /// Its id or provider.
    integration: String,
    /// A new one.
    client_secret: Option<Secret>,
    /// Client ID at the provider.
    client_id: Option<String>,
    /// Its region or URL.
    cloud_id: Option<String>,
    /// Tenant ID, Intune only.
    tenant_id: Option<String>,
}

impl Edit for UpdatePostureIntegration {
    const NAME: &'static str = "update_posture_integration";
    const RISK: Risk = Risk::Change;
    // Nobody can put an old secret back.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::GetPostureIntegrations,
        Operation::GetPostureIntegration,
        Operation::UpdatePostureIntegration,
    ];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let Self { integration, client_secret, client_id, cloud_id, tenant_id } = self;
        let access = Access { cloud_id, client_id, tenant_id, client_secret };
        tailnet.posture().plan_update(&integration, &access).await
    }
}

/// Remove a posture integration for good.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DeletePostureIntegration {
    /// Its id or provider.
    integration: String,
}

impl Edit for DeletePostureIntegration {
    const NAME: &'static str = "delete_posture_integration";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::GetPostureIntegrations,
        Operation::GetPostureIntegration,
        Operation::DeletePostureIntegration,
    ];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.posture().plan_remove(&self.integration).await
    }
}

//! Posture integration tools.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Access, PostureIntegration, PostureProvider};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::resource::tools::{DeleteOne, GetOne, ListOf, ListTool, Tools, Words},
    tool::{Edit, Toolset, edit, list, query},
    wire::Secret,
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "posture",
    about: "Device posture integrations with other providers.",
    instructions: "`integration` takes an ID or a provider.",
    default: false,
    tools: &[
        list::<ListOf<PostureIntegration>>(),
        query::<GetOne<PostureIntegration>>(),
        edit::<CreatePostureIntegration>(),
        edit::<UpdatePostureIntegration>(),
        edit::<DeleteOne<PostureIntegration>>(),
    ],
};

impl Tools for PostureIntegration {
    const TAKES: &'static str = "ID or provider of the integration.";
    const GET: Words = ("get_posture_integration", "Show one posture integration.");
    const DELETE: Words =
        ("delete_posture_integration", "Delete a posture integration (irreversible).");
    const HIDDEN: &'static [&'static str] = &["clientSecret"];
}

impl ListTool for PostureIntegration {
    const LIST: Words = (
        "list_posture_integrations",
        "List posture integrations with the result of their last sync.",
    );
    const ROWS: &'static str = "integrations";
    const FIELDS: &'static [&'static str] =
        &["id", "provider", "cloudId", "clientId", "tenantId", "configUpdated", "status"];
}

/// Create a device posture integration (one for each provider).
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CreatePostureIntegration {
    // First, because the log records the first parameter.
    /// Provider of device posture.
    provider: PostureProvider,
    /// Client secret at the provider.
    client_secret: Secret,
    /// Client ID at the provider.
    client_id: Option<String>,
    /// Provider's region or URL.
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

/// Change a posture integration's access to its provider; without a new secret it keeps the old one.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdatePostureIntegration {
    /// ID or provider of the integration.
    integration: String,
    /// New client secret.
    client_secret: Option<Secret>,
    /// Client ID at the provider.
    client_id: Option<String>,
    /// Provider's region or URL.
    cloud_id: Option<String>,
    /// Tenant ID, Intune only.
    tenant_id: Option<String>,
}

impl Edit for UpdatePostureIntegration {
    const NAME: &'static str = "update_posture_integration";
    const RISK: Risk = Risk::Change;
    // An old client secret cannot be restored.
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

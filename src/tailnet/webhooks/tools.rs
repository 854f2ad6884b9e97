//! Webhook tools.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{NewWebhook, Webhook, WebhookProvider};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::resource::tools::{DeleteOne, GetOne, ListOf, ListTool, Tools, Words},
    tool::{Edit, Toolset, edit, list, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "webhooks",
    about: "Webhooks, to which Tailscale posts events of the tailnet.",
    instructions: "`webhook` takes an ID or a URL.",
    default: false,
    tools: &[
        list::<ListOf<Webhook>>(),
        query::<GetOne<Webhook>>(),
        edit::<CreateWebhook>(),
        edit::<UpdateWebhook>(),
        edit::<DeleteOne<Webhook>>(),
        edit::<TestWebhook>(),
        edit::<RotateWebhookSecret>(),
    ],
};

impl Tools for Webhook {
    const TAKES: &'static str = "ID or URL of the webhook.";
    const GET: Words = ("get_webhook", "Show one webhook.");
    const DELETE: Words = ("delete_webhook", "Delete a webhook (irreversible).");
}

impl ListTool for Webhook {
    const LIST: Words = ("list_webhooks", "List webhooks with their events.");
    const ROWS: &'static str = "webhooks";
    const FIELDS: &'static [&'static str] =
        &["endpointId", "endpointUrl", "providerType", "subscriptions"];
}

/// Create a webhook that posts events to a URL; its signing secret is shown once.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CreateWebhook {
    /// Endpoint URL, such as `https://hooks.example.com/x`.
    url: String,
    /// Events, such as `nodeCreated`, `policyUpdate` or `categoryTailnetManagement`.
    subscriptions: Vec<String>,
    /// Message format of this chat provider.
    provider: Option<WebhookProvider>,
}

impl Edit for CreateWebhook {
    const NAME: &'static str = "create_webhook";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::CreateWebhook];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let Self { url, subscriptions, provider } = self;
        tailnet.webhooks().plan_create(&NewWebhook { url, subscriptions, provider })
    }
}

/// Replace the events of a webhook; nothing else can be changed.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdateWebhook {
    /// ID or URL of the webhook.
    webhook: String,
    /// Events that replace all it has.
    subscriptions: Vec<String>,
}

impl Edit for UpdateWebhook {
    const NAME: &'static str = "update_webhook";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListWebhooks, Operation::GetWebhook, Operation::UpdateWebhook];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.webhooks().plan_subscriptions(&self.webhook, &self.subscriptions).await
    }
}

/// Send a webhook a test event.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TestWebhook {
    /// ID or URL of the webhook.
    webhook: String,
}

impl Edit for TestWebhook {
    const NAME: &'static str = "test_webhook";
    // An event that was sent cannot be recalled.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::ListWebhooks, Operation::TestWebhook];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.webhooks().plan_test(&self.webhook).await
    }
}

/// Rotate a webhook's secret: the new one is shown once, the old one stops immediately.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RotateWebhookSecret {
    /// ID or URL of the webhook.
    webhook: String,
}

impl Edit for RotateWebhookSecret {
    const NAME: &'static str = "rotate_webhook_secret";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListWebhooks, Operation::RotateWebhookSecret];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.webhooks().plan_rotate(&self.webhook).await
    }
}

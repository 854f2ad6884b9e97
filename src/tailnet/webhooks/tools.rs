//! The tools of the webhooks.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{NewWebhook, WebhookProvider};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, List, Page, Part, Query, Toolset, all_but, edit, list, query, row},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "webhooks",
    about: "Where Tailscale posts what happens in the tailnet.",
    instructions: "`webhook` takes an id or a URL.",
    default: false,
    tools: &[
        list::<ListWebhooks>(),
        query::<GetWebhook>(),
        edit::<CreateWebhook>(),
        edit::<UpdateWebhook>(),
        edit::<DeleteWebhook>(),
        edit::<TestWebhook>(),
        edit::<RotateWebhookSecret>(),
    ],
};

const FIELDS: &[&str] = &["endpointId", "endpointUrl", "providerType", "subscriptions"];

/// List webhooks with their events.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListWebhooks {}

impl List for ListWebhooks {
    const NAME: &'static str = "list_webhooks";
    const OPERATIONS: &'static [Operation] = &[Operation::ListWebhooks];
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let all = tailnet.webhooks().list().await?;
        let rows: Vec<_> = all.iter().map(|it| row(it, FIELDS)).collect();
        Page::of("webhooks", &rows, &part)
    }
}

/// Show one webhook.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetWebhook {
    /// Its id or URL.
    webhook: String,
}

impl Query for GetWebhook {
    const NAME: &'static str = "get_webhook";
    const OPERATIONS: &'static [Operation] = &[Operation::ListWebhooks, Operation::GetWebhook];
    type Output = Map<String, Value>;

    async fn call(self, tailnet: &Tailnet) -> Result<Self::Output> {
        Ok(all_but(&tailnet.webhooks().get(&self.webhook).await?, &["secret"]))
    }
}

/// Have events posted to a URL; the secret that signs them is shown once.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CreateWebhook {
    /// Endpoint URL, as `https://hooks.example.com/x`.
    url: String,
    /// Events, as `nodeCreated`, `policyUpdate` or `categoryTailnetManagement`.
    subscriptions: Vec<String>,
    /// Message format of this chat provider.
    provider: Option<WebhookProvider>,
}

impl Edit for CreateWebhook {
    const NAME: &'static str = "create_webhook";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[Operation::CreateWebhook];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let Self { url, subscriptions, provider } = self;
        tailnet.webhooks().plan_create(&NewWebhook { url, subscriptions, provider })
    }
}

/// Subscribe a webhook to other events; nothing else of one can change.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdateWebhook {
    /// Its id or URL.
    webhook: String,
    /// Events that replace all it has.
    subscriptions: Vec<String>,
}

impl Edit for UpdateWebhook {
    const NAME: &'static str = "update_webhook";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListWebhooks, Operation::GetWebhook, Operation::UpdateWebhook];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.webhooks().plan_subscriptions(&self.webhook, &self.subscriptions).await
    }
}

/// Remove a webhook for good.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DeleteWebhook {
    /// Its id or URL.
    webhook: String,
}

impl Edit for DeleteWebhook {
    const NAME: &'static str = "delete_webhook";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListWebhooks, Operation::GetWebhook, Operation::DeleteWebhook];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.webhooks().plan_remove(&self.webhook).await
    }
}

/// Send a webhook a test event.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TestWebhook {
    /// Its id or URL.
    webhook: String,
}

impl Edit for TestWebhook {
    const NAME: &'static str = "test_webhook";
    // What is sent is sent.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::ListWebhooks, Operation::TestWebhook];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.webhooks().plan_test(&self.webhook).await
    }
}

/// Give a webhook a new secret, which is shown once; the old one stops at once.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RotateWebhookSecret {
    /// Its id or URL.
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

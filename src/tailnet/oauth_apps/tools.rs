//! The tools of the OAuth apps.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::App;
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, List, Page, Part, Query, Toolset, all_but, edit, list, query, row},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "oauth_apps",
    about: "Programs that users let act for them; an alpha feature.",
    instructions: "`app` takes an id or a name.",
    default: false,
    tools: &[
        list::<ListOAuthApps>(),
        query::<GetOAuthApp>(),
        edit::<CreateOAuthApp>(),
        edit::<UpdateOAuthApp>(),
        edit::<DeleteOAuthApp>(),
    ],
};

const FIELDS: &[&str] = &["id", "name", "description", "scopes"];

/// List OAuth apps.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListOAuthApps {}

impl List for ListOAuthApps {
    const NAME: &'static str = "list_oauth_apps";
    const OPERATIONS: &'static [Operation] = &[Operation::ListOauthApps];
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let all = tailnet.oauth_apps().list().await?;
        let rows: Vec<_> = all.iter().map(|it| row(it, FIELDS)).collect();
        Page::of("apps", &rows, &part)
    }
}

/// Show one OAuth app.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetOAuthApp {
    /// Its id or name.
    app: String,
}

impl Query for GetOAuthApp {
    const NAME: &'static str = "get_oauth_app";
    const OPERATIONS: &'static [Operation] = &[Operation::ListOauthApps, Operation::GetOauthApp];
    type Output = Map<String, Value>;

    async fn call(self, tailnet: &Tailnet) -> Result<Self::Output> {
        Ok(all_but(&tailnet.oauth_apps().get(&self.app).await?, &["clientSecret"]))
    }
}

/// Register an OAuth app; its secret is shown once.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CreateOAuthApp {
    /// 3 to 50 letters, digits, `.`, `_`, `-`.
    name: String,
    /// `https`, or localhost.
    redirect_uris: Vec<String>,
    /// OAuth scopes, as `devices:core:read`.
    scopes: Vec<String>,
    /// What it is for.
    description: Option<String>,
    /// `custom:` ones it may set.
    #[serde(default)]
    node_attributes: Vec<String>,
}

impl Edit for CreateOAuthApp {
    const NAME: &'static str = "create_oauth_app";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[Operation::CreateOauthApp];
    // More only for an app that sets attributes.
    const SCOPES: &'static [&'static str] = &["oauth_apps"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let app = App {
            name: Some(self.name),
            description: self.description,
            redirect_uris: Some(self.redirect_uris),
            scopes: Some(self.scopes),
            node_attributes: Some(self.node_attributes),
        };
        tailnet.oauth_apps().plan_create(&app)
    }
}

/// Change an OAuth app; what is not said stays, its secret too.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdateOAuthApp {
    /// Its id or name.
    app: String,
    /// A new one.
    name: Option<String>,
    /// Redirect URIs that replace all it has.
    redirect_uris: Option<Vec<String>>,
    /// OAuth scopes that replace all it has.
    scopes: Option<Vec<String>>,
    /// Empty for none.
    description: Option<String>,
    /// Node attributes that replace all it has.
    node_attributes: Option<Vec<String>>,
}

impl Edit for UpdateOAuthApp {
    const NAME: &'static str = "update_oauth_app";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListOauthApps, Operation::GetOauthApp, Operation::UpdateOauthApp];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let Self { app, name, redirect_uris, scopes, description, node_attributes } = self;
        let update = App { name, description, redirect_uris, scopes, node_attributes };
        tailnet.oauth_apps().plan_update(&app, &update).await
    }
}

/// Remove an OAuth app for good: nobody can use it any more.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DeleteOAuthApp {
    /// Its id or name.
    app: String,
}

impl Edit for DeleteOAuthApp {
    const NAME: &'static str = "delete_oauth_app";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListOauthApps, Operation::GetOauthApp, Operation::DeleteOauthApp];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.oauth_apps().plan_remove(&self.app).await
    }
}

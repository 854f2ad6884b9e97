//! OAuth app tools.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{App, OAuthApp};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::resource::tools::{DeleteOne, GetOne, ListOf, ListTool, Tools, Words},
    tool::{Edit, Toolset, edit, list, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "oauth_apps",
    about: "OAuth apps, which act on behalf of users (alpha).",
    instructions: "`app` takes an ID or a name.",
    default: false,
    tools: &[
        list::<ListOf<OAuthApp>>(),
        query::<GetOne<OAuthApp>>(),
        edit::<CreateOAuthApp>(),
        edit::<UpdateOAuthApp>(),
        edit::<DeleteOne<OAuthApp>>(),
    ],
};

impl Tools for OAuthApp {
    const TAKES: &'static str = "ID or name of the app.";
    const GET: Words = ("get_oauth_app", "Show one OAuth app.");
    const DELETE: Words =
        ("delete_oauth_app", "Delete an OAuth app (irreversible); whatever uses it stops working.");
}

impl ListTool for OAuthApp {
    const LIST: Words = ("list_oauth_apps", "List OAuth apps.");
    const ROWS: &'static str = "apps";
    const FIELDS: &'static [&'static str] = &["id", "name", "description", "scopes"];
}

/// Register an OAuth app; its secret is shown once.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CreateOAuthApp {
    /// 3 to 50 letters, digits, `.`, `_`, `-`.
    name: String,
    /// Redirect URIs: https, or localhost.
    redirect_uris: Vec<String>,
    /// OAuth scopes, such as `devices:core:read`.
    scopes: Vec<String>,
    /// Description of its purpose.
    description: Option<String>,
    /// `custom:` node attributes it may set.
    #[serde(default)]
    node_attributes: Vec<String>,
}

impl Edit for CreateOAuthApp {
    const NAME: &'static str = "create_oauth_app";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::CreateOauthApp];
    // An app that sets attributes needs more scopes.
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

/// Change an OAuth app; absent fields and the secret stay as they are.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdateOAuthApp {
    /// ID or name of the app.
    app: String,
    /// New name of the app.
    name: Option<String>,
    /// Redirect URIs that replace all it has.
    redirect_uris: Option<Vec<String>>,
    /// OAuth scopes that replace all it has.
    scopes: Option<Vec<String>>,
    /// New description; empty removes it.
    description: Option<String>,
    /// Node attributes that replace all it has.
    node_attributes: Option<Vec<String>>,
}

impl Edit for UpdateOAuthApp {
    const NAME: &'static str = "update_oauth_app";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListOauthApps, Operation::GetOauthApp, Operation::UpdateOauthApp];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let Self { app, name, redirect_uris, scopes, description, node_attributes } = self;
        let update = App { name, description, redirect_uris, scopes, node_attributes };
        tailnet.oauth_apps().plan_update(&app, &update).await
    }
}

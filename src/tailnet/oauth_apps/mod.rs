//! OAuth apps, which act on behalf of the users who authorize them.

use std::net::IpAddr;

use serde_json::{Map, Value};

#[cfg(feature = "server")]
pub(crate) mod tools;

pub use crate::api::types::OAuthApp;
use crate::{
    Error, ErrorKind, Operation,
    change::{Plan, Secrets},
    client::Result,
    tailnet::resource::{Listed, Resource, ResourceSpec, Resources},
};

pub(crate) const APP: &ResourceSpec = &ResourceSpec {
    parameter: "app",
    removal: Some("whatever uses it stops working"),
    listed: Some((Operation::ListOauthApps, "oauthApps")),
    names: &["name"],
    make: Some(Operation::CreateOauthApp),
    change: Some(Operation::UpdateOauthApp),
    remove: Some(Operation::DeleteOauthApp),
    once: &["clientSecret"],
    explain: Some(explain),
    ..ResourceSpec::new(
        "OAuth app",
        "appId",
        "id",
        Operation::GetOauthApp,
        &["name", "description", "redirectURIs", "scopes", "allowedNodeAttributes"],
    )
};

/// The maximum length of a description, in characters.
const MAX_DESCRIPTION_LENGTH: usize = 300;

/// The fields of an OAuth app. In an update, `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct App {
    /// Name: 3 to 50 letters, digits, dots, underscores and dashes.
    pub name: Option<String>,
    /// Description; empty removes it.
    pub description: Option<String>,
    /// Redirect URIs: `https` with a host name, or localhost.
    pub redirect_uris: Option<Vec<String>>,
    /// OAuth scopes of the app.
    pub scopes: Option<Vec<String>>,
    /// Custom posture attributes (`custom:…`) that the app may set.
    pub node_attributes: Option<Vec<String>>,
}

impl App {
    /// Checks the given fields and returns them under their API names.
    fn fields(&self) -> Result<Map<String, Value>> {
        let mut fields = Map::new();
        if let Some(name) = &self.name {
            fields.insert("name".to_owned(), checked_name(name)?.into());
        }
        if let Some(text) = &self.description {
            if text.chars().count() > MAX_DESCRIPTION_LENGTH {
                let should = format!("must have {MAX_DESCRIPTION_LENGTH} characters at most");
                return Err(Error::invalid_input("description", should));
            }
            fields.insert("description".to_owned(), text.as_str().into());
        }
        if let Some(uris) = &self.redirect_uris {
            some("redirect_uris", uris)?;
            uris.iter().try_for_each(|it| check_redirect(it))?;
            fields.insert("redirectURIs".to_owned(), uris.clone().into());
        }
        if let Some(scopes) = &self.scopes {
            some("scopes", scopes)?;
            fields.insert("scopes".to_owned(), scopes.clone().into());
        }
        if let Some(attributes) = &self.node_attributes {
            if let Some(bad) = attributes.iter().find(|it| !it.starts_with("custom:")) {
                let should = format!("has `{bad}`; only `custom:` attributes can be set");
                return Err(Error::invalid_input("node_attributes", should));
            }
            fields.insert("allowedNodeAttributes".to_owned(), attributes.clone().into());
        }
        Ok(fields)
    }
}

impl Resource for OAuthApp {
    const SPEC: &'static ResourceSpec = APP;
}

impl Listed for OAuthApp {}

/// The OAuth apps of a tailnet: [`list`](Resources::list) reads all
/// (`GET /tailnet/{tailnet}/oauth-apps`), [`get`](Resources::get) one by ID or name
/// (`GET /tailnet/{tailnet}/oauth-apps/{appId}`), and [`plan_delete`](Resources::plan_delete) plans
/// to delete one (`DELETE /tailnet/{tailnet}/oauth-apps/{appId}`). OAuth apps are an alpha feature:
/// in a tailnet without it, calls fail with [`Forbidden`](ErrorKind::Forbidden) or
/// [`NotFound`](ErrorKind::NotFound).
pub type OAuthApps<'a> = Resources<'a, OAuthApp>;

impl Resources<'_, OAuthApp> {
    /// Plans to create an OAuth app (`POST /tailnet/{tailnet}/oauth-apps`). The report shows its
    /// secret once.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a missing or invalid field.
    pub fn plan_create(&self, app: &App) -> Result<Plan> {
        for (field, there) in [
            ("name", app.name.is_some()),
            ("redirect_uris", app.redirect_uris.is_some()),
            ("scopes", app.scopes.is_some()),
        ] {
            if !there {
                return Err(Error::invalid_input(field, "is required"));
            }
        }
        let name = app.name.as_deref().unwrap_or_default();
        let to = app.fields()?.into();
        Ok(APP.plan_make("", name, &to, Secrets::new()).warned(warnings(app)))
    }

    /// Plans to change an OAuth app (`PUT /tailnet/{tailnet}/oauth-apps/{appId}`). Its secret stays.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get); [`InvalidInput`](ErrorKind::InvalidInput) for an invalid field.
    pub async fn plan_update(&self, app: &str, update: &App) -> Result<Plan> {
        let fields = update.fields()?;
        if fields.is_empty() {
            let fields = "name, description, redirect_uris, scopes and node_attributes";
            return Err(Error::nothing_to_change(fields));
        }
        let (id, name) = self.identify(app).await?;
        let now = APP.get(self.tailnet(), &id).await?;
        let plan = APP.plan_change(&id, &name, &now, &fields, Secrets::new());
        let warnings = if plan.is_empty() { Vec::new() } else { warnings(update) };
        Ok(plan.warned(warnings))
    }
}

fn checked_name(name: &str) -> Result<&str> {
    let allowed = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
    if !(3..=50).contains(&name.len()) || !name.chars().all(allowed) {
        let should =
            format!("is `{name}`; use 3 to 50 letters, digits, dots, underscores and dashes");
        return Err(Error::invalid_input("name", should));
    }
    Ok(name)
}

fn some(field: &str, list: &[String]) -> Result<()> {
    if list.is_empty() {
        return Err(Error::invalid_input(field, "must have at least one entry"));
    }
    Ok(())
}

/// Checks a redirect URI: `https` with a host name, or any scheme on localhost.
fn check_redirect(uri: &str) -> Result<()> {
    let fits = url::Url::parse(uri).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let address: Option<IpAddr> = host.parse().ok();
        let here = host == "localhost" || address.is_some_and(|it| it.is_loopback());
        here || (url.scheme() == "https" && !host.is_empty() && address.is_none())
    });
    if fits {
        return Ok(());
    }
    let should = format!("has `{uri}`; use `https://` with a host name, or localhost");
    Err(Error::invalid_input("redirect_uris", should))
}

fn warnings(app: &App) -> Vec<String> {
    let wide = |it: &&String| matches!(it.as_str(), "all" | "all:read");
    let scopes = app.scopes.iter().flatten().filter(wide);
    scopes
        .map(|it| format!("the scope `{it}` covers everything, including what is added later"))
        .collect()
}

/// Adds a remedy: OAuth apps are an alpha feature, which the API does not offer in every tailnet.
fn explain(error: Error) -> Error {
    let all =
        matches!(error.operation(), Some(Operation::ListOauthApps | Operation::CreateOauthApp));
    let absent = error.kind() == ErrorKind::NotFound && all;
    if absent || error.kind() == ErrorKind::Forbidden {
        return error.with_remedy(
            "OAuth apps are an alpha feature: ask Tailscale to turn them on for the tailnet; the \
             credential needs the scope `oauth_apps`, and `devices:posture_attributes` for node \
             attributes",
        );
    }
    error
}

//! The organization that a tailnet belongs to: its tailnets, and new ones. An alpha feature of the API.
//!
//! A tailnet that is created here has no users and is not in the admin console; it is managed with the
//! OAuth client that comes with it. Deleting a tailnet is not offered.

use serde_json::{Value, json};

pub(crate) mod change;
#[cfg(feature = "server")]
pub(crate) mod tools;

pub use crate::api::types::OrganizationTailnet;
use crate::{
    Error, ErrorKind, Operation,
    change::{Change, Plan, Risk},
    client::{
        Result,
        call::{self, Call},
    },
    tailnet::Tailnet,
};

/// Names the organization that the credential belongs to.
const OWN: [(&str, &str); 1] = [("organization", "-")];

/// Where a tailnet can be deleted.
pub(crate) const ELSEWHERE: &str = "delete a tailnet in the admin console; one that was created through the API is \
                                    not shown there, and must be deleted through the API with its own OAuth client";

/// The most pages that are read. A page has 100 tailnets.
const MAX_PAGES: usize = 1_000;

/// The organization of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Organization<'a> {
    tailnet: &'a Tailnet,
}

impl<'a> Organization<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists the tailnets of the organization, the original one and those that were created through the
    /// API (`GET /organizations/-/tailnets`, all pages).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](ErrorKind::Forbidden) without the scope `tailnets:read`.
    pub async fn tailnets(&self) -> Result<Vec<OrganizationTailnet>> {
        let operation = Operation::ListOrganizationTailnets;
        let mut all: Vec<OrganizationTailnet> = Vec::new();
        let mut query = Vec::new();
        for _ in 0..MAX_PAGES {
            let call = Call { query: &query, ..Call::on(&OWN) };
            let answer = self.tailnet.client().call(operation, call).await.map_err(explain)?;
            let next = call::member(&answer, "cursor").and_then(Value::as_str).map(str::to_owned);
            all.extend(call::typed_list(operation, call::records(answer, "tailnets"))?);
            let Some(cursor) = next else { return Ok(all) };
            let next = vec![("cursor".to_owned(), cursor)];
            if next == query {
                return Err(call::odd(operation, "the response repeats the page cursor"));
            }
            query = next;
        }
        Err(call::odd(operation, "the list does not end"))
    }

    /// Plans to create a tailnet (`POST /organizations/-/tailnets`). The report shows the secret of its
    /// OAuth client once, as `oauthClient.secret`. The change is irreversible.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a display name that is not made of letters, digits,
    /// spaces, apostrophes and hyphens; [`Conflict`](ErrorKind::Conflict) if another tailnet of the
    /// organization has it.
    pub async fn plan_create(&self, display_name: &str) -> Result<Plan> {
        let name = checked(display_name)?;
        let all = self.tailnets().await?;
        if let Some(taken) = all.iter().find(|it| it.display_name.as_deref() == Some(name)) {
            let id = taken.id.as_deref().unwrap_or("an unknown ID");
            return Err(exists(name, &format!(": {id}")));
        }
        let to = json!({ change::DISPLAY_NAME: name });
        let change = Change::new(change::CONFIGURATION, Value::Null, to).irreversible();
        let mut plan = Plan::one(&change::Tailnets, "", name, vec![change]);
        plan.least = Risk::Danger;
        Ok(plan.warned(vec![
            "Tailsteward cannot delete the tailnet later".to_owned(),
            "it creates an OAuth client with the scope `all` for the new tailnet; its secret is shown \
             once and cannot be read again"
                .to_owned(),
        ]))
    }
}

/// Checks a display name, and returns it without surrounding spaces.
fn checked(display_name: &str) -> Result<&str> {
    let name = display_name.trim();
    let allowed = |it: char| it.is_alphanumeric() || matches!(it, ' ' | '\'' | '-');
    if name.is_empty() || !name.chars().all(allowed) {
        let should = "must be letters, digits, spaces, apostrophes and hyphens, such as \
                      `Production staging`";
        return Err(Error::invalid_input("display_name", should));
    }
    Ok(name)
}

/// The error for a display name that another tailnet has.
fn exists(name: &str, which: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("the organization has a tailnet `{name}` already{which}"),
    )
    .with_remedy("choose another display name, or use that tailnet")
}

/// Adds a remedy: organizations are an alpha feature with a scope of their own.
fn explain(error: Error) -> Error {
    if !matches!(error.kind(), ErrorKind::Forbidden | ErrorKind::NotFound) {
        return error;
    }
    error.with_remedy(
        "managing the tailnets of an organization is an alpha feature of Tailscale's API: the credential \
         needs the scope `tailnets:read` to list them and `tailnets` to create one",
    )
}

//! The tools of the invitations to join.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::InviteRole;
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, List, Page, Part, Query, Toolset, all_but, edit, list, none_or_some, query, row},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "user_invites",
    about: "Invitations to join the tailnet.",
    instructions: "Invites need the API access token of a user; `invite` takes an id or an address.",
    default: false,
    tools: &[
        list::<ListUserInvites>(),
        query::<GetUserInvite>(),
        edit::<InviteUsers>(),
        edit::<ResendUserInvite>(),
        edit::<DeleteUserInvite>(),
    ],
};

/// What is shown of one. Its link is a secret.
const FIELDS: &[&str] = &["id", "email", "role", "inviterId", "lastEmailSentAt"];

/// List the open invites to join the tailnet.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListUserInvites {}

impl List for ListUserInvites {
    const NAME: &'static str = "list_user_invites";
    const OPERATIONS: &'static [Operation] = &[Operation::ListUserInvites];
    // The document names none.
    const SCOPES: &'static [&'static str] = &["users:read"];
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let all = tailnet.user_invites().list().await?;
        let rows: Vec<_> = all.iter().map(|it| row(it, FIELDS)).collect();
        Page::of("invites", &rows, &part)
    }
}

/// Show one open invite to join the tailnet.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetUserInvite {
    /// Its id or address.
    invite: String,
}

impl Query for GetUserInvite {
    const NAME: &'static str = "get_user_invite";
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUserInvites, Operation::GetUserInvite];
    const SCOPES: &'static [&'static str] = &["users:read"];
    type Output = Map<String, Value>;

    async fn call(self, tailnet: &Tailnet) -> Result<Self::Output> {
        Ok(all_but(&tailnet.user_invites().get(&self.invite).await?, &["inviteUrl"]))
    }
}

/// Invite people to join the tailnet, by mail or by a link that is shown once.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct InviteUsers {
    /// Whom to mail; none for one link.
    emails: Option<Vec<String>>,
    /// Role of the invited; usually `member`.
    role: Option<InviteRole>,
}

impl Edit for InviteUsers {
    const NAME: &'static str = "invite_users";
    const RISK: Risk = Risk::Change;
    // Several at once, or with a role that is more than a member's.
    const WORST: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUserInvites, Operation::CreateUserInvites];
    const SCOPES: &'static [&'static str] = &["users"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let role = self.role.unwrap_or(InviteRole::Member);
        let emails = none_or_some("emails", self.emails)?;
        tailnet.user_invites().plan_invite(&emails, role).await
    }
}

/// Mail an open invite to join again, once a minute at most.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ResendUserInvite {
    /// Its id or address.
    invite: String,
}

impl Edit for ResendUserInvite {
    const NAME: &'static str = "resend_user_invite";
    // What is mailed is mailed.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUserInvites, Operation::ResendUserInvite];
    const SCOPES: &'static [&'static str] = &["users"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.user_invites().plan_mail(&self.invite).await
    }
}

/// Withdraw an open invite to join; its link stops working.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DeleteUserInvite {
    /// Its id or address.
    invite: String,
}

impl Edit for DeleteUserInvite {
    const NAME: &'static str = "delete_user_invite";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUserInvites, Operation::GetUserInvite, Operation::DeleteUserInvite];
    const SCOPES: &'static [&'static str] = &["users"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.user_invites().plan_remove(&self.invite).await
    }
}

//! Tools for user invites.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{InviteRole, UserInvite};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::resource::tools::{DeleteOne, GetOne, ListOf, ListTool, Tools, Words},
    tool::{Edit, Toolset, edit, list, none_or_some, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "user_invites",
    about: "Invitations to join the tailnet.",
    instructions: "Invites need a user's API access token; `invite` takes an ID or an address.",
    default: false,
    tools: &[
        list::<ListOf<UserInvite>>(),
        query::<GetOne<UserInvite>>(),
        edit::<InviteUsers>(),
        edit::<ResendUserInvite>(),
        edit::<DeleteOne<UserInvite>>(),
    ],
};

impl Tools for UserInvite {
    const TAKES: &'static str = "ID or email address of the invite.";
    const GET: Words = ("get_user_invite", "Show one open invite to join the tailnet.");
    const DELETE: Words =
        ("delete_user_invite", "Withdraw an open invite to join; its link stops working.");
    // Tailscale's OpenAPI document names no scopes for user invites.
    const READ_SCOPES: &'static [&'static str] = &["users:read"];
    const DELETE_SCOPES: &'static [&'static str] = &["users"];
}

impl ListTool for UserInvite {
    const LIST: Words = ("list_user_invites", "List the open invites to join the tailnet.");
    const ROWS: &'static str = "invites";
    const FIELDS: &'static [&'static str] =
        &["id", "email", "role", "inviterId", "lastEmailSentAt"];
}

/// Invite people to join the tailnet, by email or by a link that is shown once.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct InviteUsers {
    /// Email addresses to invite; without any, one link is created.
    emails: Option<Vec<String>>,
    /// Role of the invited users; default `member`.
    role: Option<InviteRole>,
}

impl Edit for InviteUsers {
    const NAME: &'static str = "invite_users";
    const RISK: Risk = Risk::Danger;
    // Several invites at once, or a role above member.
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUserInvites, Operation::CreateUserInvites];
    const SCOPES: &'static [&'static str] = &["users"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let role = self.role.unwrap_or(InviteRole::Member);
        let emails = none_or_some("emails", self.emails)?;
        tailnet.user_invites().plan_invite(&emails, role).await
    }
}

/// Resend (email) an open invite to join, at most once a minute.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ResendUserInvite {
    /// ID or email address of the invite.
    invite: String,
}

impl Edit for ResendUserInvite {
    const NAME: &'static str = "resend_user_invite";
    // An email that was sent cannot be recalled.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUserInvites, Operation::ResendUserInvite];
    const SCOPES: &'static [&'static str] = &["users"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.user_invites().plan_mail(&self.invite).await
    }
}

//! User tools.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Role, User, UserKind, UserState, change, find, offboard::Offboard};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::devices::{Revocation, device::relative},
    tool::{Edit, List, Page, Part, Query, Toolset, edit, list, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "users",
    about: "Users of the tailnet.",
    instructions: "`user` takes a login name, its start or an ID; suspending, deleting and \
                   offboarding need the full login name or ID.",
    default: false,
    tools: &[
        list::<ListUsers>(),
        query::<GetUser>(),
        edit::<SetUserRole>(),
        edit::<ApproveUser>(),
        edit::<SuspendUser>(),
        edit::<RestoreUser>(),
        edit::<DeleteUser>(),
        edit::<OffboardUser>(),
    ],
};

const READS: [Operation; 2] = [Operation::ListUsers, Operation::GetUser];

/// List users, by role (such as admins), status (such as suspended) or name.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ListUsers {
    /// Part of the login or display name.
    text: Option<String>,
    /// Only users with this role.
    role: Option<Role>,
    /// `shared`: users of other tailnets.
    r#type: Option<UserKind>,
    /// Only users with this status.
    status: Option<UserState>,
}

/// A user in the list.
#[derive(Debug, Serialize)]
struct Row<'a> {
    login: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    role: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shared: bool,
    id: &'a str,
}

impl List for ListUsers {
    const NAME: &'static str = "list_users";
    const OPERATIONS: &'static [Operation] = &[Operation::ListUsers];
    type Output = Page;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Page> {
        let users = tailnet.users().everybody().await?;
        let now = Timestamp::now();
        let rows: Vec<Row<'_>> =
            users.iter().filter(|it| self.takes(it)).map(|it| Row::of(it, now)).collect();
        Ok(Page::of("users", &rows, &part)?.out_of(users.len()))
    }
}

impl ListUsers {
    fn takes(&self, user: &User) -> bool {
        let is = |wanted: Option<&str>, it: String| wanted.is_none_or(|wanted| wanted == it);
        let named = self.text.as_ref().is_none_or(|text| {
            let text = text.to_lowercase();
            let display = user.display_name.as_deref().unwrap_or_default();
            [find::login(user), display].iter().any(|it| it.to_lowercase().contains(&text))
        });
        named
            && is(self.role.map(Role::as_str), change::role_of(user))
            && is(self.status.map(UserState::as_str), change::status_of(user))
            && is(self.r#type.map(UserKind::as_str), kind_of(user))
    }
}

fn kind_of(user: &User) -> String {
    user.type_.as_ref().map(ToString::to_string).unwrap_or_default()
}

impl<'a> Row<'a> {
    fn of(user: &'a User, now: Timestamp) -> Self {
        let seen = || user.last_seen.as_ref().and_then(crate::wire::Timestamp::instant);
        let seen = match user.currently_connected {
            Some(true) => Some("online".to_owned()),
            _ => seen().map(|it| relative(it, now)),
        };
        let login = find::login(user);
        Self {
            login,
            name: user.display_name.as_deref().filter(|it| !it.is_empty() && *it != login),
            role: change::role_of(user),
            status: change::status_of(user),
            devices: user.device_count,
            seen,
            shared: kind_of(user) == "shared",
            id: find::id(user),
        }
    }
}

/// Show everything the API knows about a user, with devices and last-seen time.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetUser {
    /// Login name, its start or ID.
    user: String,
}

impl Query for GetUser {
    const NAME: &'static str = "get_user";
    const OPERATIONS: &'static [Operation] = &READS;
    type Output = User;

    async fn call(self, tailnet: &Tailnet) -> Result<User> {
        tailnet.users().get(&self.user).await
    }
}

/// Change a user's role: make them admin, network admin, IT admin, auditor or member.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SetUserRole {
    /// Login name, its start or ID.
    user: String,
    /// The new role.
    role: Role,
}

impl Edit for SetUserRole {
    const NAME: &'static str = "set_user_role";
    // The role decides what the user may do to everybody else.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUsers, Operation::GetUser, Operation::UpdateUserRole];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.users().plan_role(&self.user, self.role).await
    }
}

/// Approve a user who needs approval.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ApproveUser {
    /// Login name, its start or ID.
    user: String,
}

impl Edit for ApproveUser {
    const NAME: &'static str = "approve_user";
    // No call withdraws an approval.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUsers, Operation::GetUser, Operation::ApproveUser];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.users().plan_approve(&self.user).await
    }
}

/// Suspend a user: they and their devices lose access until restored.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SuspendUser {
    /// Full login name or ID.
    user: String,
}

impl Edit for SuspendUser {
    const NAME: &'static str = "suspend_user";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUsers, Operation::GetUser, Operation::SuspendUser];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.users().plan_suspended(&self.user, true).await
    }
}

/// Restore a suspended user.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RestoreUser {
    /// Login name, its start or ID.
    user: String,
}

impl Edit for RestoreUser {
    const NAME: &'static str = "restore_user";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUsers, Operation::GetUser, Operation::RestoreUser];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.users().plan_suspended(&self.user, false).await
    }
}

/// Delete a user and all their devices (irreversible).
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DeleteUser {
    /// Full login name or ID.
    user: String,
}

impl Edit for DeleteUser {
    const NAME: &'static str = "delete_user";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListUsers, Operation::GetUser, Operation::DeleteUser];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.users().plan_delete(&self.user).await
    }
}

/// Offboard a user: suspend them, deauthorize or remove their devices, revoke their keys and invites,
/// and remove them from the policy file.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct OffboardUser {
    /// Full login name or ID.
    user: String,
    /// What to do with their devices.
    #[serde(default)]
    devices: Revocation,
    /// Not changed: device names or IDs, key or invite IDs, or `policy`.
    #[serde(default)]
    keep: Vec<String>,
}

impl Edit for OffboardUser {
    const NAME: &'static str = "offboard_user";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[
        Operation::ListUsers,
        Operation::GetUser,
        Operation::SuspendUser,
        Operation::ListTailnetDevices,
        Operation::AuthorizeDevice,
        Operation::DeleteDevice,
        Operation::ListDeviceInvites,
        Operation::GetDeviceInvite,
        Operation::DeleteDeviceInvite,
        Operation::ListTailnetKeys,
        Operation::GetKey,
        Operation::DeleteKey,
        Operation::ListUserInvites,
        Operation::GetUserInvite,
        Operation::DeleteUserInvite,
        Operation::GetPolicyFile,
        Operation::ValidateAndTestPolicyFile,
        Operation::SetPolicyFile,
    ];
    // What else the credential may not read is left out, with a warning.
    const SCOPES: &'static [&'static str] = &["users", "devices:core"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let options = Offboard { devices: self.devices, keep: self.keep };
        tailnet.users().plan_offboard(&self.user, &options).await
    }
}

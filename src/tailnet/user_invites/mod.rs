//! User invites: invitations to join the tailnet. Anybody who has the link of an invite can accept it.

#[cfg(feature = "server")]
pub(crate) mod tools;

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    Error, ErrorKind, Operation,
    change::{Plan, Risk, Secrets},
    client::{Action, Result, call},
    tailnet::{
        email,
        resource::{Listed, Resource, ResourceSpec, Resources},
    },
};
pub use crate::{api::types::UserInvite, values::InviteRole};

pub(crate) const USER_INVITE: &ResourceSpec = &ResourceSpec {
    parameter: "invite",
    listed: Some((Operation::ListUserInvites, "")),
    names: &["email"],
    make: Some(Operation::CreateUserInvites),
    makes_lists: true,
    remove: Some(Operation::DeleteUserInvite),
    once: &["inviteUrl"],
    actions: &[(MAIL, Operation::ResendUserInvite)],
    explain: Some(of_a_user),
    ..ResourceSpec::new(
        "user invite",
        "userInviteId",
        "id",
        Operation::GetUserInvite,
        &["role", "email"],
    )
};

/// The name of the action that mails an invite again.
const MAIL: &str = "mail_again";

/// The name of an invite without an email address.
const BY_LINK: &str = "by link";

/// The maximum number of invites in one change.
const MAX_INVITES: usize = 100;

/// Adds a remedy to a refusal: only a user's API access token can create invites.
pub(crate) fn of_a_user(error: Error) -> Error {
    let by_a_user = error.operation().is_some_and(|it| it.scopes().is_empty() && !it.reads());
    if error.kind() != ErrorKind::Forbidden || !by_a_user {
        return error;
    }
    error.with_remedy(
        "invites need the API access token of a user who may invite; OAuth clients and federated \
         identities cannot invite",
    )
}

impl Resource for UserInvite {
    const SPEC: &'static ResourceSpec = USER_INVITE;
}

impl Listed for UserInvite {}

/// The open invites to a tailnet: [`list`](Resources::list) reads all
/// (`GET /tailnet/{tailnet}/user-invites`), [`get`](Resources::get) one by ID or address
/// (`GET /user-invites/{userInviteId}`), and [`plan_delete`](Resources::plan_delete) plans to
/// withdraw one (`DELETE /user-invites/{userInviteId}`).
pub type UserInvites<'a> = Resources<'a, UserInvite>;

impl Resources<'_, UserInvite> {
    /// Plans to invite people to join with `role` (`POST /tailnet/{tailnet}/user-invites`). Each
    /// address gets an email; without addresses, the plan creates one link to pass on.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an invalid email address;
    /// [`Conflict`](ErrorKind::Conflict) if an address is invited already.
    pub async fn plan_invite(&self, emails: &[String], role: InviteRole) -> Result<Plan> {
        let emails = addresses(emails)?;
        let open = self.list().await?;
        let invited = |email: &String| {
            open.iter()
                .any(|it| it.email.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(email)))
        };
        if let Some(email) = emails.iter().find(|it| invited(it)) {
            let message = format!("`{email}` is already invited");
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_remedy("resend the invite, or delete it first")
                .with_action(Action::Call(Operation::ResendUserInvite)));
        }
        let one = |email: &str| {
            let name = if email.is_empty() { BY_LINK } else { email };
            let to = json!({ "role": role, "email": email });
            USER_INVITE.plan_make("", name, &to, Secrets::new()).items
        };
        let items = if emails.is_empty() {
            one("")
        } else {
            emails.iter().flat_map(|it| one(it)).collect()
        };
        let mut plan = Plan::new(items);
        if !emails.is_empty() {
            plan.warnings.push("the mail with the link cannot be unsent".to_owned());
        }
        if role != InviteRole::Member {
            plan.least = Risk::Danger;
            plan.warnings.push(format!("anyone who accepts it becomes `{role}` immediately"));
        }
        Ok(plan)
    }

    /// Plans to mail an invite again (`POST /user-invites/{userInviteId}/resend`). The API allows
    /// this once a minute.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get); [`Refused`](ErrorKind::Refused) for an invite without an address.
    pub async fn plan_mail(&self, invite: &str) -> Result<Plan> {
        let found = USER_INVITE.find(self.tailnet(), invite).await?;
        has_address(call::member(&found, "email").is_some())?;
        Ok(USER_INVITE.plan_action(MAIL, &USER_INVITE.id(&found), &USER_INVITE.name(&found)))
    }
}

/// Refuses to mail an invite that has no email address.
pub(crate) fn has_address(has: bool) -> Result<()> {
    if has {
        return Ok(());
    }
    Err(Error::refused(
        "the invite has no email address, so it cannot be sent by email",
        "pass on its link, or create a new invite with an address",
    ))
}

fn addresses(emails: &[String]) -> Result<Vec<String>> {
    if emails.len() > MAX_INVITES {
        return Err(Error::invalid_input("emails", format!("must be at most {MAX_INVITES}")));
    }
    let emails: Vec<String> =
        emails.iter().map(|it| email::check("emails", it)).collect::<Result<_>>()?;
    let mut seen = BTreeSet::new();
    match emails.iter().find(|it| !seen.insert(it.to_lowercase())) {
        Some(twice) => Err(Error::invalid_input("emails", format!("has `{twice}` twice"))),
        None => Ok(emails),
    }
}

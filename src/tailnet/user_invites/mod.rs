//! Invitations to join the tailnet. Whoever has the link of one can accept it.

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

/// It is mailed again.
const MAIL: &str = "mail_again";

/// What an invite is called that has no address.
const BY_LINK: &str = "by link";

/// The most that are made at once.
const MAX_INVITES: usize = 100;

/// Says of a refusal that somebody has to be the one who invites.
pub(crate) fn of_a_user(error: Error) -> Error {
    let by_a_user = error.operation().is_some_and(|it| it.scopes().is_empty() && !it.reads());
    if error.kind() != ErrorKind::Forbidden || !by_a_user {
        return error;
    }
    error.with_remedy(
        "invites come from a user: it takes the API access token of a user who may invite; OAuth \
         clients and federated identities cannot",
    )
}

impl Resource for UserInvite {
    const SPEC: &'static ResourceSpec = USER_INVITE;
}

impl Listed for UserInvite {}

/// The open invitations to join a tailnet: [`list`](Resources::list)
/// (`GET /tailnet/{tailnet}/user-invites`), [`get`](Resources::get) by id or address
/// (`GET /user-invites/{userInviteId}`), and [`plan_delete`](Resources::plan_delete), which
/// withdraws one (`DELETE /user-invites/{userInviteId}`).
pub type UserInvites<'a> = Resources<'a, UserInvite>;

impl Resources<'_, UserInvite> {
    /// Plans to invite people to join as `role` (`POST /tailnet/{tailnet}/user-invites`). Each gets
    /// a mail; without any address there is one link to pass on.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for what is no address;
    /// [`Conflict`](ErrorKind::Conflict) for somebody who is invited already.
    pub async fn plan_invite(&self, emails: &[String], role: InviteRole) -> Result<Plan> {
        let emails = addresses(emails)?;
        let open = self.list().await?;
        let invited = |email: &String| {
            open.iter()
                .any(|it| it.email.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(email)))
        };
        if let Some(email) = emails.iter().find(|it| invited(it)) {
            let message = format!("`{email}` is invited already");
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
        if role != InviteRole::Member {
            plan.least = Risk::Danger;
            plan.warnings.push(format!("whoever accepts it is `{role}` at once"));
        }
        Ok(plan)
    }

    /// Plans to mail one again (`POST /user-invites/{userInviteId}/resend`), which is allowed once
    /// a minute.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); [`Refused`](ErrorKind::Refused) for one without an address.
    pub async fn plan_mail(&self, invite: &str) -> Result<Plan> {
        let found = USER_INVITE.find(self.tailnet(), invite).await?;
        has_address(call::member(&found, "email").is_some())?;
        Ok(USER_INVITE.plan_action(MAIL, &USER_INVITE.id(&found), &USER_INVITE.name(&found)))
    }
}

/// Only what was mailed can be mailed again.
pub(crate) fn has_address(has: bool) -> Result<()> {
    if has {
        return Ok(());
    }
    Err(Error::refused(
        "it was made without an address, so there is nobody to mail it to",
        "pass its link on, or make a new one with an address",
    ))
}

fn addresses(emails: &[String]) -> Result<Vec<String>> {
    if emails.len() > MAX_INVITES {
        return Err(Error::invalid_input("emails", format!("must be {MAX_INVITES} at most")));
    }
    let emails: Vec<String> =
        emails.iter().map(|it| email::check("emails", it)).collect::<Result<_>>()?;
    let mut seen = BTreeSet::new();
    match emails.iter().find(|it| !seen.insert(it.to_lowercase())) {
        Some(twice) => Err(Error::invalid_input("emails", format!("has `{twice}` twice"))),
        None => Ok(emails),
    }
}

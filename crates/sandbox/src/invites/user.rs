//! User invites: to join the tailnet.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::audit::{Event, Target};
use super::super::clock::whole_seconds;
use super::super::http::{Call, Failure, Outcome, Reply};
use super::super::ids;
use super::super::state::null_as_default;
use super::{check_email, check_resend};

/// The roles that an invite can have; there is no invite for the owner.
const ROLES: &[&str] =
    &["member", "admin", "it-admin", "network-admin", "billing-admin", "auditor"];

/// An invite to join the tailnet. It is never accepted: nobody joins a sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UserInvite {
    id: String,
    role: String,
    inviter_id: String,
    email: String,
    sent: Option<Timestamp>,
    code: String,
}

impl UserInvite {
    fn target(&self) -> Target {
        Target::invite(&self.id, &self.email)
    }

    /// The invite as the API returns it, with numbers in strings as IDs. Users of the tailnet's own domain get an email, and no link.
    fn wire(&self, tailnet: &str, domain: &str) -> Value {
        let mut value = json!({
            "id": self.id,
            "role": self.role,
            "tailnetId": ids::numeric(tailnet),
            "inviterId": ids::numeric(&self.inviter_id),
        });
        let is_colleague = self.email.strip_suffix(domain).is_some_and(|it| it.ends_with('@'));
        if let Some(fields) = value.as_object_mut() {
            if !self.email.is_empty() {
                fields.insert("email".to_owned(), json!(self.email));
            }
            if let Some(sent) = self.sent {
                fields.insert("lastEmailSentAt".to_owned(), json!(sent));
            }
            if !is_colleague {
                let url = format!("https://login.tailscale.com/admin/invite/{}", self.code);
                fields.insert("inviteUrl".to_owned(), json!(url));
            }
        }
        value
    }
}

impl Call<'_> {
    fn user_invite(&mut self) -> Result<&mut UserInvite, Failure> {
        let id = self.param("userInviteId");
        let found = self.state.user_invites.iter_mut().find(|invite| invite.id == id);
        found.ok_or_else(|| Failure::not_found("invite not found"))
    }

    fn wire_user_invite(&self, invite: &UserInvite) -> Value {
        invite.wire(&self.state.identity.id, &self.state.identity.name)
    }
}

/// `GET /tailnet/{tailnet}/user-invites`: `null` if there are none, as in the real API.
pub(crate) fn list_users(call: &mut Call<'_>) -> Outcome {
    let all: Vec<Value> =
        call.state.user_invites.iter().map(|it| call.wire_user_invite(it)).collect();
    Reply::json(&Some(all).filter(|all| !all.is_empty()))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default, deserialize_with = "null_as_default")]
    role: String,
    #[serde(default, deserialize_with = "null_as_default")]
    email: String,
}

/// `POST /tailnet/{tailnet}/user-invites`: creates all invites in the list, or none.
pub(crate) fn create_users(call: &mut Call<'_>) -> Outcome {
    let mut wanted: Vec<Wanted> = call.json_list()?;
    for it in &mut wanted {
        if it.role.is_empty() {
            "member".clone_into(&mut it.role);
        }
        if !ROLES.contains(&it.role.as_str()) {
            return Err(Failure::bad_request(format!("invalid role {:?}", it.role)));
        }
        check_email(&it.email)?;
        if call.state.users.iter().any(|user| !user.is_shared && *user.login_name == *it.email) {
            return Err(Failure::bad_request(format!("{} is a user already", it.email)));
        }
    }
    let now = whole_seconds(call.now);
    let inviter_id = call.principal.user_id.clone().unwrap_or_default();
    let mut made = Vec::new();
    for Wanted { role, email } in wanted {
        let rng = &mut call.state.rng;
        made.push(UserInvite {
            id: rng.u64(100_000..1_000_000_000).to_string(),
            role,
            inviter_id: inviter_id.clone(),
            sent: Some(now).filter(|_| !email.is_empty()),
            email,
            code: ids::letters(rng, 24),
        });
    }
    let event = |it: &UserInvite| {
        Event::new("CREATE", it.target()).property("TAILNET_INVITE", Value::Null, json!(it.role))
    };
    call.record_all(made.iter().map(event).collect());
    let answer: Vec<Value> = made.iter().map(|it| call.wire_user_invite(it)).collect();
    call.state.user_invites.extend(made);
    Reply::json(&answer)
}

/// `GET /user-invites/{userInviteId}`.
pub(crate) fn get_user(call: &mut Call<'_>) -> Outcome {
    let invite = call.user_invite()?.clone();
    Reply::json(&call.wire_user_invite(&invite))
}

/// `DELETE /user-invites/{userInviteId}`.
pub(crate) fn delete_user(call: &mut Call<'_>) -> Outcome {
    let invite = call.user_invite()?.clone();
    call.state.user_invites.retain(|kept| kept.id != invite.id);
    let event = Event::new("DELETE", invite.target());
    call.record(event.property("TAILNET_INVITE", json!(invite.role), Value::Null));
    Ok(Reply::empty())
}

/// `POST /user-invites/{userInviteId}/resend`.
pub(crate) fn resend_user(call: &mut Call<'_>) -> Outcome {
    let now = call.now;
    let invite = call.user_invite()?;
    check_resend(&invite.email, invite.sent, now)?;
    invite.sent = Some(whole_seconds(now));
    let event = Event::new("RESEND", invite.target());
    call.record(event.property("TAILNET_INVITE", Value::Null, Value::Null));
    Ok(Reply::empty())
}

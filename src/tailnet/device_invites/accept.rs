//! Accepts a device invite from another tailnet. The invite link is a secret and is never recorded.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    Error, Operation, Tailnet,
    change::{Change, Compare, Fields, Plan, Secrets, Subject, Write, Written},
    client::{
        Action, Result,
        call::{self, Call},
    },
    tailnet::user_invites,
    wire::Secret,
};

const ACCEPTED: &str = "accepted";
/// The request field that holds the invite link or code.
const INVITE: &str = "invite";

pub(super) fn plan(invite: &Secret) -> Result<Plan> {
    let invite = invite.reveal().trim();
    if invite.is_empty() || invite.contains(char::is_whitespace) {
        return Err(Error::invalid_input(
            INVITE,
            "must be the link of an invite, or the code in it",
        ));
    }
    let secret = invite.parse().unwrap_or_default();
    let change = Change::new(ACCEPTED, Value::Null, true).irreversible();
    let secrets: Secrets = [(INVITE.to_owned(), secret)].into();
    Ok(Plan::one(&Acceptance, "", "", vec![change]).with_secrets(secrets))
}

/// Acceptance of device invites.
#[derive(Debug)]
pub(crate) struct Acceptance;

#[async_trait]
impl Subject for Acceptance {
    fn kind(&self) -> &'static str {
        "shared device"
    }

    /// Reads nothing: only the answer to the request names the device.
    async fn read(&self, _: &Tailnet, _: &str, _: &[&str]) -> Result<Fields> {
        Ok(Fields::new())
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let invite = write.secrets.get(INVITE).ok_or_else(|| {
            Error::invalid_input(INVITE, "is not recorded, so it must be given again")
        })?;
        let body = json!({ INVITE: invite.reveal() });
        let call = Call::default().with(&body);
        let answer = tailnet.client().call(Operation::AcceptDeviceInvite, call).await;
        let answer = answer.map_err(|error| {
            if error.may_have_had_effect() {
                return error
                    .with_remedy(
                        "it may have taken effect: check whether the device is among the shared-in \
                         devices",
                    )
                    .with_action(Action::Call(Operation::ListTailnetDevices));
            }
            user_invites::of_a_user(error)
        })?;
        let of = |path: &str| answer.pointer(path).and_then(Value::as_str);
        let device = of("/device/fqdn").or_else(|| of("/device/name")).unwrap_or("a device");
        let sharer = of("/sharer/loginName").unwrap_or("somebody");
        let id = answer.get("device").and_then(|it| call::member(it, "id"));
        Ok(Written {
            id: id.map(crate::tailnet::resource::text),
            notes: vec![format!("{device} of {sharer} is now shared into this tailnet")],
            ..Written::default()
        })
    }

    fn compare(&self) -> &dyn Compare {
        self
    }
}

impl Compare for Acceptance {
    fn is_visible(&self, _: &str, _: &Change) -> bool {
        false
    }
}

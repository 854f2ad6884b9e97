//! The API call that creates a tailnet.

use async_trait::async_trait;
use serde_json::Value;

use super::{ELSEWHERE, OWN, exists, explain};
use crate::{
    Error, Operation, Tailnet,
    change::{Change, Checks, Compare, Fields, Subject, Write, Written, journal::Step},
    client::{
        Result,
        call::{self, Call},
    },
};

/// The one field of a new tailnet: what it is created with.
pub(super) const CONFIGURATION: &str = "configuration";

/// The field of the configuration with the display name.
pub(super) const DISPLAY_NAME: &str = "displayName";

/// The field of the answer with the credential for the new tailnet.
const CLIENT: &str = "oauthClient";

/// New tailnets. Can only be created: the API cannot change a tailnet, and deleting one is not offered.
#[derive(Debug)]
pub(crate) struct Tailnets;

#[async_trait]
impl Subject for Tailnets {
    fn kind(&self) -> &'static str {
        "tailnet"
    }

    /// Nothing: the API reads no tailnet by its ID.
    async fn read(&self, _: &Tailnet, _: &str, _: &[&str]) -> Result<Fields> {
        async { Ok(Fields::new()) }.await
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let change = write.change;
        if change.field != CONFIGURATION || !change.from.is_null() || change.to.is_null() {
            return Err(Error::refused(
                "a tailnet can only be created here, not changed or deleted",
                ELSEWHERE,
            ));
        }
        let operation = Operation::CreateOrganizationTailnet;
        let call = Call::on(&OWN).with(&change.to);
        let answer = tailnet.client().call(operation, call).await.map_err(explain);
        let answer = answer.and_then(|answer| match answer {
            Value::Object(_) => Ok(answer),
            _ => Err(call::odd(operation, "the response does not describe the new tailnet")),
        });
        let answer = answer.map_err(|error| {
            if error.may_have_had_effect() {
                error.context("if it was created, the secret of its OAuth client is lost")
            } else {
                error
            }
        })?;
        let name = call::member(&change.to, DISPLAY_NAME).and_then(Value::as_str);
        created(name.unwrap_or_default(), answer)
    }

    fn compare(&self) -> &dyn Compare {
        self
    }

    fn checks(&self) -> &dyn Checks {
        self
    }
}

#[async_trait]
impl Checks for Tailnets {
    /// Refuses: the undo of a new tailnet would delete it.
    async fn before_undo(&self, _: &Tailnet, _: &[Step]) -> Result<()> {
        async {
            Err(Error::refused(
                "this is irreversible: a new tailnet cannot be deleted from here",
                ELSEWHERE,
            ))
        }
        .await
    }
}

impl Compare for Tailnets {
    fn verb(&self, _: &Change) -> Option<&'static str> {
        Some("Create")
    }

    fn is_visible(&self, _: &str, _: &Change) -> bool {
        false
    }
}

/// Separates the secret from the answer.
fn created(name: &str, mut answer: Value) -> Result<Written> {
    let secret = answer.get_mut(CLIENT).and_then(Value::as_object_mut);
    let secret = secret.and_then(|client| client.remove("secret"));
    let secret = secret.as_ref().and_then(Value::as_str).filter(|text| !text.is_empty());
    let existed = answer.get("alreadyExists") == Some(&Value::Bool(true));
    let mut written = Written::default();
    match secret.map(str::parse) {
        Some(Ok(secret)) => {
            written.once.insert(format!("{CLIENT}.secret"), secret);
        }
        // The secret of the client was shown to whoever created it.
        _ if existed => return Err(exists(name, "; nothing was created")),
        _ => written.notes.push(
            "the response has no secret for the new tailnet, and the API shows it only once: the tailnet \
             cannot be managed from here; create another, or ask Tailscale's support"
                .to_owned(),
        ),
    }
    if existed {
        written.notes.push("the API says that the tailnet existed already".to_owned());
    }
    written.id = call::member(&answer, "id").and_then(Value::as_str).map(str::to_owned);
    written.answer = Some(answer);
    Ok(written)
}

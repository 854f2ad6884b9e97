//! How AWS knows this tailnet: an id that a role's trust policy has to name before logs can be
//! streamed to a bucket of it.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Logging, stream};
use crate::{
    Error, ErrorKind, Operation, Tailnet,
    change::{Change, Compare, Fields, Plan, Subject, Write, Written},
    client::{
        Action, Result,
        call::{self, Call},
    },
    tailnet::resource::text,
};

/// There is an id; its value says whether it is the same for whoever asks until it is used.
const REUSABLE: &str = "reusable";
/// The role that AWS was asked about.
const ROLE: &str = "role_arn";

impl Logging<'_> {
    /// Plans to get an id for AWS, or make one (`POST /tailnet/{tailnet}/aws-external-id`). A
    /// reusable one is the same until it is linked to a role.
    ///
    /// # Errors
    ///
    /// None; write it needs the scope `log_streaming`.
    pub fn plan_external_id(&self, reusable: bool) -> Result<Plan> {
        let change = Change::new(REUSABLE, Value::Null, reusable).irreversible();
        let mut plan = Plan::one(&ExternalId, "", "", vec![change]);
        plan.notes.push("an id is no secret, and harmless until a role names it".to_owned());
        Ok(plan)
    }

    /// Plans to have AWS asked whether a role lets Tailscale in under an id, which links the two
    /// (`POST /tailnet/{tailnet}/aws-external-id/{id}/validate-aws-trust-policy`).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the role is no ARN of a role.
    pub fn plan_validate_role(&self, external_id: &str, role_arn: &str) -> Result<Plan> {
        let (id, role) = (external_id.trim(), role_arn.trim());
        if id.is_empty() {
            return Err(Error::invalid_input("external_id", "is empty; create one first"));
        }
        if !role.starts_with("arn:") || !role.contains(":role/") {
            let should = format!("is `{role}`; write it as `arn:aws:iam::123456789012:role/name`");
            return Err(Error::invalid_input(ROLE, should));
        }
        let change = Change::new(ROLE, Value::Null, role).irreversible();
        Ok(Plan::one(&ExternalId, id, id, vec![change]))
    }
}

/// Ids for AWS. The API lists none.
#[derive(Debug)]
pub(crate) struct ExternalId;

#[async_trait]
impl Subject for ExternalId {
    fn kind(&self) -> &'static str {
        "AWS external id"
    }

    async fn read(&self, _: &Tailnet, _: &str, _: &[&str]) -> Result<Fields> {
        Ok(Fields::new())
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        match write.change.field.as_str() {
            REUSABLE => make(tailnet, &write.change.to).await,
            ROLE => validate(tailnet, write).await,
            field => Err(Error::invalid_input(field, "is nothing of an id that can change")),
        }
    }

    fn compare(&self) -> &dyn Compare {
        self
    }
}

impl Compare for ExternalId {
    fn is_visible(&self, _: &str, _: &Change) -> bool {
        false
    }
}

async fn make(tailnet: &Tailnet, reusable: &Value) -> Result<Written> {
    let operation = Operation::GetAwsExternalId;
    let body = json!({ REUSABLE: reusable });
    let answer = tailnet.client().call(operation, Call::default().with(&body)).await;
    let answer = answer.map_err(|error| {
        if error.may_have_had_effect() {
            return error.with_remedy("ask again: an id that nobody uses does no harm");
        }
        stream::explain(error)
    })?;
    let Some(id) = call::member(&answer, "externalId").map(text) else {
        return Err(call::odd(operation, "the answer has no id"));
    };
    let account = call::member(&answer, "tailscaleAwsAccountId").map(text).unwrap_or_default();
    let note = format!(
        "let the role's trust policy allow Tailscale's AWS account {account} with this external \
         id, then validate the external id"
    );
    Ok(Written { id: Some(id), notes: vec![note], ..Written::default() })
}

async fn validate(tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
    let body = json!({ "roleArn": write.change.to });
    let path = [("id", write.id)];
    let call = Call::on(&path).with(&body);
    let answer = tailnet.client().call(Operation::ValidateAwsExternalId, call).await;
    answer.map_err(|error| match (error.status(), error.kind()) {
        (Some(422), _) => error.with_remedy(
            "AWS refused: let the role's trust policy allow Tailscale's AWS account with just this \
             external id, give AWS a minute, then ask again",
        ),
        (_, ErrorKind::NotFound) => error
            .with_remedy("create a new external id")
            .with_action(Action::Call(Operation::GetAwsExternalId)),
        _ if error.may_have_had_effect() => {
            error.with_remedy("ask again: a role that was validated may be validated again")
        }
        _ => stream::explain(error),
    })?;
    let notes = vec!["AWS lets Tailscale use the role under this id".to_owned()];
    Ok(Written { notes, ..Written::default() })
}

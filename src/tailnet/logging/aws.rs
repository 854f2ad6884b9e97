//! AWS external IDs: an IAM role's trust policy names one so that Tailscale can stream logs to an
//! S3 bucket with that role.

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

/// The recorded field of a new external ID: whether it is reusable.
const REUSABLE: &str = "reusable";
/// The recorded field of a validation: the ARN of the role.
const ROLE: &str = "role_arn";

impl Logging<'_> {
    /// Plans to get or create an AWS external ID (`POST /tailnet/{tailnet}/aws-external-id`). With
    /// `reusable`, the API returns the same ID until it is linked to a role.
    ///
    /// # Errors
    ///
    /// None. Applying the plan needs the scope `log_streaming`.
    pub fn plan_external_id(&self, reusable: bool) -> Result<Plan> {
        let change = Change::new(REUSABLE, Value::Null, reusable).irreversible();
        let mut plan = Plan::one(&ExternalId, "", "", vec![change]);
        plan.notes.push(
            "an external ID is not a secret, and has no effect until a role uses it".to_owned(),
        );
        Ok(plan)
    }

    /// Plans to validate that an IAM role trusts Tailscale with an external ID, which links the two
    /// (`POST /tailnet/{tailnet}/aws-external-id/{id}/validate-aws-trust-policy`).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if `external_id` is empty or `role_arn` is not the
    /// ARN of a role.
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

/// Changes of AWS external IDs. The API cannot read them back.
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
            field => Err(Error::invalid_input(field, "is not a writable field of an external ID")),
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
            return error.with_remedy("call again: an unused external ID does no harm");
        }
        stream::explain(error)
    })?;
    let Some(id) = call::member(&answer, "externalId").map(text) else {
        return Err(call::odd(operation, "the response has no ID"));
    };
    let account = call::member(&answer, "tailscaleAwsAccountId").map(text).unwrap_or_default();
    let note = format!(
        "in the role's trust policy, allow Tailscale's AWS account {account} with this external \
         ID, then validate the external ID"
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
            "AWS refused: in the role's trust policy, allow Tailscale's AWS account with exactly \
             this external ID, wait a minute, then call again",
        ),
        (_, ErrorKind::NotFound) => error
            .with_remedy("create a new external ID")
            .with_action(Action::Call(Operation::GetAwsExternalId)),
        _ if error.may_have_had_effect() => {
            error.with_remedy("call again: a role can be validated more than once")
        }
        _ => stream::explain(error),
    })?;
    let notes = vec!["AWS allows Tailscale to use the role with this external ID".to_owned()];
    Ok(Written { notes, ..Written::default() })
}

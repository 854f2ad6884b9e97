//! The fields of a user that plans can change, and the API calls that change them.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::User;
use crate::{
    Error, ErrorKind, Operation, Tailnet,
    change::{Change, Compare, Fields, Subject, Write, Written},
    client::{Result, call::Call},
    words::{counted, listed},
};

const ROLE: &str = "role";
const SUSPENDED: &str = "suspended";
const APPROVED: &str = "approved";
const IN_TAILNET: &str = "in_tailnet";

/// The role of the tailnet's owner, which the API does not assign.
pub(super) const OWNER: &str = "owner";

/// Changes the role.
pub(super) fn role(from: &str, to: &str) -> Change {
    Change::new(ROLE, from, to)
}

/// Suspends or restores the user.
pub(super) fn suspended(from: bool, to: bool) -> Change {
    Change::new(SUSPENDED, from, to)
}

/// Approves the user. No call withdraws an approval.
pub(super) fn approve() -> Change {
    Change::new(APPROVED, false, true).irreversible()
}

/// Deletes the user.
pub(super) fn remove() -> Change {
    Change::new(IN_TAILNET, true, false).irreversible()
}

pub(super) fn role_of(user: &User) -> String {
    user.role.as_ref().map(ToString::to_string).unwrap_or_default()
}

pub(super) fn status_of(user: &User) -> String {
    user.status.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Changes of users.
#[derive(Debug)]
pub(crate) struct People;

#[async_trait]
impl Subject for People {
    fn kind(&self) -> &'static str {
        "user"
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, fields: &[&str]) -> Result<Fields> {
        let seen = |user: &User| {
            fields.iter().map(|it| ((*it).to_owned(), seen(user, it))).collect::<Fields>()
        };
        match tailnet.users().read(id).await {
            Ok(user) => Ok(seen(&user)),
            Err(gone) if gone.kind() == ErrorKind::NotFound && fields == [IN_TAILNET] => {
                Ok([(IN_TAILNET.to_owned(), json!(false))].into_iter().collect())
            }
            Err(error) => Err(error),
        }
    }

    async fn describe(&self, tailnet: &Tailnet, id: &str) -> Result<String> {
        let user = tailnet.users().read(id).await?;
        let devices = user.device_count.and_then(|count| usize::try_from(count).ok());
        let devices = devices.map(|count| counted(count, "device", "devices"));
        let name = user.display_name.clone().unwrap_or_default();
        let (role, status) = (role_of(&user), status_of(&user));
        Ok(listed([name.as_str(), &role, &status, &devices.unwrap_or_default()]))
    }

    fn compare(&self) -> &dyn Compare {
        self
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let Write { id, change, .. } = write;
        let operation = operation(change)?;
        let body = json!({ "role": change.to });
        let path = [("userId", id)];
        let call = Call::on(&path);
        let call = if operation == Operation::UpdateUserRole { call.with(&body) } else { call };
        tailnet
            .client()
            .call(operation, call)
            .await
            .map_err(|error| about_ownership(error, change))?;
        self.had_effect(tailnet, operation, write).await
    }
}

impl Compare for People {
    fn verb(&self, change: &Change) -> Option<&'static str> {
        match (change.field.as_str(), change.to.as_bool()) {
            (IN_TAILNET, Some(false)) => Some("Remove"),
            (SUSPENDED, Some(true)) => Some("Suspend"),
            (SUSPENDED, Some(false)) => Some("Restore"),
            (APPROVED, Some(true)) => Some("Approve"),
            _ => None,
        }
    }
}

impl People {
    /// Reads the field back: if a credential changes its own user, the API reports success but does
    /// nothing.
    async fn had_effect(
        &self,
        tailnet: &Tailnet,
        operation: Operation,
        write: Write<'_>,
    ) -> Result<Written> {
        let Write { id, change, .. } = write;
        let now = match self.read(tailnet, id, &[&change.field]).await {
            Ok(now) => now.get(&change.field).cloned().unwrap_or_default(),
            Err(error) => {
                let notes = vec![format!("whether it took effect could not be read back: {error}")];
                return Ok(Written { notes, ..Written::default() });
            }
        };
        if now == change.to {
            return Ok(Written::default());
        }
        let message = format!("the API reported success, but `{}` is still {now}", change.field);
        Err(Error::new(ErrorKind::Rejected, message).for_operation(operation, None).with_remedy(
            "a credential cannot change the user it belongs to: use one of another admin, or the \
             admin console",
        ))
    }
}

/// The current value of a field of `user`.
fn seen(user: &User, field: &str) -> Value {
    match field {
        ROLE => json!(role_of(user)),
        SUSPENDED => json!(status_of(user) == "suspended"),
        APPROVED => json!(status_of(user) != "needs-approval"),
        IN_TAILNET => json!(true),
        _ => Value::Null,
    }
}

fn operation(change: &Change) -> Result<Operation> {
    match (change.field.as_str(), change.to.as_bool()) {
        (ROLE, None) if change.to.is_string() => Ok(Operation::UpdateUserRole),
        (SUSPENDED, Some(true)) => Ok(Operation::SuspendUser),
        (SUSPENDED, Some(false)) => Ok(Operation::RestoreUser),
        (APPROVED, Some(true)) => Ok(Operation::ApproveUser),
        (IN_TAILNET, Some(false)) => Ok(Operation::DeleteUser),
        _ => Err(Error::invalid_input(&change.field, "cannot be set to this value")),
    }
}

fn about_ownership(error: Error, change: &Change) -> Error {
    let is_owner = |value: &Value| change.field == ROLE && *value == OWNER;
    if error.kind() == ErrorKind::Forbidden && (is_owner(&change.from) || is_owner(&change.to)) {
        return error.with_remedy("only the owner can transfer ownership, in the admin console");
    }
    error
}

//! Calls any operation of the API with JSON values: for operations that have no module of their
//! own, including new ones in later versions of the API.

use serde_json::Value;

mod answer;
mod arguments;
pub(crate) mod change;
mod find;
#[cfg(feature = "server")]
pub(crate) mod tools;

use self::arguments::Arguments;
pub use self::find::{Found, found};
use crate::{
    Error, ErrorKind, Operation,
    change::{Plan, Risk},
    client::{Result, call::Call},
    tailnet::{Tailnet, organization::ELSEWHERE},
};

/// Operations that must not be called directly, and what to do instead.
const DONE_BY: &[(Operation, &str)] = &[(
    Operation::SetPolicyFile,
    "plan a change of the policy file instead, which is validated, previewed, verified and can be \
     rolled back",
)];

/// Side effects of operations that a plan of the call does not show.
const IMPLIES: &[(Operation, &str)] = &[(
    Operation::SetDnsNameservers,
    "without nameservers, MagicDNS is also turned off, and an undo does not turn it on again",
)];

/// Calls of any operation of the API.
#[derive(Debug, Clone, Copy)]
pub struct Operations<'a> {
    tailnet: &'a Tailnet,
}

/// Whether the operation may be called. Operations that delete a tailnet may not.
pub fn is_offered(operation: Operation) -> bool {
    let of_tailnet = operation.path().strip_prefix("/tailnet/{tailnet}");
    let is_tailnet = of_tailnet.is_some_and(|rest| rest.is_empty() || rest == "/tailnet");
    let named = operation.id().to_ascii_lowercase();
    let ends = ["delete", "remove", "destroy", "close"].iter().any(|it| named.starts_with(it));
    let kills = (is_tailnet && operation.method() == "DELETE")
        || (ends && (named.ends_with("tailnet") || named.ends_with("organization")));
    !kills
}

/// The risk of calling an operation. A change is destructive if the API cannot read the state,
/// because then it cannot be undone.
pub fn risk(operation: Operation) -> Risk {
    let reader = change::reader(operation);
    let adds = |it: Operation| operation.method() == "POST" && it.lists();
    match operation.risk() {
        Risk::Change if reader.is_none_or(adds) => Risk::Danger,
        risk => risk,
    }
}

/// The operation with the name `id`.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput), with similar names, if there is none;
/// [`Refused`](ErrorKind::Refused) for an operation that deletes the tailnet.
pub fn named(id: &str) -> Result<Operation> {
    let refused = |it: &&Operation| !is_offered(**it) && it.id().eq_ignore_ascii_case(id);
    let operation = Operation::named(id).or_else(|| Operation::ALL.iter().find(refused).copied());
    allowed(operation.ok_or_else(|| find::unknown(id))?)
}

/// Returns `operation` unless it deletes a tailnet.
fn allowed(operation: Operation) -> Result<Operation> {
    if is_offered(operation) {
        return Ok(operation);
    }
    Err(Error::refused(
        format!(
            "`{operation}` deletes a tailnet with all its users, devices and settings permanently, so this \
             server does not call it"
        ),
        ELSEWHERE,
    ))
}

impl<'a> Operations<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Calls an operation that only reads. `given` has the parameters by name, and `body`. Secrets
    /// in the answer are replaced with dots.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if `given` does not match [`Operation::input`], or
    /// if the operation changes something; otherwise the error of the API.
    pub async fn read(&self, operation: Operation, given: &Value) -> Result<Value> {
        if !operation.reads() {
            return Err(Error::invalid_input("operation", "makes changes; plan it instead"));
        }
        let arguments = Arguments::read(operation, given)?;
        let mut answer = self.send(operation, &arguments).await?;
        answer::redact(&mut answer, operation.secrets());
        Ok(answer)
    }

    async fn send(&self, operation: Operation, arguments: &Arguments) -> Result<Value> {
        let path = arguments.path();
        let body = arguments.whole_body();
        let call = Call { path: &path, query: &arguments.query, body: body.as_ref() };
        self.tailnet.client().call(operation, call).await
    }

    /// Plans a call that changes something. If the API can read at the same path, the plan shows
    /// the state before and after, and the change can be undone.
    ///
    /// # Errors
    ///
    /// Same as [`read`](Self::read); [`Refused`](ErrorKind::Refused) for an operation that deletes a
    /// tailnet.
    pub async fn plan(&self, operation: Operation, given: &Value) -> Result<Plan> {
        if operation.reads() {
            return Err(Error::invalid_input("operation", "only reads; it needs no plan"));
        }
        if let Some((_, instead)) = DONE_BY.iter().find(|(it, _)| *it == operation) {
            return Err(Error::refused(
                format!("`{operation}` cannot be called directly"),
                *instead,
            ));
        }
        let arguments = Arguments::read(allowed(operation)?, given)?;
        let (before, unread) = self.before(operation, &arguments).await?;
        let changes = Vec::from_iter(change::of(operation, &arguments, before));
        let (place, secrets) = (arguments.place(operation), arguments.secrets);
        let name = format!("{} {place}", operation.method());
        let mut plan = Plan::one(&change::Calls, &place, &name, changes).with_secrets(secrets);
        plan.least = risk(operation);
        plan.notes.push(format!("{operation}: {}", operation.summary()));
        plan.warnings.extend(unread);
        let implied = IMPLIES.iter().filter(|it| it.0 == operation);
        plan.warnings.extend(implied.map(|it| it.1.to_owned()));
        Ok(plan)
    }

    /// Reads the state before a change, if possible; a warning if reading is forbidden.
    async fn before(
        &self,
        operation: Operation,
        arguments: &Arguments,
    ) -> Result<(Option<Value>, Option<String>)> {
        let Some(reader) = change::reader(operation) else { return Ok((None, None)) };
        let path = arguments.path();
        match self.tailnet.client().call(reader, Call::on(&path)).await {
            Ok(before) => Ok((Some(before), None)),
            Err(none) if none.kind() == ErrorKind::NotFound => Ok((Some(Value::Null), None)),
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                let note = format!(
                    "the current state could not be read ({error}), so this cannot be undone"
                );
                Ok((None, Some(note)))
            }
            Err(error) => Err(error),
        }
    }
}

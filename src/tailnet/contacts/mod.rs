//! Contact preferences: whom Tailscale writes to about the account, support and security.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[cfg(feature = "server")]
pub(crate) mod tools;

use crate::{
    Error, Operation,
    change::{Plan, Secrets},
    client::{
        Result,
        call::{self, Call},
    },
    tailnet::{Tailnet, email, resource::ResourceSpec},
};
pub use crate::{api::types::Contact, values::ContactKind};

pub(crate) const CONTACT: &ResourceSpec = &ResourceSpec {
    pick: Some(|all, contact| all.get(contact).cloned().unwrap_or_default()),
    change: Some(Operation::UpdateContact),
    patches: true,
    actions: &[(MAIL, Operation::ResendContactVerificationEmail)],
    ..ResourceSpec::new("contact", "contactType", "", Operation::GetContacts, &["email"])
};

/// The name of the action that sends the verification email again.
const MAIL: &str = "mail_verification_again";

/// The three contacts of a tailnet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contacts {
    /// The contact for account changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Contact>,
    /// The contact for support questions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support: Option<Contact>,
    /// The contact for security issues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<Contact>,
}

/// The contact preferences of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct ContactsOf<'a> {
    tailnet: &'a Tailnet,
}

impl<'a> ContactsOf<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Reads the three contacts (`GET /tailnet/{tailnet}/contacts`).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `account_settings:read`.
    pub async fn get(&self) -> Result<Contacts> {
        let operation = Operation::GetContacts;
        call::typed(operation, &self.tailnet.client().call(operation, Call::default()).await?)
    }

    /// Plans to change a contact's email address (`PATCH /tailnet/{tailnet}/contacts/{contactType}`).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if `email` is not an email address.
    pub async fn plan_email(&self, contact: ContactKind, email: &str) -> Result<Plan> {
        let contact = contact.as_str();
        let to = email::check("email", email)?;
        let was = CONTACT.get(self.tailnet, contact).await?;
        let wanted: Map<String, Value> = [("email".to_owned(), to.into())].into_iter().collect();
        let mut plan = CONTACT.plan_change(contact, contact, &was, &wanted, Secrets::new());
        if !plan.is_empty() {
            let until = match call::member(&was, "email").and_then(Value::as_str) {
                Some(was) => format!("; until then, Tailscale uses the old one: `{was}`"),
                None => String::new(),
            };
            plan.notes.push(format!("an email asks to verify the new address{until}"));
        }
        Ok(plan)
    }

    /// Plans to send a contact's verification email again
    /// (`POST /tailnet/{tailnet}/contacts/{contactType}/resend-verification-email`).
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get); [`Refused`](crate::ErrorKind::Refused) if the address is verified.
    pub async fn plan_mail(&self, contact: ContactKind) -> Result<Plan> {
        let contact = contact.as_str();
        let found = CONTACT.get(self.tailnet, contact).await?;
        if call::member(&found, "needsVerification") == Some(&Value::Bool(false)) {
            return Err(Error::refused(
                format!("the {contact} contact is already verified"),
                "no verification email is needed",
            ));
        }
        Ok(CONTACT.plan_action(MAIL, contact, contact))
    }
}

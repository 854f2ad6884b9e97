//! Tools for contact preferences.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ContactKind, Contacts};
use crate::{
    Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tool::{Edit, Query, Toolset, edit, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "contacts",
    about: "Contact preferences: addresses for account, support and security.",
    instructions: "",
    default: false,
    tools: &[query::<GetContacts>(), edit::<UpdateContact>(), edit::<ResendContactVerification>()],
};

/// Show contact preferences: account, support and security addresses, and which need verification.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetContacts {}

impl Query for GetContacts {
    const NAME: &'static str = "get_contacts";
    const OPERATIONS: &'static [Operation] = &[Operation::GetContacts];
    type Output = Contacts;

    async fn call(self, tailnet: &Tailnet) -> Result<Contacts> {
        tailnet.contacts().get().await
    }
}

/// Change the address of a contact, which must then be verified.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UpdateContact {
    /// Contact to change.
    contact: ContactKind,
    /// The new email address.
    email: String,
}

impl Edit for UpdateContact {
    const NAME: &'static str = "update_contact";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::GetContacts, Operation::UpdateContact];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.contacts().plan_email(self.contact, &self.email).await
    }
}

/// Resend the verification email to a contact.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ResendContactVerification {
    /// Contact to change.
    contact: ContactKind,
}

impl Edit for ResendContactVerification {
    const NAME: &'static str = "resend_contact_verification";
    // An email that was sent cannot be recalled.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetContacts, Operation::ResendContactVerificationEmail];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.contacts().plan_mail(self.contact).await
    }
}

//! The contact preferences of the tailnet: account, support and security.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::audit::{Event, Target};
use super::http::{Call, Failure, Outcome, Reply};

/// The contact addresses for account, support and security messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Contacts {
    account: Contact,
    support: Contact,
    security: Contact,
}

/// A contact's email address. The previous one is used until the new one is verified.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contact {
    email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fallback_email: Option<String>,
    needs_verification: bool,
}

impl Contacts {
    pub(crate) fn new(owner: &str, tailnet: &str) -> Self {
        let contact =
            |email: String| Contact { email, fallback_email: None, needs_verification: false };
        let security = Contact {
            fallback_email: Some(owner.to_owned()),
            needs_verification: true,
            ..contact(format!("security@{tailnet}"))
        };
        Self {
            account: contact(owner.to_owned()),
            support: contact(format!("it-support@{tailnet}")),
            security,
        }
    }
}

impl Call<'_> {
    /// The contact in the path, and the audit log's name for its address.
    fn contact(&mut self) -> Result<(&mut Contact, &'static str), Failure> {
        let kind = self.param("contactType");
        let contacts = &mut self.state.contacts;
        match kind.as_str() {
            "account" => Ok((&mut contacts.account, "ACCOUNT_EMAIL")),
            "support" => Ok((&mut contacts.support, "SUPPORT_EMAIL")),
            "security" => Ok((&mut contacts.security, "SECURITY_EMAIL")),
            _ => Err(Failure::not_found(format!("unknown contact type {kind:?}"))),
        }
    }
}

/// `GET /tailnet/{tailnet}/contacts`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    Reply::json(&call.state.contacts)
}

#[derive(Deserialize)]
struct Wanted {
    email: Option<String>,
}

/// `PATCH /tailnet/{tailnet}/contacts/{contactType}`: the new address has to be verified.
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    call.contact()?;
    let Wanted { email } = call.json()?;
    let email = email.unwrap_or_default();
    if !super::http::is_email(&email) {
        return Err(Failure::bad_request(format!("invalid email {email:?}")));
    }
    let (contact, property) = call.contact()?;
    if contact.email == email {
        return Ok(Reply::empty());
    }
    let old = std::mem::replace(&mut contact.email, email.clone());
    if !contact.needs_verification {
        contact.fallback_email = Some(old.clone());
    }
    contact.needs_verification = true;
    let event = Event::new("UPDATE", Target::tailnet(&call.state.identity));
    call.record(event.property(property, json!(old), json!(email)));
    Ok(Reply::empty())
}

/// `POST /tailnet/{tailnet}/contacts/{contactType}/resend-verification-email`.
pub(crate) fn resend_verification(call: &mut Call<'_>) -> Outcome {
    if call.contact()?.0.needs_verification {
        Ok(Reply::empty())
    } else {
        Err(Failure::bad_request("the contact is verified already"))
    }
}

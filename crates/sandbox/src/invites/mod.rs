//! User invites and device invites.

mod accept;
mod device;
mod user;

use jiff::Timestamp;

use super::clock::later;
use super::http::{Failure, is_email};

pub(crate) use accept::accept;
pub(crate) use device::resend_device;
pub(crate) use device::{
    DeviceInvite, create_for_device, delete_device, get_device, list_for_device,
};
pub(crate) use user::{UserInvite, create_users, delete_user, get_user, list_users, resend_user};

/// The minimum time between two emails about the same invite, in seconds.
const RESEND_SECONDS: i64 = 60;

fn check_email(email: &str) -> Result<(), Failure> {
    if email.is_empty() || is_email(email) {
        return Ok(());
    }
    Err(Failure::bad_request(format!("invalid email {email:?}")))
}

/// Whether an email about an invite may be sent again.
fn check_resend(email: &str, sent: Option<Timestamp>, now: Timestamp) -> Result<(), Failure> {
    if email.is_empty() {
        return Err(Failure::bad_request("the invite was not created with an email address"));
    }
    let wait = sent.map_or(0, |sent| later(sent, RESEND_SECONDS).as_second() - now.as_second());
    if wait <= 0 {
        return Ok(());
    }
    let mut failure = Failure::new(429, "an invite can be sent again once a minute");
    failure.headers.push(("retry-after", wait.to_string()));
    Err(failure)
}

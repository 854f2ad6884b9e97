//! What goes wrong with the daemon, and what to do about it.

use http::StatusCode;
use serde_json::Value;

use super::places;
use crate::{
    Error, ErrorKind,
    client::program::{Door, NoAnswer, ProgramAnswer},
    visible::visible_up_to,
};

/// The most characters of the daemon's own words.
const MAX_WORDS: usize = 300;

/// No door at all.
pub(super) fn absent() -> Error {
    let message = format!("no Tailscale daemon on this machine (looked at {})", places::looked());
    Error::new(ErrorKind::DaemonAbsent, message).with_remedy(
        "install and start Tailscale on this machine (https://tailscale.com/download); if tailscaled \
         listens on another socket, set it with --socket or TAILSTEWARD_SOCKET",
    )
}

/// A door that gave no answer.
pub(super) fn unreached(why: &NoAnswer, door: &Door, changes: bool) -> Error {
    let at = match door {
        Door::Socket(path) => path.display().to_string(),
        Door::Pipe(name) => name.clone(),
        Door::Port(port, _) => format!("127.0.0.1:{port}"),
    };
    match why {
        NoAnswer::Absent => {
            Error::new(ErrorKind::DaemonAbsent, format!("no Tailscale daemon at {at}"))
                .with_remedy("start Tailscale, or correct --socket (TAILSTEWARD_SOCKET)")
        }
        NoAnswer::Closed => Error::new(
            ErrorKind::DaemonDown,
            format!("the Tailscale daemon is not running ({at} exists, but nothing listens on it)"),
        )
        .with_remedy("start it: `sudo systemctl start tailscaled`, or open the Tailscale app"),
        NoAnswer::Denied => {
            Error::new(ErrorKind::NotOperator, format!("this user has no permission to open {at}"))
                .with_remedy(
                    "run as a user who has access to it, or correct the socket's permissions",
                )
        }
        NoAnswer::TooLate => {
            let error =
                Error::new(ErrorKind::Timeout, "the Tailscale daemon did not answer in time")
                    .with_remedy("check its log: `journalctl -u tailscaled`");
            if changes { error.with_unknown_effect() } else { error }
        }
        NoAnswer::Other(error) => {
            let error = error.clone().context(&format!("asking the Tailscale daemon at {at}"));
            if changes { error.with_unknown_effect() } else { error }
        }
    }
}

/// An answer that is no success.
pub(super) fn refused(name: &str, answer: &ProgramAnswer, changes: bool) -> Error {
    let status = answer.status;
    let call = name.split('?').next().unwrap_or(name);
    let words = words(&answer.body);
    let with_words = |before: &str| match words.as_str() {
        "" => format!("{before} ({call}: {status})"),
        words => format!("{before} ({call}: {words})"),
    };
    let error = match status {
        StatusCode::FORBIDDEN => Error::new(
            ErrorKind::NotOperator,
            with_words("the Tailscale daemon does not allow this user to do that"),
        )
        .with_remedy(
            "make the user who runs this program its operator: `sudo tailscale set --operator=USER`; or run it \
             as root or an administrator",
        ),
        StatusCode::UNAUTHORIZED => Error::new(
            ErrorKind::NotOperator,
            with_words("the Tailscale daemon does not accept this user"),
        )
        .with_remedy("on Windows, only one user at a time can use Tailscale; elsewhere, run as root"),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            Error::new(ErrorKind::DaemonTooOld, with_words("the Tailscale daemon does not support this request"))
                .with_remedy("update Tailscale on this machine")
        }
        StatusCode::PRECONDITION_FAILED => {
            Error::new(ErrorKind::Stale, with_words("somebody else has changed the configuration since it was read"))
        }
        StatusCode::SERVICE_UNAVAILABLE => Error::new(
            ErrorKind::DaemonDown,
            with_words("the Tailscale daemon has not connected to its tailnet yet"),
        )
        .with_remedy("try again in a few seconds; if it stays like this, see `tailscale status`"),
        StatusCode::TOO_MANY_REQUESTS => {
            Error::new(ErrorKind::RateLimited, with_words("the Tailscale daemon received too many requests"))
        }
        _ if status.is_client_error() => {
            Error::new(ErrorKind::Rejected, with_words("the Tailscale daemon did not accept the request"))
        }
        _ => Error::new(ErrorKind::Upstream, with_words("the Tailscale daemon reported an internal error"))
            .with_remedy("check its log: `journalctl -u tailscaled`"),
    };
    let error = error.answered(status.as_u16(), None);
    // The daemon answers 500 both before and after it has changed something.
    if changes && status.is_server_error() { error.with_unknown_effect() } else { error }
}

/// The daemon is there, and in no tailnet.
pub(super) fn logged_out(why: &str) -> Error {
    Error::new(ErrorKind::DaemonLoggedOut, why).with_remedy(
        "log this machine in: `tailscale up` (`tailscale login` if its key has expired)",
    )
}

/// What the daemon says: plain text, or JSON with `error` or `Error`.
fn words(body: &[u8]) -> String {
    let from_json = serde_json::from_slice::<Value>(body).ok().and_then(|it| {
        let text = it.get("error").or_else(|| it.get("Error"))?;
        text.as_str().map(str::to_owned)
    });
    let text = from_json.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    visible_up_to(text.trim(), MAX_WORDS).into_owned()
}

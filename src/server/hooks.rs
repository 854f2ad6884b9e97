//! Tailscale's webhooks: `POST /hooks/tailscale`. Only their signature lets them in, and nothing in them is
//! believed but that it is time to look.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

use super::{
    guard::{Shared, read},
    refusal::Refusal,
};

/// The header with the signature.
const SIGNATURE: &str = "tailscale-webhook-signature";
/// How many seconds old a message may be, or how far its clock ahead.
const MAX_AGE: u64 = 300;
/// The largest body, in bytes.
const MAX_BODY: usize = 1 << 20;
/// The longest signature header, in bytes.
const MAX_SIGNATURE: usize = 1024;
/// How many messages are remembered, so that none counts twice.
const MAX_SEEN: usize = 10_000;
/// How many events of a message are looked at.
const MAX_EVENTS: usize = 1_000;
/// For limits, all senders are one. No token can have this name.
const SENDER: &str = "hooks/tailscale";

type Digest = [u8; 32];

/// Takes Tailscale's webhooks.
#[derive(Clone)]
pub struct Hook(Arc<Inner>);

struct Inner {
    secrets: Vec<SecretString>,
    tell: Box<dyn Fn(Vec<String>) + Send + Sync>,
    /// The messages of the last minutes, with the time in them.
    seen: Mutex<HashMap<Digest, i64>>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Hook").finish()
    }
}

impl Hook {
    /// Takes messages that are signed with one of `secrets`, and hands the types of their events, such as
    /// `nodeCreated`, to `tell`, which must not block.
    pub fn new(
        secrets: Vec<SecretString>,
        tell: impl Fn(Vec<String>) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner { secrets, tell: Box::new(tell), seen: Mutex::default() }))
    }

    /// What identifies a message, if its signature is that of a secret.
    fn verified(&self, signature: &Signature<'_>, body: &[u8]) -> Option<Digest> {
        let mut found = None;
        // All are compared, so that the response time reveals nothing.
        for secret in &self.0.secrets {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
            mac.update(signature.time.as_bytes());
            mac.update(b".");
            mac.update(body);
            let expected: Digest = mac.finalize().into_bytes().into();
            let none = Choice::from(0);
            let equal = signature.digests.iter().fold(none, |is, it| is | it.ct_eq(&expected));
            if bool::from(equal) {
                found = Some(expected);
            }
        }
        found
    }

    /// Whether a message is new. Of the same one, only the first counts.
    fn is_new(&self, message: Digest, second: i64, now: i64) -> bool {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_SEEN {
            seen.retain(|_, second| is_current(*second, now));
        }
        // With so many at once, some more looks are no harm; they are limited, too.
        if seen.len() >= MAX_SEEN {
            seen.clear();
        }
        seen.insert(message, second).is_none()
    }
}

/// A signature as it was sent: `t=1663781880,v1=…`.
struct Signature<'a> {
    time: &'a str,
    second: i64,
    digests: Vec<Digest>,
}

impl<'a> Signature<'a> {
    fn read(headers: &'a HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(SIGNATURE).iter();
        let (text, None) = (all.next()?.to_str().ok()?, all.next()) else { return None };
        if text.len() > MAX_SIGNATURE {
            return None;
        }
        let (mut time, mut digests) = (None, Vec::new());
        for (name, value) in text.split(',').filter_map(|it| it.trim().split_once('=')) {
            match name {
                "t" if time.is_none() => time = Some(value),
                "t" => return None,
                "v1" => digests.extend(digest(value)),
                _ => {}
            }
        }
        let time = time?;
        Some(Self { time, second: time.parse().ok()?, digests })
    }
}

fn digest(hex: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if hex.len() != 2 * digest.len() || !hex.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(digest)
}

fn is_current(second: i64, now: i64) -> bool {
    now.abs_diff(second) <= MAX_AGE
}

/// What is read of an event. Its other fields are not needed.
#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "type")]
    kind: String,
}

/// Takes a message. Refusals are plain, and tell nothing of this server.
pub(super) async fn take(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match accepted(&shared, request).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.plain(),
    }
}

async fn accepted(shared: &Shared, request: Request) -> Result<(), Refusal> {
    let (parts, body) = request.into_parts();
    let hook = shared.hook.as_ref().ok_or(Refusal::Signature)?;
    shared.gate.check(&parts.uri, &parts.headers)?;
    if shared.stopping.is_cancelled() {
        return Err(Refusal::Stopping);
    }
    let who = SENDER.into();
    shared.rate.take(&who).map_err(Refusal::TooFast)?;
    let _place = shared.requests.take(&who).ok_or(Refusal::Busy)?;
    let kinds = verified(hook, shared, &parts.headers, body).await?;
    if let Some(kinds) = kinds {
        (hook.0.tell)(kinds);
    }
    Ok(())
}

/// The types of the events in a message; none if it was there already.
async fn verified(
    hook: &Hook,
    shared: &Shared,
    headers: &HeaderMap,
    body: Body,
) -> Result<Option<Vec<String>>, Refusal> {
    let signature = Signature::read(headers).ok_or(Refusal::Signature)?;
    let now = Timestamp::now().as_second();
    if !is_current(signature.second, now) {
        return Err(Refusal::Signature);
    }
    let limit = shared.limits.body.min(MAX_BODY);
    let body = read(body, headers, limit, shared.limits.body_within).await?;
    let message = hook.verified(&signature, &body).ok_or(Refusal::Signature)?;
    let events: Vec<Event> = serde_json::from_slice(&body).map_err(|_| Refusal::NotJson)?;
    let kinds = events.into_iter().take(MAX_EVENTS).map(|it| it.kind).collect();
    Ok(hook.is_new(message, signature.second, now).then_some(kinds))
}

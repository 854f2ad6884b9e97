//! Sends all requests, with credentials, rate limits, retries and logging.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Method, StatusCode, header};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};

use super::{
    Error, ErrorKind, Result, Settings,
    attempt::{Attempt, NoResponse, Verdict, checkable},
    body::Body,
    limit::Limit,
    observe,
    response::{self, Answer},
    retry,
    tokens::Tokens,
};
use crate::Operation;

/// How often a redirect within the API's origin is followed.
const REDIRECTS: u32 = 3;
/// The maximum deadline of a call; a later instant could overflow.
const MAX_DEADLINE: Duration = Duration::from_hours(24 * 365);

/// Sends requests, with credentials, limits and retries.
#[derive(Clone)]
pub(super) struct Transport(Arc<Inner>);

struct Inner {
    tokens: Tokens,
    limit: Limit,
    origin: String,
    /// Number of path segments in front of the API's paths, such as `api` and `v2`.
    depth: usize,
    deadline: Duration,
    max_body: usize,
    /// Number of changes sent. Cached lists are valid for one number only.
    changes: AtomicU64,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

/// Counts a change when it ends, even if its caller no longer waits.
struct Counted<'a>(&'a AtomicU64);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

impl Transport {
    pub(super) fn new(settings: &Settings) -> Self {
        Self(Arc::new(Inner {
            tokens: Tokens::new(settings.credential.clone(), settings.origin()),
            limit: Limit::new(settings),
            origin: settings.origin().to_owned(),
            depth: settings.origin().split_once("://").map_or(0, |(_, it)| it.matches('/').count())
                + 2,
            deadline: settings.deadline.min(MAX_DEADLINE),
            max_body: settings.max_body,
            changes: AtomicU64::new(0),
        }))
    }

    /// Invalidates all cached lists, as a change does.
    pub(super) fn forget_lists(&self) {
        self.0.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// The number of changes sent so far.
    pub(super) fn changes(&self) -> u64 {
        self.0.changes.load(Ordering::Acquire)
    }

    /// Sends a request of `operation`. Returns a successful response, without its body if that goes to a
    /// sink, or the error.
    pub(super) async fn exchange(
        &self,
        client: &reqwest::Client,
        operation: Operation,
        request: reqwest::Request,
        body: Body<'_>,
    ) -> Result<Answer> {
        let resource = resource(operation, &request);
        // Boxed, because every caller's future would contain it.
        let answer = Box::pin(self.send(client, operation, request, body)).await;
        answer.map_err(|error| error.for_operation(operation, resource))
    }

    async fn send(
        &self,
        client: &reqwest::Client,
        operation: Operation,
        request: reqwest::Request,
        body: Body<'_>,
    ) -> Result<Answer> {
        self.check_path(operation, &request)?;
        let _counted = (!operation.reads()).then(|| Counted(&self.0.changes));
        let mut lost = false;
        let attempts = self.attempts(client, operation, &request, body, &mut lost);
        let answer = observe::answered(attempts).await;
        // An earlier attempt may have made the change, whatever the last attempt returned: a 404 on
        // the second attempt may mean that the first one removed the resource.
        answer.map_err(
            |error| if lost { checkable(operation, error.with_unknown_effect()) } else { error },
        )
    }

    /// Refuses an ID that is `.`, `..` or empty: normalizing the URL would drop it and call another
    /// path.
    fn check_path(&self, operation: Operation, request: &reqwest::Request) -> Result<()> {
        let path = request.url().path();
        let wanted = operation.path().matches('/').count() + self.0.depth;
        if path.matches('/').count() == wanted && !path.contains("//") && !path.ends_with('/') {
            return Ok(());
        }
        Err(Error::invalid_input("id", "is empty or contains a path; give the ID of one resource"))
    }

    async fn attempts(
        &self,
        client: &reqwest::Client,
        operation: Operation,
        request: &reqwest::Request,
        mut body: Body<'_>,
        lost: &mut bool,
    ) -> Result<Answer> {
        let deadline = Instant::now() + body.deadline(self.0.deadline);
        let mut delays = retry::delays();
        let mut refused = None;
        for attempt in 1u32.. {
            let turn = observe::limited(self.0.limit.turn(operation, deadline)).await?;
            let bearer = self.0.tokens.bearer(client, refused, deadline);
            let bearer = timeout_at(deadline, bearer).await.map_err(|_| {
                Error::new(ErrorKind::Timeout, "no access token before the deadline")
            })??;
            let Some(mut once) = request.try_clone() else { break };
            authorize(&mut once, bearer.text.expose_secret())?;
            let sent = Attempt { operation, number: attempt, deadline, bearer: &bearer };
            let outcome = self.attempt(client, once, &sent, &mut body).await;
            // Other requests may proceed while this one waits for its next attempt.
            drop(turn);
            let (error, wait) = match outcome {
                Verdict::Done(answer) => return Ok(answer),
                Verdict::Refused(_) if refused.is_none() && self.0.tokens.renewable() => {
                    refused = Some(bearer.serial);
                    continue;
                }
                Verdict::Failed(error) | Verdict::Refused(error) => return Err(error),
                Verdict::Again { error, wait } => (error, wait),
            };
            *lost |= error.may_have_had_effect();
            let Some(delay) = delays.next() else { return Err(error) };
            let delay = wait.filter(|it| !it.is_zero()).unwrap_or(delay);
            if Instant::now() + delay >= deadline {
                return Err(error);
            }
            if error.kind() == ErrorKind::RateLimited {
                observe::limited(tokio::time::sleep(delay)).await;
            } else {
                tokio::time::sleep(delay).await;
            }
        }
        Err(Error::new(ErrorKind::Unreachable, "the request could not be sent"))
    }

    /// The maximum size of an answer. A list of 100,000 devices has about 130 MB.
    fn largest(&self, operation: Operation) -> usize {
        match operation {
            Operation::ListTailnetDevices => self.0.max_body.saturating_mul(8),
            _ => self.0.max_body,
        }
    }

    async fn attempt(
        &self,
        client: &reqwest::Client,
        request: reqwest::Request,
        sent: &Attempt<'_>,
        sink: &mut Body<'_>,
    ) -> Verdict {
        let started = Instant::now();
        let exchange = async {
            let response = self.follow(client, request).await?;
            let status = response.status();
            let headers = response.headers().clone();
            let body = sink.read(response, self.largest(sent.operation)).await;
            Ok((status, headers, body))
        };
        let answer: Result<_, NoResponse> =
            timeout_at(sent.deadline, exchange).await.unwrap_or(Err(NoResponse::Deadline));
        let (status, headers, body) = match answer {
            Ok(answer) => answer,
            Err(lost) => {
                let error = lost.error();
                sent.log(started, None, None, Some(&error));
                return sent.no_answer(error, &lost);
            }
        };
        let id = response::request_id(&headers);
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                let error = error.answered(status.as_u16(), id.clone());
                sent.log(started, Some(status), id.as_deref(), Some(&error));
                // What a sink has taken cannot be sent to it once more.
                return if sink.has_begun() {
                    Verdict::Failed(error)
                } else {
                    sent.broken_off(error, status)
                };
            }
        };
        sent.log(started, Some(status), id.as_deref(), None);
        if status.is_success() {
            return Verdict::Done(Answer { operation: sent.operation, status, headers, body });
        }
        let secrets = self.0.tokens.secrets(sent.bearer);
        let error = response::error(sent.operation, status, &headers, &body, &secrets);
        if status == StatusCode::TOO_MANY_REQUESTS {
            // Also pauses calls that are waiting.
            self.0
                .limit
                .hold(sent.operation, error.retry_after().unwrap_or(Duration::from_secs(1)));
        }
        sent.judge(status, error)
    }

    /// Sends `request`, following redirects of `GET` requests within the API's origin.
    async fn follow(
        &self,
        client: &reqwest::Client,
        request: reqwest::Request,
    ) -> Result<reqwest::Response, NoResponse> {
        let mut next = request;
        let mut followed = 0;
        loop {
            let again = next.try_clone();
            let response = client.execute(next).await.map_err(NoResponse::Failed)?;
            let target = response.status().is_redirection().then(|| target(&response)).flatten();
            let (Some(target), Some(mut again)) = (target, again) else { return Ok(response) };
            let ours = target.origin() == response.url().origin() && again.method() == Method::GET;
            if !ours || followed == REDIRECTS {
                let to = target.origin().ascii_serialization();
                let to = if ours { "itself repeatedly".to_owned() } else { to };
                return Err(NoResponse::Redirected(
                    Error::new(ErrorKind::Redirected, format!("the API redirects to {to}"))
                        .answered(
                            response.status().as_u16(),
                            response::request_id(response.headers()),
                        ),
                ));
            }
            followed += 1;
            *again.url_mut() = target;
            next = again;
        }
    }
}

fn authorize(request: &mut reqwest::Request, token: &str) -> Result<()> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
        Error::config(
            "the credential contains characters that are not allowed in a token",
            "copy the credential again",
        )
    })?;
    value.set_sensitive(true);
    request.headers_mut().insert(header::AUTHORIZATION, value);
    Ok(())
}

fn target(response: &reqwest::Response) -> Option<url::Url> {
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    response.url().join(location).ok()
}

/// The resource in the path of a request, such as `device/n1` or `tailnet/-`.
fn resource(operation: Operation, request: &reqwest::Request) -> Option<String> {
    let template: Vec<&str> = operation.path().split('/').collect();
    let path: Vec<&str> = request.url().path().split('/').collect();
    let place = template.iter().rposition(|it| it.starts_with('{'))?;
    let value = path.get(path.len().checked_sub(template.len())? + place)?;
    let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
    Some(format!("{}/{value}", template.get(place.checked_sub(1)?)?))
}

//! The page on which a person approves or refuses a plan. It needs no script. Who the person is, they show with a
//! one-time code that `tailsteward approve ID --code` prints in a terminal.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::Markup;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use url::{Position, Url};

use super::{
    approve_page::{self as page, STYLE},
    guard::{Shared, read},
    limits::Rate,
    refusal::{Reason, Refusal},
};
use crate::{
    client::{Error, Result},
    guard::{Approvals, Approver, random_session},
};

/// The longest form.
const MAX_FORM_BYTES: usize = 4_096;
/// Tries of codes per second, of all plans together; twice as many in a burst.
const CODES_PER_SECOND: std::num::NonZeroU32 = std::num::NonZeroU32::MIN;
const COOKIE: &str = "tailsteward_approval";
/// The length of what a cookie holds.
const COOKIE_LENGTH: usize = 43;
/// The length of a plan's ID.
const ID_LENGTH: usize = 8;

/// What the page needs.
pub(super) struct Desk {
    approvals: Approvals,
    /// The server's URL for clients, if it is behind a proxy.
    public: Option<Url>,
    codes: Rate,
}

impl Desk {
    pub(super) fn new(approvals: Approvals, public: Option<Url>) -> Self {
        Self { approvals, public, codes: Rate::new(CODES_PER_SECOND) }
    }

    /// Whether a form was sent from a page of this server. Every browser says where a form is from.
    fn is_own(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site");
        if site.is_some_and(|site| site != "same-origin") {
            return false;
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else { return false };
        let Some(origin) = origin.to_str().ok().and_then(|it| Url::parse(it).ok()) else {
            return false;
        };
        if let Some(public) = &self.public {
            return origin.origin() == public.origin();
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let is_web = ["http", "https"].contains(&origin.scheme());
        is_web
            && host.is_some_and(|host| host == &origin[Position::BeforeHost..Position::AfterPort])
    }

    fn cookie(&self, id: &str, value: &SecretString) -> Option<HeaderValue> {
        let is_https = self.public.as_ref().is_some_and(|url| url.scheme() == "https");
        let secure = if is_https { "; Secure" } else { "" };
        let value = value.expose_secret();
        let text = format!(
            "{COOKIE}={value}; Path=/approve/{id}; Max-Age=600; HttpOnly; SameSite=Strict{secure}"
        );
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Shows the plan to whoever is identified, and asks others for a code.
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> std::result::Result<Response, Refusal> {
    shared.gate.check_host(request.uri(), &headers)?;
    let Some((desk, id)) = shared.desk.as_ref().zip(plan_id(&id)) else { return Ok(nothing()) };
    Ok(shown(desk, id, &headers).await.unwrap_or_else(|error| failed(&error)))
}

async fn shown(desk: &Desk, id: &str, headers: &HeaderMap) -> Result<Response> {
    if let Some(cookie) = cookie(headers)
        && let Some(approver) = desk.approvals.who(id, cookie.expose_secret()).await?
    {
        let plan = desk.approvals.get(id).await?;
        let token = token(&cookie, id);
        let why = desk.approvals.may_decide(&plan, &approver).err();
        return Ok(answer(
            StatusCode::OK,
            &page::plan(&plan, &approver.name, &token, why.as_ref()),
        ));
    }
    ask(desk, id, headers, StatusCode::OK, None)
}

/// Asks for a code.
fn ask(
    desk: &Desk,
    id: &str,
    headers: &HeaderMap,
    status: StatusCode,
    why: Option<&str>,
) -> Result<Response> {
    let known = cookie(headers);
    let cookie = match known {
        Some(cookie) => cookie,
        None => random_session()?,
    };
    let mut response =
        answer(status, &page::code(id, &desk.approvals.command(id), &token(&cookie, id), why));
    if let Some(value) = desk.cookie(id, &cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// Takes a code, or a decision.
pub(super) async fn take(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> std::result::Result<Response, Refusal> {
    shared.gate.check_host(request.uri(), &headers)?;
    let Some((desk, id)) = shared.desk.as_ref().zip(plan_id(&id)) else { return Ok(nothing()) };
    if !desk.is_own(&headers) {
        let text =
            "This form was not sent from the page of the plan. Open the link again in a browser.";
        let mut response =
            answer(StatusCode::FORBIDDEN, &page::message("Nothing was decided", text));
        response.extensions_mut().insert(Reason(Refusal::Origin.reason()));
        return Ok(response);
    }
    let body: Body = request.into_body();
    let body = read(body, &headers, MAX_FORM_BYTES, shared.limits.body_within).await?;
    let field = |name: &str| {
        let mut fields = url::form_urlencoded::parse(&body);
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let Some(cookie) = cookie(&headers).filter(|cookie| {
        let given = field("token").unwrap_or_default();
        bool::from(token(cookie, id).as_bytes().ct_eq(given.as_bytes()))
    }) else {
        let page = page::message("Open the page again", "This form was sent from an old page.");
        return Ok(answer(StatusCode::FORBIDDEN, &page));
    };
    let done = match (field("code"), field("decision").as_deref()) {
        (Some(code), None) => log_in(desk, id, &headers, &code).await,
        (None, Some(decision @ ("approve" | "refuse"))) => {
            decide(desk, id, &cookie, decision == "approve").await
        }
        _ => Ok(answer(
            StatusCode::BAD_REQUEST,
            &page::message("Nothing was decided", "The form is incomplete."),
        )),
    };
    Ok(done.unwrap_or_else(|error| failed(&error)))
}

async fn log_in(desk: &Desk, id: &str, headers: &HeaderMap, code: &str) -> Result<Response> {
    if desk.codes.take(&"codes".into()).is_err() {
        let why = "Too many codes were tried. Wait a few seconds, and try again.";
        return ask(desk, id, headers, StatusCode::TOO_MANY_REQUESTS, Some(why));
    }
    let Some(session) = desk.approvals.log_in(id, code).await? else {
        let why = "This code is not valid. After five wrong codes, you need a new one.";
        return ask(desk, id, headers, StatusCode::FORBIDDEN, Some(why));
    };
    let mut response = back(id);
    if let Some(value) = desk.cookie(id, &session) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    Ok(response)
}

async fn decide(desk: &Desk, id: &str, cookie: &SecretString, yes: bool) -> Result<Response> {
    let who: Option<Approver> = desk.approvals.who(id, cookie.expose_secret()).await?;
    let Some(approver) = who else {
        let page = page::message("Nothing was decided", "The code has expired; get a new one.");
        return Ok(answer(StatusCode::FORBIDDEN, &page));
    };
    desk.approvals.decide(id, &approver, yes).await?;
    Ok(back(id))
}

/// Sends the browser back to the page, so that reloading it sends no form again.
fn back(id: &str) -> Response {
    let mut response = answer(StatusCode::SEE_OTHER, &maud::html! {});
    if let Ok(place) = HeaderValue::from_str(&format!("/approve/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

fn plan_id(id: &str) -> Option<&str> {
    let fits = id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then_some(id)
}

fn cookie(headers: &HeaderMap) -> Option<SecretString> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    let value = pairs.find(|(name, _)| *name == COOKIE)?.1;
    let fits = value.len() == COOKIE_LENGTH
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    fits.then(|| value.into())
}

/// The token of the forms of one browser and one plan: only a page that this browser got has it.
fn token(cookie: &SecretString, id: &str) -> String {
    let text = format!("form {id} {}", cookie.expose_secret());
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

fn nothing() -> Response {
    let text = "There is no plan to approve here. Check the link: it ends with the ID of the plan, of 8 characters.";
    let page = page::message("Not found", text);
    answer(StatusCode::NOT_FOUND, &page)
}

fn failed(error: &Error) -> Response {
    let status = match error.kind() {
        crate::ErrorKind::Refused => StatusCode::CONFLICT,
        crate::ErrorKind::NotFound => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    tracing::warn!(%error, "a plan was not decided");
    answer(status, &page::message("Nothing was decided", &error.to_string()))
}

/// A page. Nothing is loaded into it, nothing runs in it, and it is in no frame and no cache.
fn answer(status: StatusCode, page: &Markup) -> Response {
    let style = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let mut response = (status, page.0.clone()).into_response();
    let headers = response.headers_mut();
    let set = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Without a referrer, forms would not say where they are from.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in set {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

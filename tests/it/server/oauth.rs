//! Access tokens of an authorization server, and what is not one.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{RawForm, State},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use tailsteward::{
    mcp::{Server, Setup},
    server::{Access, AccessTokens, OAuthRules},
    tool::Risk,
};

use crate::support::{
    http::{Served, message},
    tailnet::sandbox,
};

const RESOURCE: &str = "https://mcp.example.com/mcp";

/// An authorization server with one key.
struct Issuer {
    address: SocketAddr,
    key: EcdsaKeyPair,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    /// How often the keys were read.
    keys: AtomicUsize,
    /// What is answered of opaque tokens.
    tokens: Mutex<HashMap<String, Value>>,
}

impl Issuer {
    async fn start() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let point = key.public_key().as_ref().to_vec();
        let part = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one",
            "x": part(1..33), "y": part(33..65),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let seen = Arc::new(Seen::default());
        let metadata = json!({
            "issuer": url, "jwks_uri": format!("{url}/keys"),
            "introspection_endpoint": format!("{url}/introspect"),
        });
        let keys = json!({ "keys": [jwk] });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json(metadata)))
            .route(
                "/keys",
                get(async move |State(seen): State<Arc<Seen>>| {
                    seen.keys.fetch_add(1, Ordering::SeqCst);
                    Json(keys)
                }),
            )
            .route("/introspect", post(introspect))
            .with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, key, seen }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Claims that are right.
    fn claims(&self, scope: &str) -> Value {
        json!({
            "iss": self.url(), "aud": RESOURCE, "sub": "ann", "client_id": "claude",
            "scope": scope, "exp": now() + 300,
        })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({ "alg": "ES256", "typ": "at+jwt", "kid": "one" }), claims)
    }

    /// A server that accepts its tokens.
    async fn served(&self, introspects: bool) -> (Served, tailsteward::sandbox::Sandbox) {
        let (sandbox, tailnet) = sandbox().await;
        let issuer = self.url().parse().unwrap();
        let mut rules = OAuthRules::new(issuer, RESOURCE.parse().unwrap()).unwrap();
        if introspects {
            rules.introspection = Some(("steward".to_owned(), "s:cret".into()));
        }
        let access = Access::OAuth(Arc::new(AccessTokens::new(rules)));
        let mut setup = Setup::new(Risk::Danger).unwrap();
        setup.offer = setup.offer.with_caller_tools();
        let product = Server::new(tailnet, setup);
        let served = Served::serve(product, false, |it| {
            it.access = access;
            it.limits.recheck = Duration::from_millis(100);
        });
        (served.await.0, sandbox)
    }
}

async fn introspect(
    State(seen): State<Arc<Seen>>,
    headers: http::HeaderMap,
    RawForm(form): RawForm,
) -> (http::StatusCode, Json<Value>) {
    let known = headers["authorization"] == "Basic c3Rld2FyZDpzJTNBY3JldA==";
    let token =
        url::form_urlencoded::parse(&form).find(|it| it.0 == "token").unwrap().1.into_owned();
    let found = seen.tokens.lock().unwrap().get(&token).cloned();
    let found = found.filter(|_| known).unwrap_or(json!({ "active": false }));
    let status = if found["error"].is_string() { 400 } else { 200 };
    (status.try_into().unwrap(), Json(found))
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

async fn call(served: &Served, token: &str, tool: &str, arguments: &Value) -> Value {
    let request = served.call(tool, arguments).bearer_auth(token);
    let answer = message(request.send().await.unwrap()).await;
    let text = answer["result"]["content"][0]["text"].as_str();
    serde_json::from_str(text.unwrap_or_else(|| panic!("{answer}"))).unwrap()
}

/// Status and challenge of a request with this token.
async fn refusal(served: &Served, token: &str) -> (u16, String) {
    let request = served.call("whoami", &json!({})).bearer_auth(token);
    let answer = request.send().await.unwrap();
    let challenge = answer.headers().get("www-authenticate");
    (
        answer.status().as_u16(),
        challenge.map_or_else(String::new, |it| it.to_str().unwrap().to_owned()),
    )
}

#[tokio::test]
async fn a_token_for_this_server_allows_what_its_scopes_say() {
    let issuer = Issuer::start().await;
    let (served, _sandbox) = issuer.served(false).await;
    let update = json!({ "device": "web-01", "name": "web-one", "dry_run": true });

    let read = issuer.token(&issuer.claims("openid mcp:read"));
    let who = call(&served, &read, "whoami", &json!({})).await;
    let refused = call(&served, &read, "update_device", &update).await;
    let mut listed = issuer.claims("");
    listed["scp"] = json!(["mcp:danger"]);
    let planned = call(&served, &issuer.token(&listed), "update_device", &update).await;

    assert_eq!(who["name"], "ann@127.0.0.1");
    assert_eq!(who["identity"]["client"], "claude");
    assert_eq!(who["allowed_by"][0]["from"], "scope mcp:read");
    assert_eq!(who["access"], "read");
    assert_eq!(refused["kind"], "refused", "{refused}");
    assert_eq!(planned["applied"], false, "{planned}");
    assert_eq!(issuer.seen.keys.load(Ordering::SeqCst), 1, "keys are kept");
}

#[tokio::test]
async fn what_is_no_token_for_this_server_is_refused() {
    let issuer = Issuer::start().await;
    let other = Issuer::start().await;
    let (served, _sandbox) = issuer.served(false).await;
    let good = issuer.claims("mcp:danger");
    let with = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        issuer.token(&claims)
    };
    let header = |header: Value| issuer.sign(&header, &good);
    let (without_exp, mut claims) = (good.clone(), good.clone());
    claims.as_object_mut().unwrap().remove("exp");
    let unsigned = header(json!({ "alg": "none" }));
    let cut = issuer.token(&without_exp).rsplit_once('.').unwrap().0.to_owned();
    for (token, what) in [
        (String::new(), "nothing"),
        ("opaque".to_owned(), "no JWT"),
        (with("aud", json!("https://other.example.com/mcp")), "another audience"),
        (with("aud", json!([])), "no audience"),
        (with("aud", Value::Null), "null audience"),
        (with("aud", json!(format!("{RESOURCE}/"))), "nearly the audience"),
        (with("iss", json!(other.url())), "another issuer"),
        (with("exp", json!(now() - 60)), "expired"),
        (with("exp", json!("4102444800")), "expiry is text"),
        (issuer.token(&claims), "never expires"),
        (with("nbf", json!(now() + 600)), "not yet valid"),
        (other.token(&good), "signed by another key"),
        (unsigned, "alg none"),
        (header(json!({ "alg": "HS256", "kid": "one" })), "a shared secret"),
        (header(json!({ "alg": "RS256", "kid": "one" })), "a key of another kind"),
        (header(json!({ "alg": "ES256", "kid": "two" })), "an unknown key"),
        (header(json!({ "alg": "ES256", "typ": "dpop+jwt", "kid": "one" })), "another type"),
        (format!("{cut}."), "no signature"),
        (format!("{}x", "a".repeat(20_000)), "too long"),
    ] {
        let (status, challenge) = refusal(&served, &token).await;
        assert_eq!(status, 401, "{what}");
        let at = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";
        assert!(challenge.contains(&format!(r#"resource_metadata="{at}""#)), "{what}: {challenge}");
    }
    assert_eq!(refusal(&served, &issuer.token(&good)).await.0, 200, "all of them differ from this");

    let (status, challenge) = refusal(&served, &issuer.token(&issuer.claims("openid email"))).await;
    assert_eq!(status, 403);
    assert!(challenge.contains(r#"error="insufficient_scope", scope="mcp:read""#), "{challenge}");
}

#[tokio::test]
async fn unknown_keys_do_not_make_it_ask_again_and_again() {
    let issuer = Issuer::start().await;
    let (served, _sandbox) = issuer.served(false).await;
    assert_eq!(refusal(&served, &issuer.token(&issuer.claims("mcp:read"))).await.0, 200);

    for number in 0..20 {
        let header = json!({ "alg": "ES256", "kid": format!("made-up-{number}") });
        let token = issuer.sign(&header, &issuer.claims("mcp:read"));
        assert_eq!(refusal(&served, &token).await.0, 401);
    }

    assert_eq!(issuer.seen.keys.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn clients_find_the_authorization_server() {
    let issuer = Issuer::start().await;
    let (served, _sandbox) = issuer.served(false).await;
    for path in ["", "/mcp"] {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        let answer = served.get(&path).send().await.unwrap();
        let document: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(document["authorization_servers"], json!([issuer.url()]));
        assert_eq!(document["resource"], RESOURCE);
        let scopes = json!(["mcp:read", "mcp:change", "mcp:danger", "mcp:metrics"]);
        assert_eq!(document["scopes_supported"], scopes);
    }
    let (without, _) = Served::guarded(|_| ()).await;
    let answer = without.get("/.well-known/oauth-protected-resource").send().await.unwrap();
    assert_eq!(answer.status(), 404, "there is none without an authorization server");
}

#[tokio::test]
async fn the_authorization_server_is_asked_about_tokens_that_say_nothing() {
    let issuer = Issuer::start().await;
    let (served, _sandbox) = issuer.served(true).await;
    let says = |token: &str, answer: Value| {
        issuer.seen.tokens.lock().unwrap().insert(token.to_owned(), answer);
    };
    let mut good = issuer.claims("mcp:change");
    good["active"] = true.into();
    let with = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        claims
    };
    says("good", good.clone());
    says("inactive", with("active", json!(false)));
    says("elsewhere", with("aud", json!("https://other.example.com")));
    says("nowhere", with("aud", Value::Null));
    says("late", with("exp", json!(now() - 1)));
    says("structured", json!({ "error": "unsupported_token_type" }));
    says("ours", json!({ "error": "invalid_client" }));
    says("foreign", with("iss", json!("https://evil.example.com")));

    assert_eq!(call(&served, "good", "whoami", &json!({})).await["access"], "change");
    for token in ["inactive", "elsewhere", "nowhere", "late", "foreign", "structured", "unknown"] {
        assert_eq!(refusal(&served, token).await.0, 401, "{token}");
    }
    assert_eq!(refusal(&served, "ours").await.0, 503, "it is this server that is not known there");
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_withdrawn() {
    let issuer = Issuer::start().await;
    let (served, _sandbox) = issuer.served(true).await;
    let mut good = issuer.claims("mcp:read");
    good["active"] = true.into();
    issuer.seen.tokens.lock().unwrap().insert("good".to_owned(), good);
    let id = served.session("good").await;
    let stream = served.get("/mcp").bearer_auth("good").header("mcp-session-id", &id);
    let stream = stream.header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(stream.status(), 200);

    issuer.seen.tokens.lock().unwrap().clear();

    // The last answer counts for five seconds.
    tokio::time::timeout(Duration::from_secs(8), stream.text()).await.unwrap().unwrap();
    assert_eq!(served.initialize("good").await.status(), 401);
}

#[tokio::test]
async fn an_authorization_server_that_does_not_answer_is_503() {
    let issuer = Issuer::start().await;
    let token = issuer.token(&issuer.claims("mcp:read"));
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gone = Issuer { address: closed, ..Issuer::start().await };
    let (served, _sandbox) = gone.served(false).await;
    assert_eq!(refusal(&served, &token).await.0, 503);
}

#[test]
fn plain_http_is_only_for_this_machine() {
    let rules = |issuer: &str, resource: &str| {
        OAuthRules::new(issuer.parse().unwrap(), resource.parse().unwrap()).is_ok()
    };
    assert!(!rules("http://id.example.com", RESOURCE));
    assert!(!rules("https://id.example.com", "http://mcp.example.com/mcp"));
    assert!(rules("https://id.example.com", RESOURCE));
}

/// An access token of a real authorization server (`.ci/issuer`) for a resource.
async fn real_token(issuer: &str, resource: &str, scope: &str) -> String {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("resource", resource)
        .append_pair("scope", scope)
        .finish();
    let answer = crate::support::loopback::plain_http()
        .post(format!("{issuer}/token"))
        .basic_auth("agent", Some("agent-secret"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Runs with `.ci/issuer`.
#[tokio::test]
async fn tokens_of_a_real_authorization_server_are_accepted_in_both_forms() {
    let Ok(issuer) = std::env::var("TAILSTEWARD_TEST_ISSUER") else { return };
    for (resource, introspects) in
        [("http://127.0.0.1/mcp", false), ("http://127.0.0.1/opaque/mcp", true)]
    {
        let (_sandbox, tailnet) = sandbox().await;
        let mut rules =
            OAuthRules::new(issuer.parse().unwrap(), resource.parse().unwrap()).unwrap();
        rules.introspection = introspects.then(|| ("steward".to_owned(), "steward-secret".into()));
        let access = Access::OAuth(Arc::new(AccessTokens::new(rules)));
        let mut setup = Setup::new(Risk::Danger).unwrap();
        setup.offer = setup.offer.with_caller_tools();
        let product = Server::new(tailnet, setup);
        let served = Served::serve(product, false, |it| it.access = access).await.0;

        let token = real_token(&issuer, resource, "mcp:read mcp:change").await;
        let other = real_token(&issuer, "http://127.0.0.1/other", "mcp:danger").await;
        let who = call(&served, &token, "whoami", &json!({})).await;

        assert_eq!(who["access"], "change", "{who}");
        assert_eq!(who["identity"]["client"], "agent", "{who}");
        assert_eq!(refusal(&served, &other).await.0, 401, "for another resource");
    }
}

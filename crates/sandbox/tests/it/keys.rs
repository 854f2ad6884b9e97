//! Auth keys, OAuth clients and federated identities.

use super::*;

fn auth_key(tags: &[&str]) -> Value {
    json!({
        "description": "a key",
        "capabilities": { "devices": { "create": { "reusable": true, "tags": tags } } },
    })
}

#[tokio::test]
async fn the_secret_is_shown_once() {
    let tailnet = Tailnet::new().await;
    let created = tailnet.post("/tailnet/-/keys", auth_key(&["tag:ci"])).await.ok();
    let (id, secret) = (text(&created["id"]), text(&created["key"]));
    assert!(secret.starts_with(&format!("tskey-auth-{id}-")), "{secret}");
    assert_eq!(created["keyType"], "auth");
    assert_eq!(created["expirySeconds"], 7_776_000);
    assert_eq!(created["created"], NOW);
    assert_eq!(created["expires"], "2026-09-13T12:00:00Z");
    let capabilities = json!({ "devices": { "create": {
        "reusable": true, "ephemeral": false, "preauthorized": false, "tags": ["tag:ci"],
    } } });
    assert_eq!(created["capabilities"], capabilities);
    let read = tailnet.get(&format!("/tailnet/-/keys/{id}")).await.ok();
    assert!(read.get("key").is_none());
    let list = tailnet.get("/tailnet/-/keys?all=true").await;
    assert!(!list.text.contains(secret) && list.text.contains(id));
    assert!(!list.text.contains(Sandbox::API_KEY));
}

#[tokio::test]
async fn a_revoked_or_expired_key_is_invalid_and_not_listed() {
    let tailnet = Tailnet::new().await;
    let mut wanted = auth_key(&[]);
    wanted["expirySeconds"] = json!(60);
    let brief = tailnet.post("/tailnet/-/keys", wanted).await.ok();
    let revoked = tailnet.post("/tailnet/-/keys", auth_key(&[])).await.ok();
    let path = |key: &Value| format!("/tailnet/-/keys/{}", text(&key["id"]));
    tailnet.call("DELETE", &path(&revoked), Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.call("DELETE", &path(&revoked), Value::Null).await.status, 404);
    tailnet.sandbox.advance(Duration::from_mins(1));
    let list = tailnet.get("/tailnet/-/keys?all=true").await;
    for key in [&brief, &revoked] {
        assert_eq!(tailnet.get(&path(key)).await.ok()["invalid"], true);
        assert!(!list.text.contains(text(&key["id"])));
    }
    assert!(tailnet.get("/tailnet/-/keys/k0").await.status == 404);
}

#[tokio::test]
async fn what_is_listed_depends_on_the_caller() {
    let tailnet = Tailnet::new().await;
    let kinds = async |token: &str, query: &str| {
        let path = format!("/tailnet/-/keys{query}");
        let list = tailnet.call_as(token, "GET", &path, Value::Null).await.ok();
        let keys = list["keys"].as_array().unwrap().iter();
        let mut kinds: Vec<String> = keys.map(|key| text(&key["keyType"]).to_owned()).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    let token = tailnet.token(Sandbox::OAUTH_CLIENT_SECRET, "").await.ok();
    let token = text(&token["access_token"]);
    assert_eq!(kinds(Sandbox::API_KEY, "").await, ["api", "auth"]);
    assert_eq!(kinds(token, "").await, ["client"]);
    assert_eq!(kinds(token, "?all=true").await, ["api", "auth", "client", "federated"]);
    tailnet.sandbox.add_api_key("tskey-api-few", &["auth_keys:read"]);
    assert_eq!(kinds("tskey-api-few", "?all=true").await, ["auth"]);
}

#[tokio::test]
async fn bad_keys_are_refused() {
    let tailnet = Tailnet::new().await;
    let before = tailnet.get("/tailnet/-/keys?all=true").await.body;
    let with = |key: &str, value: Value| {
        let mut body = auth_key(&[]);
        body[key] = value;
        body
    };
    for (body, message) in [
        (with("description", json!("a_b")), "keys: description had invalid characters"),
        (with("keyType", json!("other")), "invalid keyType \"other\""),
        (with("keyType", json!("client")), "scopes cannot be empty"),
        (with("capabilities", json!({})), "exactly one capability scope must be populated"),
        (auth_key(&["tag:nope"]), "requested tags [tag:nope] are invalid or not permitted"),
    ] {
        tailnet.post("/tailnet/-/keys", body).await.refused(400, message);
    }
    for body in [
        with("description", json!("a".repeat(51))),
        with("expirySeconds", json!(7_776_001)),
        with("expirySeconds", json!(-1)),
        json!({ "keyType": "client", "scopes": ["flying"] }),
        json!({ "keyType": "client", "scopes": ["devices:core"] }),
        json!({ "keyType": "federated", "scopes": ["all"], "issuer": "http://x", "subject": "s" }),
    ] {
        assert_eq!(tailnet.post("/tailnet/-/keys", body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(tailnet.get("/tailnet/-/keys?all=true").await.body, before);
}

#[tokio::test]
async fn a_new_oauth_client_can_be_used_changed_and_deleted() {
    let tailnet = Tailnet::new().await;
    let wanted =
        json!({ "keyType": "client", "scopes": ["auth_keys"], "tags": ["tag:k8s-operator"] });
    let client = tailnet.post("/tailnet/-/keys", wanted).await.ok();
    let (id, secret) = (text(&client["id"]), text(&client["key"]));
    let token = tailnet.token(secret, "").await.ok();
    assert_eq!(token["scope"], "auth_keys");
    let token = text(&token["access_token"]);
    let create = async |tags: &[&str]| {
        tailnet.call_as(token, "POST", "/tailnet/-/keys", auth_key(tags)).await
    };
    let message = "tailnet-owned auth key must have tags set";
    create(&[]).await.refused(400, message);
    let message = "requested tags [tag:prod] are invalid or not permitted";
    create(&["tag:prod"]).await.refused(400, message);
    let own = create(&["tag:k8s-operator"]).await.ok();
    assert!(own.get("userId").is_none());
    // Tags owned by the client's tag.
    create(&["tag:k8s"]).await.ok();
    // Its own key can always be read, even without the scope for its type.
    let path = format!("/tailnet/-/keys/{id}");
    tailnet.call_as(token, "GET", &path, Value::Null).await.ok();
    let other = format!("/tailnet/-/keys/{}", Sandbox::OAUTH_CLIENT_ID);
    assert_eq!(tailnet.call_as(token, "GET", &other, Value::Null).await.status, 403);
    let update = json!({ "keyType": "client", "scopes": ["users:read"], "description": "new" });
    let updated = tailnet.call("PUT", &path, update).await.ok();
    assert_eq!((&updated["scopes"], updated.get("key")), (&json!(["users:read"]), None));
    assert_eq!(updated["updated"], NOW);
    assert_eq!(tailnet.token(secret, "").await.ok()["scope"], "users:read");
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_empty();
    tailnet.token(secret, "").await.refused(401, "API token invalid");
    let late = tailnet.call_as(token, "GET", &path, Value::Null).await;
    late.refused(401, "API token invalid");
}

#[tokio::test]
async fn nobody_hands_out_more_than_they_hold() {
    let tailnet = Tailnet::new().await;
    tailnet.sandbox.add_api_key("tskey-api-few", &["oauth_keys", "users:read"]);
    let create = async |body: Value| {
        tailnet.call_as("tskey-api-few", "POST", "/tailnet/-/keys", body).await.status
    };
    assert_eq!(create(json!({ "keyType": "client", "scopes": ["users:read"] })).await, 200);
    assert_eq!(create(json!({ "keyType": "client", "scopes": ["users"] })).await, 403);
    assert_eq!(create(auth_key(&[])).await, 403);
}

#[tokio::test]
async fn a_federated_identity_has_an_audience_and_no_secret() {
    let tailnet = Tailnet::new().await;
    let wanted = json!({
        "keyType": "federated", "scopes": ["users:read"], "issuer": "https://id.example",
        "subject": "repo:acme/*", "customClaimRules": { "env": "prod" }, "audience": "",
    });
    let identity = tailnet.post("/tailnet/-/keys", wanted).await.ok();
    assert!(identity.get("key").is_none());
    assert!(text(&identity["audience"]).starts_with("api.tailscale.com/"));
    assert_eq!(identity["customClaimRules"], json!({ "env": "prod" }));
}

/// T5: the rules of a federated identity are an object, even if there are none.
#[tokio::test]
async fn t5_a_federated_identity_without_rules_has_an_empty_object() {
    let tailnet = Tailnet::new().await;
    let wanted = json!({
        "keyType": "federated", "scopes": ["users:read"], "issuer": "https://id.example",
        "subject": "repo:acme/*",
    });
    let identity = tailnet.post("/tailnet/-/keys", wanted).await.ok();
    assert_eq!(identity["customClaimRules"], json!({}));
    let path = format!("/tailnet/-/keys/{}", text(&identity["id"]));
    assert_eq!(tailnet.get(&path).await.ok()["customClaimRules"], json!({}));
    let key = tailnet.post("/tailnet/-/keys", auth_key(&[])).await.ok();
    assert!(key.get("customClaimRules").is_none());
}

#[tokio::test]
async fn auth_keys_do_not_change_and_built_in_ones_stay() {
    let tailnet = Tailnet::new().await;
    let key = tailnet.post("/tailnet/-/keys", auth_key(&[])).await.ok();
    let path = format!("/tailnet/-/keys/{}", text(&key["id"]));
    let answer = tailnet.call("PUT", &path, json!({ "scopes": ["all"] })).await;
    answer.refused(400, "keys of type \"auth\" can not be updated");
    let path = format!("/tailnet/-/keys/{}", Sandbox::OAUTH_CLIENT_ID);
    assert_eq!(tailnet.call("DELETE", &path, Value::Null).await.status, 400);
    tailnet.token(Sandbox::OAUTH_CLIENT_SECRET, "").await.ok();
}

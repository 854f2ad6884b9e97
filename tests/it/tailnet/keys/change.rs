//! Changing keys, and revoking them.

use serde_json::{Value, json};
use tailsteward::sandbox::Sandbox;

use super::{ALL, auth, by_client, client, federated, ids, is_valid, key, made};
use crate::support::{
    Reply, Server,
    edits::{self, Edit, agent},
    tailnet::sandbox_of,
};

/// The id that the first key of a new sandbox gets: always the same.
async fn first(new: Value) -> String {
    let (_sandbox, tailnet) = sandbox_of(40).await;
    made(&agent(&tailnet).await, new).await
}

async fn updates() -> Vec<Edit> {
    let mut edits = Vec::new();
    let id = first(client()).await;
    for wanted in [
        json!({ "key": id, "description": "Releases" }),
        json!({ "key": id, "scopes": ["users:read"], "tags": [] }),
        json!({ "key": id, "description": "" }),
    ] {
        edits.push(Edit::new("update_key", wanted).after("create_key", client()));
    }
    let id = first(federated()).await;
    let wanted = json!({ "key": id, "issuer": "https://idp.example", "subject": "job:*" });
    edits.push(Edit::new("update_key", wanted).after("create_key", federated()));
    edits
}

async fn revocations() -> Vec<Edit> {
    let mut edits = Vec::new();
    for new in [auth(), client(), federated()] {
        let named = json!({ "key": first(new.clone()).await });
        edits.push(Edit::new("revoke_key", named).after("create_key", new));
    }
    edits
}

#[tokio::test]
async fn an_update_comes_back() {
    edits::come_back(&updates().await, &[ALL]).await;
}

#[tokio::test]
async fn a_write_that_is_refused_changes_nothing_and_one_whose_answer_got_lost_counts() {
    edits::fail_once(&updates().await, &[ALL]).await;
    edits::fail_once(&revocations().await, &[ALL]).await;
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_done() {
    edits::show_first(&updates().await).await;
    edits::show_first(&revocations().await).await;
}

#[tokio::test]
async fn an_update_keeps_what_it_does_not_name() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let id = made(&agent, federated()).await;
    let before = key(&sandbox, &id).await;

    let done = agent.call("update_key", json!({ "key": id, "subject": "repo:acme/web" })).await;

    let now = key(&sandbox, &id).await;
    assert_eq!(now["subject"], "repo:acme/web");
    for field in ["issuer", "audience", "customClaimRules", "scopes", "description"] {
        assert_eq!(now[field], before[field], "{field}");
    }
    assert!(done.get("shown_once").is_none(), "{done}");
    let same = agent.call("update_key", json!({ "key": id, "subject": "repo:acme/web" })).await;
    assert_eq!(same["unchanged"], true, "{same}");
}

#[tokio::test]
async fn what_is_wrong_with_an_update_is_refused_by_field_before_anything_is_sent() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let trusts = made(&agent, client()).await;
    let vouched = made(&agent, federated()).await;
    let writes = |sandbox: &Sandbox| sandbox.requests().iter().filter(|it| it.0 != "GET").count();
    let before = writes(&sandbox);
    for (id, field, value, words) in [
        (&trusts, "description", json!("a_b"), "`description`"),
        (&trusts, "tags", json!(["c_i"]), "`tag:name`"),
        (&trusts, "tags", json!([]), "`tags` are required"),
        (&trusts, "scopes", json!([]), "`scopes`"),
        (&trusts, "scopes", json!(["A"]), "`scopes` has `A`"),
        (&trusts, "issuer", json!("https://idp.example"), "`issuer`"),
        (&trusts, "subject", json!("x"), "`subject`"),
        (&vouched, "issuer", json!("http://idp.example"), "`issuer`"),
        (&vouched, "issuer", json!(""), "`issuer`"),
        (&vouched, "subject", json!(""), "`subject`"),
        (&vouched, "scopes", json!(["auth_keys"]), "`tags` are required"),
    ] {
        let mut wanted = json!({ "key": id });
        wanted[field] = value;
        let failure = agent.fail("update_key", wanted.clone()).await;
        assert_eq!(failure["kind"], "invalid_input", "{wanted}: {failure}");
        assert!(failure["message"].as_str().unwrap().contains(words), "{wanted}: {failure}");
    }
    let nothing = agent.fail("update_key", json!({ "key": trusts })).await;
    assert!(nothing["message"].as_str().unwrap().contains("nothing to change"), "{nothing}");
    assert_eq!(writes(&sandbox), before);
}

#[tokio::test]
async fn auth_keys_and_access_tokens_are_not_updated() {
    let (_sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let joins = made(&agent, auth()).await;
    for (id, kind) in [(joins.as_str(), "auth"), ("ksandboxaccessCNTRL", "api")] {
        let failure = agent.fail("update_key", json!({ "key": id, "description": "New" })).await;
        assert_eq!(failure["kind"], "refused", "{failure}");
        assert!(failure["message"].as_str().unwrap().contains(kind), "{failure}");
        assert!(failure["remedy"].as_str().unwrap().contains("create another key"), "{failure}");
    }
}

#[tokio::test]
async fn a_revoked_key_is_gone_for_good() {
    for (new, words) in [
        (auth(), "devices added with it"),
        (client(), "access tokens created"),
        (federated(), "lose access"),
    ] {
        let (sandbox, tailnet) = sandbox_of(20).await;
        let agent = agent(&tailnet).await;
        let id = made(&agent, new).await;
        let named = json!({ "key": id });

        let done = agent.call("revoke_key", named.clone()).await;

        assert_eq!(done["cannot_be_undone"], true, "{done}");
        assert!(done["warnings"].to_string().contains(words), "{done}");
        assert!(!is_valid(&sandbox, &id).await && !ids(&sandbox).await.contains(&id));
        let again = agent.fail("revoke_key", named.clone()).await;
        assert_eq!(again["kind"], "not_found", "{again}");
        let undo = agent.fail("undo_change", json!({ "change": done["change"] })).await;
        assert_eq!(undo["kind"], "refused", "{undo}");
        assert_eq!(agent.call("get_key", named).await["invalid"], true);
    }
}

#[tokio::test]
async fn the_credential_that_is_in_use_is_not_revoked() {
    let (sandbox, _) = sandbox_of(20).await;
    let named = json!({ "key": Sandbox::OAUTH_CLIENT_ID });
    let failure = by_client(&sandbox).await.fail("revoke_key", named).await;
    assert_eq!(failure["kind"], "refused", "{failure}");
    assert!(failure["message"].as_str().unwrap().contains("in use"), "{failure}");
    assert!(failure["remedy"].as_str().unwrap().contains("another credential first"), "{failure}");

    let server = Server::says(vec![Reply::new(500)]).await;
    let agent = agent(&server.tailnet()).await;
    let failure = agent.fail("revoke_key", json!({ "key": "kTest11CNTRL" })).await;
    assert!(failure["message"].as_str().unwrap().contains("in use"), "{failure}");
    assert!(server.seen().is_empty(), "{:?}", server.seen());
}

#[tokio::test]
async fn no_id_is_no_key() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    for tool in ["get_key", "revoke_key", "rotate_key"] {
        for id in ["", "k", "..", "a/b"] {
            let failure = agent.fail(tool, json!({ "key": id })).await;
            let kind = failure["kind"].as_str().unwrap();
            assert!(["not_found", "invalid_input"].contains(&kind), "{tool} `{id}`: {failure}");
        }
    }
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"));
}

//! Rotated keys are revoked when their grace is over.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tailsteward::{
    ErrorKind, Tailnet,
    change::store::Store,
    mcp::{Server, Setup},
    sandbox::Sandbox,
    tailnet::keys::{Kind, NewKey},
    tool::Risk,
};

use crate::support::{
    agent::Agent,
    edits::everything,
    tailnet::{sandbox_of, settings},
};
use crate::tailnet::keys::{auth, is_valid, made, recording, secret};

const SOON: Duration = Duration::from_millis(50);

/// A key that an assistant replaced with a grace of a second, and where that is written down.
struct Rotated {
    sandbox: Sandbox,
    tailnet: Tailnet,
    agent: Agent,
    store: Arc<Store>,
    old: String,
    new: String,
}

async fn rotated() -> Rotated {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let mut setup = everything();
    setup.yes = true;
    let store = Arc::clone(&setup.store);
    let agent = Agent::with(tailnet.clone(), setup).await;
    let old = made(&agent, auth()).await;
    let done = agent.call("rotate_key", json!({ "key": old, "grace": "1s" })).await;
    let new = secret(&done).split('-').nth(2).unwrap().to_owned();
    Rotated { sandbox, tailnet, agent, store, old, new }
}

impl Rotated {
    /// Another server on the same journal, until it has looked often enough.
    async fn served(&self, setup: Setup) {
        let mut setup = setup;
        setup.store = Arc::clone(&self.store);
        let server = Server::new(&self.tailnet, setup);
        let _ =
            tokio::time::timeout(Duration::from_millis(1800), server.revoke_rotated(SOON)).await;
        server.idle().await;
    }

    async fn changes_of(&self, key: &str) -> Vec<Value> {
        let all = self.agent.call("list_changes", json!({})).await["changes"].clone();
        let about = format!("key {key}");
        all.as_array().unwrap().iter().filter(|it| it["resource"] == *about).cloned().collect()
    }
}

#[tokio::test]
async fn the_next_server_on_the_same_journal_revokes_it_once_and_takes_it_down() {
    let it = rotated().await;
    assert!(is_valid(&it.sandbox, &it.old).await);

    it.served(everything()).await;
    it.served(everything()).await;

    assert!(!is_valid(&it.sandbox, &it.old).await);
    assert!(is_valid(&it.sandbox, &it.new).await);
    let [change] = it.changes_of(&it.old).await.try_into().unwrap();
    assert_eq!((&change["tool"], &change["principal"]), (&json!("rotate_key"), &json!("local")));
    assert_eq!(change["outcome"], "done", "{change}");
    let deletes = it.sandbox.requests().iter().filter(|it| it.0 == "DELETE").count();
    assert_eq!(deletes, 1);
    assert!(it.store.audited("rotate_key").await.unwrap().iter().any(|it| it.2 == 2));
}

#[tokio::test]
async fn a_server_that_does_not_offer_rotations_leaves_it() {
    let it = rotated().await;
    it.served(Setup::new(Risk::Danger).unwrap()).await;
    assert!(is_valid(&it.sandbox, &it.old).await);
}

#[tokio::test]
async fn it_stays_while_the_new_one_is_gone_or_it_is_what_the_server_uses() {
    let it = rotated().await;
    it.agent.call("revoke_key", json!({ "key": it.new })).await;
    it.served(everything()).await;
    assert!(is_valid(&it.sandbox, &it.old).await);
    assert!(it.changes_of(&it.old).await.is_empty());

    let mut own = settings(&it.sandbox.base_url());
    own.credential = tailsteward::Credential::OAuth {
        client_id: Sandbox::OAUTH_CLIENT_ID.to_owned(),
        client_secret: Sandbox::OAUTH_CLIENT_SECRET.into(),
        scopes: Vec::new(),
    };
    let tailnet = recording(&Tailnet::new(own));
    let (keys, now) = (tailnet.keys(), Timestamp::now());
    let grace = SignedDuration::from_secs(1);
    let plan = keys.plan_rotate(Sandbox::OAUTH_CLIENT_ID, grace).await.unwrap();
    tailnet.apply(&plan).await.unwrap();
    let [due] = keys.due(now + grace * 60).await.unwrap().try_into().unwrap();
    let refusal = keys.plan_due(&due).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Refused, "{refusal}");
    assert!(refusal.to_string().contains("in use"), "{refusal}");
}

#[tokio::test]
async fn a_program_keeps_its_own_promise() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    assert_eq!(
        tailnet.keys().due(Timestamp::now()).await.unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    let tailnet = recording(&tailnet);
    let (keys, now) = (tailnet.keys(), Timestamp::now());
    let new = {
        let mut it = NewKey::default();
        it.kind = Kind::Auth;
        it
    };
    let old = tailnet.apply(&keys.plan_create(&new).unwrap()).await.unwrap().id.unwrap();
    let week = SignedDuration::from_hours(7 * 24);
    tailnet.apply(&keys.plan_rotate(&old, week).await.unwrap()).await.unwrap();

    assert!(keys.due(now + week / 2).await.unwrap().is_empty());
    let [due] =
        keys.due(now + week + SignedDuration::from_mins(1)).await.unwrap().try_into().unwrap();
    assert_eq!((due.key.as_str(), due.principal.as_str()), (old.as_str(), "program"));
    let plan = keys.plan_due(&due).await.unwrap();
    assert!(plan.notes()[0].contains(&due.new), "{:?}", plan.notes());
    tailnet.apply(&plan).await.unwrap();

    assert!(!is_valid(&sandbox, &old).await && is_valid(&sandbox, &due.new).await);
    assert_eq!(keys.plan_due(&due).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn one_that_cannot_be_revoked_is_left_alone_for_a_while_and_the_log_says_why() {
    use tailsteward::sandbox::{Fault, FaultKind};
    let it = rotated().await;
    it.sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("deleteKey"));

    it.served(everything()).await;

    assert!(is_valid(&it.sandbox, &it.old).await);
    let deletes = it.sandbox.requests().iter().filter(|it| it.0 == "DELETE").count();
    assert_eq!(deletes, 1);
    let [change] = it.changes_of(&it.old).await.try_into().unwrap();
    assert_eq!(change["outcome"], "failed", "{change}");
}

#[tokio::test]
async fn a_key_is_due_also_where_the_one_in_its_place_was_replaced() {
    let it = rotated().await;
    it.agent.call("rotate_key", json!({ "key": it.new })).await;

    it.served(everything()).await;

    assert!(!is_valid(&it.sandbox, &it.old).await && !is_valid(&it.sandbox, &it.new).await);
}

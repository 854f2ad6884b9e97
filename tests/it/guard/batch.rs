//! Changes of several resources: progress, cancellation and rollback.

use rmcp::model::{CallToolRequest, CallToolRequestParams, ClientRequest};
use rmcp::service::PeerRequestOptions;
use serde_json::{Value, json};
use tailsteward::Tailnet;

use crate::support::changes::{own, setup};
use crate::support::{
    fake_user::{Era, FakeUser, Says},
    proxy::{Fault, faulty},
    tailnet::{sandbox, settings},
};

async fn ids(tailnet: &Tailnet, count: usize) -> Vec<String> {
    own(tailnet).await.iter().take(count).map(|it| it.key().to_owned()).collect()
}

async fn values(tailnet: &Tailnet, ids: &[String]) -> Vec<Option<Value>> {
    let mut values = Vec::new();
    for id in ids {
        let read = tailnet.devices().attributes(id).await.unwrap();
        values.push(read.attributes.get("custom:wave").cloned());
    }
    values
}

fn wave(ids: &[String], on_failure: &str) -> Value {
    json!({ "devices": ids, "key": "custom:wave", "value": "2", "on_failure": on_failure })
}

#[tokio::test]
async fn a_batch_tells_its_progress_and_is_undone_as_one() {
    for era in [Era::Sessions, Era::Stateless] {
        let (_sandbox, tailnet) = sandbox().await;
        let ids = ids(&tailnet, 5).await;
        let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), era).await;

        let done = session.done("batch_update_device_attributes", wave(&ids, "continue")).await;

        assert_eq!((&done["total"], &done["applied"]), (&json!(5), &json!(true)));
        assert_eq!(done["changes"][0]["on"].as_array().unwrap().len(), 5);
        assert!(values(&tailnet, &ids).await.iter().all(|it| *it == Some(json!("2"))));
        let mut progress = session.person.progress.lock().unwrap().clone();
        // On a slow machine, its requests are told too.
        progress.retain(|(done, _)| done.fract() == 0.0);
        let expected: Vec<_> = (1..=5).map(|it| (f64::from(it), Some(5.0))).collect();
        assert_eq!(progress, expected, "{era:?}");

        let undone = session.done("undo_change", json!({ "change": done["change"] })).await;
        assert_eq!(undone["total"], 5);
        assert!(values(&tailnet, &ids).await.iter().all(Option::is_none));
    }
}

/// first-use 10: a client that gives up after a while without progress does not give up.
#[tokio::test]
async fn a_batch_that_waits_for_the_rate_limit_says_so() {
    let (sandbox, direct) = sandbox().await;
    let ids = ids(&direct, 3).await;
    let mut slow = settings(&sandbox.base_url());
    (slow.rate, slow.burst) = (0.4, std::num::NonZeroU32::MIN);
    let session = FakeUser::who(Says::Yes).at(&Tailnet::new(slow), setup(), Era::Stateless).await;
    let mut arguments = wave(&ids, "continue");
    arguments["dry_run"] = json!(true);

    session.done("batch_update_device_attributes", arguments).await;

    let told = session.person.told.lock().unwrap().clone();
    let progress = session.person.progress.lock().unwrap().clone();
    assert!(
        told[0].starts_with("planning: ") && told[0].ends_with(" sent, waiting for the rate limit"),
        "{told:?}"
    );
    assert!(progress.is_sorted_by(|a, b| a.0 < b.0), "{progress:?}");
}

#[tokio::test]
async fn one_that_fails_stops_it_or_not_or_takes_all_back_as_asked() {
    for (on_failure, changed, back, untried) in
        [("continue", 3, 0, 0), ("stop", 1, 0, 2), ("undo", 0, 1, 2)]
    {
        let (sandbox, direct) = sandbox().await;
        let ids = ids(&direct, 4).await;
        let proxy = faulty(&sandbox.base_url(), 1, Fault::Refused).await;
        let tailnet = Tailnet::new(settings(&proxy));
        let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;

        let (done, failed) =
            session.call("batch_update_device_attributes", wave(&ids, on_failure)).await;
        assert_eq!(failed, changed == 0, "a batch of which nothing is left has failed: {done}");

        let count = |field: &str| done[field].as_array().map_or(0, Vec::len);
        assert_eq!(count("failed"), 1, "{on_failure}: {done}");
        assert!(done["failed"][0]["why"].as_str().unwrap().contains("not today"), "{done}");
        assert_eq!((count("rolled_back"), count("not_tried")), (back, untried), "{done}");
        let set = values(&direct, &ids).await.into_iter().flatten().count();
        assert_eq!(set, changed, "{on_failure}");
        assert_eq!(done["applied"], changed > 0);
        let entry = session.done("get_change", json!({ "change": 1 })).await;
        let outcome = if on_failure == "undo" { "rolled_back" } else { "partly" };
        assert_eq!(entry["outcome"], outcome, "{entry}");
    }
}

#[tokio::test]
async fn a_batch_whose_call_is_cancelled_stops_after_the_device_it_is_at() {
    let (sandbox, direct) = sandbox().await;
    let ids = ids(&direct, 6).await;
    // The first write takes seven seconds.
    let slow = faulty(&sandbox.base_url(), 0, Fault::Slow).await;
    let tailnet = Tailnet::new(settings(&slow));
    let setup = setup();
    let store = std::sync::Arc::clone(&setup.store);
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup, Era::Sessions).await;
    let arguments = wave(&ids, "continue").as_object().unwrap().clone();
    let call =
        CallToolRequestParams::new("batch_update_device_attributes").with_arguments(arguments);
    let request = ClientRequest::CallToolRequest(CallToolRequest::new(call));
    let options = PeerRequestOptions::no_options();
    let handle = session.client.send_cancellable_request(request, options).await.unwrap();
    while !sandbox_is_written(&session).await {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    handle.cancel(Some("enough".to_owned())).await.unwrap();

    loop {
        let entry = session.done("get_change", json!({ "change": 1 })).await;
        if entry.get("running").is_none() {
            assert_eq!(entry["outcome"], "partly", "{entry}");
            assert_eq!(entry["steps"].as_array().unwrap().len(), 1, "{entry}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(values(&direct, &ids).await.into_iter().flatten().count(), 1);
    drop(store);
}

/// Whether the first step was begun.
async fn sandbox_is_written(session: &crate::support::fake_user::Session) -> bool {
    let list = session.done("list_changes", json!({})).await;
    if list["total"] == 0 {
        return false;
    }
    let entry = session.done("get_change", json!({ "change": 1 })).await;
    !entry["steps"].as_array().unwrap().is_empty()
}

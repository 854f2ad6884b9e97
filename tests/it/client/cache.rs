//! Lists are kept for a moment, shared while they are read, and forgotten at every change.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tailsteward::Tailnet;

use crate::support::{Reply, Seen, Server, millis, set_auto_updates};

const DEVICES: &str = "/api/v2/tailnet/-/devices";

/// Counts its lists: the n-th one has a device called `n`. Lists take `list`, writes `write`.
async fn server(list: Duration, write: Duration) -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |it: &Seen| {
        if it.path() != DEVICES {
            return Reply::json(&json!({})).late(write);
        }
        let name = (count.fetch_add(1, Ordering::SeqCst) + 1).to_string();
        Reply::json(&json!({ "devices": [{ "nodeId": "n1", "name": name }] })).late(list)
    })
    .await
}

fn cached(server: &Server, cache_for: Duration) -> Tailnet {
    let mut settings = server.settings();
    settings.cache_for = cache_for;
    Tailnet::new(settings)
}

async fn name(tailnet: &Tailnet) -> String {
    tailnet.devices().list().await.unwrap()[0].short_name().to_owned()
}

#[tokio::test]
async fn a_list_is_kept_for_a_moment_and_shared_by_clones() {
    let server = server(Duration::ZERO, Duration::ZERO).await;
    let tailnet = cached(&server, millis(500));

    let (first, second) = (tailnet.devices().list().await, tailnet.clone().devices().list().await);
    assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
    tokio::time::sleep(millis(700)).await;

    assert_eq!(name(&tailnet).await, "2");
}

#[tokio::test]
async fn equal_reads_at_one_time_share_one_request() {
    let server = server(millis(100), Duration::ZERO).await;
    let tailnet = cached(&server, Duration::from_mins(1));

    let read = |tailnet: Tailnet| async move { name(&tailnet).await };
    let reads: Vec<_> = (0..20).map(|_| tokio::spawn(read(tailnet.clone()))).collect();
    for read in reads {
        assert_eq!(read.await.unwrap(), "1");
    }

    assert_eq!(server.count(DEVICES), 1);
}

#[tokio::test]
async fn a_list_whose_first_reader_gives_up_is_read_by_the_next() {
    let server = server(millis(200), Duration::ZERO).await;
    let tailnet = cached(&server, Duration::from_mins(1));
    let read = |tailnet: Tailnet| async move { name(&tailnet).await };

    let first = tokio::spawn(read(tailnet.clone()));
    tokio::time::sleep(millis(50)).await;
    let second = tokio::spawn(read(tailnet.clone()));
    tokio::time::sleep(millis(50)).await;
    first.abort();

    assert_eq!(second.await.unwrap(), "2");
}

#[tokio::test]
async fn a_list_is_forgotten_at_every_change() {
    let server = server(Duration::ZERO, Duration::ZERO).await;
    let tailnet = cached(&server, Duration::from_mins(1));

    assert_eq!(name(&tailnet).await, "1");
    tailnet.tailnet_settings().get().await.unwrap();
    assert_eq!(name(&tailnet).await, "1");
    set_auto_updates(&tailnet, true).await.unwrap();
    assert_eq!(name(&tailnet).await, "2");
}

#[tokio::test]
async fn a_list_that_was_begun_before_a_change_is_not_served_after_it() {
    let server = server(millis(300), Duration::ZERO).await;
    let tailnet = cached(&server, Duration::from_mins(1));

    let old = tokio::spawn({
        let tailnet = tailnet.clone();
        async move { name(&tailnet).await }
    });
    tokio::time::sleep(millis(100)).await;
    set_auto_updates(&tailnet, true).await.unwrap();

    assert_eq!(name(&tailnet).await, "2");
    assert_eq!(old.await.unwrap(), "1");
    assert_eq!(name(&tailnet).await, "2");
}

#[tokio::test]
async fn a_list_that_was_read_during_a_change_is_not_served_after_it() {
    let server = server(Duration::ZERO, millis(200)).await;
    let tailnet = cached(&server, Duration::from_mins(1));

    let write = tokio::spawn({
        let tailnet = tailnet.clone();
        async move { set_auto_updates(&tailnet, true).await.map(drop) }
    });
    tokio::time::sleep(millis(50)).await;
    assert_eq!(name(&tailnet).await, "1");
    write.await.unwrap().unwrap();

    assert_eq!(name(&tailnet).await, "2");
}

#[tokio::test]
async fn a_change_that_fails_or_is_given_up_makes_lists_stale_as_well() {
    let server = server(Duration::ZERO, Duration::from_mins(1)).await;
    let mut settings = cached(&server, Duration::from_mins(1)).settings().clone();
    settings.deadline = millis(150);
    let tailnet = Tailnet::new(settings);

    assert_eq!(name(&tailnet).await, "1");
    let failed = set_auto_updates(&tailnet, true).await.unwrap_err();
    assert!(failed.may_have_had_effect());
    assert_eq!(name(&tailnet).await, "2");
    let given_up = tokio::spawn({
        let tailnet = tailnet.clone();
        async move { set_auto_updates(&tailnet, true).await.map(drop) }
    });
    tokio::time::sleep(millis(50)).await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());

    assert_eq!(name(&tailnet).await, "3");
}

#[tokio::test]
async fn a_list_that_failed_is_not_kept() {
    let list = Reply::json(&json!({ "devices": [] }));
    let server = Server::says(vec![Reply::new(500), list]).await;
    let tailnet = cached(&server, Duration::from_mins(1));

    assert!(tailnet.devices().list().await.is_err());
    assert!(tailnet.devices().list().await.unwrap().is_empty());
}

#[tokio::test]
async fn without_a_cache_every_list_is_read() {
    let server = server(Duration::ZERO, Duration::ZERO).await;
    let tailnet = cached(&server, Duration::ZERO);

    assert_eq!((name(&tailnet).await, name(&tailnet).await), ("1".to_owned(), "2".to_owned()));
}

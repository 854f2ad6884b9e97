//! Asking whoever watches for a look, here and through the database.

use std::{sync::Arc, time::Duration};

use sqlx::{Connection as _, Executor as _};
use tailsteward::history::{History, Place};

use super::poll::places;
use crate::support::tailnet::sandbox_of;

#[tokio::test]
async fn who_watches_hears_what_is_asked_for_here_and_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    // A database in memory is no other process's.
    for place in places(folder.path()).into_iter().filter(|it| !matches!(it, Place::Memory)) {
        heard(&place).await;
    }
}

async fn heard(place: &Place) {
    let open = || Arc::new(History::new(place.clone()));
    let (_sandbox, tailnet) = sandbox_of(5).await;
    let (here, there) = (open(), open());
    let label = tailnet.label();
    // Before anybody watches, nobody hears it, and nothing fails.
    there.look_soon(&label, &["devices"]).await.unwrap();
    let poller = tailnet.with_history(Arc::clone(&here)).watch("one").await.unwrap().unwrap();

    here.look_soon(&label, &["users"]).await.unwrap();
    here.look_soon(&label, &["devices"]).await.unwrap();
    let heard = poller.memory().asked_for().await;
    assert_eq!(heard.into_iter().collect::<Vec<_>>(), ["devices", "users"]);
    let again = poller.memory().asked_for();
    assert!(tokio::time::timeout(Duration::from_millis(50), again).await.is_err(), "once");

    let before = poller.lease().asked();
    assert_eq!(here.renew_and_hear(poller.lease()).await.unwrap(), Some(before));
    there.look_soon(&label, &["users"]).await.unwrap();
    assert_eq!(here.renew_and_hear(poller.lease()).await.unwrap(), Some(before + 1));
    // Who takes over begins with what was asked until then.
    here.release(poller.lease()).await.unwrap();
    let next = there.take_lease(&label, "two").await.unwrap().unwrap();
    assert_eq!(next.asked(), before + 1);
    assert_eq!(here.renew_and_hear(poller.lease()).await.unwrap(), None);
    // How it is watched can be read, too.
    let watching = there.watching(&label, 0).await.unwrap();
    assert!(watching.is_stale && watching.good_at.is_none() && !watching.is_here);
    assert_eq!(here.holder(&label).await.unwrap().as_deref(), Some("two"));
}

#[tokio::test]
async fn a_history_of_version_1_is_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let open = || History::new(Place::File(file.clone()));
    let lease = open().take_lease("label", "one").await.unwrap().unwrap();
    let url = format!("sqlite://{}", file.display());
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    database.execute("ALTER TABLE watchers DROP COLUMN asked").await.unwrap();
    for column in ["actor_kind", "value"] {
        database.execute(&*format!("ALTER TABLE events DROP COLUMN {column}")).await.unwrap();
    }
    database.execute("UPDATE history_version SET version = 1").await.unwrap();
    database.close().await.unwrap();

    let history = open();
    assert_eq!(history.renew_and_hear(&lease).await.unwrap(), Some(0));
    history.look_soon("label", &["devices"]).await.unwrap();
    assert_eq!(open().renew_and_hear(&lease).await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_history_of_version_2_gets_tables_for_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let open = || History::new(Place::File(file.clone()));
    open().take_lease("label", "one").await.unwrap().unwrap();
    let url = format!("sqlite://{}", file.display());
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    for table in ["traffic", "traffic_read", "traffic_ends"] {
        database.execute(&*format!("DROP TABLE {table}")).await.unwrap();
    }
    database.execute("UPDATE history_version SET version = 2").await.unwrap();
    database.close().await.unwrap();

    let kept = open().traffic("label", 0, 1_000).await.unwrap();
    assert!(kept.totals.is_empty() && kept.spans.is_empty());
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    let row = database.fetch_one("SELECT version FROM history_version").await.unwrap();
    assert_eq!(sqlx::Row::get::<i64, _>(&row, 0), 3);
}

//! The poller against the sandbox, and on bad days.

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use sqlx::{Connection as _, Executor as _};
use tailsteward::{
    ErrorKind, Tailnet,
    history::{History, LEASE, Looked, Place, Poller, Seconds, Source},
    sandbox::{DeviceState, Fault, FaultKind, Sandbox},
    tailnet::devices::Device,
};

use crate::support::{changes::own, tailnet::sandbox_of};

pub(super) fn places(folder: &Path) -> Vec<Place> {
    let mut places = vec![Place::Memory, Place::File(folder.join("history.db"))];
    match std::env::var("TAILSTEWARD_TEST_POSTGRES") {
        Ok(url) => places.push(url.parse().unwrap()),
        Err(_) => println!("skipped: TAILSTEWARD_TEST_POSTGRES names no database"),
    }
    places
}

/// A watched sandbox. Each has a label of its own, so that a shared database is no trouble.
async fn watched(place: Place) -> (Sandbox, Tailnet, Arc<History>) {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let history = Arc::new(History::new(place));
    (sandbox, tailnet.with_history(history.clone()), history)
}

fn offline() -> DeviceState {
    let mut state = DeviceState::default();
    state.online = Some(false);
    state
}

fn now() -> Seconds {
    Timestamp::now().as_second()
}

async fn recorded(poller: &mut Poller, source: &Source, at: Seconds) -> (usize, usize) {
    match poller.look(source, at).await.unwrap() {
        Looked::Recorded { seen, facts } => (seen, facts),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_database_keeps_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    for place in places(folder.path()) {
        let (sandbox, tailnet, history) = watched(place.clone()).await;
        let device = own(&tailnet).await.into_iter().find(Device::is_online).unwrap();
        let mut poller = tailnet.watch("one").await.unwrap().unwrap();
        let (source, start) = (Source::devices(), now());
        let (seen, facts) = recorded(&mut poller, &source, start).await;
        assert!(seen >= 20 && facts > seen, "{place:?}");
        assert_eq!(recorded(&mut poller, &source, start + 60).await, (seen, 0), "{place:?}");

        assert!(sandbox.set_device(device.key(), &offline()));
        assert_eq!(recorded(&mut poller, &source, start + 120).await.1, 1);
        // Another process goes on where this one ended.
        drop(poller);
        let tailnet = match &place {
            Place::Memory => tailnet,
            place => tailnet.with_history(Arc::new(History::new(place.clone()))),
        };
        let mut again = tailnet.watch("one").await.unwrap().unwrap();
        assert_eq!(recorded(&mut again, &source, start + 180).await, (seen, 0), "{place:?}");

        let changed = history.transitions(&tailnet.label(), device.key(), 0).await.unwrap();
        let online: Vec<&str> = changed
            .iter()
            .filter(|it| it.field.name() == "online")
            .map(|it| it.to.as_str())
            .collect();
        assert_eq!(online, ["0", "1"], "{place:?}");
        let spans = history.spans(&tailnet.label(), 0, i64::MAX).await.unwrap().unwrap();
        assert_eq!(spans.seconds(), 180, "{place:?}");
    }
}

#[tokio::test]
async fn every_source_is_read_and_an_hour_has_at_most_200_requests() {
    let (sandbox, tailnet, history) = watched(Place::Memory).await;
    let mut poller = tailnet.watch("one").await.unwrap().unwrap();
    let start = now();
    for source in Source::all() {
        let looked = poller.look(&source, start).await.unwrap();
        assert!(matches!(looked, Looked::Recorded { .. }), "{}: {looked:?}", source.name);
        // The same again changes nothing.
        let (_, facts) = recorded(&mut poller, &source, start + 1).await;
        assert_eq!(facts, 0, "{}", source.name);
    }
    assert!(history.looks(&tailnet.label()).await.unwrap().iter().all(|it| it.error.is_none()));
    let requests = sandbox.requests().len() / 2;
    assert_eq!(requests, Source::all().len(), "one request for each look");
    let hourly: i64 = Source::all().iter().map(|it| 3_600 / it.interval).sum();
    assert!(hourly <= 200, "{hourly} requests an hour");
}

#[tokio::test]
async fn a_source_that_fails_costs_no_other_and_its_gap_is_told() {
    let (sandbox, tailnet, history) = watched(Place::Memory).await;
    let mut poller = tailnet.watch("one").await.unwrap().unwrap();
    let (devices, users) = (Source::devices(), Source::all().remove(2));
    let start = now();
    recorded(&mut poller, &devices, start).await;
    recorded(&mut poller, &users, start).await;

    sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("listUsers"));
    let looked = poller.look(&users, start + 300).await.unwrap();
    assert!(matches!(&looked, Looked::Not(why) if why.contains("403")), "{looked:?}");
    recorded(&mut poller, &devices, start + 60).await;
    let looks = history.looks(&tailnet.label()).await.unwrap();
    let users_look = looks.iter().find(|it| it.source == "users").unwrap();
    assert_eq!((users_look.good_at, users_look.tried_at), (Some(start), start + 300));
    assert!(users_look.error.as_ref().unwrap().contains("403"));

    // The API is down for two hours: nothing is invented, and then it goes on.
    sandbox.fail(Fault::new(FaultKind::Status { status: 504 }).on("listTailnetDevices"));
    let looked = poller.look(&devices, start + 120).await.unwrap();
    assert!(matches!(looked, Looked::Not(_)), "{looked:?}");
    sandbox.clear_faults();
    recorded(&mut poller, &devices, start + 7_200).await;
    let spans = history.spans(&tailnet.label(), 0, i64::MAX).await.unwrap().unwrap();
    assert_eq!(spans.iter().collect::<Vec<_>>(), [(start, start + 60)], "the gap is a gap");
    recorded(&mut poller, &devices, start + 7_260).await;
    let spans = history.spans(&tailnet.label(), 0, i64::MAX).await.unwrap().unwrap();
    assert_eq!(spans.seconds(), 120);
}

#[tokio::test]
async fn a_clock_that_goes_back_dates_nothing() {
    let (_sandbox, tailnet, history) = watched(Place::Memory).await;
    let mut poller = tailnet.watch("one").await.unwrap().unwrap();
    let (source, start) = (Source::devices(), now());
    recorded(&mut poller, &source, start).await;

    let looked = poller.look(&source, start - 3_600).await.unwrap();
    assert!(matches!(&looked, Looked::Not(why) if why.contains("clock")), "{looked:?}");
    recorded(&mut poller, &source, start + 60).await;
    let spans = history.spans(&tailnet.label(), 0, i64::MAX).await.unwrap().unwrap();
    assert_eq!(spans.seconds(), 60);
}

#[tokio::test]
async fn one_of_several_watches_and_a_stalled_one_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for place in places(folder.path()) {
        let (_sandbox, tailnet, history) = watched(place.clone()).await;
        let mut first = tailnet.watch("first").await.unwrap().unwrap();
        assert!(tailnet.watch("second").await.unwrap().is_none(), "{place:?}");
        let (source, start) = (Source::devices(), now());
        recorded(&mut first, &source, start).await;

        // It gives the lease back; another takes over, and the first one wakes up again.
        history.release(first.lease()).await.unwrap();
        let mut second = tailnet.watch("second").await.unwrap().unwrap();
        recorded(&mut second, &source, start + 60).await;
        let looked = first.look(&source, start + 61).await.unwrap();
        assert_eq!(looked, Looked::TakenOver, "{place:?}");
        assert!(!history.renew(first.lease()).await.unwrap());
        let spans = history.spans(&tailnet.label(), 0, i64::MAX).await.unwrap().unwrap();
        assert_eq!(spans.seconds(), 60, "{place:?}");
    }
    assert!(LEASE < Duration::from_secs(30), "a killed one is replaced within 30 s");
}

#[tokio::test]
async fn a_database_that_is_locked_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (sandbox, tailnet, history) = watched(Place::File(path.clone())).await;
    let device = own(&tailnet).await.into_iter().find(Device::is_online).unwrap();
    let mut poller = tailnet.watch("one").await.unwrap().unwrap();
    let (source, start) = (Source::devices(), now());
    recorded(&mut poller, &source, start).await;

    assert!(sandbox.set_device(device.key(), &offline()));
    let url = format!("sqlite://{}", path.display());
    let mut other = sqlx::AnyConnection::connect(&url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let error = poller.look(&source, start + 60).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::History, "{error}");
    other.execute("COMMIT").await.unwrap();

    assert_eq!(recorded(&mut poller, &source, start + 120).await.1, 1, "it is found again");
    let changed = history.transitions(&tailnet.label(), device.key(), 0).await.unwrap();
    assert_eq!(changed.iter().filter(|it| it.field.name() == "online" && it.to == "0").count(), 1);
}

#[tokio::test]
async fn entries_of_the_audit_log_come_once() {
    let (_sandbox, tailnet, history) = watched(Place::Memory).await;
    let source = Source::audit_log();
    let mut poller = tailnet.watch("one").await.unwrap().unwrap();
    let device = own(&tailnet).await.remove(0);
    let plan =
        tailnet.devices().plan_authorized(device.key(), !device.is_authorized()).await.unwrap();
    tailnet.apply(&plan).await.unwrap();
    let start = now() + 120;
    recorded(&mut poller, &source, start).await;
    let first = history.events(&tailnet.label(), 0, 100).await.unwrap();
    recorded(&mut poller, &source, start + 60).await;

    let second = history.events(&tailnet.label(), 0, 100).await.unwrap();
    assert_eq!(first, second);
    assert!(first.iter().any(|it| it.target_id == device.key()), "{first:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a database, but somebody's notes").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();

    let error = History::new(Place::File(path.clone())).ready().await.unwrap_err();

    assert!(error.to_string().contains("is not a database"), "{error}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(std::fs::read_to_string(&path).unwrap().contains("notes"));
}

#[tokio::test]
async fn devices_above_20000_are_looked_at_less_often_and_without_gaps() {
    let (_sandbox, tailnet) = sandbox_of(20_001).await;
    let history = History::in_memory();
    let tailnet = tailnet.with_history(history.clone());
    let mut poller = tailnet.watch("one").await.unwrap().unwrap();
    let (source, start) = (Source::devices(), now());
    assert_eq!(poller.interval(&source), 60);
    let (seen, _) = recorded(&mut poller, &source, start).await;
    assert_eq!(poller.interval(&source), 300);
    // The second look has the usual fields only, which is no change of the others.
    assert_eq!(recorded(&mut poller, &source, start + 299).await, (seen, 0));
    assert_eq!(recorded(&mut poller, &source, start + 599).await, (seen, 0));

    let spans = history.spans(&tailnet.label(), 0, i64::MAX).await.unwrap().unwrap();
    assert_eq!(spans.iter().collect::<Vec<_>>(), [(start, start + 599)]);
}

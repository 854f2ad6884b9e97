//! The store: in memory, in a file, in Postgres.

use std::{path::Path, sync::Arc};

use secrecy::ExposeSecret as _;
use serde_json::json;
use sqlx::{Connection as _, Executor as _};
use tailsteward::{
    change::{
        Actor, Journal,
        journal::{Find, Intent},
        store::{Audit, Place, Store, Used},
    },
    guard::ConfirmMode,
    guardrails::Guardrails,
    tailnet::devices::Update,
};

use crate::support::{
    changes::{approvals, own, person, removal, setup, setup_in, with_plan},
    fake_user::{Era, FakeUser, Says},
    tailnet::sandbox,
};

/// The stores there are here: the URL of a Postgres server is in a variable.
fn places(folder: &Path) -> Vec<Place> {
    let mut places = vec![Place::Memory, Place::File(folder.join("deep/er/journal #1?.db"))];
    match std::env::var("TAILSTEWARD_TEST_POSTGRES") {
        Ok(url) => places.push(url.parse().unwrap()),
        Err(_) => println!("skipped: TAILSTEWARD_TEST_POSTGRES names no database"),
    }
    places
}

fn rename(to: &str) -> Update {
    let mut it = Update::default();
    it.name = Some(to.to_owned());
    it
}

#[tokio::test]
async fn every_store_keeps_changes_and_plans() {
    let folder = tempfile::tempdir().unwrap();
    for place in places(folder.path()) {
        let (_sandbox, tailnet) = sandbox().await;
        let device = own(&tailnet).await.into_iter().find(|it| it.tags().len() == 1).unwrap();
        let store = Arc::new(Store::new(place.clone()));
        let journal: Arc<dyn Journal> = store.clone();
        let tailnet = tailnet.acting_as(Actor::new("it's \"ann\" 😀", Some(journal)));

        let plan = tailnet.devices().plan_update(device.key(), &rename("stored")).await.unwrap();
        let change = tailnet.apply(&plan).await.unwrap().change.unwrap();
        // The same database, opened by another server.
        let again = match &place {
            Place::Memory => Arc::clone(&store),
            place => Arc::new(Store::new(place.clone())),
        };
        let journal: Arc<dyn Journal> = again.clone();
        let other = tailnet.acting_as(Actor::new("bob", Some(journal)));
        let found = other.changes().get(change, 0, 10).await.unwrap();
        assert_eq!(found.entry.principal, "it's \"ann\" 😀", "{place:?}");
        assert_eq!(found.steps[0].step.change.to, json!("stored"));
        let undo = other.changes().plan_undo(change).await.unwrap();
        other.apply(&undo).await.unwrap();
        let entry = tailnet.changes().get(change, 0, 10).await.unwrap();
        assert!(entry.entry.undone_by.is_some());
        let mut find = Find::default();
        find.limit = 1;
        let list = tailnet.changes().list(&find).await.unwrap();
        assert!((list.total, list.shown) == (2, 1) && list.next.is_some(), "{list:?}");

        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(1);
        let id = store.remember_plan("digest", until).await.unwrap();
        assert_eq!(again.use_plan(&id, "other").await.unwrap(), Used::Differs);
        assert_eq!(again.use_plan(&id, "digest").await.unwrap(), Used::Now);
        assert_eq!(store.use_plan(&id, "digest").await.unwrap(), Used::Before);
        assert_eq!(store.use_plan("nope", "digest").await.unwrap(), Used::Unknown);
        let old = store.remember_plan("digest", jiff::Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(store.use_plan(&old, "digest").await.unwrap(), Used::Unknown, "too old");
        let nonce = format!("nonce-{id}");
        assert!(store.use_once(&nonce, until).await.unwrap());
        assert!(!again.use_once(&nonce, until).await.unwrap());
    }
}

#[tokio::test]
async fn two_that_use_one_plan_at_once_use_it_once() {
    let folder = tempfile::tempdir().unwrap();
    for place in places(folder.path()) {
        let store = Arc::new(Store::new(place));
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(1);
        let id = store.remember_plan("d", until).await.unwrap();
        let tries = (0..16).map(|_| {
            let (store, id) = (Arc::clone(&store), id.clone());
            tokio::spawn(async move { store.use_plan(&id, "d").await.unwrap() })
        });
        let mut used = 0;
        for attempt in tries.collect::<Vec<_>>() {
            used += usize::from(attempt.await.unwrap() == Used::Now);
        }
        assert_eq!(used, 1);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let store = Store::new(Place::File(path.clone()));

    assert!(!path.exists(), "nothing is made before it is used");
    store.use_once("x", jiff::Timestamp::now()).await.unwrap();

    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn places_are_read_as_they_are_written() {
    assert!(matches!("memory".parse(), Ok(Place::Memory)));
    let path = |text: &str| match text.parse() {
        Ok(Place::File(path)) => path.to_str().unwrap().to_owned(),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(path("/var/lib/j.db"), "/var/lib/j.db");
    assert_eq!(path("j.db"), "j.db");
    assert_eq!(path("sqlite:j.db"), "j.db");
    assert_eq!(path("sqlite:///var/j.db"), "/var/j.db");
    let postgres: Place = "postgres://u:s3cr3t@h/d".parse().unwrap();
    assert!(!format!("{postgres:?}").contains("s3cr3t"));
    assert!("mysql://h/d".parse::<Place>().unwrap_err().contains("mysql"));
    assert!("".parse::<Place>().is_err());
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_without_its_password() {
    let store = Store::new("postgres://u:s3cr3t@127.0.0.1:1/d".parse().unwrap());

    let error = store.use_once("x", jiff::Timestamp::now()).await.unwrap_err();

    let all = format!("{error} {error:?} {:?} {store:?}", error.remedy());
    assert!(all.contains("Postgres") && all.contains("Actor::journal"), "{all}");
    assert!(!all.contains("s3cr3t"), "{all}");
}

#[tokio::test]
async fn a_journal_in_memory_outlives_a_query_that_is_given_up() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let store = Arc::new(Store::in_memory());
    let tailnet = tailnet.acting_as(Actor::new("ann", Some(store.clone())));
    let plan = tailnet.devices().plan_update(device.key(), &rename("kept")).await.unwrap();
    tailnet.apply(&plan).await.unwrap();

    for nanoseconds in 0..200 {
        let given_up = std::time::Duration::from_nanos(nanoseconds * 2_000);
        let mut find = Find::default();
        find.limit = 1;
        let _ = tokio::time::timeout(given_up, tailnet.changes().list(&find)).await;
    }

    assert_eq!(tailnet.changes().get(1, 0, 1).await.unwrap().entry.change, 1);
}

// L13: the driver does without TLS, or without looking at the certificate, if the server does.
#[test]
fn a_database_elsewhere_has_to_prove_who_it_is() {
    use secrecy::ExposeSecret as _;
    let url = |text: &str| match text.parse() {
        Ok(Place::Postgres(url)) => Ok(url.expose_secret().to_owned()),
        Ok(other) => panic!("{other:?}"),
        Err(why) => Err(why),
    };
    let elsewhere = url("postgres://u:p@db.example.com/x").unwrap();
    assert!(elsewhere.ends_with("?sslmode=verify-full"), "{elsewhere}");
    for weak in ["disable", "prefer", "require", "verify-ca"] {
        let refused =
            url(&format!("postgres://u:pw123@db.example.com/x?sslmode={weak}")).unwrap_err();
        assert!(refused.contains("verify-full") && !refused.contains("pw123"), "{refused}");
    }
    for here in [
        "postgres://u:p@localhost/x",
        "postgres://u:p@127.0.0.1:5433/x?sslmode=disable",
        "postgres://u:p@[::1]/x",
        "postgres://u@%2Fvar%2Frun%2Fpostgresql/x",
        "postgres:///x?host=/var/run/postgresql",
    ] {
        assert_eq!(url(here).unwrap(), here);
    }
}

// L12: a journal that others could read stayed readable.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_others_could_read_is_closed_to_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();

    Store::new(Place::File(path.clone())).use_once("x", jiff::Timestamp::now()).await.unwrap();

    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

// L16: with the database away, calls that only read waited for the audit.
#[tokio::test]
async fn an_audit_that_is_behind_keeps_no_call_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let store = Arc::new(Store::new(Place::File(path.clone())));
    store.use_once("x", jiff::Timestamp::now()).await.unwrap();
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", path.display());
    let mut other = sqlx::AnyConnection::connect(&url).await.unwrap();
    other.execute("BEGIN EXCLUSIVE").await.unwrap();

    let begun = std::time::Instant::now();
    for _ in 0..10_000 {
        let line = Audit::now(&"ann".into(), "list_devices", tailsteward::tool::Risk::Read);
        store.audit(line);
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(store.dropped_audits() > 0);
}

// The audit said `deauthorize` where the devices belong.
#[tokio::test]
async fn the_audit_of_a_call_on_many_devices_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut setup = setup();
    setup.store = Arc::new(Store::new(Place::File(path.clone())));
    let store = Arc::clone(&setup.store);
    let (_sandbox, tailnet) = sandbox().await;
    let session = FakeUser::who(Says::No).at(&tailnet, setup, Era::Sessions).await;
    let named = json!({ "devices": ["nope-1", "nope-2"] });
    session.fails("remove_devices", named).await;
    let filtered = json!({ "os": "plan9", "silent_for": "30d" });
    session.call("deauthorize_devices", filtered).await;
    session.fails("add_tags", json!({ "devices": ["nope-3"], "tags": ["tag:web"] })).await;
    store.flush().await;

    sqlx::any::install_default_drivers();
    let mut other =
        sqlx::AnyConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let rows = sqlx::query_scalar("SELECT resource FROM audit ORDER BY resource");
    let rows: Vec<String> = rows.fetch_all(&mut other).await.unwrap();

    let told = [r#"["nope-1","nope-2"]"#, r#"["nope-3"]"#, "os=plan9 silent_for=30d"];
    assert_eq!(rows, told);
}

// L8: with its own clock ahead, a replica took a running change for cut off.
#[tokio::test]
async fn whether_a_change_is_running_is_told_by_the_clock_of_the_database() {
    let Ok(url) = std::env::var("TAILSTEWARD_TEST_POSTGRES") else {
        println!("skipped: TAILSTEWARD_TEST_POSTGRES names no database");
        return;
    };
    sqlx::any::install_default_drivers();
    let mut database = sqlx::AnyConnection::connect(&url).await.unwrap();
    // The clock of this database is an hour ahead of everybody else's.
    for statement in [
        "DROP SCHEMA IF EXISTS ahead CASCADE",
        "CREATE SCHEMA ahead",
        "CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS \
         'SELECT pg_catalog.clock_timestamp() + interval ''1 hour'''",
    ] {
        database.execute(statement).await.unwrap();
    }
    let place: Place = format!("{url}?options[search_path]=ahead,pg_catalog").parse().unwrap();
    let (here, other) = (Store::new(place.clone()), Store::new(place));
    let running = async |change| {
        let found = other.entry(change).await.unwrap();
        found.unwrap().running
    };

    let intent = Intent::new("ann", "revoke_device", tailsteward::tool::Risk::Danger);
    let change = here.begin(&intent).await.unwrap();
    assert!(running(change).await);

    // For the database, this lease has run out; for the clock of this machine, it lasts an hour.
    drop(here);
    let past = "UPDATE ahead.changes SET lease = \
                CAST(EXTRACT(EPOCH FROM ahead.clock_timestamp()) * 1000000 AS BIGINT) - 1000000";
    database.execute(past).await.unwrap();
    assert!(!running(change).await);
    database.execute("DROP SCHEMA ahead CASCADE").await.unwrap();
}

#[tokio::test]
async fn approvals_codes_and_counts_are_the_same_in_every_store() {
    let folder = tempfile::tempdir().unwrap();
    for place in places(folder.path()) {
        let (_sandbox, tailnet) = sandbox().await;
        let devices = own(&tailnet).await;
        let mut setup = setup_in(ConfirmMode::Other);
        setup.store = Arc::new(Store::new(place.clone()));
        let mut rails = Guardrails::default();
        rails.changes_per_hour = Some(2);
        setup.guardrails = rails.into();
        setup.local.limits = [("list_devices".to_owned(), "1/hour".parse().unwrap())].into();
        // A database of its own would be empty; this one may have what was done before.
        setup.local.name = format!("caller-{}", jiff::Timestamp::now().as_nanosecond()).into();
        let session =
            FakeUser::who(Says::CannotAsk).at(&tailnet, setup.clone(), Era::Sessions).await;
        let call = removal(&devices[0]);
        let shown = session.done("revoke_device", call.clone()).await;
        let (id, desk) = (shown["plan_id"].as_str().unwrap(), approvals(&setup));
        let code = desk.new_code(id, &person("ann")).await.unwrap();
        assert!(desk.log_in(id, "wrong").await.unwrap().is_none());
        let browser = desk.log_in(id, code.expose_secret()).await.unwrap().unwrap();
        let who = desk.who(id, browser.expose_secret()).await.unwrap().unwrap();
        assert_eq!(&*who.name, "ann");
        assert!(
            desk.decide(id, &who, true).await.is_ok() && desk.decide(id, &who, true).await.is_err()
        );
        let done = session.done("revoke_device", with_plan(call.clone(), &shown)).await;
        assert_eq!(done["confirmed"], "approved by ann", "{place:?}");
        let listed = session.done("list_pending_plans", json!({})).await;
        let ours =
            listed["plans"].as_array().unwrap().iter().find(|it| it["plan_id"] == id).unwrap();
        assert_eq!((&ours["state"], &ours["by_other"]), (&json!("used"), &json!(true)));
        let attribute =
            |at: usize| json!({ "device": devices[at].key(), "key": "custom:a", "value": "b" });
        session.done("set_device_attribute", attribute(1)).await;
        let full = session.fails("set_device_attribute", attribute(2)).await;
        assert!(full["message"].as_str().unwrap().contains("`changes_per_hour`"), "{full}");
        session.done("list_devices", json!({})).await;
        session.fails("list_devices", json!({})).await;
        setup.store.flush().await;
    }
}

//! What cannot be recorded: a commit that fails, an outcome that gets no row, two who undo at once.
//!
//! A commit is made to fail by a deferred foreign key: the statement succeeds, as it does where a disk is
//! full, and only `COMMIT` finds out.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _};
use tailsteward::{
    ErrorKind, Tailnet,
    change::{
        Actor, Confirmation, Journal, Outcome,
        journal::{Find, Intent},
        store::{Place, Store},
    },
    mcp::Setup,
    tailnet::devices::{Device, Update},
    tool::Risk,
};

use crate::support::{
    agent::Agent,
    changes::{is_there, own, removal, setup},
    fake_user::{Era, FakeUser, Says},
    tailnet::sandbox,
};

struct Journaled {
    folder: tempfile::TempDir,
    store: Arc<Store>,
}

impl Journaled {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::new(place(folder.path())));
        Self { folder, store }
    }

    fn setup(&self) -> Setup {
        let mut setup = setup();
        setup.store = Arc::clone(&self.store);
        setup
    }

    fn acting(&self, tailnet: &Tailnet) -> Tailnet {
        let journal: Arc<dyn Journal> = self.store.clone();
        tailnet.acting_as(Actor::new("ann", Some(journal)))
    }

    async fn database(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let path = self.folder.path().join("journal.db");
        AnyConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap()
    }

    /// From now on, commits after `event` on `table` fail.
    async fn fail_commits(&self, event: &str, table: &str) {
        // Makes the tables.
        self.store.list(&Find::default()).await.unwrap();
        let mut database = self.database().await;
        for statement in [
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)".to_owned(),
            "CREATE TABLE child (p INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
                .to_owned(),
            format!(
                "CREATE TRIGGER broken AFTER {event} ON {table}
                 BEGIN INSERT INTO child VALUES (7); END"
            ),
        ] {
            database.execute(&*statement).await.unwrap();
        }
    }

    async fn mend(&self) {
        self.database().await.execute("DROP TRIGGER broken").await.unwrap();
    }

    async fn numbers(&self) -> Vec<i64> {
        let mut database = self.database().await;
        let rows = sqlx::query("SELECT id FROM changes ORDER BY id").fetch_all(&mut database);
        rows.await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

fn place(folder: &Path) -> Place {
    Place::File(folder.join("journal.db"))
}

fn rename(to: &str) -> Update {
    let mut update = Update::default();
    update.name = Some(to.to_owned());
    update
}

async fn tagged(tailnet: &Tailnet) -> Device {
    own(tailnet).await.into_iter().find(|device| !device.tags().is_empty()).unwrap()
}

// H1: the insert succeeded, the commit did not, and the change was sent.
#[tokio::test]
async fn nothing_is_sent_if_the_commit_of_its_intent_fails() {
    for table in ["changes", "steps"] {
        let (_sandbox, tailnet) = sandbox().await;
        let device = tagged(&tailnet).await;
        let journal = Journaled::new();
        journal.fail_commits("INSERT", table).await;
        let mut setup = journal.setup();
        setup.yes = true;
        let agent = Agent::with(tailnet.clone(), setup).await;

        for _ in 0..3 {
            let failed = agent.fail("revoke_device", removal(&device)).await;
            assert_eq!(failed["kind"], "journal", "{table}: {failed}");
            assert!(failed["message"].as_str().unwrap().contains("nothing was sent"), "{failed}");
        }

        assert!(is_there(&tailnet, &device).await, "{table}");
        journal.mend().await;
        let done = agent.call("revoke_device", removal(&device)).await;
        // Numbers that were given out are given to nothing else, and what is said to be there is there.
        assert!(journal.numbers().await.contains(&done["change"].as_i64().unwrap()), "{table}");
        let again = Store::new(place(journal.folder.path()));
        let entry = again.entry(done["change"].as_i64().unwrap()).await.unwrap().unwrap();
        assert_eq!((entry.outcome, entry.tool.as_str()), (Outcome::Done, "revoke_device"));
    }
}

// H1: the same with a database server that is gone at the very moment of the commit.
#[tokio::test]
async fn nothing_is_sent_if_the_connection_is_lost_during_the_commit() {
    let Ok(url) = std::env::var("TAILSTEWARD_TEST_POSTGRES") else {
        println!("skipped: TAILSTEWARD_TEST_POSTGRES names no database");
        return;
    };
    sqlx::any::install_default_drivers();
    let mut database = AnyConnection::connect(&url).await.unwrap();
    database.execute("DROP SCHEMA IF EXISTS cut CASCADE").await.unwrap();
    database.execute("CREATE SCHEMA cut").await.unwrap();
    let place: Place = format!("{url}?options[search_path]=cut").parse().unwrap();
    let store = Arc::new(Store::new(place));
    // Makes the tables.
    store.list(&Find::default()).await.unwrap();
    let function = "CREATE FUNCTION cut.cut() RETURNS trigger LANGUAGE plpgsql AS \
                    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'";
    database.execute(function).await.unwrap();
    let (sandbox, tailnet) = sandbox().await;
    let device = tagged(&tailnet).await;
    let mut setup = setup();
    setup.store = Arc::clone(&store);
    setup.yes = true;
    let agent = Agent::with(tailnet.clone(), setup).await;

    for table in ["changes", "steps"] {
        let trigger = format!(
            "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON cut.{table}
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut.cut()"
        );
        database.execute(&*trigger).await.unwrap();
        let failed = agent.fail("revoke_device", removal(&device)).await;
        assert_eq!(failed["kind"], "journal", "{table}: {failed}");
        assert!(failed["message"].as_str().unwrap().contains("nothing was sent"), "{failed}");
        assert!(sandbox.requests().iter().all(|it| it.0 == "GET"), "{table}");
        database.execute(&*format!("DROP TRIGGER cut ON cut.{table}")).await.unwrap();
    }

    // With the database back, it goes on.
    agent.call("revoke_device", removal(&device)).await;
    assert!(!is_there(&tailnet, &device).await);
    // What still writes in the background may hold a table; the next run drops it first.
    let _ = database.execute("DROP SCHEMA cut CASCADE").await;
}

// H1: an outcome that cannot be written is told, and written later.
#[tokio::test]
async fn an_outcome_that_is_not_recorded_is_told_and_tried_again() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = tagged(&tailnet).await;
    let journal = Journaled::new();
    journal.fail_commits("UPDATE", "steps").await;
    let acting = journal.acting(&tailnet);

    let plan = acting.devices().plan_update(device.key(), &rename("told")).await.unwrap();
    let report = acting.apply(&plan).await.unwrap();

    assert!(report.applied);
    let warning = report.warnings.join(" ");
    assert!(warning.contains("was not recorded"), "{warning}");
    let change = report.change.unwrap();
    journal.mend().await;
    let recorded = async {
        loop {
            let entry = journal.store.entry(change).await.unwrap().unwrap();
            let steps = journal.store.steps(change, 0, 10).await.unwrap();
            if entry.outcome == Outcome::Done && steps[0].outcome == Some(Outcome::Done) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), recorded).await.expect("it is recorded later");
}

// L7: two replicas undid the same change at once.
#[tokio::test]
async fn what_is_being_undone_is_not_undone_twice() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = tagged(&tailnet).await;
    let journal = Journaled::new();
    let acting = journal.acting(&tailnet);
    let plan = acting.devices().plan_update(device.key(), &rename("once")).await.unwrap();
    let change = acting.apply(&plan).await.unwrap().change.unwrap();
    let undo = acting.changes().plan_undo(change).await.unwrap();

    // Another replica has begun to undo it.
    let other = Store::new(place(journal.folder.path()));
    let mut intent = Intent::new("bob", "undo_change", Risk::Change);
    intent.undoes = Some(change);
    let begun = other.begin(&intent).await.unwrap();
    let refused = acting.apply(&undo).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.to_string().contains("already being undone"), "{refused}");
    let device_now = tailnet.devices().get(device.key()).await.unwrap();
    assert_eq!(device_now.short_name(), "once");

    // It failed there, so it can be undone here.
    other.end(begun, Outcome::Failed).await.unwrap();
    assert!(acting.apply(&undo).await.unwrap().applied);
}

// M8: the audit had the class of the tool for what a destructive plan did.
#[tokio::test]
async fn the_audit_has_the_risk_of_the_plan_the_tailnet_and_the_confirmation() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = tagged(&tailnet).await;
    let journal = Journaled::new();
    let mut setup = journal.setup();
    setup.local = tailsteward::guard::Principal::new("ada");
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup, Era::Sessions).await;

    let done = session
        .done(
            "call_api_operation",
            json!({ "operation": "deleteDevice", "parameters": { "deviceId": device.key() } }),
        )
        .await;
    session.done("list_devices", json!({ "limit": 1 })).await;
    journal.store.flush().await;

    assert_eq!(done["confirmed"], "person", "{done}");
    let mut database = journal.database().await;
    let rows = sqlx::query(
        "SELECT principal, tool, risk, tailnet, COALESCE(confirmed, '') FROM audit ORDER BY id",
    );
    let rows = rows.fetch_all(&mut database).await.unwrap();
    let row = |index: usize| -> Vec<String> { (0..5).map(|it| rows[index].get(it)).collect() };
    let label = row(0)[3].clone();
    assert!(label.starts_with("http://127.0.0.1"), "{label}");
    assert_eq!(row(0), ["ada", "call_api_operation", "danger", &label, "person"]);
    assert_eq!(row(1), ["ada", "list_devices", "read", &label, ""]);
    let change = done["change"].as_i64().unwrap();
    let entry = journal.store.entry(change).await.unwrap().unwrap();
    assert_eq!((entry.confirmed, entry.risk), (Confirmation::Person, Risk::Danger));
    let shown = session.done("get_change", json!({ "change": change })).await;
    assert_eq!((&shown["principal"], &shown["confirmed"]), (&json!("ada"), &json!("person")));
    assert_ne!(shown["tool"], Value::Null);
}

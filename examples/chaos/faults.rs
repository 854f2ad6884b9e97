//! What goes wrong during a change.

use std::{path::Path, process::Command, time::Duration};

use fastrand::Rng;
use sqlx::{AnyConnection, Connection as _, Executor as _};
use tailsteward::sandbox::{Fault as NetworkFault, FaultKind, Sandbox};

use super::server::Server;

/// One fault, which strikes one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    None,
    /// The API refuses requests, or connections to it break, before they have an effect.
    Network,
    /// The API does what it is asked, and its answer is lost.
    AnswerLost,
    /// The journal's file cannot grow any more.
    DiskFull,
    /// The journal accepts statements, and no commit.
    NoCommit,
    /// Another process has locked the journal.
    Locked,
    /// The journal's file is only readable: the server starts on it like that.
    ReadOnly,
    /// The server is killed, and started again.
    Killed,
    /// The client leaves in the middle of the call.
    ClientGone,
    /// The other server on the same journal is killed.
    ReplicaGone,
}

impl Fault {
    /// Half of the calls go without one.
    pub(crate) fn random(rng: &mut Rng) -> Self {
        match rng.u16(..1000) {
            0..=499 => Self::None,
            500..=619 => Self::Network,
            620..=759 => Self::AnswerLost,
            760..=819 => Self::DiskFull,
            820..=869 => Self::NoCommit,
            870..=875 => Self::Locked,
            876..=885 => Self::ReadOnly,
            886..=939 => Self::Killed,
            940..=969 => Self::ClientGone,
            _ => Self::ReplicaGone,
        }
    }
}

/// A fault of the network, on writes most of the time.
pub(crate) fn strike(sandbox: &Sandbox, rng: &mut Rng, fault: Fault) {
    let lost = fault == Fault::AnswerLost;
    let kind = match (lost, rng.u8(..4)) {
        (true, 0 | 1) => FaultKind::LostResponse,
        (true, 2) => FaultKind::Truncated,
        (true, _) => FaultKind::Slow { milliseconds: 40 },
        (false, 0) => FaultKind::Reset,
        (false, 1) => FaultKind::Status { status: 500 },
        (false, 2) => FaultKind::NotJson { status: 502 },
        (false, _) => FaultKind::Status { status: 403 },
    };
    let mut network = NetworkFault::new(kind).times(1 + u32::from(rng.u8(..2)));
    let method = ["POST", "PATCH", "PUT", "DELETE"][rng.usize(..4)];
    network.method = (rng.u8(..10) > 0).then(|| method.to_owned());
    network.after = u32::from(rng.u8(..3) / 2);
    sandbox.fail(network);
}

/// Limits the size of files that the server writes; `None` lifts the limit. False if that cannot be done here.
pub(crate) fn limit_files(server: &Server, bytes: Option<u64>) -> bool {
    let Some(pid) = server.pid() else { return false };
    let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let limited = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &format!("--fsize={limit}:unlimited")])
        .output();
    limited.is_ok_and(|done| done.status.success())
}

/// A connection of somebody else's to the journal.
pub(crate) async fn connect(store: &Path) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", store.display());
    let mut connection = AnyConnection::connect(&url).await.expect("the journal can be opened");
    connection.execute("PRAGMA busy_timeout = 8000").await.expect("it can be waited for");
    connection
}

/// From now on commits fail, as a full disk makes them, though statements succeed.
pub(crate) async fn break_commits(journal: &mut AnyConnection, rng: &mut Rng) {
    let (event, table) =
        [("INSERT", "changes"), ("INSERT", "steps"), ("UPDATE", "steps"), ("UPDATE", "changes")]
            [rng.usize(..4)];
    for statement in [
        "CREATE TABLE IF NOT EXISTS chaos_parent (id INTEGER PRIMARY KEY)".to_owned(),
        "CREATE TABLE IF NOT EXISTS chaos_child
         (p INTEGER REFERENCES chaos_parent (id) DEFERRABLE INITIALLY DEFERRED)"
            .to_owned(),
        format!(
            "CREATE TRIGGER chaos AFTER {event} ON {table} BEGIN INSERT INTO chaos_child VALUES (7); END"
        ),
    ] {
        journal.execute(&*statement).await.expect("the journal can be broken");
    }
}

pub(crate) async fn mend_commits(journal: &mut AnyConnection) {
    journal.execute("DROP TRIGGER IF EXISTS chaos").await.expect("the journal can be mended");
}

/// Locks the journal until the connection is dropped.
pub(crate) async fn lock(store: &Path) -> AnyConnection {
    let mut connection = connect(store).await;
    connection.execute("BEGIN EXCLUSIVE").await.expect("the journal can be locked");
    connection
}

/// A moment in the middle of a call.
pub(crate) async fn moment(rng: &mut Rng) {
    tokio::time::sleep(Duration::from_micros(rng.u64(..30_000))).await;
}

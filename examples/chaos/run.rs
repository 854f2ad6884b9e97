//! The run: calls, faults, comparisons, and the way back.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use fastrand::Rng;
use serde_json::{Value, json};
use sqlx::AnyConnection;
use tailsteward::sandbox::{Options, Sandbox};

use super::{
    changes::{self, Call},
    check::{self, World},
    faults::{self, Fault},
    server::{Answer, Server},
};

pub(crate) fn main() -> ExitCode {
    let (changes, seed) = (argument("--changes", 500), argument("--seed", 1));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async { Chaos::start(seed).await.run(changes).await })
}

/// The number after `name` on the command line.
fn argument(name: &str, default: u64) -> u64 {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name);
    at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
}

struct Chaos {
    rng: Rng,
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    servers: [Option<Server>; 2],
    journal: AnyConnection,
    /// The last entry of the journal that was looked at.
    last: i64,
    /// How many calls ended how, by fault.
    counts: BTreeMap<(Fault, &'static str), u64>,
    skipped: u64,
    violations: Vec<String>,
}

impl Chaos {
    async fn start(seed: u64) -> Self {
        let options = Options { devices: 60, seed, ..Options::default() };
        let sandbox = Sandbox::start(options).await.expect("a sandbox");
        let folder = tempfile::tempdir().expect("a folder");
        let store = folder.path().join("journal.db");
        let mut server = Server::start(&sandbox.base_url(), &store).await;
        // Makes the journal.
        server.call("list_changes", &json!({})).await;
        let journal = faults::connect(&store).await;
        let rng = Rng::with_seed(seed);
        let (servers, counts) = ([Some(server), None], BTreeMap::new());
        let violations = Vec::new();
        Self { rng, sandbox, folder, servers, journal, last: 0, counts, skipped: 0, violations }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    fn world(&self) -> World {
        World::of(&self.sandbox, &self.folder.path().join("state.json"))
    }

    async fn run(mut self, changes: u64) -> ExitCode {
        let begun = Instant::now();
        let start = self.world();
        let mut before = self.world();
        for number in 1..=changes {
            let call = changes::next(&mut self.rng, &before.state);
            let fault = Fault::random(&mut self.rng);
            let which = self.rng.usize(..2);
            let answer = self.strike(which, fault, &call).await;
            before = self.compare(before, number, fault, &call, &answer).await;
        }
        let made = self.last;
        println!("{changes} calls, {made} journal entries, {} s", begun.elapsed().as_secs());
        for ((fault, ended), count) in &self.counts {
            println!("  {fault:?}: {count} {ended}");
        }
        if self.skipped > 0 {
            println!(
                "  {} faults were skipped: prlimit is not there, or this is not root",
                self.skipped
            );
        }
        self.undo_all(made, &start).await;
        println!("{} violations, {} s", self.violations.len(), begun.elapsed().as_secs());
        for violation in self.violations.iter().take(20) {
            println!("VIOLATION {violation}");
        }
        if self.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// The server, started if it is not there.
    async fn server(&mut self, which: usize) -> &mut Server {
        if self.servers[which].is_none() {
            let store = self.store();
            self.servers[which] = Some(Server::start(&self.sandbox.base_url(), &store).await);
        }
        self.servers[which].as_mut().expect("it is there")
    }

    /// Makes one call while `fault` strikes, and lifts the fault.
    async fn strike(&mut self, which: usize, fault: Fault, call: &Call) -> Answer {
        self.server(which).await;
        let mut rng = self.rng.fork();
        let store = self.store();
        match fault {
            Fault::Network | Fault::AnswerLost => {
                faults::strike(&self.sandbox, &mut rng, fault);
                let answer = self.call(which, call).await;
                self.sandbox.clear_faults();
                answer
            }
            Fault::DiskFull => {
                let server = self.server(which).await;
                // Files do not grow any more; what they have can be written over, as on a full disk.
                let size = |suffix: &str| {
                    let path = format!("{}{suffix}", store.display());
                    std::fs::metadata(path).map_or(0, |file| file.len())
                };
                let largest = size("").max(size("-wal")).max(size("-shm"));
                if !faults::limit_files(server, Some(largest + rng.u64(..6_000))) {
                    self.skipped += 1;
                    return self.call(which, call).await;
                }
                let answer = self.call(which, call).await;
                faults::limit_files(self.server(which).await, None);
                answer
            }
            Fault::NoCommit => {
                faults::break_commits(&mut self.journal, &mut rng).await;
                let answer = self.call(which, call).await;
                faults::mend_commits(&mut self.journal).await;
                answer
            }
            Fault::Locked => {
                let lock = faults::lock(&store).await;
                let answer = self.call(which, call).await;
                drop(lock);
                answer
            }
            Fault::ReadOnly => self.read_only(which, call, &store).await,
            Fault::Killed => {
                self.server(which).await.begin(call.tool, &call.arguments).await;
                faults::moment(&mut rng).await;
                self.stop(which).await;
                Answer::Gone
            }
            Fault::ClientGone => {
                let server = self.server(which).await;
                server.begin(call.tool, &call.arguments).await;
                faults::moment(&mut rng).await;
                server.leave().await;
                self.servers[which] = None;
                Answer::Gone
            }
            Fault::ReplicaGone => {
                self.server(1 - which).await;
                self.server(which).await.begin(call.tool, &call.arguments).await;
                faults::moment(&mut rng).await;
                self.stop(1 - which).await;
                self.server(which).await.answer().await
            }
            Fault::None => self.call(which, call).await,
        }
    }

    async fn call(&mut self, which: usize, call: &Call) -> Answer {
        let answer = self.server(which).await.call(call.tool, &call.arguments).await;
        if matches!(answer, Answer::Gone) {
            self.violations.push(format!("{call:?} got no answer"));
            self.stop(which).await;
        }
        answer
    }

    /// Kills a server. What it had sent is still carried out.
    async fn stop(&mut self, which: usize) {
        if let Some(mut server) = self.servers[which].take() {
            server.kill().await;
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Starts the server on a journal that it may only read, as a file of somebody else's is.
    async fn read_only(&mut self, which: usize, call: &Call, store: &Path) -> Answer {
        // Every server is stopped first: open files stay writable.
        self.stop(0).await;
        self.stop(1).await;
        let copy = self.folder.path().join("read-only");
        let made = std::fs::create_dir(&copy).is_ok();
        // By another process: to close the file here would let go of the locks that are held on it.
        let copied =
            std::process::Command::new("cp").arg(store).arg(copy.join("journal.db")).output();
        let copied = copied.is_ok_and(|done| done.status.success());
        let url = format!("sqlite:{}", copy.join("journal.db").display());
        let mounted = made && copied && mount_read_only(&copy);
        if !mounted {
            let _ = std::fs::remove_dir_all(&copy);
            self.skipped += 1;
            return self.call(which, call).await;
        }
        let mut server = Server::start(&self.sandbox.base_url(), Path::new(&url)).await;
        let answer = server.call(call.tool, &call.arguments).await;
        server.kill().await;
        unmount(&copy);
        let _ = std::fs::remove_dir_all(&copy);
        if let Answer::Done(report) = &answer
            && report["applied"] == true
        {
            self.violations.push(format!("applied without a journal: {call:?}"));
        }
        answer
    }

    /// Compares the sandbox with the journal after a call.
    async fn compare(
        &mut self,
        before: World,
        number: u64,
        fault: Fault,
        call: &Call,
        answer: &Answer,
    ) -> World {
        let after = self.world();
        let entries = check::entries(&mut self.journal, self.last).await;
        let ended = match answer {
            Answer::Done(report) if report["applied"] == true => "applied",
            Answer::Done(_) => "not applied",
            Answer::Failed(error) if error["kind"] == "journal" => "refused, not recorded",
            Answer::Failed(_) => "failed",
            Answer::Gone => "no answer",
        };
        *self.counts.entry((fault, ended)).or_default() += 1;
        if let Some(violation) = check::violation(&before, &after, &entries) {
            self.violations.push(format!("{number} {fault:?} {call:?} {answer:?}: {violation}"));
        }
        if ended == "refused, not recorded" && before.state != after.state && entries.is_empty() {
            self.violations
                .push(format!("{number} {fault:?}: nothing was recorded, and it changed"));
        }
        if let Answer::Done(report) = answer
            && report["applied"] == true
            && !entries.iter().any(|entry| report["change"] == entry.change)
        {
            self.violations
                .push(format!("{number}: change {} is not in the journal", report["change"]));
        }
        self.last = entries.last().map_or(self.last, |entry| entry.change);
        after
    }

    /// Undoes everything in reverse, without faults, and compares with the start.
    async fn undo_all(&mut self, made: i64, start: &World) {
        self.stop(0).await;
        self.stop(1).await;
        // Leases of killed servers run out.
        tokio::time::sleep(Duration::from_secs(10)).await;
        let (mut undone, mut stayed, mut unknown) = (0_u64, 0_u64, 0_u64);
        for change in (1..=made).rev() {
            let server = self.server(0).await;
            let Answer::Done(entry) = server.call("get_change", &json!({ "change": change })).await
            else {
                continue;
            };
            if entry["outcome"] == "unknown" {
                unknown += 1;
                let says_how = entry["note"].as_str().is_some_and(|note| note.contains("compare"));
                if !says_how && entry.get("undone_by").is_none_or(Value::is_null) {
                    self.violations.push(format!("unknown, without how to check: {entry}"));
                }
            }
            match self.server(0).await.call("undo_change", &json!({ "change": change })).await {
                Answer::Done(report) if report["applied"] == true => undone += 1,
                Answer::Gone => self.violations.push(format!("undo of {change} got no answer")),
                _ => stayed += 1,
            }
        }
        println!(
            "{undone} undone, {stayed} had no effect left or cannot be undone; {unknown} were unknown"
        );
        let (start, end) = (start.reversible(), self.world().reversible());
        for (section, was) in start.as_object().into_iter().flatten() {
            if end[section] != *was {
                let differs = difference(was, &end[section]);
                self.violations.push(format!("{section} is not as it was: {differs}"));
            }
        }
    }
}

/// The first items that differ.
fn difference(was: &Value, is: &Value) -> String {
    let (Some(before), Some(after)) = (was.as_array(), is.as_array()) else {
        return format!("{was} -> {is}");
    };
    let pairs = before.iter().filter(|item| !after.contains(item)).take(3);
    let now = after.iter().filter(|item| !before.contains(item)).take(3);
    format!("{:?} -> {:?}", pairs.collect::<Vec<_>>(), now.collect::<Vec<_>>())
}

/// Mounts a folder over itself, read-only. False if that is not allowed here.
fn mount_read_only(folder: &Path) -> bool {
    let run = |arguments: &[&str]| {
        let done = std::process::Command::new("mount").args(arguments).arg(folder).output();
        done.is_ok_and(|done| done.status.success())
    };
    let folder_text = folder.to_string_lossy().into_owned();
    run(&["--bind", &folder_text]) && run(&["-o", "remount,bind,ro"])
}

fn unmount(folder: &Path) {
    let _ = std::process::Command::new("umount").arg(folder).output();
}

//! Watching as a process: it keeps a history, one of several does it, and a killed one is replaced.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use tailsteward::{
    Tailnet,
    history::{History, LEASE, Place},
    sandbox::Sandbox,
};

use crate::support::tailnet::sandbox_of;

/// A process that is killed when the test ends.
struct Watcher(Child);

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn watch(tailnet: &Tailnet, history: &str, folder: &Path) -> Watcher {
    let child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
        .args(["watch", "--history", history, "--store"])
        .arg(folder.join("journal.db"))
        .env("TAILSCALE_BASE_URL", &tailnet.settings().base_url)
        .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Watcher(child)
}

/// Waits until somebody watches who did not before, and says how long that took.
async fn watched(history: &History, tailnet: &Tailnet, epoch: i64) -> Duration {
    let begun = Instant::now();
    loop {
        if history.epoch(&tailnet.label()).await.unwrap() >= Some(epoch) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "nobody watches");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn replaced(place: &str, folder: &Path) {
    let (_sandbox, tailnet) = sandbox_of(20).await;
    let place_of: Place = place.parse().unwrap();
    let history = Arc::new(History::new(place_of));
    let mut first = watch(&tailnet, place, folder);
    watched(&history, &tailnet, 1).await;
    let second = watch(&tailnet, place, folder);
    // It has looked at least once.
    while history.watched_since(&tailnet.label()).await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let took = watched(&history, &tailnet, 2).await;
    assert!(took < Duration::from_secs(30), "{took:?}");

    // One that ends by itself gives its right back: the next one need not wait for the lease to end.
    let third = watch(&tailnet, place, folder);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let stopped = Command::new("kill").args(["-TERM", &second.0.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    let took = watched(&history, &tailnet, 3).await;
    assert!(took < LEASE, "{took:?}");
    drop(third);
    let devices = history.devices(&tailnet.label(), 0, None).await.unwrap();
    assert!(devices.len() >= 20);
}

#[tokio::test]
async fn a_killed_watcher_is_replaced_within_30_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    replaced(file.to_str().unwrap(), folder.path()).await;
}

#[tokio::test]
async fn a_killed_watcher_is_replaced_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    match std::env::var("TAILSTEWARD_TEST_POSTGRES") {
        Ok(url) => replaced(&url, folder.path()).await,
        Err(_) => println!("skipped: TAILSTEWARD_TEST_POSTGRES names no database"),
    }
}

#[test]
fn watching_without_a_place_is_refused() {
    let watch = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
        .args(["--sandbox", "watch", "--history", "off"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&watch.stderr);
    assert!(!watch.status.success() && said.contains("needs a history"), "{said}");
}

/// Waits until a process has logged a line with these words.
fn logged(file: &Path, words: &str) -> String {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(file).unwrap();
        if let Some(line) = text.lines().find(|it| it.contains(words)) {
            return line.to_owned();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "no `{words}` in: {text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_who_watches_and_who_took_over() {
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, tailnet) = sandbox_of(5).await;
    let history = folder.path().join("history.db");
    let start = |log: &str| {
        let log = folder.path().join(log);
        let file = std::fs::File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_tailsteward"))
            .args(["watch", "--history"])
            .arg(&history)
            .arg("--store")
            .arg(folder.path().join("journal.db"))
            .env("TAILSCALE_BASE_URL", &tailnet.settings().base_url)
            .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        (Watcher(child), log)
    };
    let (first, log) = start("first");
    let line = logged(&log, "watches");
    assert!(line.contains(&format!("process {} on ", first.0.id())), "{line}");
    let (second, other) = start("second");
    let line = logged(&other, "standing by");
    assert!(line.contains(&format!("process {} on ", first.0.id())), "{line}");

    let stopped = Command::new("kill").args(["-TERM", &first.0.id().to_string()]).status();
    assert!(stopped.unwrap().success());
    let line = logged(&other, "has taken over");
    assert!(line.contains(&format!("process {} on ", second.0.id())), "{line}");
    // Each once.
    let text = std::fs::read_to_string(&other).unwrap();
    assert_eq!(text.matches("standing by").count(), 1, "{text}");
}

//! `watch --once`: one look, its exit codes, and a disk that is full.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use serde_json::Value;
use tailsteward::{
    Tailnet,
    history::{History, LEASE, Place},
    sandbox::{Fault, FaultKind, Sandbox},
    tailnet::alerts::defaults::built_in,
};

use crate::support::tailnet::sandbox_of;

fn program(tailnet: &Tailnet, folder: &Path, before: &str, arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_tailsteward");
    let shell = format!("{before} exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    if !before.is_empty() {
        // What measures coverage could not write its file either.
        command.env("LLVM_PROFILE_FILE", "/dev/null");
    }
    command
        .args(["-c", &shell, program, "watch", "--once"])
        .args(["--store", "memory", "--history"])
        .arg(folder.join("history.db"))
        .args(arguments)
        .env("TAILSCALE_BASE_URL", &tailnet.settings().base_url)
        .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .output()
        .unwrap()
}

fn once(tailnet: &Tailnet, folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = program(tailnet, folder, "", arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    (
        output.status.code().unwrap_or_else(|| panic!("{errors}")),
        String::from_utf8(output.stdout).unwrap(),
    )
}

/// A config file in which all rules are off.
fn quiet(folder: &Path) -> String {
    let path = folder.join("quiet.toml");
    let rules = built_in()
        .into_iter()
        .map(|it| format!("[[alert]]\nname = \"{}\"\non = false\n", it.rule.name));
    let profile = "[profiles.it.credential]\nkind = \"api_key\"\nenv = \"TAILSCALE_API_KEY\"\n";
    let base = "[profiles.it]\nbase_url = \"BASE\"\n";
    fs::write(&path, format!("{}{base}{profile}", rules.collect::<String>())).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_says_by_its_exit_code_what_fires() {
    let (sandbox, tailnet) = sandbox_of(40).await;
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = once(&tailnet, folder.path(), &["--json"]);
    assert_eq!(code, 2, "{text}");
    let all: Value = serde_json::from_str(&text).unwrap();
    let alerts = all[0]["alerts"].as_array().unwrap();
    assert!(!alerts.is_empty() && all[0]["polled"] == true);
    let critical = alerts.iter().filter(|it| it["severity"] == "critical").count();

    let (code, text) = once(&tailnet, folder.path(), &["--at-least", "critical"]);
    assert_eq!(code, if critical > 0 { 2 } else { 0 }, "{text}");
    let (code, text) = once(&tailnet, folder.path(), &["--exit", "nagios"]);
    let (expected, word) = if critical > 0 { (2, "CRITICAL - ") } else { (1, "WARNING - ") };
    assert_eq!(code, expected, "{text}");
    assert!(text.starts_with(word), "{text}");

    sandbox.fail(Fault::new(FaultKind::Status { status: 504 }).on("listTailnetDevices"));
    let (code, text) = once(&tailnet, folder.path(), &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("could not be polled") && text.contains("504"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_fires_or_nothing_that_is_known() {
    let (sandbox, tailnet) = sandbox_of(10).await;
    let folder = tempfile::tempdir().unwrap();
    let config = quiet(folder.path());
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("BASE", &tailnet.settings().base_url)).unwrap();
    let (code, text) = once(&tailnet, folder.path(), &["--config", &config]);
    assert_eq!(code, 0, "{text}");

    // What was not read of the flow logs cannot be judged.
    let quiet = fs::read_to_string(&config).unwrap();
    let rule = "name = \"heavy\"\nwhen = \"traffic\"\nmore_than = \"900TB\"\nwithin = \"24h\"\n";
    fs::write(&config, format!("{quiet}[[alert]]\n{rule}")).unwrap();
    let (code, text) = once(&tailnet, folder.path(), &["--config", &config]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("`heavy` cannot be known now"), "{text}");
    fs::write(&config, quiet).unwrap();

    sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("listUsers"));
    let (code, text) = once(&tailnet, folder.path(), &["--config", &config]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("unknown: users"), "{text}");
}

/// Files do not grow any more; what they have can be written over, as on a full disk.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_the_next_look_goes_on() {
    let (_one, small) = sandbox_of(10).await;
    let (_two, large) = sandbox_of(600).await;
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = once(&small, folder.path(), &[]);
    assert_ne!(code, 1, "{text}");
    let history = || Arc::new(History::new(Place::File(folder.path().join("history.db"))));
    let before = history().devices(&small.label(), 0, None).await.unwrap().len();

    let size = |name: &str| fs::metadata(folder.path().join(name)).map_or(0, |it| it.len());
    // In blocks of 512 bytes.
    let most = (size("history.db").max(size("history.db-wal")) + 16_384) / 512;
    let full = program(&large, folder.path(), &format!("trap '' XFSZ; ulimit -f {most};"), &[]);
    let said = String::from_utf8_lossy(&full.stderr);
    assert_eq!(full.status.code(), Some(1), "{said}");
    assert!(said.contains("history"), "{said}");
    assert_eq!(history().devices(&small.label(), 0, None).await.unwrap().len(), before);
    let seen = history().devices(&large.label(), 0, None).await.unwrap().len();
    assert!(seen == 0 || seen >= 600, "{seen}: nothing is half there");

    // On a full disk, the right to watch could not be given back.
    tokio::time::sleep(LEASE).await;
    let (code, text) = once(&large, folder.path(), &[]);
    assert_eq!(code, 2, "{text}");
    assert!(history().devices(&large.label(), 0, None).await.unwrap().len() >= 600);
}

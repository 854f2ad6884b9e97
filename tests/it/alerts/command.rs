//! Commands: what they get, and how they end.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::*;

/// A receiver `ops` that runs `script` in the folder of the config file.
fn shell(script: &str) -> (Home, Receivers) {
    let script = serde_json::to_string(script).unwrap();
    let home =
        Home::with(&entry("ops", "command", &format!("command = [\"sh\", \"-c\", {script}]")));
    let receivers = home.receivers(&[]).unwrap();
    (home, receivers)
}

#[tokio::test]
async fn a_command_reads_the_notice_and_no_credential() {
    let (home, receivers) = shell("cat > notice.json; env > env.txt");

    assert_eq!(receivers.deliver("ops", &started()).await, Outcome::Delivered);

    let notice: Value = serde_json::from_str(&home.read("notice.json").unwrap()).unwrap();
    assert_eq!((&notice["version"], &notice["id"]), (&1.into(), &"n-17".into()));
    // The shell sets the last ones itself.
    let may = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR", "PWD",
        "OLDPWD", "SHLVL", "_",
    ];
    let environment = home.read("env.txt").unwrap();
    let names = environment.lines().map(|line| line.split('=').next().unwrap());
    let other: Vec<_> = names.filter(|name| !may.contains(name)).collect();
    assert!(other.is_empty() && environment.contains("PATH="), "{other:?}");
}

#[tokio::test]
async fn arguments_are_no_shell_and_a_relative_program_is_beside_the_config_file() {
    let home =
        Home::with(&entry("ops", "command", "command = [\"./say\", \"a; touch b\", \"$HOME\"]"));
    let program = home.0.path().join("say");
    fs::write(&program, "#!/bin/sh\nprintf '%s|' \"$@\" > arguments\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    let outcome = home.receivers(&[]).unwrap().deliver("ops", &started()).await;

    assert_eq!(outcome, Outcome::Delivered);
    assert_eq!(home.read("arguments").unwrap(), "a; touch b|$HOME|");
}

#[tokio::test]
async fn a_command_that_fails_is_tried_again() {
    let (_home, failing) = shell("echo s3cret >&2; exit 3");
    let missing = ops("command", "command = [\"no-such-program-here\"]");

    let failed = failing.deliver("ops", &started()).await;
    let not_found = missing.deliver("ops", &started()).await;

    assert_eq!(
        failed,
        Outcome::Retry { why: "the command failed: exit status: 3".to_owned(), after: None }
    );
    assert!(matches!(&not_found, Outcome::Retry { why, .. } if why.contains("not found")));
}

#[tokio::test]
async fn a_command_runs_only_where_that_is_allowed() {
    let home = Home::with(&entry("ops", "command", "command = [\"touch\", \"ran\"]"));
    let profiles = Profiles::load(Some(&home.0.path().join("config.toml"))).unwrap();
    let receivers = Receivers::new(profiles.receivers().unwrap(), false).unwrap();

    let outcome = receivers.deliver("ops", &started()).await;

    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert!(!home.0.path().join("ran").exists());
}

/// Whether a process runs: not one that has ended and that nobody has asked about.
#[cfg(target_os = "linux")]
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|it| !it.is_empty() && !it.starts_with('Z'))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_command_that_hangs_is_killed_with_its_children() {
    let (home, receivers) = shell("sleep 3000 & echo $! > child; echo $$ > shell; wait");
    let notice = started();
    let mut delivery = Box::pin(receivers.deliver("ops", &notice));
    let pids = loop {
        tokio::select! {
            outcome = &mut delivery => panic!("it ended: {outcome:?}"),
            () = sleep(Duration::from_millis(5)) => {}
        }
        if let (Some(child), Some(shell)) = (home.read("child"), home.read("shell")) {
            break [child, shell];
        }
    };
    assert!(pids.iter().all(|pid| runs(pid)));

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    let outcome = delivery.await;
    tokio::time::resume();

    let expected = "the command was killed after 30 s".to_owned();
    assert_eq!(outcome, Outcome::Retry { why: expected, after: None });
    while pids.iter().any(|pid| runs(pid)) {
        sleep(Duration::from_millis(5)).await;
    }
}

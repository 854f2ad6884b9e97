//! `report`: tables, files, reports that are kept, and errors.

use std::{fs, path::Path, process::Stdio, time::Duration};

use serde_json::Value;

use super::command_line::program;
use crate::support::tailnet::sandbox_of;

fn run(history: &str, arguments: &[&str]) -> (bool, String, String) {
    let all = [&["report", "--sandbox", "--store", "memory", "--history", history], arguments];
    let output = program(&all.concat()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn tables_for_people_a_page_and_json_for_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (page, json) = (folder.path().join("net.html"), folder.path().join("net.json"));
    fs::write(&page, "the last one").unwrap();
    let path = |it: &Path| it.to_str().unwrap().to_owned();

    let (worked, tables, errors) = run("off", &[]);
    let (_, printed, _) = run("off", &["--json"]);
    let (wrote, out, told) = run("off", &["--window", "7d", "--out", &path(&page)]);
    let (wrote_json, _, _) = run("off", &["--out", &path(&json)]);

    assert!(worked, "{errors}");
    for title in
        ["Needs attention: ", "Since the last report", "Devices", "Expiry", "Traffic", "Compliance"]
    {
        assert!(tables.contains(title), "{title}: {tables}");
    }
    assert!(!tables.contains('█') && !tables.contains('\u{1b}'), "{tables}");
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let written: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!((&printed["schema"], &written["schema"]), (&1.into(), &1.into()));
    assert!(wrote && wrote_json && out.is_empty() && told.contains("net.html"), "{told}");
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>"));
    // Nothing is left beside it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (arguments, word) in [
        (&["--out", "net.pdf"][..], ".html"),
        (&["--window", "1s"][..], "1h"),
        (&["--window", "soon"][..], "--window"),
        (&["--list"][..], "not kept"),
        (&["--id", "last"][..], "not kept"),
        (&["--id", "last", "--window", "7d"][..], "--window"),
        (&["--out", "/nowhere/at/all.html"][..], "/nowhere/at/all.html"),
        (&["--watch=5"][..], "60"),
        (&["--watch", "--keep", "3"][..], "--keep"),
    ] {
        let (worked, _, errors) = run("off", arguments);
        assert!(!worked && errors.contains(word), "{arguments:?}: {errors}");
    }
    let once = program(&["watch", "--once", "--report-every", "week"]).output().unwrap();
    assert!(String::from_utf8(once.stderr).unwrap().contains("--report-every"));
    let output = program(&["serve", "--sandbox", "--report-every", "week"]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && errors.contains("--watch"), "{errors}");
}

/// The program, about a sandbox of this test.
fn about(base_url: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = program(arguments);
    command.env("TAILSCALE_BASE_URL", base_url);
    command.env("TAILSCALE_API_KEY", tailsteward::sandbox::Sandbox::API_KEY);
    command.env("TAILSTEWARD_STORE", "memory");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_makes_reports_that_anybody_can_list() {
    let (sandbox, _) = sandbox_of(10).await;
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let history = history.to_str().unwrap();
    let watch = ["watch", "--history", history, "--report-every", "day", "--report-keep", "3"];
    let mut watching = about(&sandbox.base_url(), &watch)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let list = || {
        let output = about(&sandbox.base_url(), &["report", "--history", history, "--list"]);
        let text = { output }.output().unwrap().stdout;
        String::from_utf8(text).unwrap()
    };
    let mut kept = list();
    for _ in 0..120 {
        if kept.contains("scheduled") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        kept = list();
    }
    watching.kill().unwrap();
    watching.wait().unwrap();

    assert_eq!(kept.lines().filter(|it| it.ends_with("scheduled")).count(), 1, "{kept}");
    let id = kept.split(' ').next().unwrap();
    let arguments = ["report", "--history", history, "--id", id, "--json"];
    let shown = about(&sandbox.base_url(), &arguments).output().unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert!(shown["fleet"]["known"]["total"].as_u64().unwrap() >= 9, "{shown}");
}

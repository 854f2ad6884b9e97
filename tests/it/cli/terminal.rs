//! What a person sees: the program in a terminal of its own, which `script` makes.
#![cfg(target_os = "linux")]

use std::process::{Command, Output};

use serde_json::Value;
use tailsteward::sandbox::Sandbox;

use crate::{cli::command_line::program, support::tailnet::sandbox};

/// Runs the program with `words` in a terminal with `columns` columns, and gives what is on it.
fn on_a_terminal(columns: usize, words: &str, environment: &[(&str, &str)]) -> String {
    let program_path = env!("CARGO_BIN_EXE_tailsteward");
    let line = format!("stty rows 40 cols {columns}; {program_path} {words}");
    let mut command = Command::new("script");
    for (name, value) in program(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    for name in ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color").envs(environment.iter().copied());
    let output = command.args(["-qfc", &line, "/dev/null"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().replace('\r', "")
}

fn piped(words: &[&str]) -> Output {
    program(words).output().unwrap()
}

/// What differs from day to day is not looked at.
fn plain(columns: usize, words: &str) -> String {
    on_a_terminal(columns, words, &[("NO_COLOR", "1")])
}

#[test]
fn a_page_of_devices_is_a_table_that_fits_the_terminal() {
    let wide = plain(110, "devices online=false limit=3 sort=name --sandbox");
    let narrow = plain(60, "devices online=false limit=3 sort=name --sandbox");

    insta::assert_snapshot!("terminal__devices", wide);
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
}

#[test]
fn a_plan_that_is_applied_is_shown_with_its_effect() {
    let shown =
        plain(100, "call update_device device=web-01 add_tags=tag:ci --access change --sandbox");
    insta::assert_snapshot!("terminal__changed", shown);
    let preview = plain(
        100,
        "call add_tags devices=web-01,db-01 tags=tag:ci dry_run=true --access danger --sandbox",
    );
    insta::assert_snapshot!("terminal__preview", preview);
}

#[test]
fn a_tool_is_described_before_it_is_called() {
    let page = plain(100, "tools update_device");
    insta::assert_snapshot!("terminal__tool", page);
    assert_eq!(page, plain(100, "call update_device --help"));
    let page: Value =
        serde_json::from_slice(&piped(&["tools", "add_tags", "--json"]).stdout).unwrap();
    assert_eq!((&page["name"], &page["toolset"]), (&"add_tags".into(), &"tag_operations".into()));
    assert!(page["example"]["arguments"].is_object() && page["undo"].is_string(), "{page}");
}

#[test]
fn the_catalogue_says_what_each_tool_is_for() {
    let list = plain(140, "tools --sandbox --toolsets tag_operations,routes");
    insta::assert_snapshot!("terminal__tools", list);
}

#[test]
fn an_error_is_two_lines_and_a_wrong_name_suggests() {
    let error = plain(100, "call list_device --sandbox");
    assert_eq!(
        error,
        "error: unknown tool `list_device`; did you mean `list_devices` or `list_device_invites` or `list_exit_nodes`?\n"
    );
    let error = plain(100, "devices onlin=false --sandbox");
    assert!(
        error.starts_with(
            "error: `onlin` is not a parameter of list_devices; did you mean `online`?"
        ),
        "{error}"
    );
    let error = plain(100, "status --config /nowhere/at.toml");
    assert!(error.starts_with("error: ") && error.contains("\nhint: "), "{error}");
}

#[test]
fn colours_follow_the_usual_variables() {
    let words = "devices limit=1 --sandbox";
    let coloured = on_a_terminal(100, words, &[]);
    assert!(coloured.contains("\u{1b}[1mNAME"), "{coloured}");
    for (name, value) in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
        let plain = on_a_terminal(100, words, &[(name, value)]);
        assert!(!plain.contains('\u{1b}'), "{name}: {plain}");
    }
}

#[test]
fn a_pipe_gets_json_unless_text_is_asked_for() {
    let json = piped(&["devices", "limit=1", "--sandbox"]).stdout;
    assert!(serde_json::from_slice::<Value>(&json).unwrap()["devices"].is_array());
    let text = piped(&["devices", "limit=1", "--sandbox", "--text"]).stdout;
    assert!(text.starts_with(b"NAME "), "{}", String::from_utf8_lossy(&text));
    let json = plain(100, "devices limit=1 --sandbox --json");
    assert!(serde_json::from_str::<Value>(&json).unwrap()["devices"].is_array());
}

#[tokio::test(flavor = "multi_thread")]
async fn daily_work_has_short_commands() {
    let (sandbox, _tailnet) = sandbox().await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("journal.db");
    let run = |words: &[&str]| {
        let mut command = program(words);
        command.args(["--store", store.to_str().unwrap()]);
        if words.contains(&"call") || words.contains(&"undo") {
            command.args(["--access", "change"]);
        }
        command.env("TAILSCALE_API_KEY", Sandbox::API_KEY);
        let output = command.env("TAILSCALE_BASE_URL", sandbox.base_url()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };

    assert!(run(&["status"])["devices"]["total"].as_u64().unwrap() > 0);
    assert!(run(&["alerts", "severity=critical"])["alerts"].is_array());
    run(&["call", "update_device", "device=web-01", "name=renamed"]);
    assert_eq!(run(&["changes"])["changes"].as_array().unwrap().len(), 1);
    assert!(run(&["changes", "1"])["steps"].is_array() || run(&["changes", "1"]).is_object());
    assert_eq!(run(&["undo", "1"])["applied"], true);
    assert_eq!(run(&["changes"])["changes"].as_array().unwrap().len(), 2);
}

#[test]
fn help_has_only_what_applies_under_headings() {
    let help = |words: &[&str]| {
        let output = piped(&[words, &["--help"]].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    insta::assert_snapshot!("terminal__help_of_token_list", help(&["token", "list"]));
    insta::assert_snapshot!("terminal__help_of_sandbox", help(&["sandbox"]));
    let doctor = help(&["doctor"]);
    assert!(doctor.contains("\nTailnet:\n") && doctor.contains("--profile"), "{doctor}");
    assert!(!help(&["auth", "set"]).contains("--sandbox-devices"));
}

#[test]
fn an_option_that_does_not_apply_is_an_error_and_not_ignored() {
    for (words, option) in [
        (["sandbox", "--sandbox"].as_slice(), "--sandbox"),
        (&["token", "list", "--yes"], "--yes"),
        (&["--access", "change", "audit", "--sandbox"], "--access"),
    ] {
        let output = piped(words);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{words:?}");
        assert!(error.contains(&format!("{option} does not apply to `")), "{error}");
    }
}

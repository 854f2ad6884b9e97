//! `tailsteward approve`, as a process: what a person sees in a terminal, and what a program without one gets.
#![cfg(target_os = "linux")]

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use tailsteward::{Tailnet, sandbox::Sandbox};

use crate::{
    cli::command_line::program,
    support::{
        changes::{is_there, own},
        tailnet::sandbox_of,
    },
};

/// A command at the sandbox, with the store and the config file of this folder.
fn command(folder: &Path, url: &str, words: &[&str]) -> Command {
    let mut command = program(words);
    command.env("TAILSCALE_API_KEY", Sandbox::API_KEY).env("TAILSCALE_BASE_URL", url);
    command.env("TAILSTEWARD_STORE", folder.join("journal.db"));
    command.env("TAILSTEWARD_ACCESS", "danger").env("TAILSTEWARD_HISTORY", "off");
    command.stdin(Stdio::null());
    command
}

fn run(folder: &Path, url: &str, words: &[&str]) -> Output {
    command(folder, url, words).output().unwrap()
}

fn failure(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The same in a terminal of its own, which `script` makes.
fn in_a_terminal(folder: &Path, url: &str, words: &str) -> Child {
    let inner = command(folder, url, &[]);
    let mut script = Command::new("script");
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    let words = format!("{} {words}", env!("CARGO_BIN_EXE_tailsteward"));
    script.args(["-qefc", &words, "/dev/null"]);
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn until(child: &mut Child, end: &str) -> String {
    let mut seen = Vec::new();
    let stdout = child.stdout.as_mut().unwrap();
    while !String::from_utf8_lossy(&seen).contains(end) {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

fn answer(child: &mut Child, answer: &str) -> (String, bool) {
    child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
    let mut rest = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
    (rest, child.wait().unwrap().success())
}

/// The ID in what a command says that waits for approval.
fn plan(text: &str) -> String {
    let (_, rest) = text.split_once("`tailsteward approve ").unwrap_or_else(|| panic!("{text}"));
    let (command, _) = rest.split_once('`').unwrap();
    command.split(' ').next().unwrap().to_owned()
}

async fn removal(tailnet: &Tailnet) -> String {
    let device = own(tailnet).await.remove(0);
    json!({ "device": device.key(), "how": "remove" }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_the_command_line_waits_until_a_person_approves_it_in_a_terminal() {
    let (sandbox, tailnet) = sandbox_of(10).await;
    let (folder, url) = (tempfile::tempdir().unwrap(), sandbox.base_url());
    let (folder, device) = (folder.path(), own(&tailnet).await.remove(0));
    let call = removal(&tailnet).await;
    for (mode, name) in [("person", "me"), ("other", "assistant")] {
        let words = ["call", "revoke_device", &call, "--confirm", mode, "--as", name];
        let waits = failure(&run(folder, &url, &words));
        assert!(waits.contains("nothing was changed yet"), "{waits}");
        let store = format!(" --store {}`", folder.join("journal.db").display());
        assert!(waits.contains(&store), "{waits}");
        let id = plan(&waits);
        assert_eq!(plan(&failure(&run(folder, &url, &words))), id, "it waits once");

        let no_terminal = failure(&run(folder, &url, &["approve", &id]));
        assert!(no_terminal.contains("approved by a person in a terminal"), "{no_terminal}");
        let mut later = in_a_terminal(folder, &url, &format!("approve {id}"));
        until(&mut later, "leave it waiting] ");
        let (text, fine) = answer(&mut later, "\n");
        assert!(fine && text.contains("still waiting"), "{text}");
        let list = printed(&run(folder, &url, &["approve"]));
        assert!(list.contains(&format!("{id} waiting revoke_device device ")), "{list}");
        assert!(list.contains(", until "), "{list}");
        let mut unknown = in_a_terminal(folder, &url, "approve abcd2345");
        let (text, _) = answer(&mut unknown, "");
        assert!(
            text.contains("this store was searched: ") && text.contains("journal.db"),
            "{text}"
        );

        if mode == "person" {
            let mut no = in_a_terminal(folder, &url, &format!("approve {id}"));
            until(&mut no, "leave it waiting] ");
            let (text, _) = answer(&mut no, "no\n");
            assert!(text.contains("is refused"), "{text}");
            let refused = failure(&run(folder, &url, &words));
            assert!(refused.contains("refused the plan"), "{refused}");
            assert!(refused.contains("stays refused until "), "{refused}");
            continue;
        }
        let mut yes = in_a_terminal(folder, &url, &format!("approve {id}"));
        let question = until(&mut yes, "leave it waiting] ");
        assert!(
            question.contains("Plan ")
                && question.contains("of assistant, made with revoke_device")
        );
        assert!(question.contains(device.short_name()) && question.contains("cannot be undone"));
        let (text, fine) = answer(&mut yes, "yes\n");
        assert!(fine && text.contains("is approved"), "{text}");
        let done: Value = serde_json::from_str(&printed(&run(folder, &url, &words))).unwrap();
        assert_eq!(done["applied"], true);
        assert!(done["confirmed"].as_str().unwrap().starts_with("approved by "), "{done}");
        let list: Value =
            serde_json::from_str(&printed(&run(folder, &url, &["approve", "--json"]))).unwrap();
        assert_eq!((&list[0]["state"], &list[1]["state"]), (&json!("used"), &json!("refused")));
    }
    assert!(!is_there(&tailnet, &device).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asked_does_not_approve_their_own_plan() {
    let (sandbox, tailnet) = sandbox_of(10).await;
    let (folder, url) = (tempfile::tempdir().unwrap(), sandbox.base_url());
    let folder = folder.path();
    let call = removal(&tailnet).await;
    // Without --as, the caller is the user of the operating system, as the approver is.
    let id =
        plan(&failure(&run(folder, &url, &["call", "revoke_device", &call, "--confirm", "other"])));

    let mut own = in_a_terminal(folder, &url, &format!("approve {id}"));
    let (text, fine) = answer(&mut own, "yes\n");
    assert!(!fine && text.contains("somebody else has to approve it"), "{text}");
    let mut named = in_a_terminal(folder, &url, &format!("approve {id} --as somebody"));
    let (text, fine) = answer(&mut named, "yes\n");
    assert!(!fine && text.contains("takes no other name"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_for_the_page_is_printed_in_a_terminal_only() {
    let (sandbox, tailnet) = sandbox_of(10).await;
    let (folder, url) = (tempfile::tempdir().unwrap(), sandbox.base_url());
    let folder = folder.path();
    let call = removal(&tailnet).await;
    let words = ["call", "revoke_device", &call, "--confirm", "person"];
    let id = plan(&failure(&run(folder, &url, &words)));

    let refused = failure(&run(folder, &url, &["approve", &id, "--code"]));
    assert!(refused.contains("in a terminal"), "{refused}");
    let mut child = in_a_terminal(folder, &url, &format!("approve {id} --code"));
    let (text, fine) = answer(&mut child, "");
    let code = text.split_whitespace().last().unwrap().to_owned();
    assert!(fine && code.len() == 11 && code.as_bytes()[5] == b'-', "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_contradict_each_other_are_refused() {
    let (sandbox, _tailnet) = sandbox_of(10).await;
    let (folder, url) = (tempfile::tempdir().unwrap(), sandbox.base_url());
    let folder = folder.path();
    for (words, why) in [
        (&["call", "list_devices", "--yes", "--confirm", "person"][..], "--yes cannot be combined"),
        (&["serve", "--confirm", "other", "--store", "memory"][..], "cannot see them"),
        (&["approve", "--store", "memory"][..], "cannot see them"),
        (&["approve", "abcd2345"][..], "in a terminal"),
        (
            &["call", "list_devices", "--confirm", "nobody"][..],
            "must be `auto`, `person` or `other`",
        ),
    ] {
        let text = failure(&run(folder, &url, words));
        assert!(text.contains(why), "{words:?}: {text}");
    }
}

#[test]
fn a_store_that_nobody_else_can_open_is_no_store_for_two() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |store: &str| {
        let words = ["doctor", "--sandbox", "--store", store, "--history", "off"];
        printed(&program(&words).env("TAILSTEWARD_CONFIRM", "other").output().unwrap())
    };

    let file = doctor(folder.path().join("journal.db").to_str().unwrap());

    assert!(file.contains("note confirm: other"), "{file}");
    assert!(file.contains("only this user can open the store"), "{file}");
    assert!(doctor("memory").contains("ok   confirm: other"));
}

#[test]
fn a_config_file_that_cannot_be_read_is_reported_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[guardrails]\nwindows = []\n").unwrap();
    let words = ["doctor", "--config", config.to_str().unwrap(), "--store", "memory"];

    let output = program(&words).args(["--profile", "a"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);

    assert!(!output.status.success(), "{text}");
    assert_eq!(text.matches("`guardrails.windows`").count(), 1, "{text}");
}

/// Guardrails of the config file hold for `call`, `policy deploy` and `policy rollback`.
#[tokio::test(flavor = "multi_thread")]
async fn guardrails_hold_on_the_command_line() {
    let (sandbox, tailnet) = sandbox_of(10).await;
    let (folder, url) = (tempfile::tempdir().unwrap(), sandbox.base_url());
    let folder = folder.path();
    let device = own(&tailnet).await.remove(0);
    let live = tailnet.policy_file().get().await.unwrap().text;
    let file = folder.join("policy.hujson");
    std::fs::write(&file, live.replacen('{', "{ \"randomizeClientPort\": true,", 1)).unwrap();
    let config = folder.join("config.toml");
    let write = |rails: &str| {
        let profile = format!(
            "[profiles.sandbox]\ncredential = {{ kind = \"api_key\", env = \"KEY\" }}\nbase_url = \"{url}\"\n{rails}"
        );
        std::fs::write(&config, profile).unwrap();
    };
    let call = removal(&tailnet).await;
    let (config, file) = (config.to_str().unwrap(), file.to_str().unwrap());
    let revoke = &["call", "revoke_device", &call, "--yes", "--config", config][..];
    let deploy = &["policy", "deploy", file, "--allow-lockout", "--yes", "--config", config][..];
    let run = |words: &[&str]| {
        let mut command = command(folder, &url, words);
        command.env("KEY", Sandbox::API_KEY).output().unwrap()
    };
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).weekday();
    let day = (usize::try_from(day.to_monday_zero_offset()).unwrap() + 3) % 7;
    let closed = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][day];
    let closed = format!("[guardrails]\nwindows = [\"{closed} 00:00-24:00 UTC\"]");
    let never = format!(
        "[guardrails.never]\ndevices = [\"{}\"]\npolicy = [\"randomizeClientPort\"]",
        device.key()
    );
    for (rails, why) in [
        (closed.as_str(), "`windows`"),
        ("[guardrails]\nchanges_per_hour = 0", "`changes_per_hour`"),
        (&never, "`never`"),
    ] {
        write(rails);
        for words in [revoke, deploy] {
            let text = failure(&run(words));
            assert!(text.contains(why), "{words:?} with {rails}: {text}");
        }
    }
    write("[guardrails]\nwindows = [\"mon 8-18 UTC\"]");
    let text = failure(&run(revoke));
    assert!(text.contains("`guardrails.windows[0]`") && !text.contains("8-18"), "{text}");
    let doctor = |rails: &str| {
        write(rails);
        printed(&run(&["doctor", "--config", config, "--confirm", "person"]))
    };
    let shown = doctor(&never);
    assert!(shown.contains("guardrails: ") && shown.contains("1 device"), "{shown}");
    assert!(shown.contains("confirm: person"), "{shown}");
    assert!(is_there(&tailnet, &device).await);
    assert_eq!(tailnet.policy_file().get().await.unwrap().text, live);
}

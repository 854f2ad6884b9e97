//! `tailsteward call`, as a process: the person at the terminal has what an assistant has.
#![cfg(target_os = "linux")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tailsteward::{Tailnet, sandbox::Sandbox, tailnet::devices::Device};

use crate::{
    cli::command_line::program,
    support::{
        proxy::{Fault, faulty},
        tailnet::sandbox_of,
    },
};

/// Devices with tags, and without the one that is added.
async fn tagged(tailnet: &Tailnet, count: usize) -> Vec<Device> {
    let devices = tailnet.devices().list().await.unwrap();
    let own = devices.iter().filter(|device| {
        !device.tags().is_empty()
            && device.tags().iter().all(|tag| tag != "tag:ci")
            && !device.is_external.unwrap_or_default()
    });
    own.take(count).cloned().collect()
}

fn at(mut command: Command, url: &str) -> Command {
    command.env("TAILSCALE_API_KEY", Sandbox::API_KEY).env("TAILSCALE_BASE_URL", url);
    command
}

/// The arguments of a batch that adds a tag to `devices`.
fn batch(devices: &[Device]) -> String {
    let names: Vec<&str> = devices.iter().map(Device::short_name).collect();
    json!({ "devices": names, "tags": ["tag:ci"] }).to_string()
}

/// Calls in a terminal of its own, which `script` makes.
fn in_a_terminal(url: &str, arguments: &str) -> Child {
    let program = env!("CARGO_BIN_EXE_tailsteward");
    let words = format!(
        "{program} call add_tags '{arguments}' --toolsets tag_operations --access danger --store memory"
    );
    let script = program_in_clean_environment("script");
    let mut script = at(script, url);
    script.args(["-qefc", &words, "/dev/null"]);
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

fn program_in_clean_environment(name: &str) -> Command {
    let clean = program(&[]);
    let mut command = Command::new(name);
    for (variable, value) in clean.get_envs() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    command
}

/// Reads until the question is there.
fn asked(child: &mut Child) -> String {
    let mut seen = Vec::new();
    let stdout = child.stdout.as_mut().unwrap();
    while !String::from_utf8_lossy(&seen).contains("Apply this change? [y/N] ") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

fn answered(child: &mut Child, answer: &str) -> (String, bool) {
    child.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
    let mut rest = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
    (rest, child.wait().unwrap().success())
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_a_batch_after_the_resource_at_hand() {
    let (sandbox, tailnet) = sandbox_of(40).await;
    let devices = tagged(&tailnet, 4).await;
    let url = faulty(&sandbox.base_url(), 1, Fault::Slow).await;
    let mut child = at(program(&["call", "add_tags", &batch(&devices), "--yes"]), &url)
        .args(["--toolsets", "tag_operations", "--access", "danger", "--store", "memory"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut progress = String::new();
    // On a slow machine there are lines about its requests before.
    while !progress.contains(" of ") {
        progress.clear();
        stderr.read_line(&mut progress).unwrap();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let mut stopping = String::new();
    stderr.read_line(&mut stopping).unwrap();
    let output = child.wait_with_output().unwrap();

    assert!(progress.starts_with("1 of 4: "), "{progress}");
    assert!(stopping.contains("stopping after the current resource"), "{stopping}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["not_tried"].as_array().unwrap().len(), 2, "{report}");
    let now = tailnet.devices().list().await.unwrap();
    let tagged = devices.iter().filter(|device| {
        let now = now.iter().find(|it| it.key() == device.key()).unwrap();
        now.tags().iter().any(|tag| tag == "tag:ci")
    });
    assert_eq!(tagged.count(), 2);
}

/// first-use 10: the eleventh and twelfth requests are past the burst.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_waits_for_the_rate_limit_says_so() {
    let (sandbox, tailnet) = sandbox_of(40).await;
    let devices = tagged(&tailnet, 12).await;
    let names: Vec<&str> = devices.iter().map(Device::key).collect();
    let batch = json!({ "devices": names, "key": "custom:wave", "value": "1", "dry_run": true });
    let call = program(&["call", "batch_update_device_attributes", &batch.to_string()]);
    let output = at(call, &sandbox.base_url())
        .args(["--access", "danger", "--store", "memory"])
        .env("TAILSTEWARD_RATE", "0.4")
        .output()
        .unwrap();

    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains(" sent, waiting for the rate limit"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_changed_while_the_person_thought_is_not_carried_out() {
    let (sandbox, tailnet) = sandbox_of(40).await;
    let devices = tagged(&tailnet, 2).await;

    let mut agreed = in_a_terminal(&sandbox.base_url(), &batch(&devices));
    asked(&mut agreed);
    let api = tailnet.api().unwrap();
    let tags = vec!["tag:web".to_owned(), "tag:db".to_owned()];
    let change = api.set_device_tags().device_id(devices[0].key()).body_map(|it| it.tags(tags));
    change.send().await.unwrap();
    let (answer, done) = answered(&mut agreed, "y\n");

    assert!(!done && answer.contains("the tailnet changed meanwhile"), "{answer}");
    let second = tailnet.devices().get(devices[1].key()).await.unwrap();
    assert!(!second.tags().iter().any(|tag| tag == "tag:ci"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_asked_and_their_no_counts() {
    let (sandbox, tailnet) = sandbox_of(40).await;
    let devices = tagged(&tailnet, 2).await;

    let mut declined = in_a_terminal(&sandbox.base_url(), &batch(&devices));
    let question = asked(&mut declined);
    // With `--store memory`, nothing is left that could undo it.
    assert!(question.contains("tag:ci") && question.contains("no journal is kept"), "{question}");
    assert!(!question.contains("can be undone with"), "{question}");
    let (answer, done) = answered(&mut declined, "n\n");
    assert!(!done && answer.contains("you declined"), "{answer}");

    let mut agreed = in_a_terminal(&sandbox.base_url(), &batch(&devices));
    asked(&mut agreed);
    let (answer, done) = answered(&mut agreed, "y\n");
    assert!(done && answer.contains("change 1: 2 resources"), "{answer}");
}

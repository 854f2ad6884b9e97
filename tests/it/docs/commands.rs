//! Every block of commands in README and docs is run, in a shell, against a sandbox. What cannot be run here is in
//! a list, with the reason.
#![cfg(target_os = "linux")]

use std::{
    fs,
    io::Read as _,
    os::unix::{fs::symlink, process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tailsteward::sandbox::Sandbox;

use crate::{cli::command_line::program, support::tailnet::sandbox};

/// How long a command may take, and how long one that does not end by itself has to fail.
const LONGEST: Duration = Duration::from_mins(1);
const TO_FAIL: Duration = Duration::from_secs(2);

/// Commands of other programs, by their first words, and why they are not run.
const OTHERS: &[(&str, &str)] = &[
    ("cargo ", "this test is built by cargo"),
    ("claude ", "needs Claude Code"),
    ("npx ", "packaging/rehearse runs it from the package"),
    ("uvx ", "packaging/rehearse runs it from the wheel"),
    ("pipx ", "packaging/rehearse runs it from the wheel"),
    ("docker ", "packaging/rehearse runs the image"),
    ("podman ", "packaging/rehearse runs the image"),
    ("brew ", "packaging/rehearse checks the formula"),
    ("sha256sum ", "needs a release"),
    ("gh ", "needs a release"),
    ("scripts/start-funnel-demo.sh", "needs a Tailscale daemon; .ci/tailnet runs it"),
    ("tailscale ", "needs a Tailscale daemon"),
    ("sudo ", "changes the machine"),
    ("curl 127.0.0.1:8080", "needs the sandbox of the block above; crates/sandbox/tests run it"),
    ("curl -X DELETE 127.0.0.1:8080", "needs the sandbox of the block above"),
    ("packaging/", "takes minutes; .ci/run calls it"),
    ("git ", "changes the repository"),
    ("rm ", "removes what the user has"),
];

/// Our own commands that need more than a sandbox.
const OURS: &[(&str, &str)] = &[
    ("--auth tailnet", "needs a Tailscale daemon; .ci/tailnet runs it"),
    ("--auth oauth", "needs an authorization server; .ci/issuer runs it"),
    ("--profile acme", "needs two accounts"),
    ("auth set", "asks for a secret in a terminal"),
    ("postgres://", "needs Postgres; .ci/postgres runs it"),
    ("0.0.0.0", "would be open to the network"),
];

/// The commands of the `sh` blocks of a file, lines that end with `\` joined.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let (mut inside, mut open) = (false, String::new());
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside {
            match line.strip_suffix('\\') {
                Some(start) => open.push_str(start),
                None => commands.push(std::mem::take(&mut open) + line),
            }
        }
    }
    commands.retain(|it| !it.trim().is_empty() && !it.starts_with('#'));
    commands
}

fn files() -> Vec<std::path::PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|it| it.unwrap().path());
    let mut files: Vec<_> = docs.filter(|it| it.extension().is_some_and(|it| it == "md")).collect();
    files.extend(["README.md", "SECURITY.md"].map(|it| root.join(it)));
    files.sort();
    files
}

/// Exit codes other than 0 that are answers: alerts fire.
const ANSWERS: &[(&str, i32)] = &[("watch --once", 2)];

/// Whether a command goes on until it is stopped. Without a subcommand it is a server over stdio.
fn goes_on(command: &str) -> bool {
    if command.starts_with("tailsteward --") {
        return true;
    }
    let forever = ["serve", "sandbox", "watch"].iter().any(|it| {
        let name = format!("tailsteward {it}");
        command.starts_with(&name) && command[name.len()..].chars().next().is_none_or(|c| c == ' ')
    });
    (forever && !command.contains("--once")) || command.contains("--watch=")
}

/// Runs a command; the error is what it printed.
fn run(command: &str, sandbox: &Sandbox, folder: &Path) -> Result<(), String> {
    let clean = program(&[]);
    let mut shell = Command::new("sh");
    for (name, value) in clean.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let path = std::env::var("PATH").unwrap();
    shell.env("PATH", format!("{}:{path}", folder.join("bin").display()));
    for home in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        shell.env(home, folder.join("home"));
    }
    shell.env("TAILSCALE_API_KEY", Sandbox::API_KEY).env("TAILSCALE_BASE_URL", sandbox.base_url());
    // The sandbox needs no rate limit.
    shell.env("TAILSTEWARD_RATE", "1000");
    shell.args(["-c", command]).current_dir(folder).process_group(0);
    let output = folder.join("output.txt");
    let file = fs::File::create(&output).unwrap();
    let stdin = if goes_on(command) { Stdio::piped() } else { Stdio::null() };
    shell.stdin(stdin).stdout(file.try_clone().unwrap()).stderr(file);
    let mut child = shell.spawn().unwrap();
    let started = Instant::now();
    let most = if goes_on(command) { TO_FAIL } else { LONGEST };
    let ended = loop {
        match child.try_wait().unwrap() {
            None if started.elapsed() < most => std::thread::sleep(Duration::from_millis(20)),
            ended => break ended,
        }
    };
    if ended.is_none() {
        let group = format!("-{}", child.id());
        assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
        child.wait().unwrap();
    }
    let mut text = String::new();
    fs::File::open(&output).unwrap().read_to_string(&mut text).unwrap();
    match ended {
        Some(status) if status.success() => Ok(()),
        Some(status) if is_answer(command, status.code()) => Ok(()),
        None if goes_on(command) => Ok(()),
        // Another program of this machine has the usual port.
        Some(_) if text.contains("Address already in use") => Ok(()),
        Some(status) => Err(format!("{command}: {status}: {text}")),
        None => Err(format!("{command}: it takes longer than {LONGEST:?}: {text}")),
    }
}

fn is_answer(command: &str, code: Option<i32>) -> bool {
    ANSWERS.iter().any(|(part, answer)| command.contains(part) && code == Some(*answer))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_documents_works() {
    let (sandbox, _tailnet) = sandbox().await;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_tailsteward"), folder.path().join("bin/tailsteward")).unwrap();
    let guardrails = "[guardrails.never]\ntags = [\"tag:db\"]\n";
    fs::write(folder.path().join("guardrails.toml"), guardrails).unwrap();
    // A server over HTTP starts only where somebody has a token.
    run("tailsteward token add docs", &sandbox, folder.path()).unwrap();
    let (mut ran, mut failures) = (0, Vec::new());
    for file in files() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for command in commands(&fs::read_to_string(&file).unwrap()) {
            if OTHERS.iter().any(|(start, _)| command.starts_with(start)) {
                continue;
            }
            if OURS.iter().any(|(part, _)| command.contains(part)) {
                assert!(command.contains("tailsteward"), "{name}: {command}");
                continue;
            }
            ran += 1;
            let done = tokio::task::block_in_place(|| run(&command, &sandbox, folder.path()));
            failures.extend(done.err().map(|it| format!("{name}: {it}")));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(ran > 20, "{ran}");
}

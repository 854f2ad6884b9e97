//! SIGHUP: the config file is read again, while the server goes on.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tailsteward::sandbox::Sandbox;

use crate::{
    cli::command_line::program,
    support::{
        http::{calling, message},
        tailnet::sandbox,
    },
};

/// Stops the program when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn rename(url: &str, device: &str, name: &str) -> Value {
    let arguments = json!({ "device": device, "name": name });
    let request = calling(url, "update_device", &arguments);
    message(request.send().await.unwrap()).await["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn guardrails_hold_after_the_signal_and_a_wrong_file_changes_nothing() {
    let (sandbox, tailnet) = sandbox().await;
    let web = tailnet.devices().list().await.unwrap();
    let web = web.iter().find(|it| it.short_name() == "web-01").unwrap().key().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    fs::write(&config, "").unwrap();
    let mut child = program(&["--access", "change", "serve", "--http", "0", "--no-auth"])
        .args(["--config", config.to_str().unwrap(), "--store", "memory"])
        .env("TAILSCALE_BASE_URL", sandbox.base_url())
        .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let running = Running(child);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("MCP at ").unwrap().to_owned();
    let mut reload = |text: &str, says: &str| {
        fs::write(&config, text).unwrap();
        let told = Command::new("kill").args(["-HUP", &running.0.id().to_string()]).status();
        assert!(told.unwrap().success());
        let found = stderr.find(|line| line.as_ref().unwrap().contains("the config file is"));
        let found = found.unwrap().unwrap();
        assert!(found.contains(says), "{found}");
    };

    let before = rename(&url, &web, "one").await;
    reload(&format!("[guardrails.never]\ndevices = [\"{web}\"]\n"), "is read again");
    let protected = rename(&url, &web, "two").await;
    reload("[guardrails.never]\ndevices = 3\n", "is wrong, so the old settings stay");
    let still = rename(&url, &web, "three").await;
    reload("", "is read again");
    let after = rename(&url, &web, "four").await;

    assert_eq!((&before["isError"], &after["isError"]), (&json!(false), &json!(false)), "{after}");
    for refused in [&protected, &still] {
        assert!(refused.to_string().contains("`never`"), "{refused}");
    }
    assert_eq!(tailnet.devices().get(&web).await.unwrap().short_name(), "four");
}

//! Funnels, with a real daemon, a real ingress and real certificates.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::Child,
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    local::serve::Mount,
    sandbox::Sandbox,
    tailnet::funnel::{Expose, What},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    cli::command_line::program,
    support::{
        agent::Agent,
        daemons::{Daemons, soon},
        edits,
        tailnet::{sandbox, settings},
    },
};

/// A client on the machine of `node1`, which looks at Funnels through the ingress of `daemons`.
async fn on_node1(daemons: &Daemons, port: u16) -> (Sandbox, Tailnet) {
    let (sandbox, _) = sandbox().await;
    let mut settings = settings(&sandbox.base_url());
    settings.ca_file = Some(daemons.text("ca").into());
    settings.funnel_ingress = Some(daemons.ingress(port).parse().unwrap());
    (sandbox, daemons.on(1, &Tailnet::new(settings)))
}

async fn agent(tailnet: &Tailnet) -> Agent {
    edits::agent(tailnet).await
}

/// A program of this machine that answers every request with `answer`, and its port.
fn answering(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let length = answer.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all((head + answer).as_bytes()).await;
            });
        }
    });
    port
}

/// A client on the internet, and the public name of `node1`.
pub fn visitor(daemons: &Daemons, port: u16) -> (reqwest::Client, String) {
    let host = daemons.node(1)["dnsname"].as_str().unwrap().to_owned();
    let mut roots = rustls::RootCertStore::empty();
    for found in rustls_pki_types::CertificateDer::pem_file_iter(daemons.text("ca")).unwrap() {
        roots.add(found.unwrap()).unwrap();
    }
    let tls = rustls::ClientConfig::builder_with_provider(
        rustls::crypto::ring::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots)
    .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .resolve(&host, daemons.ingress(port).parse().unwrap())
        .build()
        .unwrap();
    (client, host)
}

/// What a stranger on the internet gets; none without a connection.
async fn stranger(daemons: &Daemons, port: u16, path: &str) -> Option<(StatusCode, String)> {
    let (client, host) = visitor(daemons, port);
    // A port in the address would win over that of the ingress.
    let answer = client.get(format!("https://{host}{path}")).send().await.ok()?;
    Some((answer.status(), answer.text().await.ok()?))
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn the_internet_reaches_a_funnel_and_nothing_after_its_end() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let (_sandbox, tailnet) = on_node1(&daemons, 443).await;
    let agent = agent(&tailnet).await;
    let port = answering("hello");
    assert!(stranger(&daemons, 443, "/").await.is_none());

    let made = agent.call("funnel_enable", json!({ "target": port.to_string() })).await;
    let seen = stranger(&daemons, 443, "/").await.unwrap();
    let status = agent.call("funnel_status", json!({})).await;
    let certificate = agent.call("funnel_certificate_info", json!({})).await;
    let ended = agent.call("funnel_disable", json!({})).await;
    let reopened = agent.fail("undo_change", json!({ "change": ended["change"] })).await;

    assert!(reopened["message"].as_str().unwrap().contains("to the internet again"), "{reopened}");
    assert_eq!(seen, (StatusCode::OK, "hello".to_owned()));
    let notes = made["notes"].to_string();
    assert!(notes.contains("https://node1.") && notes.contains("status 200"), "{made}");
    assert_eq!(status["public"][0]["path"], "/");
    assert_eq!(certificate["from"], "handshake");
    assert!(certificate["days_left"].as_i64().unwrap() > 0, "{certificate}");
    assert!(stranger(&daemons, 443, "/").await.is_none());
    assert_eq!(agent.call("serve_status", json!({})).await["served"], json!([]));
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_funnel_is_asked_for_with_its_public_address() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let (_sandbox, tailnet) = on_node1(&daemons, 8443).await;
    let agent = Agent::with(tailnet.clone(), edits::everything()).await;
    let port = answering("hello");
    let wanted = json!({ "target": port.to_string(), "public_port": 8443, "for": "2h" });

    let asked = agent.call("funnel_enable", wanted.clone()).await;

    let question = asked["question"].as_str().unwrap();
    assert!(question.contains("https://node1.") && question.contains(":8443/"), "{question}");
    assert!(question.contains("everybody on the internet"), "{question}");
    assert!(question.contains("2h"), "{question}");
    assert!(stranger(&daemons, 8443, "/").await.is_none(), "nothing is public before the answer");
    let mut confirmed = wanted;
    confirmed["plan_id"] = asked["plan_id"].clone();
    agent.call("funnel_enable", confirmed).await;
    assert_eq!(stranger(&daemons, 8443, "/").await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn what_cannot_be_public_is_refused_before_anything_changes() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let (_sandbox, tailnet) = on_node1(&daemons, 443).await;
    let agent = agent(&tailnet).await;
    let mcp = answering(r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}"#);
    let port = answering("hello");

    for (arguments, why) in [
        (json!({ "target": mcp.to_string() }), "accepts requests without authentication"),
        (json!({ "target": "http://192.0.2.1:80" }), "must be on this machine"),
        (json!({ "target": "file:///etc/passwd" }), "must be a port"),
        (
            json!({ "target": port.to_string(), "public_port": 444 }),
            "must be one of 443, 8443, 10000",
        ),
        (json!({ "target": port.to_string(), "path": "../x" }), "must begin with a slash"),
        (json!({ "target": port.to_string(), "for": "1s" }), "must be between 10s and 30d"),
        (json!({ "this_server": true, "for": "1h" }), "does not run over HTTP"),
        (json!({ "target": "3000", "this_server": true }), "cannot be given with `this_server`"),
        (json!({}), "`target` is required"),
    ] {
        let refused = agent.fail("funnel_enable", arguments.clone()).await;
        assert!(refused["message"].as_str().unwrap().contains(why), "{arguments}: {refused}");
    }
    assert_eq!(agent.call("serve_status", json!({})).await["served"], json!([]));
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn what_others_serve_is_not_replaced() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let (_sandbox, tailnet) = on_node1(&daemons, 443).await;
    let agent = agent(&tailnet).await;
    let (port, other) = (answering("hello").to_string(), json!({ "Proxy": "http://127.0.0.1:9" }));
    let host = daemons.node(1)["dnsname"].as_str().unwrap();
    let mount = |port, path| Mount::new(host, port, path).unwrap();
    daemons.daemon(1).set_handler(&mount(443, "/"), &other).await.unwrap();

    let refused = agent.fail("funnel_enable", json!({ "target": port })).await;
    let same = agent.call("funnel_enable", json!({ "target": "9", "for": "1h" })).await;
    let now = daemons.daemon(1).serve_config().await.unwrap().at(&mount(443, "/"));

    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("already serves http://127.0.0.1:9"), "{refused}");
    assert!(refused["remedy"].as_str().unwrap().contains("8443 or 10000"), "{refused}");
    assert!(now.funnel && now.handler == other, "{same} {now:?}");

    // At its end, only what the Funnel has added is removed.
    let recorded = agent.call("funnel_status", json!({})).await;
    assert_eq!(recorded["public"][0]["change"], same["change"], "{recorded}");
    let changed = json!({ "Proxy": "http://127.0.0.1:10" });
    let made = agent
        .call("funnel_enable", json!({ "target": port, "public_port": 8443, "for": "1h" }))
        .await;
    daemons.daemon(1).set_handler(&mount(8443, "/"), &changed).await.unwrap();
    let status = agent.call("funnel_status", json!({})).await.to_string();
    assert!(!status.contains(&format!("\"change\":{}", made["change"])), "{status}");
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn what_a_funnel_lacks_is_mended_in_the_same_plan() {
    let (sandbox, tailnet) = sandbox().await;
    let list = tailnet.devices().list().await.unwrap();
    // This machine is one of the sandbox's devices.
    let own =
        list.iter().find(|it| it.tags().is_empty() && !it.is_shared_in()).unwrap().key().to_owned();
    let daemons = Daemons::start(&["-n", "1", "-funnel", "-bare", "-ids", &own]);
    let mut settings = settings(&sandbox.base_url());
    settings.ca_file = Some(daemons.text("ca").into());
    settings.funnel_ingress = Some(daemons.ingress(443).parse().unwrap());
    let tailnet = daemons.on(1, &Tailnet::new(settings));
    let login = list.iter().find(|it| it.key() == own).unwrap().user.clone().unwrap();
    daemons.post(&format!("/user?node=node1&login={login}"), "").await;
    let owner = soon(|| async {
        let status = daemons.daemon(1).own_status().await.unwrap();
        status.users.values().any(|it| it.login_name == login).then_some(())
    });
    owner.await;
    let agent = agent(&tailnet).await;
    let port = answering("hello");
    agent.call("update_tailnet_settings", json!({ "https_enabled": false })).await;

    let before = tailnet.policy_file().get().await.unwrap().text;
    let plan =
        agent.call("funnel_enable", json!({ "target": port.to_string(), "dry_run": true })).await;
    assert!(plan.to_string().contains("+ attribute funnel"), "{plan}");
    assert!(plan.to_string().contains("https_enabled"), "{plan}");
    // What the real coordination server would do once both are allowed.
    let granting = async {
        soon(|| async {
            let text = tailnet.policy_file().get().await.unwrap().text;
            (text != before).then_some(())
        })
        .await;
        daemons.post("/caps?node=node1&https=true&funnel=true&ports=443,8443,10000", "").await;
    };
    let enabling = agent.call("funnel_enable", json!({ "target": port.to_string() }));
    let (made, ()) = tokio::join!(enabling, granting);

    assert_eq!(made["applied"], json!(true), "{plan} {made}");
    let settings = tailnet.tailnet_settings().get().await.unwrap();
    assert_eq!(settings.https_enabled, Some(true));
    assert_eq!(stranger(&daemons, 443, "/").await.unwrap().0, StatusCode::OK);
    agent.call("undo_change", json!({ "change": made["change"] })).await;
    assert!(stranger(&daemons, 443, "/").await.is_none());
    assert_eq!(tailnet.policy_file().get().await.unwrap().text, before);
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_tailnet_that_is_not_ours_is_not_mended() {
    let daemons = Daemons::start(&["-n", "1", "-funnel", "-bare"]);
    let (_sandbox, tailnet) = on_node1(&daemons, 443).await;

    let expose = Expose::new(What::Program("3000".to_owned()));
    let refused = tailnet.funnel().plan_enable(&expose).await.unwrap_err();

    assert!(refused.to_string().contains("not in the tailnet"), "{refused}");
    let remedy = refused.remedy().unwrap();
    assert!(remedy.contains("HTTPS certificates") && remedy.contains("nodeAttrs"), "{remedy}");
}

/// A running server, killed at the end.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program for the machine of `node1`, with a journal in a file.
fn command(daemons: &Daemons, store: &str, arguments: &[&str]) -> std::process::Command {
    let socket = daemons.socket(1);
    let mut command = program(arguments);
    command.args(["--sandbox", "--toolsets", "all", "--store", store, "--history", "off"]);
    command.arg("--socket").arg(socket).args(["--funnel-ingress", &daemons.ingress(443)]);
    command.env("SSL_CERT_FILE", daemons.text("ca"));
    command
}

fn serve(daemons: &Daemons, store: &str) -> Served {
    let mut command = command(daemons, store, &["serve", "--http", "127.0.0.1:0", "--no-auth"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("/mcp"), "{line}");
    Served(child)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_funnel_ends_at_its_time_although_the_server_was_killed() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("journal").display().to_string();
    let port = answering("hello");
    let wanted = json!({ "target": port.to_string(), "for": "12s" }).to_string();

    let first = serve(&daemons, &store);
    let made =
        command(&daemons, &store, &["call", "funnel_enable", &wanted, "--yes"]).output().unwrap();
    let since = Instant::now();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(stranger(&daemons, 443, "/").await.unwrap().0, StatusCode::OK);
    // SIGKILL: it has no chance to tidy up.
    drop(first);
    assert_eq!(stranger(&daemons, 443, "/").await.unwrap().0, StatusCode::OK);
    let _second = serve(&daemons, &store);
    let still = stranger(&daemons, 443, "/").await;
    if since.elapsed() < Duration::from_secs(10) {
        assert!(still.is_some(), "it ended too early");
    }

    let mut gone = false;
    while since.elapsed() < Duration::from_secs(40) && !gone {
        tokio::time::sleep(Duration::from_millis(500)).await;
        gone = stranger(&daemons, 443, "/").await.is_none();
    }
    assert!(gone, "still public after {:?}", since.elapsed());
    let config = daemons.daemon(1).serve_config().await.unwrap();
    assert!(config.served().is_empty(), "{:?}", config.document);
    let changes = command(&daemons, &store, &["call", "funnel_status"]).output().unwrap();
    let status: Value = serde_json::from_slice(&changes.stdout).unwrap();
    assert_eq!(status["public"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn the_end_of_a_time_limit_leaves_what_was_served_before() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("journal").display().to_string();
    let host = daemons.node(1)["dnsname"].as_str().unwrap();
    let mount = |port, path| Mount::new(host, port, path).unwrap();
    let (own, other) = (json!({ "Proxy": "http://127.0.0.1:9" }), json!({ "Text": "theirs" }));
    let daemon = daemons.daemon(1);
    daemon.set_handler(&mount(443, "/"), &own).await.unwrap();
    daemon.set_handler(&mount(443, "/x"), &other).await.unwrap();

    for (port, path) in [(443, "/"), (8443, "/")] {
        let wanted = json!({ "target": "9", "public_port": port, "path": path, "for": "11s" });
        let made =
            command(&daemons, &store, &["call", "funnel_enable", &wanted.to_string(), "--yes"]);
        let made = { made }.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    // Somebody else serves something there by now.
    daemon.set_handler(&mount(8443, "/"), &other).await.unwrap();
    let _server = serve(&daemons, &store);
    tokio::time::sleep(Duration::from_secs(20)).await;

    let config = daemon.serve_config().await.unwrap();
    assert_eq!(config.at(&mount(443, "/")).handler, own);
    assert!(!config.at(&mount(443, "/x")).funnel, "opened with the Funnel, so closed with it");
    assert_eq!(config.at(&mount(443, "/x")).handler, other);
    let theirs = config.at(&mount(8443, "/"));
    assert!(theirs.funnel && theirs.handler == other, "{theirs:?}");
}

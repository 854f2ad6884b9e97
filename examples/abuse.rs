//! Many clients misuse one server at once: large subscriptions and client names, policy files that take long
//! to judge, long names and searches, idle and slow connections, sessions that come and go. Health checks must
//! be answered all the while, memory must stay flat, and SIGTERM must end the server.
//!
//! `cargo build --release && cargo run --example abuse -- --program target/release/tailsteward --seconds 60`
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::allow_attributes,
    reason = "an example prints, and stops where it cannot go on"
)]

use std::{
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tailsteward::server::{NewToken, TokenFile};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How long a health check may take at the 99th percentile, in milliseconds, unless `--health-ms` says
/// otherwise: a machine that also builds is slower. The slowest may take ten times as long.
const HEALTH_LIMIT_MS: u64 = 100;
/// How much more memory the last quarter of the run may take than the second: bodies of megabytes leave the
/// allocator with more or less. What this guards against grew by 800 MB in half a minute.
const GROWTH_KB: u64 = 64_000;
/// How long the server may take to end.
const GRACE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run())
}

/// The word after `name` on the command line.
fn argument(name: &str) -> Option<String> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).cloned()
}

async fn run() -> ExitCode {
    let program = argument("--program").unwrap_or_else(|| "target/release/tailsteward".to_owned());
    let seconds = argument("--seconds").and_then(|it| it.parse().ok()).unwrap_or(60);
    let folder = tempfile::tempdir().expect("a folder");
    let tokens = folder.path().join("tokens.toml");
    let token =
        TokenFile::load(&tokens).and_then(|mut file| file.add("abuser", &NewToken::default()));
    let token = token.expect("a token").expose_secret().to_owned();
    let port = free_port();
    let mut server = start(&program, port, &tokens);
    let abuser = Arc::new(Abuser { port, token, client: client(), until: until(seconds) });
    abuser.wait_until_ready().await;

    let tasks = [
        tokio::spawn(subscriptions(Arc::clone(&abuser))),
        tokio::spawn(policies(Arc::clone(&abuser))),
        tokio::spawn(policies(Arc::clone(&abuser))),
        tokio::spawn(names(Arc::clone(&abuser))),
        tokio::spawn(idle(Arc::clone(&abuser))),
        tokio::spawn(slow(Arc::clone(&abuser))),
    ];
    let (mut health, memory) = watch(&abuser, server.id()).await;
    let mut requests = 0;
    for task in tasks {
        requests += task.await.expect("a task ends");
    }
    health.sort();
    let at = |percent: usize| health[(health.len() - 1) * percent / 100];
    let quarter = |from: usize| {
        let mut sizes = memory[memory.len() * from / 4..memory.len() * (from + 1) / 4].to_vec();
        sizes.sort_unstable();
        sizes[sizes.len() / 2]
    };
    let (early, late) = (quarter(1), quarter(3));
    let ended = end(&mut server).await;
    println!("{requests} requests in {seconds} s");
    println!(
        "/health: {} checks, median {:?}, p99 {:?}, slowest {:?}",
        health.len(),
        at(50),
        at(99),
        at(100)
    );
    let series: Vec<u64> = memory.iter().step_by((memory.len() / 12).max(1)).copied().collect();
    println!("memory: {early} kB in the second quarter, {late} kB in the last; {series:?}");
    println!(
        "SIGTERM: {}",
        ended.map_or("ignored".to_owned(), |took| format!("ended after {took:?}"))
    );
    let limit = argument("--health-ms").and_then(|it| it.parse().ok()).unwrap_or(HEALTH_LIMIT_MS);
    let limit = Duration::from_millis(limit);
    let good = at(99) < limit
        && at(100) < limit * 10
        && late < early + GROWTH_KB
        && ended.is_some_and(|took| took < GRACE + Duration::from_secs(2));
    println!("{}", if good { "held" } else { "FAILED" });
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn until(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().expect("a client")
}

fn start(program: &str, port: u16, tokens: &std::path::Path) -> Child {
    Command::new(program)
        .args([
            "--sandbox",
            "--toolsets",
            "all",
            "serve",
            "--http",
            &port.to_string(),
            "--grace",
            "10s",
        ])
        .args(["--rate", "100000", "--tokens"])
        .arg(tokens)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts; build it first")
}

struct Abuser {
    port: u16,
    token: String,
    client: reqwest::Client,
    until: Instant,
}

impl Abuser {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    async fn wait_until_ready(&self) {
        for _ in 0..200 {
            if self.client.get(self.url("/health")).send().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not start");
    }

    /// Sends a message, in a session if one is given. Refusals are what is expected.
    async fn send(&self, session: Option<&str>, message: &Value) -> Option<reqwest::Response> {
        let request = self.client.post(self.url("/mcp")).bearer_auth(&self.token);
        let request = request
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(message.to_string());
        let request = match session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        };
        request.send().await.ok()
    }

    /// A session of a client with a name of so many bytes, if it gets one.
    async fn session(&self, name: usize) -> Option<String> {
        let client = json!({ "name": "x".repeat(name), "version": "1" });
        let params = json!({
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client,
        });
        let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        let answer = self.send(None, &hello).await?;
        let session = answer.headers().get("mcp-session-id")?.to_str().ok()?.to_owned();
        let _ = answer.bytes().await;
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.send(Some(&session), &ready).await;
        Some(session)
    }

    /// Ends a session: each that stays open takes its place and its memory until it is idle for long.
    async fn leave(&self, session: &str) {
        let delete = self.client.delete(self.url("/mcp")).bearer_auth(&self.token);
        let _ = delete.header("mcp-session-id", session).send().await;
    }

    async fn call(&self, session: &str, tool: &str, arguments: Value) {
        let params = json!({ "name": tool, "arguments": arguments });
        let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params });
        if let Some(answer) = self.send(Some(session), &call).await {
            let _ = answer.bytes().await;
        }
    }
}

/// Subscriptions to addresses of a megabyte, and clients with long names.
async fn subscriptions(abuser: Arc<Abuser>) -> u64 {
    let uri = format!("tailnet://device/{}", "x".repeat(1_000_000));
    let params = json!({ "uri": uri });
    let subscribe =
        json!({ "jsonrpc": "2.0", "id": 3, "method": "resources/subscribe", "params": params });
    let mut requests = 0;
    while !abuser.is_over() {
        abuser.session(3_000_000).await;
        let Some(session) = abuser.session(10).await else { continue };
        for _ in 0..20 {
            abuser.send(Some(&session), &subscribe).await;
            requests += 1;
        }
        abuser.leave(&session).await;
    }
    requests
}

/// Policy files in the shapes that hurt.
async fn policies(abuser: Arc<Abuser>) -> u64 {
    let nested = |times: usize| {
        let set = vec!["\"add ipset:a\""; times].join(",");
        format!(
            "{{\"ipsets\":{{\"ipset:a\":[{set}]}},\"grants\":[{{\"src\":[\"ipset:a\"],\"dst\":[\"*\"],\"ip\":[\"*\"]}}]}}"
        )
    };
    let bad: Vec<String> = (0..40_000).map(|number| format!("\"x{number}\"")).collect();
    let errors =
        format!("{{\"grants\":[{{\"src\":[{}],\"dst\":[\"*\"],\"ip\":[\"*\"]}}]}}", bad.join(","));
    let grant = "{\"src\":[\"autogroup:member\"],\"dst\":[\"tag:db\"],\"ip\":[\"tcp:443\"]}";
    let grants = format!(
        "{{\"tagOwners\":{{\"tag:db\":[]}},\"grants\":[{}]}}",
        vec![grant; 4_000].join(",")
    );
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let mut requests = 0;
    while !abuser.is_over() {
        let Some(session) = abuser.session(10).await else { continue };
        for text in [&nested(12), &errors, &grants, &deep] {
            abuser
                .call(&session, "validate_acl_syntax", json!({ "text": text, "offline": true }))
                .await;
            abuser.call(&session, "policy_analyzer", json!({ "text": text })).await;
            requests += 2;
        }
        abuser.leave(&session).await;
    }
    requests
}

/// Names and searches of megabytes.
async fn names(abuser: Arc<Abuser>) -> u64 {
    let long = "device ".repeat(500_000);
    let mut requests = 0;
    while !abuser.is_over() {
        let Some(session) = abuser.session(10).await else { continue };
        abuser.call(&session, "find_api_operation", json!({ "words": long })).await;
        abuser.call(&session, &long, json!({})).await;
        abuser.call(&session, "call_api_operation", json!({ "operation": long })).await;
        abuser.call(&session, "list_devices", json!({ (long.clone()): 1 })).await;
        abuser.leave(&session).await;
        requests += 4;
    }
    requests
}

/// More connections than there are places, which say nothing.
async fn idle(abuser: Arc<Abuser>) -> u64 {
    let mut requests = 0;
    while !abuser.is_over() {
        let mut connections = Vec::new();
        for _ in 0..800 {
            connections.extend(TcpStream::connect(("127.0.0.1", abuser.port)).await.ok());
        }
        requests += connections.len() as u64;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    requests
}

/// Requests that arrive a byte at a time.
async fn slow(abuser: Arc<Abuser>) -> u64 {
    let mut requests = 0;
    while !abuser.is_over() {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", abuser.port)).await else { continue };
        for byte in
            b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4000000\r\n\r\n{{{{{{"
        {
            if stream.write_all(&[*byte]).await.is_err() || abuser.is_over() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut answer = [0; 100];
        let read = stream.read(&mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(1), read).await;
        requests += 1;
    }
    requests
}

/// How long health checks took, and how much memory the server had, until the run is over.
async fn watch(abuser: &Abuser, pid: u32) -> (Vec<Duration>, Vec<u64>) {
    let (mut health, mut memory) = (Vec::new(), Vec::new());
    while !abuser.is_over() {
        // Each on a connection of its own, as a load balancer checks.
        let begun = Instant::now();
        let checked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", abuser.port)).await.ok()?;
            let request = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.starts_with("HTTP/1.1 200").then_some(())
        };
        let checked = tokio::time::timeout(Duration::from_secs(20), checked).await;
        let took =
            if matches!(checked, Ok(Some(()))) { begun.elapsed() } else { Duration::from_secs(20) };
        health.push(took);
        memory.extend(resident(pid));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if memory.is_empty() {
        println!("memory is not measured: there is no /proc");
        memory = vec![0; 8];
    }
    (health, memory)
}

/// The resident memory of a process in kB, where `/proc` has it.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Asks the server to end: how long it takes, if it does.
async fn end(server: &mut Child) -> Option<Duration> {
    let begun = Instant::now();
    let _ = Command::new("kill").args(["-TERM", &server.id().to_string()]).status();
    while begun.elapsed() < GRACE * 2 {
        if server.try_wait().is_ok_and(|ended| ended.is_some()) {
            return Some(begun.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let _ = server.kill();
    None
}

//! What serving costs: a call over stdio and over HTTP, sessions, requests a second, and whether memory
//! stays where it is. All on loopback, against the sandbox, with a list that is in memory.
//!
//!     cargo bench --bench serving
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    missing_docs,
    clippy::allow_attributes,
    reason = "a benchmark"
)]

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"list_devices","arguments":{"limit":1},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}}}"#;
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const MODERN: &str =
    "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: list_devices\r\n";

const SESSIONS: usize = 1000;
const CLIENTS: usize = 8;
const CALLS: usize = 100_000;

/// The program, ended with this, and where it keeps its journal: as in use, in a file.
struct Program {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tailsteward"));
        let folder = tempfile::tempdir().unwrap();
        command.arg("--sandbox").arg("--store").arg(folder.path().join("journal.db"));
        command.args(arguments).stdin(Stdio::piped());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, _folder: folder }
    }

    /// Serves over HTTP; with its address.
    fn http() -> (Self, String) {
        let mut program = Self::start(&[
            "serve",
            "--http",
            "0",
            "--no-auth",
            // Nobody reads what it would log of every call.
            "--log",
            "warn",
            "--rate",
            "1000000",
            "--max-sessions",
            "2000",
        ]);
        let mut line = String::new();
        BufReader::new(program.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("MCP at http://").unwrap();
        (program, address.strip_suffix("/mcp").unwrap().to_owned())
    }

    /// Resident memory in kB; Linux only.
    fn memory(&self) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        line.and_then(|it| it.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }
}

/// One connection that is kept.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    /// Posts a message, and gives the head and the body of its answer. An answer that comes as
    /// events is not read beyond its head.
    fn post(&mut self, headers: &str, body: &str) -> (String, String) {
        let mut request = format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\n{headers}"
        );
        let _ = write!(request, "content-length: {}\r\n\r\n{body}", body.len());
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |it| it.trim().parse().unwrap())];
        self.0.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    fn call(&mut self) {
        let (_, body) = self.post(MODERN, CALL);
        assert!(body.contains("\\\"shown\\\":1"), "{body}");
    }
}

/// Calls over stdin and stdout.
struct Pipe(ChildStdin, BufReader<ChildStdout>);

impl Pipe {
    fn to(program: &mut Program) -> Self {
        let child = &mut program.child;
        Self(child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()))
    }

    fn call(&mut self) {
        writeln!(self.0, "{CALL}").unwrap();
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        assert!(line.contains("\\\"shown\\\":1"), "{line}");
    }
}

fn calls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a call, list in memory");
    let mut program = Program::start(&[]);
    let mut pipe = Pipe::to(&mut program);
    group.bench_function("stdio", |it| it.iter(|| pipe.call()));
    let (_program, address) = Program::http();
    let mut connection = Connection::to(&address);
    group.bench_function("http", |it| it.iter(|| connection.call()));
}

fn load(_: &mut Criterion) {
    let (program, address) = Program::http();
    Connection::to(&address).call();
    let before = program.memory();
    // Kept open until they are counted.
    let _sessions: Vec<Connection> = (0..SESSIONS)
        .map(|_| {
            let mut connection = Connection::to(&address);
            assert!(connection.post("", INITIALIZE).0.contains("mcp-session-id"));
            connection
        })
        .collect();
    let each = (program.memory() - before) as f64 / SESSIONS as f64;
    eprintln!("{SESSIONS} sessions with a connection each: {each:.1} kB each");

    let (program, address) = Program::http();
    many(&address, CALLS / 10);
    let before = program.memory();
    let began = Instant::now();
    many(&address, CALLS);
    let rate = CALLS as f64 / began.elapsed().as_secs_f64();
    eprintln!("{CLIENTS} clients: {rate:.0} calls a second");
    // What is freed goes back a little later.
    thread::sleep(Duration::from_secs(1));
    eprintln!(
        "memory: {before} kB after {} calls, {} kB after {CALLS} more",
        CALLS / 10,
        program.memory()
    );
}

/// Makes `count` calls, shared between some clients.
fn many(address: &str, count: usize) {
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut connection = Connection::to(address);
                for _ in 0..count / CLIENTS {
                    connection.call();
                }
            });
        }
    });
}

criterion_group!(benches, calls, load);
criterion_main!(benches);

//! Behind `tailscale serve`: a Unix socket that only the daemon may use, whose word then counts.

use std::{
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::PathBuf,
    process::Command,
};

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    Served, Wanted,
    fake::{FakeDaemon, bob},
    wire::Wire,
};

struct Fixture {
    daemon: FakeDaemon,
    path: PathBuf,
    folder: TempDir,
    _served: Served,
}

fn own_user() -> u32 {
    tempfile::tempdir().unwrap().path().metadata().unwrap().uid()
}

async fn behind_serve(users: Vec<u32>) -> Fixture {
    let daemon = FakeDaemon::start();
    daemon.says(bob(json!([{ "toolsets": ["devices"] }])));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcp.sock");
    let listen = format!("unix:{}", path.display());
    let wanted =
        Wanted { behind_serve: true, users, listen: &listen, ..Wanted::by(&daemon.socket) };
    let served = wanted.served().await;
    Fixture { daemon, path, folder, _served: served }
}

#[tokio::test]
async fn the_node_that_serve_names_is_asked_about() {
    let fixture = behind_serve(vec![own_user()]).await;
    let mut wire = Wire::unix(&fixture.path).await;
    wire = wire.always("x-forwarded-for", "100.64.0.2").always("host", "here.tail-test.ts.net");
    wire = wire.always("tailscale-user-login", "bob@example.com");

    let who = wire.answer("whoami", json!({})).await;

    assert_eq!(who["name"], "bob@example.com@laptop");
    assert_eq!(fixture.daemon.asked(), ["100.64.0.2:0"]);
}

#[tokio::test]
async fn what_serve_does_not_vouch_for_is_refused() {
    let fixture = behind_serve(vec![own_user()]).await;
    let bob = ("tailscale-user-login", "bob@example.com");
    for (headers, words) in [
        (vec![bob], "knows no node"),
        (vec![("x-forwarded-for", "100.64.0.2, 100.64.0.9")], "knows no node"),
        (vec![("x-forwarded-for", "100.64.0.2"), ("x-forwarded-for", "100.64.0.9")], "no node"),
        (vec![("x-forwarded-for", "100.64.0.2"), ("tailscale-user-login", "eve@x")], "not agree"),
        (vec![("x-forwarded-for", "100.64.0.2"), ("tailscale-funnel-request", "?1")], "Funnel"),
    ] {
        let wire = Wire::unix(&fixture.path).await;
        let mut wire = headers.iter().fold(wire, |wire, (name, value)| wire.always(name, value));
        let heard = wire.ask("tools/list", json!({})).await;
        assert_eq!(heard.status, 403, "{headers:?}");
        assert!(heard.message().contains(words), "{headers:?}: {}", heard.text);
    }
}

#[tokio::test]
async fn a_program_of_another_user_is_cut_off_before_a_byte_is_read() {
    let fixture = behind_serve(vec![own_user() + 1]).await;
    let mut stream = tokio::net::UnixStream::connect(&fixture.path).await.unwrap();

    let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let mut heard = Vec::new();
    // The end, or a reset if it was cut off before the request was sent.
    let _ = stream.read_to_end(&mut heard).await;

    assert_eq!(String::from_utf8_lossy(&heard), "");
}

/// The same with a program that is of another user, which only root can start.
#[tokio::test(flavor = "multi_thread")]
async fn root_is_let_in_and_nobody_is_not() {
    if own_user() != 0 {
        return;
    }
    let fixture = behind_serve(vec![0]).await;
    let open = |path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(fixture.folder.path(), 0o755);
    open(&fixture.path, 0o666);
    let curl = |user: u32| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "5", "--unix-socket"]).arg(&fixture.path);
        curl.arg("http://localhost/").uid(user);
        String::from_utf8(curl.output().unwrap().stdout).unwrap()
    };

    assert!(curl(0).contains("tailsteward"));
    assert_eq!(curl(65534), "");
}

#[tokio::test]
async fn the_socket_of_a_running_server_is_not_taken_and_that_of_an_ended_one_is() {
    let fixture = behind_serve(vec![own_user()]).await;
    let listen = format!("unix:{}", fixture.path.display());
    let again = async || {
        let access = Wanted { behind_serve: true, ..Wanted::by(&fixture.daemon.socket) }.access();
        let options = tailsteward::server::Options::new(access);
        tailsteward::server::Http::bind_unix(&fixture.path, vec![0], options).await
    };
    assert!(again().await.unwrap_err().to_string().contains("another program listens"), "{listen}");
    let left = fixture.folder.path().join("left.sock");
    drop(std::os::unix::net::UnixListener::bind(&left).unwrap());
    let access = Wanted { behind_serve: true, ..Wanted::by(&fixture.daemon.socket) }.access();
    let options = tailsteward::server::Options::new(access);
    let bound = tailsteward::server::Http::bind_unix(&left, vec![0], options).await.unwrap();
    assert_eq!(bound.title(), format!("unix:{}", left.display()));
    drop(bound);
    assert!(!left.exists());
}

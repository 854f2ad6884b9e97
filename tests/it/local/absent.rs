//! A daemon that is not there, or says no: doubles of what a real one does not do at will.

use std::path::Path;

use tailsteward::{Error, ErrorKind, local::Daemon};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixListener,
};

/// The error of a daemon that answers every request with `answer`.
async fn answering(answer: &'static str) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Daemon::at(&socket).status().await.unwrap_err()
}

#[tokio::test]
async fn without_a_socket_there_is_no_daemon() {
    let error = Daemon::at(Path::new("/nonexistent/tailscaled.sock")).status().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::DaemonAbsent);
    assert!(error.to_string().contains("/nonexistent/tailscaled.sock"), "{error}");
    assert!(error.remedy().unwrap().contains("--socket"));
}

#[tokio::test]
async fn a_socket_that_nobody_listens_on_is_of_a_daemon_that_does_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    drop(UnixListener::bind(&socket).unwrap());

    let error = Daemon::at(&socket).status().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::DaemonDown);
    assert!(error.remedy().unwrap().contains("systemctl start tailscaled"));
}

#[tokio::test]
async fn each_refusal_has_its_own_kind_and_remedy() {
    for (answer, kind, remedy) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\naccess denied",
            ErrorKind::NotOperator,
            "--operator",
        ),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::DaemonTooOld,
            "update Tailscale",
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
            ErrorKind::DaemonDown,
            "try again in a few seconds",
        ),
        (
            "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 18\r\n\r\n{\"error\":\"broken\"}",
            ErrorKind::Upstream,
            "journalctl",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", ErrorKind::NotJson, "update Tailscale"),
    ] {
        let error = answering(answer).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.remedy().unwrap().contains(remedy), "{error}: {:?}", error.remedy());
    }
}

#[tokio::test]
async fn what_the_daemon_says_is_in_the_error_without_hidden_characters() {
    let error = answering(
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 26\r\n\r\n{\"Error\":\"no\\u202e route\"}",
    )
    .await;

    assert!(error.to_string().contains(r"no\u{202e} route"), "{error}");
}

#[tokio::test]
async fn null_and_absent_members_of_a_status_are_empty() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let body = r#"{"BackendState":"NeedsLogin","Self":{"TailscaleIPs":null,"Tags":null},"Peer":null,
            "Health":null,"CurrentTailnet":null,"CertDomains":null,"New":{"a":1}}"#;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = stream.write_all((head + body).as_bytes()).await;
    });

    let status = Daemon::at(&socket).status().await.unwrap();

    assert!(status.peers.is_empty() && status.health.is_empty());
    assert_eq!(status.extra["New"]["a"], 1);
    assert_eq!(status.running().unwrap_err().kind(), ErrorKind::DaemonLoggedOut);
}

//! Connections: TLS, compression, redirects, and paths that lead where they should.

use std::{path::Path, time::Duration};

use serde_json::json;
use tailsteward::{ErrorKind, Tailnet};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use crate::support::{API_KEY, Reply, Seen, Server, set_auto_updates};

const SETTINGS: &str = "/api/v2/tailnet/-/settings";

fn yes() -> Reply {
    Reply::json(&json!({ "devicesApprovalOn": true }))
}

// TLS.

async fn self_signed(file: &Path) -> Server {
    Server::self_signed(file, |_| yes()).await
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = self_signed(&folder.path().join("ca.pem")).await;

    let read = server.tailnet().tailnet_settings().get().await.unwrap_err();
    let write = set_auto_updates(&server.tailnet(), true).await.unwrap_err();

    for error in [read, write] {
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert!(error.remedy().unwrap().contains("TAILSTEWARD_CA_FILE"));
        assert!(!error.may_have_had_effect());
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_certificate_in_the_ca_file_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let server = self_signed(&file).await;
    let mut settings = server.settings();
    settings.ca_file = Some(file);

    let read = Tailnet::new(settings).tailnet_settings().get().await.unwrap();

    assert_eq!(read.devices_approval_on, Some(true));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_ca_file_without_a_certificate_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate\n").unwrap();

    for file in [empty, folder.path().join("gone.pem")] {
        let mut settings = crate::support::settings("https://127.0.0.1:1");
        settings.ca_file = Some(file.clone());
        let error = Tailnet::new(settings).tailnet_settings().get().await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_tls_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    });

    let settings = crate::support::settings(&base);
    let error = Tailnet::new(settings).tailnet_settings().get().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    server.abort();
}

// Connections and bodies.

#[tokio::test]
async fn calls_share_a_connection() {
    let server = Server::says(vec![yes()]).await;
    let tailnet = server.tailnet();

    for _ in 0..5 {
        tailnet.tailnet_settings().get().await.unwrap();
        tailnet.clone().devices().list().await.unwrap();
    }

    assert_eq!((server.seen().len(), server.connections()), (10, 1));
}

fn zipped(body: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(body).unwrap();
    zip.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_answer_is_asked_for_and_read() {
    let body = zipped(br#"{"devicesApprovalOn": true}"#);
    let server = Server::says(vec![Reply::new(200).header("content-encoding", "gzip").text(body)]);
    let server = server.await;

    let read = server.tailnet().tailnet_settings().get().await.unwrap();

    assert_eq!(read.devices_approval_on, Some(true));
    assert!(server.seen()[0].header("accept-encoding").unwrap().contains("gzip"));
}

// L6: 351 kB of a compressed response filled 24 GB of memory.
#[tokio::test]
async fn a_compressed_answer_is_as_large_as_what_is_in_it() {
    let bomb = zipped(&vec![b' '; 1 << 20]);
    assert!(bomb.len() < 4096);
    let server = Server::says(vec![Reply::new(200).header("content-encoding", "gzip").text(bomb)]);
    let server = server.await;
    let mut settings = server.settings();
    settings.max_body = 1 << 16;

    let error = Tailnet::new(settings).tailnet_settings().get().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

// Redirects.

#[tokio::test]
async fn a_redirect_to_another_origin_is_refused_and_gets_no_credential() {
    let other = Server::says(vec![yes()]).await;
    for status in [301, 302, 307, 308] {
        let to = format!("{}/api/v2/x", other.url());
        let redirect = Reply::new(status).header("location", &to);
        let server = Server::says(vec![redirect.header("x-tailscale-request-id", "r-1")]).await;

        let error = server.tailnet().tailnet_settings().get().await.unwrap_err();

        assert_eq!((error.kind(), error.status()), (ErrorKind::Redirected, Some(status)));
        assert_eq!(error.request_id(), Some("r-1"));
        assert!(error.to_string().contains(&other.url()), "{error}");
        assert!(error.remedy().unwrap().contains("base URL"));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_redirect_of_a_read_within_the_origin_is_followed() {
    let server = Server::start(|it: &Seen| match it.path() {
        SETTINGS => Reply::new(307).header("location", "/elsewhere"),
        _ => yes(),
    })
    .await;

    let read = server.tailnet().tailnet_settings().get().await.unwrap();

    assert_eq!(read.devices_approval_on, Some(true));
    let bearer = format!("Bearer {API_KEY}");
    assert_eq!(server.seen()[1].header("authorization"), Some(bearer.as_str()));
}

#[tokio::test]
async fn a_redirect_of_a_write_is_refused_and_has_done_nothing() {
    let server = Server::says(vec![Reply::new(307).header("location", "/elsewhere"), yes()]).await;

    let error = set_auto_updates(&server.tailnet(), true).await.unwrap_err();

    assert_eq!((error.kind(), error.status()), (ErrorKind::Redirected, Some(307)));
    assert!(!error.may_have_had_effect());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends() {
    let server = Server::says(vec![Reply::new(302).header("location", SETTINGS)]).await;

    let error = server.tailnet().tailnet_settings().get().await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Redirected);
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_an_error() {
    for reply in [Reply::new(302), Reply::new(302).header("location", "http://[")] {
        let server = Server::says(vec![reply]).await;

        let error = server.tailnet().tailnet_settings().get().await.unwrap_err();

        assert_eq!((error.kind(), error.status()), (ErrorKind::Redirected, Some(302)));
    }
}

// Paths.

#[tokio::test]
async fn an_id_reaches_its_own_path_or_none() {
    let odd = [
        ("../keys/k1", Some("..%2Fkeys%2Fk1")),
        ("a/b", Some("a%2Fb")),
        ("a?b=c", Some("a%3Fb=c")),
        ("a#b", Some("a%23b")),
        ("a%2Fb", Some("a%252Fb")),
        ("%2e%2e", Some("%252e%252e")),
        ("gerät ☃", Some("ger%C3%A4t%20%E2%98%83")),
        ("..\\keys\\k1", Some("..%5Ckeys%5Ck1")),
        ("x\\..\\n2", Some("x%5C..%5Cn2")),
        ("\t..", Some("%09..")),
        ("n1;x=y&z", Some("n1;x=y&z")),
        ("...", Some("...")),
        ("..", None),
        (".", None),
        ("", None),
    ];
    for (id, segment) in odd {
        let device = json!({ "nodeId": id, "name": "odd.example.ts.net" });
        let list = json!({ "devices": [device] });
        let server = Server::start(move |_| Reply::json(&list)).await;
        let tailnet = server.tailnet();

        let one = tailnet.devices().get("odd").await.map(drop);
        let routes = tailnet.devices().routes("odd").await.map(drop);

        let seen: Vec<String> =
            server.seen().iter().skip(1).map(|it| it.path().to_owned()).collect();
        let list = "/api/v2/tailnet/-/devices".to_owned();
        if let Some(segment) = segment {
            let own = format!("/api/v2/device/{segment}");
            assert_eq!(seen, [own.clone(), list, format!("{own}/routes")], "{id}");
        } else {
            assert_eq!(one.unwrap_err().kind(), ErrorKind::InvalidInput, "{id}");
            assert_eq!(routes.unwrap_err().kind(), ErrorKind::InvalidInput, "{id}");
            assert_eq!(seen, [list], "{id}");
        }
    }
}

#[tokio::test]
async fn a_tailnet_reaches_its_own_path_or_none() {
    let server = Server::says(vec![yes()]).await;
    let mut settings = server.settings();
    for name in ["..", ".", ""] {
        name.clone_into(&mut settings.tailnet);
        let error = Tailnet::new(settings.clone()).tailnet_settings().get().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
    }
    "a/../b".clone_into(&mut settings.tailnet);
    Tailnet::new(settings).tailnet_settings().get().await.unwrap();

    assert_eq!(server.seen().len(), 1);
    assert_eq!(server.seen()[0].path(), "/api/v2/tailnet/a%2F..%2Fb/settings");
}

#[tokio::test]
async fn a_base_url_may_have_a_path_of_its_own() {
    for base in ["/proxy", "/proxy/", "/proxy/api/v2", "/proxy/api/v2/"] {
        let server = Server::says(vec![yes()]).await;
        let settings = crate::support::settings(&(server.url() + base));

        Tailnet::new(settings).tailnet_settings().get().await.unwrap();

        assert_eq!(server.seen()[0].path(), "/proxy/api/v2/tailnet/-/settings");
    }
}

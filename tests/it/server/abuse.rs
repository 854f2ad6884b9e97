//! Ten thousand requests that nobody should send, after which it still serves.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::http::{Served, initialize};

const REQUESTS: usize = 10_000;

/// Requests at a time.
const AT_ONCE: usize = 64;

/// Sends bytes as they are, and reads what comes for a moment; most are answered with a refusal.
async fn send(served: &Served, bytes: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(served.address).await.ok()?;
    // It may be closed before all is sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut answer)).await;
    read.ok()?.ok()?;
    std::str::from_utf8(&answer[9..]).ok()?.parse().ok()
}

fn request(token: &str, extra: &str, body: &str) -> Vec<u8> {
    format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         connection: close\r\ncontent-length: {}\r\n{extra}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The `index`th bad request, and what it may be answered with.
fn bad(index: usize, token: &str) -> (Vec<u8>, &'static [u16]) {
    let initialize = initialize().to_string();
    let evil = "origin: https://evil.example\r\n";
    match index % 10 {
        0 => (request(token, "", "{\"jsonrpc\":\"2.0\",,,"), &[400]),
        1 => (request("tailsteward_wrong", "", &initialize), &[401]),
        2 => (request(token, evil, &initialize), &[403]),
        3 => (request(token, "", &"x".repeat(5000)), &[413]),
        // Told to be huge, and never sent.
        4 => (
            b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n"
                .to_vec(),
            &[401],
        ),
        // Begun, and never ended.
        5 => (b"POST /mcp HTTP/1.1\r\nhost: localhost\r\nx-slow: ".to_vec(), &[408]),
        6 => (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        7 => (request(token, "mcp-session-id: 0\r\n", &initialize), &[404]),
        8 => (request(token, "", &"[".repeat(4000)), &[400]),
        _ => {
            (b"GET /x HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n".to_vec(), &[404])
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_ten_thousand_bad_requests_it_still_serves() {
    let (served, token) = Served::guarded(|it| {
        it.limits.body = 4096;
        it.limits.rate = 1_000_000.try_into().unwrap();
        it.limits.head_within = Duration::from_millis(200);
        it.limits.body_within = Duration::from_millis(200);
        it.limits.sessions = 10;
    })
    .await;
    served.session(&token).await;

    let wrong: Vec<String> = stream::iter(0..REQUESTS)
        .map(|index| {
            let (served, token) = (&served, &token);
            async move {
                let (bytes, expected) = bad(index, token);
                let status = send(served, &bytes).await;
                // A connection that is closed without a word is a refusal, too.
                let refused = status.is_none_or(|it| expected.contains(&it));
                (!refused).then(|| format!("{index}: {status:?}, not {expected:?}"))
            }
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;

    assert!(wrong.is_empty(), "{} went wrong, first {:?}", wrong.len(), wrong.first());
    assert_eq!(served.answer("whoami", &token).await["name"], "ci");
    served.session(&token).await;
}

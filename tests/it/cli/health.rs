//! `tailsteward health`.

use super::command_line::program;
use crate::support::http::Served;

fn health(arguments: &[&str]) -> (bool, String) {
    let output = program(&[&["health"], arguments].concat()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_is_well_and_a_stopped_one_is_not() {
    let mut served = Served::open(|_| {}).await;
    let address = served.address.to_string();

    let (well, text) = health(&[&address]);
    assert!(well && text.contains("answers"), "{text}");

    served.stop().await;
    let (well, text) = health(&[&address]);
    assert!(!well && text.contains("not healthy"), "{text}");
}

/// What listens there may be another program: its words are shown with their hidden characters escaped.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_ok_is_shown() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stranger = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 512];
        let read = stream.read(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 503 not \x1b[31mready\r\n\r\n").unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });

    let (well, text) = health(&["--ready", &address]);
    assert!(!well && text.contains("503 not") && !text.contains('\x1b'), "{text}");
    assert!(stranger.join().unwrap().starts_with("GET /health/ready HTTP/1.1\r\n"));
}

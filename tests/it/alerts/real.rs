//! Real receivers, which `.ci/receivers` installs and names in variables.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{net::TcpListener, time::sleep};

use super::*;
use crate::support::loopback;

/// A process that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn named(variable: &str) -> Option<String> {
    let program = std::env::var(variable).ok();
    if program.is_none() {
        println!("skipped: {variable} names no program");
    }
    program
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Waits until the program listens.
async fn reachable(program: &mut Program, port: u16) {
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        let ended = program.0.try_wait().unwrap();
        assert!(ended.is_none(), "it ended: {ended:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn alertmanager_has_an_alert_until_it_is_over() {
    let Some(program) = named("TAILSTEWARD_TEST_ALERTMANAGER") else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("alertmanager.yml");
    fs::write(&config, "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n").unwrap();
    let port = free_port().await;
    let process = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.path().display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--cluster.listen-address=")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut alertmanager = Program(process);
    reachable(&mut alertmanager, port).await;
    let url = format!("http://127.0.0.1:{port}");
    let receivers = ops("alertmanager", &private(&url));
    let now = jiff::Timestamp::now().as_second();
    let mut alert = Line { since: now - 600, ..line("a-1", Status::Firing) };

    for told in [Status::Firing, Status::Reminder] {
        alert.status = told;
        let outcome = receivers.deliver("ops", &notice(vec![alert.clone()])).await;
        assert_eq!(outcome, Outcome::Delivered);
    }
    let firing = alerts(&url).await;
    assert_eq!(firing.len(), 1, "{firing:?}");
    assert_eq!(firing[0]["labels"]["alertname"], "server-silent");
    assert_eq!(firing[0]["labels"]["alert"], "a-1");
    assert_eq!(firing[0]["status"]["state"], "active");
    assert_eq!(firing[0]["annotations"]["summary"], "web-1 is not connected");

    (alert.status, alert.ended) = (Status::Resolved, Some((now, "over".to_owned())));
    assert_eq!(receivers.deliver("ops", &notice(vec![alert])).await, Outcome::Delivered);
    // It lists what fires; an alert whose end has come is not.
    for _ in 0..600 {
        if alerts(&url).await.is_empty() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", alerts(&url).await);
}

async fn alerts(url: &str) -> Vec<Value> {
    let answer = loopback::plain_http().get(format!("{url}/api/v2/alerts")).send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// aiosmtpd with STARTTLS, if there is a certificate, and with a login.
async fn smtp(python: &str, folder: &std::path::Path, mode: &str) -> (Program, u16) {
    let port = free_port().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/receivers/smtp.py");
    let process = Command::new(python)
        .arg(script)
        .arg(port.to_string())
        .arg(folder)
        .arg(mode)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut process = Program(process);
    reachable(&mut process, port).await;
    (process, port)
}

const PASSWORD: &[(&str, &str)] = &[("SMTP_PASSWORD", "right"), ("WRONG", "s3cret-and-wrong")];

fn mail(port: u16, tls: &str, variable: &str) -> Receivers {
    let keys = format!(
        "server = \"127.0.0.1:{port}\"\nprivate = true\ntls = \"{tls}\"\nfrom = \"a@example.com\"\n\
         to = [\"b@example.com\"]\nuser = \"alerts\"\nsecret = {{ env = \"{variable}\" }}"
    );
    Home::with(&entry("ops", "email", &keys)).receivers(PASSWORD).unwrap()
}

#[tokio::test]
async fn a_real_smtp_server_takes_a_mail_after_login() {
    let Some(python) = named("TAILSTEWARD_TEST_SMTP") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_smtp, port) = smtp(&python, folder.path(), "plain").await;

    let wrong = mail(port, "off", "WRONG").deliver("ops", &started()).await;
    let right = mail(port, "off", "SMTP_PASSWORD").deliver("ops", &started()).await;

    assert!(matches!(&wrong, Outcome::Failed { why } if why.contains("535")), "{wrong:?}");
    assert!(!why(&wrong).contains("s3cret"), "{wrong:?}");
    assert_eq!(right, Outcome::Delivered);
    let mails: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(mails.len(), 1);
    let mail = fs::read_to_string(mails[0].as_ref().unwrap().path()).unwrap();
    assert!(mail.contains("Message-ID: <n-17@example.com>"), "{mail}");
    assert!(mail.contains("web-1 is not connected"), "{mail}");
}

#[tokio::test]
async fn a_mail_and_a_password_go_to_no_server_with_an_unknown_certificate() {
    let Some(python) = named("TAILSTEWARD_TEST_SMTP") else { return };
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = tempfile::tempdir().unwrap();
    fs::write(certificate.path().join("cert.pem"), own.cert.pem()).unwrap();
    fs::write(certificate.path().join("key.pem"), own.signing_key.serialize_pem()).unwrap();
    for (tls, mode) in [("starttls", "starttls"), ("tls", "tls")] {
        let folder = tempfile::tempdir().unwrap();
        let mode = format!("{mode}:{}", certificate.path().display());
        let (_smtp, port) = smtp(&python, folder.path(), &mode).await;

        let outcome = mail(port, tls, "SMTP_PASSWORD").deliver("ops", &started()).await;

        assert!(matches!(&outcome, Outcome::Retry { .. }), "{outcome:?}");
        assert!(why(&outcome).to_lowercase().contains("certificate"), "{outcome:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

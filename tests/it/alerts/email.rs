//! E-mail, to an SMTP server with scripted answers.

use super::{smtp::SmtpServer, *};

fn mail_to(port: u16, more: &str) -> Receivers {
    let to = "to = [\"Ops <ops@example.com>\", \"nora@example.com\"]";
    let keys = format!(
        "server = \"127.0.0.1:{port}\"\ntls = \"off\"\nprivate = true\n\
         from = \"Tailsteward <alerts@example.com>\"\n{to}\n{more}"
    );
    ops("email", &keys)
}

#[tokio::test]
async fn a_notice_is_one_plain_mail_with_the_same_id_each_time() {
    let server = SmtpServer::start().await;
    let receivers = mail_to(server.port, "");
    let notice = notice(vec![line("a-1", Status::Firing), line("a-2", Status::Resolved)]);

    assert_eq!(receivers.deliver("ops", &notice).await, Outcome::Delivered);
    assert_eq!(receivers.deliver("ops", &notice).await, Outcome::Delivered);

    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    for mail in &mails {
        assert_eq!(mail.header("Message-ID"), "<n-17@example.com>");
        assert_eq!(mail.subject(), "Critical: server-silent, 2 alerts in acme․example");
        assert_eq!(mail.header("Content-Type"), "text/plain; charset=utf-8");
        assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
        assert!(mail.header("To").contains("nora@example.com"));
        assert_eq!(
            mail.body.trim_end(),
            "- web-1 is not connected, since 2026-11-28T14:00:00Z\n\
             - resolved: web-1 is not connected, from 2026-11-28T14:00:00Z to 2026-11-28T14:10:00Z (over)\n\
             First step: Look whether the machine runs."
        );
    }
}

#[tokio::test]
async fn a_refusal_for_now_is_tried_again_and_one_for_good_is_not() {
    let busy = SmtpServer::answering("451 try again later").await;
    let never = SmtpServer::answering("550 no such user").await;

    let later = mail_to(busy.port, "").deliver("ops", &started()).await;
    let failed = mail_to(never.port, "").deliver("ops", &started()).await;

    assert!(matches!(&later, Outcome::Retry { why, .. } if why.contains("451")), "{later:?}");
    assert!(
        matches!(&failed, Outcome::Failed { why } if why.contains("no such user")),
        "{failed:?}"
    );
}

#[tokio::test]
async fn nothing_is_sent_without_encryption_or_to_a_private_address_unless_allowed() {
    let server = SmtpServer::start().await;
    let keys = |host: &str, more: &str| {
        format!(
            "server = \"{host}:{}\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\n{more}",
            server.port
        )
    };
    let open = Home::with(&entry("ops", "email", &keys("127.0.0.1", "tls = \"off\"")));
    let error = open.receivers(&[]).unwrap_err().to_string();
    assert!(error.contains("`tls` may be `off` only with `private = true`"), "{error}");

    for host in ["127.0.0.1", "localhost"] {
        let outcome = ops("email", &keys(host, "")).deliver("ops", &started()).await;
        assert!(why(&outcome).contains("private network"), "{outcome:?}");
    }
    // This server does not offer STARTTLS.
    let plain = ops("email", &keys("127.0.0.1", "private = true")).deliver("ops", &started()).await;
    assert_ne!(plain, Outcome::Delivered);
    assert!(server.mails().is_empty());
}

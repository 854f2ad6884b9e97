//! A receiver of alerts, as the config file names it, with its secrets.

use std::path::PathBuf;

use secrecy::SecretString;

/// A receiver of alerts. `Debug` output leaves out its secrets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Receiver {
    /// The name that alert rules know it by.
    pub name: String,
    /// Whether it may be on this machine or in a private network, and be reached without TLS.
    pub private: bool,
    /// What it is, with what is needed to reach it.
    pub kind: ReceiverKind,
}

/// What a receiver is, with what is needed to reach it. URLs are secrets, since many contain one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ReceiverKind {
    /// An HTTP server that takes JSON, signed as Standard Webhooks describes.
    Webhook {
        /// Where it is posted.
        url: SecretString,
        /// What it is signed with; without it, it is not signed.
        secret: Option<SecretString>,
    },
    /// An incoming webhook of Slack, Mattermost, or Discord with `/slack`.
    Slack {
        /// The URL of the incoming webhook.
        url: SecretString,
    },
    /// A topic of an ntfy server.
    Ntfy {
        /// The URL of the server, with the topic as its path.
        url: SecretString,
        /// An access token.
        secret: Option<SecretString>,
    },
    /// A service of `PagerDuty` with an integration of Events API v2.
    PagerDuty {
        /// The URL of the Events API.
        url: SecretString,
        /// The integration key.
        routing_key: SecretString,
    },
    /// A Prometheus Alertmanager.
    Alertmanager {
        /// Its URL, without `/api/v2`.
        url: SecretString,
        /// A bearer token.
        secret: Option<SecretString>,
    },
    /// E-mail through an SMTP server.
    Email {
        /// The SMTP server's name or address.
        server: String,
        /// Its port.
        port: u16,
        /// How the connection is encrypted.
        tls: SmtpTls,
        /// The sender.
        from: String,
        /// The recipients.
        to: Vec<String>,
        /// The user and the password to log in with.
        login: Option<(String, SecretString)>,
    },
    /// A program that reads JSON from its standard input.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// The folder that it runs in: that of the config file.
        folder: PathBuf,
    },
}

/// How the connection to an SMTP server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpTls {
    /// It begins in plain text and is encrypted before anything is sent (port 587).
    StartTls,
    /// It is encrypted from the start (port 465).
    Tls,
    /// It is not encrypted (port 25).
    Off,
}

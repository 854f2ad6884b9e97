//! A daemon that says what a test wants it to say of whoever is behind a connection.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::UnixListener, task::JoinHandle};

use super::CAPABILITY;

#[derive(Default)]
struct Says {
    /// What `whois` answers; nothing if it knows nobody.
    whois: Value,
    asked: Vec<String>,
}

pub struct FakeDaemon {
    pub socket: PathBuf,
    says: Arc<Mutex<Says>>,
    task: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// A node of Bob in the tailnet, with these entries under the capability.
pub fn bob(entries: Value) -> Value {
    json!({
        "Node": { "StableID": "nBob", "Name": "laptop.tail-test.ts.net.", "User": 102 },
        "UserProfile": { "ID": 102, "LoginName": "bob@example.com" },
        "CapMap": { CAPABILITY: entries, "tailscale.com/cap/file-sharing": null },
    })
}

impl FakeDaemon {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("tailscaled.sock");
        let says = Arc::default();
        let mut daemon = Self { socket, says, task: None, _folder: folder };
        daemon.start_again();
        daemon
    }

    pub fn start_again(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
        let listener = UnixListener::bind(&self.socket).unwrap();
        let router = Router::new()
            .route("/localapi/v0/status", get(status))
            .route("/localapi/v0/whois", get(whois))
            .with_state(Arc::clone(&self.says));
        self.task = Some(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
    }

    /// Ends it, as if it were killed.
    pub fn stop(&mut self) {
        self.task.take().unwrap().abort();
        std::fs::remove_file(&self.socket).unwrap();
    }

    /// From now on it says that this is behind every connection.
    pub fn says(&self, whois: Value) {
        self.says.lock().unwrap().whois = whois;
    }

    /// The addresses that it was asked about.
    pub fn asked(&self) -> Vec<String> {
        self.says.lock().unwrap().asked.clone()
    }
}

async fn status() -> Json<Value> {
    Json(json!({
        "Version": "1.102.5", "BackendState": "Running", "TUN": false,
        "TailscaleIPs": ["100.64.0.1"],
        "Self": { "ID": "nOwn", "HostName": "here", "DNSName": "here.tail-test.ts.net." },
        "CurrentTailnet": { "Name": "example.com", "MagicDNSSuffix": "tail-test.ts.net", "MagicDNSEnabled": true },
    }))
}

async fn whois(State(says): State<Arc<Mutex<Says>>>, RawQuery(query): RawQuery) -> Response {
    let mut says = says.lock().unwrap();
    let query = query.unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    says.asked.extend(pairs.find(|it| it.0 == "addr").map(|it| it.1.into_owned()));
    match &says.whois {
        Value::Null => (StatusCode::NOT_FOUND, "no match for IP:port\n").into_response(),
        whois => Json(whois.clone()).into_response(),
    }
}

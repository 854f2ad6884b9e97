//! `uptime`: a table, JSON, and errors.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;
use tailsteward::{
    Tailnet,
    history::{History, Place, Source},
    sandbox::{DeviceState, Sandbox},
    tailnet::devices::Device,
};

use super::command_line::program;
use crate::support::tailnet::sandbox_of;

fn run(tailnet: &Tailnet, folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = program(&["uptime", "--store", "memory", "--history"])
        .arg(folder.join("history.db"))
        .args(arguments)
        .env("TAILSCALE_BASE_URL", &tailnet.settings().base_url)
        .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// A router that was away from five hours ago until three hours ago, in a history of 30 hours.
async fn watched(folder: &Path) -> (Sandbox, Tailnet, Device) {
    let (sandbox, tailnet) = sandbox_of(40).await;
    let history = Arc::new(History::new(Place::File(folder.join("history.db"))));
    let watched = tailnet.with_history(history);
    let list = watched.devices().list().await.unwrap();
    let is_router = |it: &&Device| it.is_online() && it.is_subnet_router() && !it.is_shared_in();
    let router = list.iter().find(is_router).unwrap().clone();
    let mut poller = watched.watch("test").await.unwrap().unwrap();
    let mut source = Source::devices();
    source.interval = 3_600;
    let now = Timestamp::now().as_second();
    for hours in (0..=30).rev() {
        let mut state = DeviceState::default();
        state.online = Some(!(4..=5).contains(&hours));
        sandbox.set_device(router.key(), &state);
        poller.look(&source, now - hours * 3_600).await.unwrap();
    }
    (sandbox, tailnet, router)
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_a_router_was_away_is_in_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, tailnet, router) = watched(folder.path()).await;
    let name = router.short_name();

    let (worked, table, errors) =
        run(&tailnet, folder.path(), &["--device", name, "--since", "24h"]);
    assert!(worked, "{errors}");
    let line = table.lines().find(|it| it.starts_with(name)).unwrap();
    assert!(line.contains(" away 2 h") && line.contains(", 1 disconnect,"), "{table}");
    assert!(line.contains("longest outage 2 h from 20"), "{table}");
    assert!(table.contains("watched since "), "{table}");
    // A pipe gets no bars, and nothing that moves a cursor.
    assert!(!table.contains('█') && !table.contains('\u{1b}'), "{table}");

    // Of a month, little is known: no figure, and why.
    let (_, month, _) = run(&tailnet, folder.path(), &["--device", name]);
    let line = month.lines().find(|it| it.starts_with(name)).unwrap();
    assert!(line.contains("unknown") && line.contains("needs half of it"), "{month}");

    let (_, json, _) = run(&tailnet, folder.path(), &["--since", "24h", "--limit", "3", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let rows = json["devices"].as_array().unwrap();
    assert!(rows.len() == 3 && json["total"].as_u64() > Some(3), "{json}");
    let up: Vec<f64> = rows.iter().filter_map(|it| it["up_percent"].as_f64()).collect();
    assert!(up.len() == 3 && up.is_sorted(), "the least uptime first: {json}");
    let (_, all, _) = run(&tailnet, folder.path(), &["--since", "24h", "--limit", "3"]);
    assert!(all.contains(" more") && all.contains("tagged devices"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_sandbox, tailnet, _) = watched(folder.path()).await;
    for (arguments, word) in [
        (&["--since", "soon"][..], "--since"),
        (&["--since", "1s"][..], "--since"),
        (&["--device", "nobody-has-it"][..], "nobody-has-it"),
        (&["--watch=1"][..], "10"),
        (&["--limit", "0"][..], "--limit"),
    ] {
        let (worked, _, errors) = run(&tailnet, folder.path(), arguments);
        assert!(!worked && errors.contains(word), "{arguments:?}: {errors}");
    }
    let empty = tempfile::tempdir().unwrap();
    let (worked, _, errors) = run(&tailnet, empty.path(), &[]);
    assert!(!worked && errors.contains("serve --watch"), "{errors}");
}

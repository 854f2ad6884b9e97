//! A sign of life that comes after good looks, and stays out when the watcher is blind.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tailsteward::{
    Tailnet,
    history::{History, Seconds},
    mcp::{Server, Setup},
    sandbox::{Fault, FaultKind},
    tool::Risk,
};

use crate::support::{
    self, Reply,
    tailnet::{sandbox_of, settings},
};

/// A tailnet that is watched, with signs to `url`.
fn watched(base_url: &str, url: &str, private: bool) -> (Tailnet, Arc<History>) {
    let mut settings = settings(base_url);
    settings.private_resolvers = private;
    let history = History::in_memory();
    let tailnet = Tailnet::new(settings).with_history(Arc::clone(&history));
    let mut setup = Setup::new(Risk::Read).unwrap();
    setup.heartbeat = Some(url.into());
    let server = Server::new(tailnet.clone(), setup);
    tokio::spawn(async move { server.watch(&std::sync::Arc::default()).await });
    (tailnet, history)
}

/// Waits for a look at the devices after `after`; when it was, and whether it worked.
async fn looked(history: &History, tailnet: &Tailnet, after: Seconds) -> (Seconds, bool) {
    let begun = Instant::now();
    loop {
        let looks = history.looks(&tailnet.label()).await.unwrap();
        let look = looks.iter().find(|it| it.source == "devices" && it.tried_at > after);
        if let Some(look) = look {
            return (look.tried_at, look.error.is_none());
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "nobody looked");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn signs(endpoint: &support::Server, count: usize) {
    let begun = Instant::now();
    while endpoint.count("/ping/secret") < count {
        assert!(begun.elapsed() < Duration::from_mins(1), "no sign");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_sign_comes_only_after_a_good_look_and_once_a_minute() {
    let endpoint = support::Server::says(vec![Reply::new(200)]).await;
    let (sandbox, _) = sandbox_of(5).await;
    sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("listTailnetDevices"));
    let url = format!("{}/ping/secret", endpoint.url());
    let (tailnet, history) = watched(&sandbox.base_url(), &url, true);
    let (at, is_good) = looked(&history, &tailnet, 0).await;
    assert!(!is_good);

    sandbox.clear_faults();
    history.look_soon(&tailnet.label(), &["devices"]).await.unwrap();
    let (at, is_good) = looked(&history, &tailnet, at).await;
    assert!(is_good);
    signs(&endpoint, 1).await;
    let seen = endpoint.seen();
    assert_eq!(seen.len(), 1, "none while it was blind");
    assert_eq!(seen[0].method, "GET");
    assert!(seen[0].header("authorization").is_none());

    // Another good look within the minute gives no sign yet.
    history.look_soon(&tailnet.label(), &["devices"]).await.unwrap();
    assert!(looked(&history, &tailnet, at).await.1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(endpoint.seen().len(), 1);
}

#[tokio::test]
async fn a_private_address_gets_no_sign_unless_it_is_allowed() {
    let endpoint = support::Server::says(vec![Reply::new(200)]).await;
    let (sandbox, _) = sandbox_of(5).await;
    let url = format!("{}/ping/secret", endpoint.url());
    let (tailnet, history) = watched(&sandbox.base_url(), &url, false);
    assert!(looked(&history, &tailnet, 0).await.1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(endpoint.connections(), 0);
}

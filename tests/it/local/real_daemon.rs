//! What a real daemon answers.

use tailsteward::{
    ErrorKind,
    local::{Daemon, EditPrefs, PeerPath, PingKind, serve::Mount},
};

use crate::support::daemons::{Daemons, soon};

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_node_knows_itself_and_its_peers() {
    let daemons = Daemons::start(&["-n", "2"]);

    let status = daemons.daemon(1).status().await.unwrap().running().unwrap();

    assert_eq!((status.machine(), status.id()), ("node1", daemons.id(1).as_str()));
    assert!(!status.tun, "the daemons of this tailnet have no network device");
    assert!(status.key_expires().is_some());
    let peer = status.peer_by_id(&daemons.id(2)).unwrap();
    assert_eq!((peer.short_name(), peer.online), ("node2", true));
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_ping_finds_the_direct_path_and_silence_is_no_error() {
    let daemons = Daemons::start(&["-n", "2"]);
    let daemon = daemons.daemon(1);
    let address =
        daemon.status().await.unwrap().peer_by_id(&daemons.id(2)).unwrap().address().unwrap();

    let answered = soon(|| async {
        let ping = daemon.ping(address, PingKind::Disco).await.unwrap();
        (!ping.endpoint.is_empty()).then_some(ping)
    })
    .await;
    assert!(answered.seconds > 0.0 && answered.error.is_empty());

    let unknown = daemon.ping("100.64.9.9".parse().unwrap(), PingKind::Disco).await.unwrap();
    assert_eq!(unknown.error, "no matching peer");

    daemons.post("/stop?node=node2&kill=true", "").await;
    let silent = daemon.ping(address, PingKind::Tsmp).await.unwrap();
    assert!(!silent.error.is_empty(), "{silent:?}");
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn without_direct_paths_a_ping_says_which_relay() {
    let daemons = Daemons::start(&["-n", "2", "-derp-only"]);
    let daemon = daemons.daemon(1);
    let address =
        daemon.status().await.unwrap().peer_by_id(&daemons.id(2)).unwrap().address().unwrap();

    let ping = soon(|| async {
        let ping = daemon.ping(address, PingKind::Disco).await.unwrap();
        ping.error.is_empty().then_some(ping)
    })
    .await;

    assert_eq!((ping.endpoint.as_str(), ping.derp_region.as_str()), ("", "test"));
    let status = daemon.status().await.unwrap();
    assert_eq!(status.peer_by_id(&daemons.id(2)).unwrap().path(), PeerPath::Derp);
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn preferences_are_set_one_by_one() {
    let daemons = Daemons::start(&["-n", "1"]);
    let daemon = daemons.daemon(1);
    let mut edit = EditPrefs::default();
    edit.accept_routes = Some(true);

    daemon.edit_prefs(&edit).await.unwrap();
    edit = EditPrefs::default();
    edit.advertise_routes = Some(vec!["10.1.0.0/16".to_owned()]);
    let prefs = daemon.edit_prefs(&edit).await.unwrap();

    assert!(prefs.accept_routes, "an edit of another preference kept it");
    assert_eq!(prefs.advertise_routes, ["10.1.0.0/16"]);
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn whois_knows_peers_and_nobody_else() {
    let daemons = Daemons::start(&["-n", "2"]);
    let grants =
        r#"[{"src":["node2"],"dst":["node1"],"app":{"example.com/cap/x":[{"access":"read"}]}}]"#;
    daemons.post("/grants", grants).await;
    let address = daemons.node(2)["ip4"].as_str().unwrap().to_owned();

    let found = soon(|| async {
        let peer = format!("{address}:1234").parse().unwrap();
        let found = daemons.daemon(1).whois(peer).await.unwrap()?;
        found.capabilities.contains_key("example.com/cap/x").then_some(found)
    })
    .await;

    assert_eq!(found.node.stable_id, daemons.id(2));
    assert_eq!(found.user.login_name, "bob@example.com");
    assert_eq!(found.capabilities["example.com/cap/x"][0]["access"], "read");
    let local = daemons.daemon(1).whois("127.0.0.1:9".parse().unwrap()).await.unwrap();
    assert!(local.is_none());
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn what_others_serve_stays_when_a_handler_comes_and_goes() {
    let daemons = Daemons::start(&["-n", "1"]);
    let daemon = daemons.daemon(1);
    let host = daemons.node(1)["dnsname"].as_str().unwrap().to_owned();
    let (own, other) =
        (Mount::new(&host, 443, "/").unwrap(), Mount::new(&host, 443, "/t").unwrap());
    let text = serde_json::json!({ "Text": "hi" });
    daemon.set_handler(&other, &text).await.unwrap();
    let before = daemon.serve_config().await.unwrap().document;

    let proxy = serde_json::json!({ "Proxy": "http://127.0.0.1:3000" });
    daemon.set_handler(&own, &proxy).await.unwrap();
    daemon.set_funnel(&own, true).await.unwrap();
    assert_eq!(daemon.serve_config().await.unwrap().served().len(), 2);
    daemon.set_funnel(&own, false).await.unwrap();
    daemon.set_handler(&own, &serde_json::Value::Null).await.unwrap();

    assert_eq!(daemon.serve_config().await.unwrap().document, before);
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn two_who_change_what_is_served_at_once_both_succeed() {
    let daemons = Daemons::start(&["-n", "1"]);
    let host = daemons.node(1)["dnsname"].as_str().unwrap().to_owned();
    let text = serde_json::json!({ "Text": "hi" });

    let all = (0..4).map(|number| {
        let (daemon, text) = (daemons.daemon(1), text.clone());
        let mount = Mount::new(&host, 443, &format!("/{number}")).unwrap();
        async move { daemon.set_handler(&mount, &text).await }
    });
    let done = futures_util::future::join_all(all).await;

    // Each either made its change, or says that others were faster.
    let made = done.iter().filter(|it| it.is_ok()).count();
    for error in done.iter().filter_map(|it| it.as_ref().err()) {
        assert!(matches!(error.kind(), ErrorKind::Stale | ErrorKind::OutcomeUnknown), "{error}");
    }
    let served = daemons.daemon(1).serve_config().await.unwrap().served().len();
    assert!(served >= made && made > 0, "{made} made, {served} served");
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn another_user_may_look_and_not_change() {
    let daemons = Daemons::start(&["-n", "1"]);
    let script = format!(
        r"s=$(curl -s -o /dev/null -w '%{{http_code}}' --unix-socket {socket} http://local-tailscaled.sock/localapi/v0/status)
        p=$(curl -s -o /dev/null -w '%{{http_code}}' --unix-socket {socket} -X PATCH -d '{{}}' http://local-tailscaled.sock/localapi/v0/prefs)
        echo $s $p",
        socket = daemons.socket(1).display()
    );
    let is_root = std::process::Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root {
        return println!("skipped: only root can be another user");
    }
    let out = std::process::Command::new("su")
        .args(["nobody", "-s", "/bin/sh", "-c", &script])
        .output()
        .unwrap();

    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "200 403");
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn an_expired_key_and_a_stopped_daemon_are_told_apart() {
    let daemons = Daemons::start(&["-n", "1"]);
    let daemon: Daemon = daemons.daemon(1);

    daemons.post("/expire?node=node1", "").await;
    soon(|| async {
        let error = daemon.own_status().await.unwrap().running().err()?;
        (error.kind() == ErrorKind::DaemonLoggedOut).then_some(())
    })
    .await;
    daemons.post("/stop?node=node1", "").await;

    let kind = daemon.own_status().await.unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::DaemonDown | ErrorKind::DaemonAbsent), "{kind:?}");
}

//! The same with real daemons, whose word is what counts in the end.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use tailsteward::local::Daemon;
use tempfile::TempDir;

use super::{CAPABILITY, Served, Wanted, wire::Wire};
use crate::support::daemons::{Daemons, soon};

const ALICE: &str = "alice@example.com";

/// A server on node1, with real callers on the others.
struct Fixture {
    daemons: Daemons,
    served: Served,
}

fn grant(src: &str, entries: Value) -> Value {
    json!({ "src": [src], "dst": ["node1"], "app": { CAPABILITY: entries } })
}

impl Fixture {
    async fn start(nodes: &str) -> Self {
        let daemons = Daemons::start(&["-n", nodes]);
        let socket = daemons.socket(1);
        let served = Wanted::by(&socket).served().await;
        Self { daemons, served }
    }

    fn port(&self) -> u16 {
        self.served.address.unwrap().port()
    }

    /// A program on another node, connected to node1.
    async fn from(&self, number: usize) -> Wire {
        self.to(number, "node1.tail-test.ts.net", self.port()).await
    }

    async fn to(&self, number: usize, host: &str, port: u16) -> Wire {
        soon(async || self.try_to(number, host, port).await).await
    }

    async fn try_to(&self, number: usize, host: &str, port: u16) -> Option<Wire> {
        let socks = self.daemons.node(number)["socks5"].as_str().unwrap().to_owned();
        let wire = Wire::through(&socks, host, port).await?;
        Some(wire.always("host", "node1.tail-test.ts.net"))
    }

    async fn grants(&self, grants: &[Value]) {
        self.daemons.post("/grants", &json!(grants).to_string()).await;
    }

    /// Waits until a new connection of that node gets this status.
    async fn gets(&self, number: usize, status: u16) {
        soon(async || {
            let heard = self.from(number).await.ask("tools/list", json!({})).await;
            (heard.status == status).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn two_nodes_may_do_what_their_grants_say_and_a_revoked_one_acts_on_open_connections() {
    let fixture = Fixture::start("3").await;
    fixture
        .grants(&[
            grant("node2", json!([{ "access": "danger", "toolsets": ["devices"] }])),
            grant("node3", json!([{ "toolsets": ["dns"] }])),
        ])
        .await;
    fixture.gets(2, 200).await;
    let (mut bob, mut carol) = (fixture.from(2).await, fixture.from(3).await);

    let (bobs, carols) = (bob.tools().await, carol.tools().await);
    let update = json!({ "device": "web-01", "name": "web-one", "dry_run": true });
    let may = bob.answer("update_device", update.clone()).await;
    let (refused, why) = carol.call("update_device", update).await;
    let (bob_is, carol_is) =
        (bob.answer("whoami", json!({})).await, carol.answer("whoami", json!({})).await);

    assert!(bobs.contains(&"update_device".into()) && !carols.contains(&"update_device".into()));
    assert_eq!(may["applied"], false, "{may}");
    assert!(refused && why["kind"] == "refused", "{why}");
    assert_eq!(bob_is["name"], "bob@example.com@node2");
    assert_eq!(bob_is["identity"]["node_id"], fixture.daemons.id(2));
    assert_eq!(carol_is["name"], "carol@example.com@node3");

    fixture.grants(&[grant("node3", json!([{ "toolsets": ["dns"] }]))]).await;
    let revoked = std::time::Instant::now();
    while bob.ask("tools/list", json!({})).await.status == 200 {
        assert!(revoked.elapsed() < Duration::from_secs(6), "it still acts");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let heard = bob.ask("tools/list", json!({})).await;
    assert_eq!(heard.status, 403, "{}", heard.text);
    // A destination `svc:` gives nothing either, so the refusal names it.
    assert!(heard.message().contains(CAPABILITY) && heard.message().contains("`svc:`"));
    assert_eq!(carol.ask("tools/list", json!({})).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_peer_that_appears_as_127_0_0_1_is_itself_and_a_local_program_is_nobody() {
    let fixture = Fixture::start("2").await;
    fixture.grants(&[grant("node2", json!([{ "toolsets": ["devices"] }]))]).await;
    fixture.gets(2, 200).await;
    let forge = |wire: Wire| {
        wire.always("tailscale-user-login", ALICE)
            .always(
                "tailscale-app-capabilities",
                &json!({ CAPABILITY: [{ "access": "danger", "toolsets": ["*"] }] }).to_string(),
            )
            .always("x-forwarded-for", "100.64.0.1")
    };

    let mut remote = forge(fixture.from(2).await);
    let who = remote.answer("whoami", json!({})).await;
    let mut local = forge(Wire::to(fixture.served.address.unwrap()).await);
    let heard = local.ask("tools/list", json!({})).await;

    assert_eq!(who["name"], "bob@example.com@node2");
    assert_eq!(who["access"], "read");
    assert_eq!(heard.status, 403, "{}", heard.text);
    assert!(heard.message().contains("local program"), "{}", heard.text);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn what_comes_through_a_proxy_of_this_machine_is_nobody() {
    let fixture = Fixture::start("2").await;
    fixture.grants(&[grant("*", json!([{ "access": "danger", "toolsets": ["*"] }]))]).await;
    fixture.gets(2, 200).await;
    serve(&fixture.daemons.socket(1), &format!("http://127.0.0.1:{}", fixture.port())).await;

    // `tailscale serve` sets the headers of bob, and they count for nothing here.
    let heard = soon(async || {
        let mut wire = fixture.to(2, "node1.tail-test.ts.net", 80).await;
        let heard = wire.ask("tools/list", json!({})).await;
        (heard.status != 502).then_some(heard)
    })
    .await;

    assert_eq!(heard.status, 403, "{}", heard.text);
    assert!(heard.message().contains("local program"), "{}", heard.text);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn tagged_and_shared_nodes_are_what_they_are() {
    let fixture = Fixture::start("3").await;
    fixture.grants(&[grant("*", json!([{ "toolsets": ["devices"] }]))]).await;
    fixture.gets(2, 200).await;
    fixture.daemons.post("/tag?node=node2&tags=tag:ci", "").await;
    fixture.daemons.post("/share?node=node3", "").await;
    fixture.gets(3, 403).await;

    let who = soon(async || {
        let who = fixture.from(2).await.answer("whoami", json!({})).await;
        (who["name"] != "bob@example.com@node2").then_some(who)
    })
    .await;
    let heard = fixture.from(3).await.ask("tools/list", json!({})).await;

    assert_eq!(who["name"], "tag:ci@node2");
    assert!(who["identity"]["login"].is_null(), "{who}");
    assert!(heard.message().contains("another tailnet"), "{}", heard.text);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_plan_of_one_node_is_not_confirmed_from_another_of_the_same_person() {
    let fixture = Fixture::start("3").await;
    fixture.daemons.post("/user?node=node3&login=bob@example.com", "").await;
    fixture.grants(&[grant("*", json!([{ "access": "danger", "toolsets": ["*"] }]))]).await;
    fixture.gets(2, 200).await;
    fixture.gets(3, 200).await;
    let (mut laptop, mut desk) = (fixture.from(2).await, fixture.from(3).await);
    let mut arguments = json!({ "device": "web-01", "how": "remove" });

    let shown = laptop.answer("revoke_device", arguments.clone()).await;
    arguments["plan_id"] = shown["plan_id"].clone();
    let other = desk.answer("revoke_device", arguments.clone()).await;
    let own = laptop.answer("revoke_device", arguments).await;

    assert!(other["plan_id"].is_string() && other["applied"] != true, "{other}");
    assert_eq!(own["applied"], true, "{own}");
    let list = laptop.answer("list_changes", json!({})).await;
    assert!(list.to_string().contains("bob@example.com@node2"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn entries_that_are_malformed_or_belong_to_other_grants_widen_nothing() {
    let fixture = Fixture::start("2").await;
    // Two grants, whose entries the daemon hands over as one list.
    fixture
        .grants(&[
            grant("node2", json!([{ "access": "danger", "toolsets": ["dns"] }])),
            grant("*", json!([{ "toolsets": ["devices"] }])),
        ])
        .await;
    fixture.gets(2, 200).await;
    let mut wire = fixture.from(2).await;
    let arguments = json!({ "device": "web-01", "how": "remove" });
    let (refused, why) = wire.call("revoke_device", arguments).await;
    assert!(refused && why["kind"] == "refused", "{why}");
    assert_eq!(wire.answer("whoami", json!({})).await["allowed_by"].as_array().unwrap().len(), 2);

    let many: Vec<Value> = vec![json!({ "toolsets": ["devices"] }); 200];
    fixture.grants(&[grant("node2", json!(many))]).await;
    soon(async || {
        let who = fixture.from(2).await.answer("whoami", json!({})).await;
        (who["allowed_by"].as_array().unwrap().len() == 200).then_some(())
    })
    .await;

    fixture.grants(&[grant("node2", json!([{ "toolsets": ["*"], "deny": ["x"] }]))]).await;
    fixture.gets(2, 403).await;
    let heard = fixture.from(2).await.ask("tools/list", json!({})).await;
    assert!(heard.message().contains("unknown field `deny`"), "{}", heard.text);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_stopped_daemon_is_503_on_open_connections_and_it_recovers() {
    let fixture = Fixture::start("2").await;
    fixture.grants(&[grant("node2", json!([{ "toolsets": ["devices"] }]))]).await;
    fixture.gets(2, 200).await;
    // Its own daemon hands the connection on, so this one is of a program on this machine.
    let mut local = Wire::to(fixture.served.address.unwrap()).await;

    fixture.daemons.post("/stop?node=node1&kill=true", "").await;
    let heard = local.ask("tools/list", json!({})).await;
    fixture.daemons.post("/start?node=node1", "").await;

    assert_eq!(heard.status, 503, "{}", heard.text);
    assert_eq!(local.ask("tools/list", json!({})).await.status, 403);
    soon(async || {
        let host = "node1.tail-test.ts.net";
        let again = fixture.try_to(2, host, fixture.port());
        let again = tokio::time::timeout(Duration::from_secs(8), again).await;
        let status = again.ok()??.ask("tools/list", json!({})).await.status;
        (status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_peer_over_ipv6_is_itself() {
    let fixture = Fixture::start("2").await;
    fixture.grants(&[grant("node2", json!([{ "toolsets": ["devices"] }]))]).await;
    let ip6 = fixture.daemons.node(1)["ip6"].as_str().unwrap().to_owned();

    let who = soon(async || {
        let mut wire = fixture.to(2, &ip6, fixture.port()).await;
        let heard = wire.ask("tools/list", json!({})).await;
        if heard.status == 200 { Some(wire.answer("whoami", json!({})).await) } else { None }
    })
    .await;

    assert_eq!(who["name"], "bob@example.com@node2");
}

/// Puts `tailscale serve` on port 80 of a node in front of `target`.
async fn serve(socket: &Path, target: &str) {
    let programs = std::env::var("TAILSTEWARD_TEST_TAILNET").unwrap();
    let output = tokio::process::Command::new(Path::new(&programs).join("tailscale"))
        .arg(format!("--socket={}", socket.display()))
        .args(["serve", "--bg", "--yes", "--http=80", target])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn behind_serve_a_caller_is_the_node_that_serve_names() {
    let daemons = Daemons::start(&["-n", "2"]);
    let socket = daemons.socket(1);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mcp.sock");
    let listen = format!("unix:{}", path.display());
    let users = vec![Daemon::at(&socket).user().await.unwrap()];
    let wanted = Wanted { behind_serve: true, users, listen: &listen, ..Wanted::by(&socket) };
    let fixture = Fixture { served: wanted.served().await, daemons };
    fixture.grants(&[grant("node2", json!([{ "toolsets": ["devices"] }]))]).await;
    serve(&socket, &listen).await;

    let forged = [("x-forwarded-for", "100.64.0.1"), ("tailscale-user-login", ALICE)];
    let who = soon(async || {
        let wire = fixture.to(2, "node1.tail-test.ts.net", 80).await;
        let mut wire = forged.iter().fold(wire, |wire, (name, value)| wire.always(name, value));
        let heard = wire.ask("tools/list", json!({})).await;
        if heard.status == 200 { Some(wire.answer("whoami", json!({})).await) } else { None }
    })
    .await;

    assert_eq!(who["name"], "bob@example.com@node2");
    fixture.grants(&[]).await;
    soon(async || {
        let mut wire = fixture.to(2, "node1.tail-test.ts.net", 80).await;
        (wire.ask("tools/list", json!({})).await.status == 403).then_some(())
    })
    .await;
}

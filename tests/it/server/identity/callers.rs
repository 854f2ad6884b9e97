//! Who a caller is, and who may not come in.

use serde_json::{Value, json};
use tailsteward::server::{Access, Http, NodeRules, Options, Tokens};

use super::{
    Wanted,
    fake::{FakeDaemon, bob},
    wire::Wire,
};
use crate::support::{
    http::{Echo, token_file},
    tailnet::sandbox,
};

/// What somebody sends who wants to be taken for Alice.
const FORGED: [(&str, &str); 8] = [
    ("tailscale-user-login", "alice@example.com"),
    ("tailscale-user-name", "Alice"),
    (
        "tailscale-app-capabilities",
        r#"{"example.com/cap/tailsteward":[{"access":"danger","toolsets":["*"]}]}"#,
    ),
    ("x-forwarded-for", "100.64.0.1"),
    ("x-forwarded-host", "here.tail-test.ts.net"),
    ("forwarded", "for=100.64.0.1"),
    ("x-real-ip", "100.64.0.1"),
    ("authorization", "Bearer tailsteward_forged"),
];

fn forged(wire: Wire) -> Wire {
    FORGED.iter().fold(wire, |wire, (name, value)| wire.always(name, value))
}

#[tokio::test]
async fn a_caller_is_the_node_behind_the_connection_whatever_its_headers_say() {
    let daemon = FakeDaemon::start();
    daemon.says(bob(json!([{ "toolsets": ["devices"] }])));
    let served = Wanted::by(&daemon.socket).served().await;
    let mut wire = forged(Wire::to(served.address.unwrap()).await);

    let who = wire.answer("whoami", json!({})).await;
    let tools = wire.tools().await;
    let (failed, refused) = wire.call("get_acl_policy", json!({})).await;

    assert_eq!(who["name"], "bob@example.com@laptop");
    assert_eq!(who["identity"]["node_id"], "nBob");
    assert_eq!(who["allowed_by"][0]["from"], "entry 1 of example.com/cap/tailsteward");
    assert_eq!(who["access"], "read");
    assert!(tools.contains(&"list_devices".into()) && tools.contains(&"why_not".into()));
    assert!(!tools.contains(&"update_device".into()) && !tools.contains(&"get_acl_policy".into()));
    assert!(failed && refused["kind"] == "refused", "{refused}");
    // The daemon was asked about the connection, and about nothing that the headers named.
    assert!(daemon.asked().iter().all(|it| it.starts_with("127.0.0.1:")), "{:?}", daemon.asked());
}

/// The refusal of a caller of whom the daemon says this.
async fn refusal(whois: Value, change: impl FnOnce(&mut NodeRules)) -> (u16, String) {
    let daemon = FakeDaemon::start();
    daemon.says(whois);
    let mut wanted = Wanted::by(&daemon.socket);
    change(&mut wanted.rules);
    let served = wanted.served().await;
    let mut wire = forged(Wire::to(served.address.unwrap()).await);
    let heard = wire.ask("tools/list", json!({})).await;
    (heard.status, if heard.status == 200 { String::new() } else { heard.message() })
}

#[tokio::test]
async fn who_is_not_of_the_tailnet_or_has_no_capability_is_refused_before_anything_is_read() {
    let all = json!([{ "access": "danger", "toolsets": ["*"] }]);
    let mut own = bob(all.clone());
    own["Node"]["StableID"] = "nOwn".into();
    let mut nameless = bob(all.clone());
    nameless["Node"]["StableID"] = Value::Null;
    let mut sharer = bob(all.clone());
    sharer["Node"]["Sharer"] = 101.into();
    let mut invited = bob(all.clone());
    invited["Node"]["Hostinfo"] = json!({ "ShareeNode": true });
    let mut elsewhere = bob(all.clone());
    elsewhere["Node"]["Name"] = "laptop.other.ts.net.".into();
    for (whois, words) in [
        (Value::Null, "local program"),
        (own.clone(), "--allow-self"),
        (nameless, "knows no node"),
        (sharer, "--allow-shared"),
        (invited, "--allow-shared"),
        (elsewhere.clone(), "--allow-shared"),
        (bob(json!([])), "`svc:` does not work"),
        (bob(Value::Null), "no grant"),
        (bob(json!([{}])), "no entry allows anything"),
        (bob(json!([{ "access": "danger" }])), "no entry allows anything"),
        (bob(json!([{ "toolsets": ["*"], "tailnets": [] }])), "no entry allows anything"),
        (bob(json!([{ "metrics": true }])), "may not call any tool"),
    ] {
        let (status, message) = refusal(whois.clone(), |_| ()).await;
        assert_eq!(status, 403, "{whois}");
        assert!(message.contains(words), "{whois}: {message}");
    }
    assert_eq!(refusal(own, |it| it.allow_self = true).await.0, 200);
    assert_eq!(refusal(elsewhere, |it| it.allow_shared = true).await.0, 200);
}

#[tokio::test]
async fn a_shared_node_and_a_tagged_one_are_called_by_what_they_are() {
    let daemon = FakeDaemon::start();
    let mut wanted = Wanted::by(&daemon.socket);
    wanted.rules.allow_shared = true;
    let served = wanted.served().await;
    let mut shared = bob(json!([{ "toolsets": ["devices"] }]));
    shared["Node"]["Name"] = "laptop.other.ts.net.".into();
    let mut tagged = bob(json!([{ "toolsets": ["devices"] }]));
    tagged["Node"]["Tags"] = json!(["tag:ci", "tag:\u{202e}web"]);
    for (whois, name) in [
        (shared, "bob@example.com@laptop.other.ts.net"),
        (tagged, "tag:ci,tag:\\u{202e}web@laptop"),
    ] {
        daemon.says(whois);
        let mut wire = Wire::to(served.address.unwrap()).await;
        assert_eq!(wire.answer("whoami", json!({})).await["name"], name);
    }
}

#[tokio::test]
async fn a_daemon_that_is_gone_is_503_and_comes_back() {
    let mut daemon = FakeDaemon::start();
    daemon.says(bob(json!([{ "toolsets": ["devices"] }])));
    let served = Wanted::by(&daemon.socket).served().await;
    let address = served.address.unwrap();
    assert_eq!(Wire::to(address).await.ask("tools/list", json!({})).await.status, 200);

    daemon.stop();
    let mut wire = Wire::to(address).await;
    let gone = wire.ask("tools/list", json!({})).await;
    daemon.start_again();
    let back = wire.ask("tools/list", json!({})).await;

    assert_eq!(gone.status, 503, "{}", gone.text);
    assert!(gone.message().contains("caller cannot be identified"), "{}", gone.text);
    assert_eq!(gone.headers["retry-after"], "1");
    assert_eq!(back.status, 200, "{}", back.text);
}

#[tokio::test]
async fn it_listens_only_where_nodes_are_known() {
    let mut daemon = FakeDaemon::start();
    let wanted = Wanted::by(&daemon.socket);
    let bind = async |address: &str, behind_serve| {
        let access = Wanted { behind_serve, ..Wanted::by(&daemon.socket) }.access();
        Http::bind(address.parse().unwrap(), Options::new(access)).await.unwrap_err().to_string()
    };
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.7:0"] {
        let refused = bind(address, false).await;
        assert!(refused.contains("not a Tailscale address of this machine"), "{refused}");
    }
    assert!(bind("127.0.0.1:0", true).await.contains("everybody on this machine"));
    let named =
        Http::bind(([127, 0, 0, 1], 0).into(), Options::new(wanted.access())).await.unwrap();
    let (title, base) = (named.title(), named.base_url().unwrap().to_string());
    assert!(
        title.starts_with("http://here.tail-test.ts.net:") && title.ends_with("/mcp"),
        "{title}"
    );
    assert!(base.starts_with("http://here.tail-test.ts.net:"), "{base}");
    let access = wanted.access();
    daemon.stop();
    let refused = Http::bind(([127, 0, 0, 1], 0).into(), Options::new(access)).await.unwrap_err();
    assert!(refused.to_string().contains("no Tailscale daemon"), "{refused}");
}

#[test]
fn a_capability_is_under_a_domain_of_the_operators_own() {
    for name in ["", "cap", "example/cap/x", "example.com/", "tailscale.com/cap/x", "a.b/c d"] {
        assert!(NodeRules::new(name).is_err(), "{name}");
    }
    assert!(NodeRules::new("example.com/cap/mcp").is_ok());
}

#[tokio::test]
async fn a_token_is_a_token_whatever_the_daemon_and_the_headers_say() {
    let (_folder, path, token) = token_file();
    let access = Access::Tokens(std::sync::Arc::new(Tokens::open(&path).unwrap()));
    let (served, _) =
        crate::support::http::Served::serve(Echo::default(), false, |it| it.access = access).await;
    let mut without = forged(Wire::to(served.address).await);
    assert_eq!(without.ask("tools/list", json!({})).await.status, 401);

    let mut wire = FORGED[..7]
        .iter()
        .fold(Wire::to(served.address).await, |wire, (name, value)| wire.always(name, value));
    wire = wire.always("authorization", &format!("Bearer {token}"));
    assert_eq!(wire.answer("whoami", json!({})).await["name"], "ci");
}

#[tokio::test]
async fn the_plan_of_a_caller_is_not_confirmed_by_the_same_person_on_another_node() {
    let daemon = FakeDaemon::start();
    let all = json!([{ "access": "danger", "toolsets": ["*"] }]);
    let (_sandbox, tailnet) = sandbox().await;
    let served = Wanted::by(&daemon.socket).of(tailnet, |_| ()).await;
    let mut desk = bob(all.clone());
    desk["Node"]["StableID"] = "nDesk".into();
    daemon.says(bob(all));
    let mut laptop = Wire::to(served.address.unwrap()).await;
    let arguments = json!({ "device": "web-01", "how": "remove" });
    let shown = laptop.answer("revoke_device", arguments.clone()).await;
    daemon.says(desk);
    let mut desk = Wire::to(served.address.unwrap()).await;

    let mut with_id = arguments;
    with_id["plan_id"] = shown["plan_id"].clone();
    let other = desk.answer("revoke_device", with_id.clone()).await;
    let own = laptop.answer("revoke_device", with_id).await;

    assert!(other["plan_id"].is_string() && other["applied"] != true, "{other}");
    assert_eq!(own["applied"], true, "{own}");
    let list = laptop.answer("list_changes", json!({})).await;
    assert!(list.to_string().contains("bob@example.com@laptop"), "{list}");
}

#[tokio::test]
async fn a_session_belongs_to_the_node_that_opened_it() {
    let daemon = FakeDaemon::start();
    let entries = json!([{ "toolsets": ["devices"] }]);
    daemon.says(bob(entries.clone()));
    let served = Wanted::by(&daemon.socket).served().await;
    let mut laptop = Wire::to(served.address.unwrap()).await;
    let opened = laptop.session().await;
    assert_eq!(opened.status, 200, "{}", opened.text);
    let id = opened.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let mut other = bob(entries);
    other["Node"]["StableID"] = "nOther".into();
    daemon.says(other);
    let mut other = Wire::to(served.address.unwrap()).await;
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-session-id", id.as_str()),
    ];
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" }).to_string();

    assert_eq!(other.send("POST", "/mcp", &headers, list.clone()).await.status, 404);
    assert_eq!(laptop.send("POST", "/mcp", &headers, list.clone()).await.status, 200);
    // Whose grants are different now starts anew.
    daemon.says(bob(json!([{ "toolsets": ["dns"] }])));
    let mut again = Wire::to(served.address.unwrap()).await;
    assert_eq!(again.send("POST", "/mcp", &headers, list).await.status, 404);
}

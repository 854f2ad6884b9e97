//! The sandbox responds to any input, and keeps working afterwards.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Path segments that exist, and random ones.
fn segment() -> impl Strategy<Value = String> {
    let known = [
        "api",
        "v2",
        "tailnet",
        "-",
        "devices",
        "device",
        "users",
        "keys",
        "acl",
        "preview",
        "validate",
        "dns",
        "nameservers",
        "split-dns",
        "configuration",
        "services",
        "svc:web",
        "webhooks",
        "posture",
        "integrations",
        "logging",
        "network",
        "stream",
        "status",
        "oauth",
        "token",
        "token-exchange",
        "contacts",
        "account",
        "settings",
        "user-invites",
        "routes",
        "_sandbox",
        "faults",
        "state",
        "clock",
        "%",
        "%zz",
        "%00",
        "..",
        "",
    ];
    prop_oneof![
        4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "[ -~]{0,12}",
    ]
}

/// An existing path, or one made of random segments.
fn path() -> impl Strategy<Value = String> {
    let real = [
        "/tailnet/-/devices",
        "/tailnet/-/acl",
        "/tailnet/-/acl/validate",
        "/tailnet/-/keys",
        "/tailnet/-/acl/preview?type=user&previewFor=a@b.c",
        "/tailnet/-/dns/split-dns",
        "/tailnet/-/dns/configuration",
        "/tailnet/-/dns/nameservers",
        "/tailnet/-/services/svc:x",
        "/tailnet/-/webhooks",
        "/tailnet/-/posture/integrations",
        "/tailnet/-/oauth-apps",
        "/tailnet/-/logging/network/stream",
        "/tailnet/-/settings",
        "/tailnet/-/user-invites",
        "/tailnet/-/device-attributes",
        "/tailnet/-/contacts/support",
        "/oauth/token",
        "/oauth/token-exchange",
        "/device-invites/-/accept",
        "/tailnet/-/aws-external-id",
        "/tailnet/-/logging/network?start=2026-06-01T00:00:00Z&end=9999-12-31T23:59:59Z",
        "/organizations/-/tailnets",
    ];
    prop_oneof![
        2 => proptest::sample::select(real.to_vec()).prop_map(|path| format!("/api/v2{path}")),
        1 => proptest::collection::vec(segment(), 0..8).prop_map(|it| format!("/{}", it.join("/"))),
    ]
}

/// Random JSON that uses the field names of handlers.
fn json_body() -> impl Strategy<Value = String> {
    let name = proptest::sample::select(vec![
        "dns",
        "magicDNS",
        "searchPaths",
        "nameservers",
        "splitDNS",
        "preferences",
        "address",
        "tags",
        "ports",
        "addrs",
        "name",
        "email",
        "role",
        "value",
        "nodes",
        "acls",
        "grants",
        "tests",
        "src",
        "dst",
        "ip",
        "accept",
        "deny",
        "hosts",
        "groups",
        "tagOwners",
        "action",
        "capabilities",
        "devices",
        "create",
        "keyType",
        "scopes",
        "subscriptions",
        "endpointUrl",
        "destinationType",
        "url",
        "provider",
        "clientSecret",
        "redirectURIs",
        "expirySeconds",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|it| json!(it)),
        any::<i64>().prop_map(|it| json!(it)),
        any::<f64>().prop_map(|it| json!(it)),
        ".{0,20}".prop_map(|it| json!(it)),
        proptest::sample::select(vec![
            "*",
            "accept",
            "tag:web",
            "tag:web:22",
            "10.0.0.0/99",
            "1.1.1.1",
            "::1",
            "svc:x",
            "tcp:1-0",
            "autogroup:self",
            "group:data",
            "auth",
            "client",
            "splunk",
            "https://a",
            "a@b",
            "0-65536",
        ])
        .prop_map(|it| json!(it)),
    ];
    let tree = leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|it| json!(it)),
            proptest::collection::btree_map(name.clone(), inner, 0..6).prop_map(|it| json!(it)),
        ]
    });
    tree.prop_map(|it| it.to_string())
}

/// Random bytes, and whether they are an HTTP request.
fn request() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let method = proptest::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"]);
    let body = prop_oneof![
        4 => json_body().prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..200),
    ];
    let well_formed =
        (method, path(), body, any::<bool>()).prop_map(|(method, path, body, known)| {
            let key = if known { Sandbox::API_KEY } else { "nothing" };
            let head = format!(
                "{method} {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                path.replace(' ', "%20"),
                body.len()
            );
            ([head.into_bytes(), body].concat(), true)
        });
    prop_oneof![9 => well_formed, 1 => proptest::collection::vec(any::<u8>(), 0..300).prop_map(|it| (it, false))]
}

#[test]
fn nothing_panics_and_the_next_request_is_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let options = Options { devices: 20, ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
    let (addr, http) = (sandbox.addr(), http());
    let config = Config { cases: 1500, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&request(), |(bytes, is_request)| {
        runtime.block_on(async {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            // The server may close the connection early if the bytes are not HTTP.
            let _ = stream.write_all(&bytes).await;
            if !is_request {
                let _ = stream.shutdown().await;
            }
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            let first = String::from_utf8_lossy(&answer).lines().next().unwrap_or("").to_owned();
            let failed = first.contains(" 5") && !first.contains("501");
            prop_assert!(!failed, "{first}");
            prop_assert!(!is_request || first.starts_with("HTTP/1.1 "), "no answer: {first:?}");
            Ok(())
        })
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    runtime.block_on(async {
        http.delete(format!("http://{addr}/_sandbox/faults")).send().await.unwrap();
        http.post(format!("http://{addr}/_sandbox/reset")).send().await.unwrap();
        let url = format!("http://{addr}/api/v2/tailnet/-/devices");
        let answer = http.get(url).bearer_auth(Sandbox::API_KEY).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    });
}

//! The devices as a file: over MCP as a resource, on the terminal as a command.

use std::process::Output;

use rmcp::model::{
    CallToolRequestParams, ContentBlock, ReadResourceRequestParams, ResourceContents,
};
use serde_json::{Value, json};
use tailsteward::{Tailnet, sandbox::Sandbox, tailnet::Tailnets};

use crate::{
    cli::command_line::program,
    support::{
        API_KEY, Reply, Server,
        changes::own,
        edits::{agent, are_refused, everything, tell_failures},
        fake_user::{Era, FakeUser, Says, Session},
        tailnet::sandbox,
    },
};

/// Devices as they come over the wire on a bad day.
fn odd() -> Value {
    json!([
        { "nodeId": "n1", "name": "web.t.ts.net", "hostname": "=cmd|' /C calc'!A0", "os": "linux",
          "user": "ann, \"the\" admin@example.com", "tags": ["tag:a", "tag:b"], "lastSeen": null,
          "isExternal": false, "futureField": { "a": [1] }, "addresses": [] },
        { "nodeId": "n2", "hostname": "+1", "name": "@x", "user": "-2", "os": "\tmac\u{202e}OS",
          "authorized": true, "clientVersion": "two\nlines", "created": 7, "tags": "tag:a" },
        null,
        { "nodeId": "n3", "clientConnectivity": { "endpoints": ["192.0.2.1:1"] }, "os": "\rx" },
        "a device that is a text",
    ])
}

async fn with_devices(devices: Value) -> Server {
    Server::start(move |_| Reply::json(&json!({ "x": [{}], "devices": devices, "y": "z" }))).await
}

/// A client that may use every tool.
async fn session(tailnets: impl Into<Tailnets>) -> Session {
    FakeUser::who(Says::Yes).at(tailnets, everything(), Era::Sessions).await
}

/// What `device_export` links to: the link, and the text of the resource.
async fn linked(session: &Session, arguments: Value) -> (Value, String) {
    let mut request = CallToolRequestParams::new("device_export");
    if let Value::Object(arguments) = arguments {
        request = request.with_arguments(arguments);
    }
    let answer = session.client.call_tool(request).await.unwrap();
    let text = answer.content[0].as_text().unwrap().text.clone();
    let named: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer.is_error, Some(false), "{named}");
    let ContentBlock::ResourceLink(link) = &answer.content[1] else { panic!("{answer:?}") };
    assert_eq!(named["uri"], link.uri);
    assert_eq!(json!(link.size), named["bytes"]);
    let request = ReadResourceRequestParams::new(&link.uri);
    let read = session.client.read_resource(request).await.unwrap();
    let ResourceContents::TextResourceContents { text, mime_type, .. } = &read.contents[0] else {
        panic!("{read:?}")
    };
    assert_eq!(mime_type.as_deref(), link.mime_type.as_deref());
    assert_eq!(json!(text.len()), named["bytes"]);
    (named, text.clone())
}

/// Exports on the terminal, from a server with these devices.
async fn exported(server: &Server, arguments: &[&str]) -> Output {
    let all = [&["export", "--store", "memory"], arguments].concat();
    let mut command = program(&all);
    command.env("TAILSCALE_API_KEY", API_KEY).env("TAILSCALE_BASE_URL", server.url());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn cells_that_a_spreadsheet_would_run_are_text_and_no_record_is_lost() {
    let server = with_devices(odd()).await;
    let fields = "nodeId,name,hostname,os,user,tags,clientVersion,created,lastSeen,authorized";

    let csv = exported(&server, &["--fields", fields]).await;
    let raw = exported(&server, &["--fields", "nodeId,hostname,name", "--raw"]).await;

    assert!(csv.status.success(), "{csv:?}");
    insta::assert_debug_snapshot!(text(&csv.stdout).split("\r\n").collect::<Vec<_>>(), @r#"
    [
        "nodeId,name,hostname,os,user,tags,clientVersion,created,lastSeen,authorized",
        "n1,web.t.ts.net,'=cmd|' /C calc'!A0,linux,\"ann, \"\"the\"\" admin@example.com\",tag:a tag:b,,,,",
        "n2,'@x,'+1,'\tmac\\u{202e}OS,'-2,tag:a,\"two\nlines\",7,,true",
        "n3,,,\"'\rx\",,,,,,",
        ",,,,,,,,,",
        "",
    ]
    "#);
    assert!(text(&raw.stdout).contains("n1,=cmd|' /C calc'!A0,web.t.ts.net\r\n"), "{raw:?}");
    assert!(text(&raw.stdout).contains("n2,+1,@x\r\n"), "{raw:?}");
    assert!(text(&csv.stderr).contains("4 devices exported"), "{csv:?}");
}

#[tokio::test]
async fn json_lines_keep_all_fields_even_unknown_ones() {
    let server = with_devices(odd()).await;

    let all = exported(&server, &["--format", "jsonl", "--fields", "all"]).await;
    let one = exported(&server, &["--format", "jsonl", "--fields", "futureField,nodeId"]).await;

    let lines = |output: &Output| -> Vec<Value> {
        text(&output.stdout).lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    };
    let odd = odd();
    let all = lines(&all);
    assert_eq!(all.len(), 4);
    assert_eq!((&all[0], &all[2]), (&odd[0], &odd[3]));
    assert_eq!(all[1]["created"], 7);
    assert_eq!(all[3], json!({ "unreadable": "a device that is a text" }));
    assert_eq!(lines(&one)[0], json!({ "nodeId": "n1", "futureField": { "a": [1] } }));
}

#[tokio::test]
async fn over_mcp_the_answer_is_a_link_and_the_resource_has_the_file() {
    let (_sandbox, tailnet) = sandbox().await;
    let devices = tailnet.devices().list().await.unwrap();
    let session = session(&tailnet).await;

    let (named, csv) = linked(&session, json!({})).await;
    let narrow = json!({
        "format": "jsonl", "os": "linux", "tags": ["web"], "fields": ["name", "tags"],
    });
    let (few, lines) = linked(&session, narrow).await;

    assert_eq!(named["devices"], devices.len());
    assert_eq!(csv.matches("\r\n").count(), devices.len() + 1);
    assert!(csv.starts_with("nodeId,name,hostname,os,"), "{csv}");
    assert!(named["uri"].as_str().unwrap().starts_with("tailnet://export/devices.csv"), "{named}");
    let web = devices.iter().filter(|it| it.tags().contains(&"tag:web".to_owned())).count();
    assert_eq!((few["devices"].as_u64(), lines.lines().count()), (Some(web as u64), web));
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(line.as_object().unwrap().len(), 2, "{line}");
}

#[tokio::test]
async fn of_several_tailnets_the_link_is_to_the_one_that_was_asked() {
    let (_first, one) = sandbox().await;
    let other = with_devices(json!([{ "nodeId": "n1", "name": "elsewhere" }])).await;
    let both = vec![("acme".to_owned(), one), ("other".to_owned(), other.tailnet())];
    let session = session(Tailnets::new(both).unwrap()).await;

    let (named, csv) = linked(&session, json!({ "tailnet": "other", "fields": ["name"] })).await;

    assert_eq!(csv, "name\r\nelsewhere\r\n", "{named}");
    let read =
        async |uri: &str| session.client.read_resource(ReadResourceRequestParams::new(uri)).await;
    assert!(read("tailnet://other/export/devices.csv?field=name").await.is_ok());
    for uri in [
        "tailnet://export/devices.csv?tailnet=nobody",
        "tailnet://export/devices.pdf",
        "tailnet://export/devices.csv?secret=1",
    ] {
        assert!(read(uri).await.is_err(), "{uri}");
    }
}

/// A host that is offered no export cannot read one either.
#[tokio::test]
async fn what_is_not_offered_cannot_be_read() {
    let (sandbox, tailnet): (Sandbox, Tailnet) = sandbox().await;
    let setup = crate::support::changes::setup();
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup, Era::Sessions).await;

    let uri = "tailnet://export/devices.csv";
    let read = session.client.read_resource(ReadResourceRequestParams::new(uri)).await;

    assert!(read.is_err());
    assert!(sandbox.requests().is_empty());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_failures_are_told() {
    are_refused(&[
        ("device_export", json!({ "fields": ["nope"] }), "invalid_input", "unknown field `nope`"),
        ("device_export", json!({ "os": "linnux" }), "invalid_input", "linux"),
        ("device_export", json!({ "user": " " }), "invalid_input", "`user` is empty"),
        ("device_export", json!({ "tags": ["nope"] }), "invalid_input", "tag:"),
        ("device_export", json!({ "name": "x".repeat(600) }), "invalid_input", "too many"),
        ("device_export", json!({ "format": "xlsx" }), "invalid_input", "format"),
    ])
    .await;
    tell_failures(&[("device_export", json!({}), "listTailnetDevices")]).await;
}

#[tokio::test]
async fn a_file_that_is_too_large_for_a_resource_is_refused_with_what_to_do() {
    let long = "x".repeat(4_000);
    let devices: Vec<Value> =
        (0..2_500).map(|it| json!({ "nodeId": it.to_string(), "hostname": long })).collect();
    let server = with_devices(json!(devices)).await;

    let failure = agent(&server.tailnet()).await.fail("device_export", json!({})).await;
    let file = exported(&server, &["--fields", "nodeId"]).await;

    assert_eq!(failure["kind"], "too_large", "{failure}");
    assert!(failure["remedy"].as_str().unwrap().contains("fewer"), "{failure}");
    assert_eq!(text(&file.stdout).lines().count(), 2_501);
}

/// A response that ends early must not pass for all devices, and must not replace the last good file.
#[tokio::test]
async fn an_export_that_breaks_off_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("devices.csv");
    std::fs::write(&path, "old").unwrap();
    let out = ["--fields", "nodeId", "--out", path.to_str().unwrap()];
    let body = r#"{"devices":[{"nodeId":"n1"},{"nodeId":"n"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
    let broken = Server::says(vec![Reply::raw(format!("{head}{body}"))]).await;
    let whole = Server::says(vec![Reply::new(200).text(body)]).await;
    let page = Server::says(vec![Reply::new(200).text("<html>sign in</html>")]).await;

    for (server, kind) in [(&broken, "truncated"), (&whole, "truncated"), (&page, "not_json")] {
        let done = exported(server, &out).await;
        assert!(!done.status.success(), "{done:?}");
        assert!(text(&done.stderr).contains(kind), "{kind}: {done:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    }
    assert_eq!(broken.seen().len(), 1, "what was written cannot be sent once more");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    let server = with_devices(json!([{ "nodeId": "n1" }])).await;
    assert!(exported(&server, &out).await.status.success());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "nodeId\r\nn1\r\n");
}

#[tokio::test]
async fn a_busy_api_is_asked_again() {
    let good = Reply::json(&json!({ "devices": [{ "nodeId": "n1" }] }));
    let server = Server::says(vec![Reply::new(503).text("busy"), good]).await;

    let done = exported(&server, &["--fields", "nodeId"]).await;

    assert_eq!(text(&done.stdout), "nodeId\r\nn1\r\n", "{done:?}");
}

#[tokio::test]
async fn the_command_takes_the_filters_of_the_list() {
    let (sandbox, tailnet) = sandbox().await;
    let devices = own(&tailnet).await;
    let run = async |arguments: &[&str]| {
        let all = [&["export", "--store", "memory", "--fields", "nodeId"], arguments].concat();
        let mut command = program(&all);
        command
            .env("TAILSCALE_API_KEY", Sandbox::API_KEY)
            .env("TAILSCALE_BASE_URL", sandbox.base_url());
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(done.status.success(), "{done:?}");
        text(&done.stdout).lines().count() - 1
    };

    let online = devices.iter().filter(|it| it.is_online()).count();
    assert_eq!(run(&["--online", "--external=false"]).await, online);
    assert_eq!(run(&["--online=false", "--external=false"]).await, devices.len() - online);
    let tagged = devices.iter().filter(|it| !it.tags().is_empty()).count();
    assert_eq!(run(&["--tagged", "--external=false"]).await, tagged);
}

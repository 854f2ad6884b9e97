//! Views in a host: who hears of them, what they are, and that they change nothing. How they look and
//! behave is tested in a browser (`tests/browser`).

use std::{fs, path::Path};

use rmcp::model::{
    CallToolRequestParams, ReadResourceRequestParams, ReadResourceResult, ResourceContents, Tool,
};
use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    catalogue::{Selectors, ToolSelection},
    mcp::Setup,
    tool::Risk,
};

use crate::support::{
    changes::setup,
    edits::everything,
    fake_user::{Era, FakeUser, Says, Session},
    tailnet::sandbox,
};

const MIME: &str = "text/html;profile=mcp-app";
const VIEWS: [&str; 5] = ["plan", "reach", "devices", "alerts", "report"];
const MAX_VIEW_BYTES: usize = 20_000;
/// What the views add to the list of the default tools with all access, for clients that show them.
const MAX_TOKENS: usize = 480;

fn uri(view: &str) -> String {
    format!("ui://tailsteward/{view}")
}

async fn with_views(tailnet: &Tailnet, setup: Setup, era: Era) -> Session {
    let person = FakeUser::who(Says::CannotAsk).with_views(json!({ "mimeTypes": [MIME] }));
    person.at(tailnet, setup, era).await
}

async fn read(session: &Session, uri: &str) -> Result<ReadResourceResult, String> {
    let read = session.client.read_resource(ReadResourceRequestParams::new(uri)).await;
    read.map_err(|error| error.to_string())
}

async fn tools(session: &Session) -> Vec<Tool> {
    session.client.list_all_tools().await.unwrap()
}

fn meta(tool: &Tool) -> Value {
    tool.meta.as_ref().map_or(Value::Null, |it| serde_json::to_value(it).unwrap())
}

/// The tool as it is without views.
fn without(tool: &Tool) -> Value {
    let mut tool = serde_json::to_value(tool).unwrap();
    let fields = tool.as_object_mut().unwrap();
    let meta = fields.get_mut("_meta").and_then(Value::as_object_mut);
    let is_empty = meta.is_some_and(|meta| {
        meta.remove("ui");
        meta.remove("ui/resourceUri");
        meta.is_empty()
    });
    if is_empty {
        fields.remove("_meta");
    }
    tool
}

#[tokio::test]
async fn only_clients_that_show_views_hear_of_them() {
    for era in [Era::Sessions, Era::Stateless] {
        let (_sandbox, tailnet) = sandbox().await;
        let seen = with_views(&tailnet, setup(), era).await;
        let others = [None, Some(json!({ "mimeTypes": ["text/html"] }))];
        for settings in others {
            let person = FakeUser::who(Says::CannotAsk);
            let person = match settings {
                Some(settings) => person.with_views(settings),
                None => person,
            };
            let plain = person.at(&tailnet, setup(), era).await;

            let (with, plain_tools) = (tools(&seen).await, tools(&plain).await);
            let plain_text = serde_json::to_string(&plain_tools).unwrap();
            assert!(!plain_text.contains("\"ui") && !plain_text.contains("ui://"), "{plain_text}");
            let stripped: Vec<Value> = with.iter().map(without).collect();
            assert_eq!(json!(stripped), serde_json::to_value(&plain_tools).unwrap());

            let (with, plain_list) = (
                seen.client.list_all_resources().await.unwrap(),
                plain.client.list_all_resources().await.unwrap(),
            );
            let (tailnets, views): (Vec<_>, Vec<_>) =
                with.into_iter().partition(|it| it.uri.starts_with("tailnet://"));
            assert_eq!(tailnets, plain_list);
            let views: Vec<&str> = views.iter().map(|it| it.uri.as_str()).collect();
            // Alerts and reports are in toolsets of their own.
            assert_eq!(views, ["plan", "reach", "devices"].map(uri));

            // Text stands alone: what a tool answers does not depend on it.
            for (name, arguments) in [
                ("list_devices", json!({ "sort": "name", "limit": 3 })),
                ("test_acl_policy", json!({ "from": "tag:web", "to": "tag:db", "port": "22" })),
                ("tag_devices", json!({ "nonsense": 1 })),
            ] {
                let mut answers = Vec::new();
                for session in [&seen, &plain] {
                    let request = CallToolRequestParams::new(name)
                        .with_arguments(arguments.as_object().unwrap().clone());
                    let answer = session.client.call_tool(request).await.unwrap();
                    answers.push(serde_json::to_string(&answer).unwrap());
                }
                assert_eq!(answers[0], answers[1]);
            }
        }
        let announced = seen.client.peer_info().unwrap().capabilities.extensions.clone().unwrap();
        assert_eq!(announced["io.modelcontextprotocol/ui"]["mimeTypes"], json!([MIME]));
    }
}

#[tokio::test]
async fn tools_name_their_view_and_no_view_may_call_one_that_changes() {
    let (_sandbox, tailnet) = sandbox().await;
    let session = with_views(&tailnet, everything(), Era::Sessions).await;
    let mut edits = 0;
    for tool in tools(&session).await {
        let reads = tool.annotations.as_ref().and_then(|it| it.read_only_hint) == Some(true);
        let meta = meta(&tool);
        assert_eq!(meta["ui"]["resourceUri"], meta["ui/resourceUri"], "{}", tool.name);
        if reads {
            let view = match &*tool.name {
                "list_devices" => json!(uri("devices")),
                "test_acl_policy" => json!(uri("reach")),
                "get_active_alerts" => json!(uri("alerts")),
                "generate_network_report" => json!(uri("report")),
                _ => Value::Null,
            };
            assert_eq!(meta["ui"]["resourceUri"], view, "{}", tool.name);
            assert!(meta["ui"]["visibility"].is_null(), "{}", tool.name);
        } else {
            edits += 1;
            assert_eq!(meta["ui"]["visibility"], json!(["model"]), "{}", tool.name);
            let shown = &meta["ui"]["resourceUri"];
            // What may also read has results that are no plans.
            assert!(*shown == json!(uri("plan")) || shown.is_null(), "{}: {meta}", tool.name);
        }
    }
    assert!(edits > 60, "{edits}");
    let revoke = tools(&session).await.into_iter().find(|it| it.name == "revoke_device").unwrap();
    assert_eq!(meta(&revoke)["anthropic/requiresUserInteraction"], true, "it is kept");
}

#[tokio::test]
async fn each_view_is_a_small_page_that_reaches_nothing() {
    for era in [Era::Sessions, Era::Stateless] {
        let (_sandbox, tailnet) = sandbox().await;
        let session = with_views(&tailnet, everything(), era).await;
        for view in VIEWS.map(uri) {
            let read = read(&session, &view).await.unwrap();
            let ResourceContents::TextResourceContents { uri, mime_type, text, meta } =
                &read.contents[0]
            else {
                panic!("{read:?}")
            };
            assert_eq!((uri, mime_type.as_deref()), (&view, Some(MIME)));
            let meta = serde_json::to_value(meta).unwrap();
            assert_eq!(
                meta,
                json!({ "ui": { "prefersBorder": true } }),
                "no domain, no permission"
            );
            println!("{view}: {} bytes", text.len());
            assert!(text.len() <= MAX_VIEW_BYTES, "{view}: {} bytes", text.len());
            assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>\n"));
            assert!(text.contains("default-src 'none'"), "{view}");
            // A plan confirms nothing, and each call for a report would make another one.
            let only_shows = ["plan", "report"].map(self::uri).contains(&view);
            assert_eq!(text.contains("tools/call"), !only_shows, "{view}");
            for word in ["http:", "https:", "//cdn", "src=", "href=", "url(", "@import"] {
                assert!(!text.contains(word), "{view} has {word}");
            }
        }
        for unknown in ["ui://tailsteward/nothing", "ui://tailsteward/plan/", "ui://other/plan"] {
            let error = read(&session, unknown).await.unwrap_err();
            let code = if era == Era::Sessions { "-32002" } else { "-32602" };
            assert!(error.contains(code) && error.contains(unknown), "{error}");
        }
    }
}

#[tokio::test]
async fn a_view_is_offered_with_its_tool_only() {
    let (_sandbox, tailnet) = sandbox().await;
    let mut selectors = Selectors::default();
    selectors.toolsets = vec!["devices".to_owned()];
    let mut setup = Setup::new(Risk::Read).unwrap();
    setup.offer = setup.offer.narrowed(ToolSelection::read(&selectors).unwrap());
    let session = with_views(&tailnet, setup, Era::Sessions).await;

    assert!(read(&session, &uri("devices")).await.is_ok());
    for other in ["plan", "reach", "alerts", "report"] {
        assert!(read(&session, &uri(other)).await.is_err(), "{other}");
    }
    // A host that fetches views by another connection still gets them.
    let plain = FakeUser::who(Says::Yes).at(&tailnet, self::setup(), Era::Sessions).await;
    assert!(read(&plain, &uri("plan")).await.is_ok());
}

/// Data of others becomes text, and nothing else.
#[test]
fn the_scripts_never_read_markup_from_data() {
    let mut scripts = 0;
    for entry in fs::read_dir(Path::new("src/mcp/views")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "js") {
            continue;
        }
        scripts += 1;
        let script = fs::read_to_string(&path).unwrap();
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "srcdoc",
            "eval(",
            "Function(",
            "DOMParser",
            "createContextualFragment",
            "setHTML",
            "fetch(",
            "XMLHttpRequest",
            "WebSocket",
            "localStorage",
            "</script",
            "plan_id",
        ] {
            assert!(!script.contains(word), "{}: {word}", path.display());
        }
    }
    assert_eq!(scripts, 7);
}

/// Lists are paid for, so what is added is measured.
#[tokio::test]
async fn views_add_little_to_the_list() {
    let (_sandbox, tailnet) = sandbox().await;
    for access in [Risk::Read, Risk::Danger] {
        let session = with_views(&tailnet, Setup::new(access).unwrap(), Era::Sessions).await;
        let with = tools(&session).await;
        let plain: Vec<Value> = with.iter().map(without).collect();
        let tokens = |text: &str| {
            tiktoken_rs::cl100k_base_singleton().encode_with_special_tokens(text).len()
        };
        let (with, plain) =
            (serde_json::to_string(&with).unwrap(), serde_json::to_string(&plain).unwrap());
        let added = tokens(&with) - tokens(&plain);
        println!("{access:?}: {added} tokens, {} bytes more", with.len() - plain.len());
        assert!(added > 0 && added <= MAX_TOKENS, "{added}");
    }
}

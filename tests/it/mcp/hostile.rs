//! Text that others wrote is data: no hidden character of it reaches a model, a person or a terminal.

use rmcp::model::{GetPromptRequestParams, ReadResourceRequestParams};
use serde_json::{Value, json};

use crate::support::{
    agent::Agent,
    changes::{own, setup},
    edits::everything,
    fake_user::{Era, FakeUser, Says},
    hostile,
};

/// Arguments of the tools that need some.
fn arguments(tool: &str, device: &str, user: &str, key: &str) -> Value {
    match tool {
        "get_device_details"
        | "get_device_status"
        | "get_device_attributes"
        | "list_device_invites"
        | "get_device_logs" => json!({ "device": device }),
        "get_user" => json!({ "user": user }),
        "get_key" => json!({ "key": key }),
        "test_acl_policy" => json!({ "from": device, "to": "tag:prod", "port": 22 }),
        "test_dns_resolution" => json!({ "name": "localhost" }),
        "services_get" => json!({ "service": "svc:orders-db" }),
        "find_api_operation" => json!({ "words": "devices" }),
        "call_api_operation" => json!({ "operation": "listTailnetDevices" }),
        _ => json!({}),
    }
}

// L1, §5: every field that others choose carries hidden characters and a forged line.
#[tokio::test]
async fn no_tool_resource_or_form_passes_hidden_characters_on() {
    let (_sandbox, tailnet) = hostile::sandbox().await;
    let device = own(&tailnet).await.remove(0).key().to_owned();
    let user = tailnet.users().list().await.unwrap()[0].clone();
    let user = user.login_name.clone().unwrap();
    let agent = Agent::with(tailnet.clone(), everything()).await;
    let keys = agent.call("list_keys", json!({})).await;
    let key = keys["keys"][0]["id"].as_str().unwrap_or_default().to_owned();
    let mut read = 0;
    for tool in agent.tools().await {
        let reads = tool.annotations.as_ref().and_then(|it| it.read_only_hint) == Some(true);
        let name: &'static str = tool.name.to_string().leak();
        if name.starts_with("api_") || !(reads || name == "call_api_operation") {
            continue;
        }
        let text = agent.text(name, arguments(name, &device, &user, &key)).await;
        read += usize::from(text.contains(hostile::FORGED));
        assert_eq!(hostile::hidden(&text), None, "{name}: {text}");
        assert!(!text.contains('\n'), "{name}: {text}");
    }
    assert!(read >= 8, "the text is shown by {read} tools only");
}

#[tokio::test]
async fn resources_prompts_and_refusals_pass_none_on() {
    let (_sandbox, tailnet) = hostile::sandbox().await;
    let device = own(&tailnet).await.remove(0);
    let session = FakeUser::who(Says::No).at(&tailnet, setup(), Era::Sessions).await;
    let device_uri = format!("tailnet://device/{}", device.key());
    for uri in ["tailnet://devices", "tailnet://policy", "tailnet://changes", &device_uri] {
        let read = session.client.read_resource(ReadResourceRequestParams::new(uri)).await.unwrap();
        let text = serde_json::to_value(&read.contents[0]).unwrap()["text"].clone();
        assert_eq!(hostile::hidden(text.as_str().unwrap()), None, "{uri}: {text}");
    }
    let odd = "no\u{202e}body\u{200b}";
    let refused = session.fails("get_device_details", json!({ "device": odd })).await;
    assert_eq!(hostile::hidden(refused["message"].as_str().unwrap()), None, "{refused}");
    let mut prompt = GetPromptRequestParams::new("why_no_connection");
    prompt.arguments = json!({ "from": odd, "to": "web-01" }).as_object().cloned();
    let prompt = session.client.get_prompt(prompt).await.unwrap();
    let text = serde_json::to_value(&prompt.messages).unwrap().to_string();
    assert_eq!(hostile::hidden(&text), None, "{text}");
}

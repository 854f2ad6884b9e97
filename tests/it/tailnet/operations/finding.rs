//! Operations are found by words, and shown with what they take.

use serde_json::json;
use tailsteward::{
    Operation, catalogue,
    catalogue::{Offer, Selectors, ToolSelection},
    mcp,
    tailnet::operations::{found, is_offered},
    tool::Risk,
};

use super::Caller;
use crate::support::tailnet::sandbox;

fn choice(toolsets: &[&str]) -> tailsteward::Result<ToolSelection> {
    let mut words = Selectors::default();
    words.toolsets = toolsets.iter().map(|it| (*it).to_owned()).collect();
    ToolSelection::read(&words)
}

#[test]
fn the_words_people_use_find_what_they_mean() {
    for (words, wanted) in [
        ("list webhooks", "listWebhooks"),
        ("rotate the secret of a webhook", "rotateWebhookSecret"),
        ("delete a user", "deleteUser"),
        ("suspend somebody", "suspendUser"),
        ("split dns", "getSplitDns"),
        ("log streaming status", "getLogStreamingStatus"),
        ("revoke key", "deleteKey"),
        ("create user invites", "createUserInvites"),
        ("rename device", "setDeviceName"),
        ("posture integrations", "getPostureIntegrations"),
        ("setDeviceTags", "setDeviceTags"),
        // first-use 26
        ("traffic per device", "listNetworkFlowLogs"),
        ("usage of each machine", "listNetworkFlowLogs"),
        ("bandwidth", "listNetworkFlowLogs"),
        ("change history", "listConfigurationAuditLogs"),
        ("enable funnel", "setPolicyFile"),
    ] {
        let nearest: Vec<&str> = found(words).map(Operation::id).take(3).collect();
        assert!(nearest.contains(&wanted), "{words}: {nearest:?}");
    }
    assert_eq!(found("quantum flux").count(), 0);
    assert_eq!(found("").count(), Operation::ALL.iter().filter(|it| is_offered(**it)).count());
}

#[tokio::test]
async fn one_is_shown_with_its_schema_and_its_scopes() {
    let (_sandbox, tailnet) = sandbox().await;
    let caller = Caller::of(&tailnet).await;

    let some = caller.agent.call("find_api_operation", json!({ "words": "webhook" })).await;
    let one =
        caller.agent.call("find_api_operation", json!({ "operation": "createWebhook" })).await;
    let none = caller.agent.call("find_api_operation", json!({ "words": "quantum flux" })).await;
    let funnel = caller.agent.call("find_api_operation", json!({ "words": "funnel" })).await;
    let odd = caller.agent.fail("find_api_operation", json!({ "operation": "createHook" })).await;

    assert_eq!(some["matching"], 7);
    assert_eq!(some["operations"].as_array().unwrap().len(), 7);
    let body = &one["parameters"]["properties"]["body"];
    assert_eq!(body["required"], json!(["endpointUrl", "subscriptions"]), "{one}");
    assert_eq!((&one["risk"], &one["scopes"]), (&json!("danger"), &json!(["webhooks"])));
    // first-use 26: to find nothing is an answer.
    assert_eq!((&none["matching"], &none["operations"]), (&json!(0), &json!([])));
    assert!(none["hint"].as_str().unwrap().contains("other words"), "{none}");
    assert!(funnel["hint"].as_str().unwrap().contains("nodeAttrs"), "{funnel}");
    assert!(some.get("hint").is_none(), "{some}");
    assert!(odd["message"].as_str().unwrap().contains("createWebhook"), "{odd}");
}

#[test]
fn there_is_a_tool_for_each_and_it_is_offered_to_whoever_names_its_toolset() {
    let offered = |name: &str| Offer::new(Risk::Danger, choice(&[name]).unwrap(), Vec::new());
    let names = |offer: &Offer| offer.tools().map(|it| it.name).collect::<Vec<_>>();

    let webhooks = names(&offered("api:webhooks"));
    assert_eq!(webhooks.len(), 7);
    assert!(webhooks.contains(&"api_rotate_webhook_secret"), "{webhooks:?}");
    let offered_at_all = Operation::ALL.iter().filter(|it| is_offered(**it)).count();
    assert_eq!(names(&offered("api")).len(), offered_at_all);
    assert!(!names(&offered("all")).iter().any(|it| it.starts_with("api_")));
    assert!(choice(&["api:hooks"]).is_err());
}

#[test]
fn every_tool_that_nobody_wrote_says_what_it_does_and_takes() {
    let mut names = std::collections::BTreeSet::new();
    for tool in catalogue::every() {
        assert!(names.insert(tool.name), "two tools are called `{}`", tool.name);
        let text = tool.description();
        assert!(text.ends_with('.') && text.len() <= 200, "`{}`: {text}", tool.name);
        let described = mcp::describe(tool, Risk::Danger);
        assert_eq!(described.input_schema["type"], "object", "{}", tool.name);
    }
}

#[tokio::test]
async fn its_own_tool_does_the_same() {
    let (_sandbox, tailnet) = sandbox().await;
    let mut setup = mcp::Setup::new(Risk::Danger).unwrap();
    let both = choice(&["api:webhooks", "api:users"]).unwrap();
    setup.offer = Offer::new(Risk::Danger, both, Vec::new());
    setup.yes = true;
    let agent = crate::support::agent::Agent::with(tailnet.clone(), setup).await;

    let body =
        json!({ "endpointUrl": "https://hooks.example/1", "subscriptions": ["nodeCreated"] });
    let made = agent.call("api_create_webhook", json!({ "body": body })).await;
    let page = agent.call("api_list_users", json!({ "limit": 2 })).await;
    let next = agent.call("api_list_users", json!({ "limit": 2, "cursor": page["next"] })).await;
    let wrong = agent.fail("api_list_users", json!({ "limit": "two" })).await;

    assert_eq!(made["applied"], true);
    assert_eq!(page["shown"], 2);
    assert_ne!(page["users"][0], next["users"][0]);
    assert!(wrong["message"].as_str().unwrap().contains("limit"), "{wrong}");
}

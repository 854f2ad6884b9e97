//! Calls go the way of every change: checked, shown, recorded, taken back.

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    catalogue::{Offer, Selectors, ToolSelection},
    mcp::Setup,
    tool::Risk,
};

use super::{Caller, text};
use crate::support::{
    Reply, Server,
    agent::Agent,
    fake_user::{Era, FakeUser, Says},
    proxy::{Fault, faulty},
    tailnet::{sandbox, settings},
};

const HOOK: &str = "https://hooks.example/1";

fn hook() -> Value {
    json!({ "body": { "endpointUrl": HOOK, "subscriptions": ["nodeCreated"] } })
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_its_field_before_anything_goes_out() {
    let mut nowhere = settings("http://127.0.0.1:1");
    nowhere.cache_for = std::time::Duration::ZERO;
    let caller = Caller::of(&Tailnet::new(nowhere)).await;
    for (operation, parameters, field) in [
        ("createWebhook", json!({}), "body"),
        ("createWebhook", json!({ "body": { "endpointUrl": HOOK } }), "subscriptions"),
        (
            "createWebhook",
            json!({ "body": { "endpointUrl": 7, "subscriptions": [] } }),
            "endpointUrl",
        ),
        ("getWebhook", json!({}), "endpointId"),
        ("getWebhook", json!({ "endpointId": "x", "colour": "red" }), "colour"),
        ("setDeviceTags", json!({ "deviceId": "n1", "body": { "tags": "tag:a" } }), "tags"),
        (
            "updateTailnetSettings",
            json!({ "body": { "devicesKeyDurationDays": 500 } }),
            "DurationDays",
        ),
        ("getWebhook", json!([]), "parameters"),
        ("getWebhook", json!({ "endpointId": ".." }), "id"),
    ] {
        let failure = caller.fail(operation, parameters.clone()).await;
        assert_eq!(failure["kind"], "invalid_input", "{operation} {parameters}: {failure}");
        assert!(text(&failure["message"]).contains(field), "{operation} {parameters}: {failure}");
        assert!(
            failure["remedy"].is_string() || ["id", "parameters"].contains(&field),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_not_repeated_where_it_could_be_a_secret() {
    let (_sandbox, tailnet) = sandbox().await;
    let caller = Caller::of(&tailnet).await;
    let body = json!({ "provider": "falcon", "clientSecret": ["tskey-very-s3cret"] });

    let failure = caller.fail("createPostureIntegration", json!({ "body": body })).await;

    assert!(!failure.to_string().contains("s3cret"), "{failure}");
}

#[tokio::test]
async fn with_read_access_it_reads_and_changes_nothing() {
    let (_sandbox, tailnet) = sandbox().await;
    let mut setup = Setup::new(Risk::Read).unwrap();
    setup.offer = Offer::up_to(Risk::Read);
    let agent = Agent::with(tailnet.clone(), setup).await;
    let arguments = |operation: &str, parameters: Value| json!({ "operation": operation, "parameters": parameters });

    let tool = agent.tools().await.into_iter().find(|it| it.name == "call_api_operation").unwrap();
    let read = agent.call("call_api_operation", arguments("listWebhooks", json!({}))).await;
    let mut paged = arguments("getTailnetSettings", json!({}));
    paged["limit"] = json!(2);
    let paged = agent.fail("call_api_operation", paged).await;
    assert!(paged["message"].as_str().unwrap().contains("are only for lists"), "{paged}");
    let refused = agent.fail("call_api_operation", arguments("createWebhook", hook())).await;

    assert_eq!(tool.annotations.unwrap().read_only_hint, Some(true));
    assert_eq!(read["total"], 0, "{read}");
    assert_eq!(refused["kind"], "refused");
    assert!(text(&refused["remedy"]).contains("--access"), "{refused}");
    let after = agent.call("call_api_operation", arguments("listWebhooks", json!({}))).await;
    assert_eq!(after["total"], 0);
}

#[tokio::test]
async fn what_can_be_read_at_its_path_is_shown_before_and_after_and_comes_back() {
    let (_sandbox, tailnet) = sandbox().await;
    let caller = Caller::of(&tailnet).await;
    for (operation, reader, body) in [
        ("setDnsSearchPaths", "listDnsSearchPaths", json!({ "searchPaths": ["a.example"] })),
        ("updateSplitDns", "getSplitDns", json!({ "b.example": ["192.0.2.1"] })),
        ("setSplitDns", "getSplitDns", json!({ "only.example": ["192.0.2.2"] })),
        ("updateTailnetSettings", "getTailnetSettings", json!({ "devicesKeyDurationDays": 42 })),
    ] {
        let before = caller.call(reader, json!({})).await;

        let preview =
            json!({ "operation": operation, "parameters": { "body": body }, "dry_run": true });
        let preview = caller.agent.call("call_api_operation", preview).await;
        assert_eq!(preview["applied"], false);
        assert_eq!(caller.call(reader, json!({})).await, before, "{operation}");
        let done = caller.call(operation, json!({ "body": body })).await;
        assert_eq!(done["applied"], true, "{done}");
        assert_ne!(caller.call(reader, json!({})).await, before, "{operation}");
        let again = caller.call(operation, json!({ "body": body })).await;
        assert_eq!(again["unchanged"], true, "{again}");
        let undone = caller.agent.call("undo_change", json!({ "change": done["change"] })).await;

        assert_eq!(undone["applied"], true, "{undone}");
        assert_eq!(caller.call(reader, json!({})).await, before, "{operation}");
    }
}

#[tokio::test]
async fn what_leaves_nothing_to_read_cannot_be_undone_and_is_confirmed() {
    let (_sandbox, tailnet) = sandbox().await;
    let setup = Setup::new(Risk::Danger).unwrap();
    let session = FakeUser::who(Says::No).at(&tailnet, setup, Era::Sessions).await;
    let arguments = json!({ "operation": "createWebhook", "parameters": hook() });

    let refused = session.fails("call_api_operation", arguments).await;

    assert_eq!(refused["kind"], "refused");
    assert!(text(&refused["message"]).contains("declined"), "{refused}");
    let caller = Caller::of(&tailnet).await;
    assert_eq!(caller.call("listWebhooks", json!({})).await["total"], 0);
}

#[tokio::test]
async fn secrets_are_shown_once_and_stand_nowhere_else() {
    let (_sandbox, tailnet) = sandbox().await;
    let caller = Caller::of(&tailnet).await;

    let made = caller.call("createWebhook", hook()).await;
    let entry = caller.agent.call("get_change", json!({ "change": made["change"] })).await;
    let secret = text(&made["shown_once"]["secret"]);
    let body = json!({ "provider": "falcon", "clientId": "me", "clientSecret": "s3cret-to-them" });
    let sent = caller.call("createPostureIntegration", json!({ "body": body })).await;
    let recorded = caller.agent.call("get_change", json!({ "change": sent["change"] })).await;

    assert!(secret.len() > 10);
    assert_eq!(made.to_string().matches(secret).count(), 1);
    assert!(!entry.to_string().contains(secret), "{entry}");
    assert!(!sent.to_string().contains("s3cret") && !recorded.to_string().contains("s3cret"));
    assert_eq!(recorded["steps"][0]["to"]["clientSecret"], "•••");
}

#[tokio::test]
async fn a_refusal_changes_nothing_and_a_lost_answer_is_looked_up_where_it_can_be() {
    for (fault, kind) in [(Fault::Refused, "rejected"), (Fault::AnswerLost, "")] {
        let (sandbox, _) = sandbox().await;
        let proxy = faulty(&sandbox.base_url(), 0, fault.clone()).await;
        let caller = Caller::of(&Tailnet::new(settings(&proxy))).await;
        let body = json!({ "body": { "searchPaths": ["lost.example"] } });
        if kind.is_empty() {
            let done = caller.call("setDnsSearchPaths", body).await;
            assert_eq!(done["applied"], true, "{done}");
        } else {
            let failure = caller.fail("setDnsSearchPaths", body).await;
            assert_eq!(failure["kind"], kind, "{failure}");
        }
        let now = caller.call("listDnsSearchPaths", json!({})).await;
        assert_eq!(now.to_string().contains("lost.example"), fault == Fault::AnswerLost);
    }
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_not_said_to_have_failed() {
    let (sandbox, _) = sandbox().await;
    let proxy = faulty(&sandbox.base_url(), 0, Fault::AnswerLost).await;
    let caller = Caller::of(&Tailnet::new(settings(&proxy))).await;

    let failure = caller.fail("createWebhook", hook()).await;

    assert_eq!(failure["may_have_had_effect"], true, "{failure}");
    assert!(text(&failure["message"]).contains("cannot be read back"), "{failure}");
}

#[tokio::test]
async fn a_failing_read_says_what_to_do() {
    let (sandbox, _) = sandbox().await;
    let mut wrong = settings(&sandbox.base_url());
    wrong.credential = tailsteward::Credential::ApiKey("tskey-api-wrong".into());
    let caller = Caller::of(&Tailnet::new(wrong)).await;

    let failure = caller.fail("listWebhooks", json!({})).await;

    assert_eq!(failure["kind"], "unauthorized");
    assert!(!text(&failure["remedy"]).is_empty());
}

#[tokio::test]
async fn a_page_of_a_proxy_is_not_taken_for_an_empty_list() {
    let page = Reply::new(200).text("<html>Please sign in to the network</html>");
    let server = Server::start(move |_| page.clone()).await;
    let caller = Caller::of(&server.tailnet()).await;

    let told = caller.fail("listWebhooks", json!({})).await;
    let listed = server.tailnet().webhooks().list().await.unwrap_err();

    assert_eq!(told["kind"], "not_json", "{told}");
    assert_eq!(listed.kind().as_str(), "not_json", "{listed}");
}

#[tokio::test]
async fn what_holds_for_the_whole_tailnet_needs_danger_access() {
    let (sandbox, tailnet) = sandbox().await;
    let agent = Agent::of(&tailnet, Risk::Change).await;
    for (operation, body) in [
        ("setDnsPreferences", json!({ "magicDNS": false })),
        ("setDnsNameservers", json!({ "dns": [] })),
        ("setSplitDns", json!({})),
    ] {
        let arguments = json!({ "operation": operation, "parameters": { "body": body } });
        let refused = agent.fail("call_api_operation", arguments).await;
        assert_eq!(refused["kind"], "refused", "{operation}: {refused}");
        assert!(text(&refused["remedy"]).contains("--access danger"), "{refused}");
    }
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"));

    let caller = Caller::of(&tailnet).await;
    let without = json!({ "body": { "dns": [] } });
    let done = caller.call("setDnsNameservers", without).await;
    assert!(done["warnings"].to_string().contains("MagicDNS is also turned off"), "{done}");
}

#[tokio::test]
async fn what_a_tool_does_that_is_left_out_is_not_done_another_way() {
    let (_sandbox, tailnet) = sandbox().await;
    let mut words = Selectors::default();
    words.toolsets = vec!["all".to_owned()];
    words.exclude = vec!["disable_magic_dns".to_owned()];
    let mut setup = Setup::new(Risk::Danger).unwrap();
    setup.offer = Offer::new(Risk::Danger, ToolSelection::read(&words).unwrap(), Vec::new());
    setup.yes = true;
    let agent = Agent::with(tailnet.clone(), setup).await;
    let body = json!({ "body": { "magicDNS": false } });

    let refused = agent
        .fail("call_api_operation", json!({ "operation": "setDnsPreferences", "parameters": body }))
        .await;
    agent.call("set_search_paths", json!({ "search_paths": ["a.example"] })).await;

    assert!(text(&refused["message"]).contains("excluded tool `disable_magic_dns`"), "{refused}");
}

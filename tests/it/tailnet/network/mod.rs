//! Network status, for one tailnet and for several.

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    mcp::Setup,
    sandbox::{Fault, FaultKind, Sandbox},
    tailnet::Tailnets,
    tool::Risk,
};

use crate::support::{
    agent::Agent,
    tailnet::{sandbox_of, settings},
};

#[tokio::test]
async fn the_numbers_are_those_of_the_devices() {
    let (_sandbox, tailnet) = sandbox_of(100).await;
    let agent = Agent::of(&tailnet, Risk::Read).await;

    let status = agent.call("get_network_status", json!({})).await;
    let own = agent.call("list_devices", json!({ "external": false })).await;
    let online = agent.call("list_devices", json!({ "external": false, "online": true })).await;
    let waiting =
        agent.call("list_devices", json!({ "authorized": false, "external": false })).await;

    assert_eq!(status["devices"]["total"], own["matching"], "{status}");
    assert_eq!(status["devices"]["online"], online["matching"]);
    assert_eq!(status["devices"]["waiting"], waiting["matching"]);
    let by_os = status["devices"]["by_os"].as_array().unwrap();
    let sum: u64 = by_os.iter().map(|it| it[1].as_u64().unwrap()).sum();
    assert_eq!(sum, status["devices"]["total"].as_u64().unwrap());
    assert!(status["users"].is_object() && status["magic_dns"].is_boolean(), "{status}");
    let told = status["attention"].to_string();
    assert_eq!(told.contains("approval"), waiting["matching"] != 0, "{told}");
}

#[tokio::test]
async fn what_may_not_be_read_or_fails_is_a_note_and_no_number() {
    let (sandbox, _) = sandbox_of(20).await;
    sandbox.fail(Fault::new(FaultKind::Status { status: 403 }).on("listUsers"));
    sandbox.fail(Fault::new(FaultKind::Status { status: 400 }).on("getDnsPreferences"));
    let tailnet = Tailnet::new(settings(&sandbox.base_url()));
    let agent = Agent::of(&tailnet, Risk::Read).await;

    let status = agent.call("get_network_status", json!({})).await;

    let notes = status["notes"].to_string();
    assert!(notes.contains("may not read people") && notes.contains("DNS could not"), "{notes}");
    assert!(status["users"].is_null() && status["magic_dns"].is_null(), "{status}");
}

async fn two() -> (Sandbox, Sandbox, Agent) {
    let (here, first) = sandbox_of(30).await;
    let (there, second) = sandbox_of(20).await;
    let both = vec![("acme".to_owned(), first), ("globex".to_owned(), second)];
    let mut setup = Setup::new(Risk::Danger).unwrap();
    setup.yes = true;
    let agent = Agent::with(Tailnets::new(both).unwrap(), setup).await;
    (here, there, agent)
}

#[tokio::test]
async fn with_one_tailnet_no_tool_asks_which() {
    let (_sandbox, tailnet) = sandbox_of(5).await;
    for tool in Agent::of(&tailnet, Risk::Danger).await.tools().await {
        assert!(tool.input_schema["properties"].get("tailnet").is_none(), "{}", tool.name);
    }
}

#[tokio::test]
async fn with_several_each_tool_says_which_there_are() {
    let (_here, _there, agent) = two().await;
    for tool in agent.tools().await {
        let reads = tool.annotations.unwrap().read_only_hint == Some(true);
        let names = &tool.input_schema["properties"]["tailnet"]["enum"];
        let wanted =
            if reads { json!(["acme", "globex", "all"]) } else { json!(["acme", "globex"]) };
        assert_eq!(*names, wanted, "{}", tool.name);
    }
}

#[tokio::test]
async fn a_call_goes_to_the_one_that_is_named() {
    let (_here, _there, agent) = two().await;
    let total =
        async |arguments: Value| agent.call("list_devices", arguments).await["total"].clone();

    assert_eq!(total(json!({})).await, 29);
    assert_eq!(total(json!({ "tailnet": "acme" })).await, 29);
    assert_eq!(total(json!({ "tailnet": "globex" })).await, 19);
    let failure = agent.fail("list_devices", json!({ "tailnet": "initech" })).await;
    assert_eq!(failure["kind"], "invalid_input");
    assert!(failure["message"].as_str().unwrap().contains("acme, globex"), "{failure}");
}

#[tokio::test]
async fn a_change_is_made_and_rolled_back_where_it_belongs() {
    let (here, there, agent) = two().await;
    let device =
        agent.call("list_devices", json!({ "tailnet": "globex", "external": false })).await;
    let name = device["devices"][0]["name"].clone();
    let arguments = json!({ "tailnet": "globex", "device": name, "name": "renamed" });

    let done = agent.call("update_device", arguments).await;

    assert_eq!(done["applied"], true);
    let writes = |sandbox: &Sandbox| sandbox.requests().iter().filter(|it| it.0 != "GET").count();
    assert_eq!((writes(&here), writes(&there)), (0, 1));
    assert_eq!(done["tailnet"], "globex");
    let mut change = json!({ "change": done["change"], "tailnet": "acme" });
    let elsewhere = agent.fail("undo_change", change.clone()).await;
    assert_eq!(elsewhere["kind"], "not_found");
    change["tailnet"] = json!("globex");
    assert_eq!(agent.call("undo_change", change).await["applied"], true);
}

// first-use 2: a change without `tailnet` went to the first.
#[tokio::test]
async fn a_change_that_names_no_tailnet_is_refused_with_the_list() {
    let (here, there, agent) = two().await;

    for arguments in [json!({ "device": "web-01", "name": "x" }), {
        json!({ "device": "web-01", "name": "x", "dry_run": true, "tailnet": null })
    }] {
        let refused = agent.fail("update_device", arguments).await;
        assert_eq!(refused["kind"], "invalid_input");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("`tailnet`") && message.contains("acme, globex"), "{message}");
    }

    assert!(here.requests().is_empty() && there.requests().is_empty());
}

#[tokio::test]
async fn all_are_asked_at_once_and_one_that_is_down_does_not_keep_the_others() {
    let (_here, there, agent) = two().await;

    let both = agent
        .call("list_devices", json!({ "tailnet": "all", "limit": 1, "external": false }))
        .await;
    // Lists are kept for a while; a change makes them stale.
    let name = both[1]["answer"]["devices"][0]["name"].clone();
    let rename = json!({ "tailnet": "globex", "device": name, "name": "stale" });
    agent.call("update_device", rename).await;
    there.fail(Fault::new(FaultKind::Unauthorized));
    let one = agent.call("get_network_status", json!({ "tailnet": "all" })).await;
    let change = agent.fail("update_device", json!({ "tailnet": "all", "device": "x" })).await;
    let wrong = agent.fail("list_devices", json!({ "tailnet": "all", "limit": 0 })).await;

    assert_eq!(both[0]["tailnet"], "acme");
    assert_eq!(
        (&both[0]["answer"]["total"], &both[1]["answer"]["total"]),
        (&json!(29), &json!(19))
    );
    assert_eq!(one[0]["answer"]["devices"]["total"].as_u64().map(|it| it > 0), Some(true), "{one}");
    assert_eq!(one[1]["tailnet"], "globex");
    assert_eq!(one[1]["failed"]["kind"], "unauthorized", "{one}");
    assert_eq!(change["kind"], "invalid_input");
    assert!(wrong["message"].as_str().unwrap().contains("limit"), "{wrong}");
}

#[tokio::test]
async fn where_no_tailnet_answers_each_says_why() {
    let (here, there, agent) = two().await;
    here.fail(Fault::new(FaultKind::Unauthorized));
    there.fail(Fault::new(FaultKind::Status { status: 403 }));

    let failure = agent.fail("list_devices", json!({ "tailnet": "all" })).await;

    let told = failure["message"].as_str().unwrap();
    assert!(told.contains("acme: ") && told.contains("globex: "), "{failure}");
    assert!(told.contains("401") && told.contains("403"), "{failure}");
}

#[tokio::test]
async fn several_need_names_of_their_own() {
    let tailnet = || Tailnet::new(settings("http://127.0.0.1:1"));
    let of = |names: &[&str]| {
        Tailnets::new(names.iter().map(|it| ((*it).to_owned(), tailnet())).collect())
    };
    assert!(of(&[]).is_err() && of(&["a", "a"]).is_err());
    // `tailnet://device/policy` would be two things.
    for reserved in ["all", "device", "change"] {
        let error = of(&["a", reserved]).unwrap_err();
        assert!(error.to_string().contains("is reserved"), "{error}");
    }
    assert!(!of(&["a"]).unwrap().are_several());
    assert_eq!(of(&["b", "a"]).unwrap().names().collect::<Vec<_>>(), ["b", "a"]);
}

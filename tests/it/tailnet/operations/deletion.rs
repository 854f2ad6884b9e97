//! No door leads to the deletion of a tailnet.

use std::sync::Arc;

use serde_json::{Value, json};
use tailsteward::{
    ErrorKind, Operation, catalogue,
    change::{
        Change, Journal, Outcome,
        journal::{Intent, Step},
        store::Store,
    },
    tailnet::operations,
    tool::Risk,
};

use crate::{
    support::{agent::Agent, changes::recorded, tailnet::sandbox},
    tailnet::resource::agent,
};

/// Whether a request to delete a tailnet was made.
fn deletes(requests: &[(String, String, u16)]) -> bool {
    requests.iter().any(|it| it.0 == "DELETE")
}

#[tokio::test]
async fn no_call_by_name_deletes_a_tailnet() {
    let (sandbox, tailnet) = sandbox().await;
    let agent = Agent::of(&tailnet, Risk::Danger).await;
    for more in [json!({}), json!({ "dry_run": true }), json!({ "parameters": { "tailnet": "-" } })]
    {
        let mut call = json!({ "operation": "deleteTailnet" });
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let refused = agent.fail("call_api_operation", call).await;
        assert_eq!(refused["kind"], "refused", "{refused}");
        assert!(refused["message"].as_str().unwrap().contains("permanently"), "{refused}");
        assert!(refused["remedy"].as_str().unwrap().contains("admin console"), "{refused}");
    }
    // However it is written, the answer says why not, and where.
    for name in ["deleteTailnet", "deletetailnet"] {
        let shown = agent.fail("find_api_operation", json!({ "operation": name })).await;
        assert_eq!(shown["kind"], "refused", "{shown}");
    }
    for words in ["delete tailnet", "deleteTailnet", "remove the tailnet of the organization"] {
        let found = agent.call("find_api_operation", json!({ "words": words })).await;
        let hint = found["hint"].as_str().unwrap();
        assert!(hint.contains("permanent") && hint.contains("admin console"), "{found}");
    }
    let other = agent.call("find_api_operation", json!({ "words": "delete tailnet key" })).await;
    assert!(other.get("hint").is_none(), "{other}");
    for words in ["delete tailnet", "deleteTailnet", "remove the tailnet of the organization", ""] {
        assert!(operations::found(words).all(|it| it != Operation::DeleteTailnet), "{words}");
    }
    assert!(!deletes(&sandbox.requests()));
}

#[tokio::test]
async fn no_tool_deletes_a_tailnet() {
    for tool in catalogue::every() {
        assert!(!tool.operations.contains(&Operation::DeleteTailnet), "{}", tool.name);
    }
    assert!(catalogue::named("api_delete_tailnet").is_err());
    let set = catalogue::toolsets().find(|it| it.name == "api:organizations").unwrap();
    let names: Vec<&str> = set.tools.iter().map(|it| it.name).collect();
    assert_eq!(names, ["api_list_organization_tailnets", "api_create_organization_tailnet"]);
}

#[tokio::test]
async fn no_plan_of_the_library_deletes_a_tailnet() {
    let (sandbox, tailnet) = sandbox().await;
    let plan = tailnet.operations().plan(Operation::DeleteTailnet, &json!({})).await;
    assert_eq!(plan.unwrap_err().kind(), ErrorKind::Refused);
    assert!(operations::named("deleteTailnet").is_err());
    assert!(!operations::is_offered(Operation::DeleteTailnet));
    assert!(!deletes(&sandbox.requests()));
}

#[tokio::test]
async fn no_undo_deletes_a_tailnet() {
    let (sandbox, tailnet) = sandbox().await;
    let call = json!({
        "operation": "createOrganizationTailnet",
        "parameters": { "organization": "-", "body": { "displayName": "Called" } },
    });
    let agent = agent(&tailnet).await;
    for (tool, arguments) in [
        ("create_organization_tailnet", json!({ "display_name": "Made" })),
        ("call_api_operation", call),
    ] {
        let done = agent.call(tool, arguments).await;
        assert!(done["shown_once"]["oauthClient.secret"].is_string(), "{done}");
        let undo = json!({ "change": done["change"] });
        let refused = agent.fail("undo_change", undo.clone()).await;
        assert_eq!(refused["kind"], "refused", "{refused}");
        let entry = agent.call("get_change", undo).await;
        assert!(!entry.to_string().contains("tskey"), "{entry}");
    }
    assert!(!deletes(&sandbox.requests()));
}

/// An entry that another program wrote, or another version of this one.
#[tokio::test]
async fn no_entry_of_the_journal_deletes_a_tailnet() {
    let (sandbox, tailnet) = sandbox().await;
    let (tailnet, store) = recorded(&tailnet);
    let plan = tailnet.tailnet_settings().plan_auto_updates(false).await.unwrap();
    tailnet.apply(&plan).await.unwrap();
    let place = store.entry(1).await.unwrap().unwrap().tailnet;
    let writes = || sandbox.requests().into_iter().filter(|it| it.0 != "GET").count();
    let before = writes();
    for (kind, field) in [("call", "deleteTailnet"), ("tailnet", "configuration")] {
        for (from, to) in [(json!({ "a": 1 }), Value::Null), (Value::Null, json!({ "a": 1 }))] {
            let change = json!({ "field": field, "from": from, "to": to });
            let change: Change = serde_json::from_value(change).unwrap();
            let entry = written(&store, &place, kind, change).await;
            let outcome = match tailnet.changes().plan_undo(entry).await {
                Ok(plan) => tailnet.apply(&plan).await.map(drop),
                Err(error) => Err(error),
            };
            let why = outcome.unwrap_err();
            assert_eq!(why.kind(), ErrorKind::Refused, "{kind}: {why}");
        }
    }
    assert_eq!(writes(), before);
}

/// Records a change that was made.
async fn written(store: &Arc<Store>, place: &str, kind: &str, change: Change) -> i64 {
    let mut intent = Intent::new("ann", "other", Risk::Danger);
    intent.tailnet = place;
    intent.planned = 1;
    let entry = store.begin(&intent).await.unwrap();
    let step = Step::new(kind, "/tailnet/{tailnet}", "-", change);
    let number = store.intend(entry, &step).await.unwrap();
    let done = Outcome::Done;
    store.settle(number, done, None, None, None).await.unwrap();
    store.end(entry, done).await.unwrap();
    entry
}

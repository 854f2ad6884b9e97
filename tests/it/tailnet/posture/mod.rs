//! Posture integrations.

use serde_json::{Value, json};
use tailsteward::tailnet::posture::{Access, PostureProvider};

use crate::{
    support::{Reply, Server},
    tailnet::resource::{Fixture, SECRET, agent, are_refused},
};

#[tokio::test]
async fn an_integration_keeps_its_secret_unless_another_is_given() {
    let fixture = Fixture::new().await;
    let update = |fields: Value| {
        let mut update = fields;
        update["integration"] = json!("falcon");
        update
    };
    let kept = fixture
        .agent
        .call("update_posture_integration", update(json!({ "client_id": "c2" })))
        .await;
    let changed = fixture
        .agent
        .call("update_posture_integration", update(json!({ "client_secret": SECRET })))
        .await;
    let shown =
        fixture.agent.call("get_posture_integration", json!({ "integration": "FALCON" })).await;

    assert!(kept.get("cannot_be_undone").is_none(), "{kept}");
    assert_eq!(changed["cannot_be_undone"], true, "{changed}");
    assert!(changed["warnings"].to_string().contains("old secret is lost"), "{changed}");
    assert_eq!((&shown["clientId"], &shown["cloudId"]), (&json!("c2"), &json!("us-1")));
    assert!(shown["status"]["matchedCount"].is_u64(), "{shown}");
}

#[tokio::test]
async fn what_was_not_there_is_gone_again_when_it_is_rolled_back() {
    let fixture = Fixture::new().await;
    let get = async || {
        fixture.agent.call("get_posture_integration", json!({ "integration": "falcon" })).await
    };
    let update = json!({ "integration": "falcon", "tenant_id": "t1" });
    let done = fixture.agent.call("update_posture_integration", update).await;
    assert_eq!(get().await["tenantId"], "t1");

    fixture.agent.call("undo_change", json!({ "change": done["change"] })).await;

    assert_eq!(get().await.get("tenantId"), None);
}

#[tokio::test]
async fn a_secret_is_in_no_plan_that_is_printed() {
    let fixture = Fixture::new().await;
    let access = {
        let mut it = Access::default();
        it.client_secret = Some(SECRET.parse().unwrap());
        it
    };
    let plan =
        fixture.tailnet.posture().plan_create(PostureProvider::Kolide, &access).await.unwrap();
    let printed = format!("{access:?} {plan:?} {:?}", plan.preview());
    assert!(!printed.contains(SECRET), "{printed}");
}

#[tokio::test]
async fn a_secret_that_the_api_repeats_is_neither_told_nor_recorded() {
    let server = Server::start(|seen| match seen.method.as_str() {
        "GET" => Reply::json(&json!({ "integrations": [] })),
        _ => {
            Reply::new(400).of(&json!({ "message": format!("`{SECRET}` is no secret of Kolide") }))
        }
    })
    .await;
    let agent = agent(&server.tailnet()).await;
    let new = json!({ "provider": "kolide", "client_secret": SECRET });

    let failure = agent.fail("create_posture_integration", new).await;
    let entry = agent.call("get_change", json!({ "change": 1 })).await;

    assert!(failure["message"].as_str().unwrap().contains("`•••` is no secret"), "{failure}");
    assert!(!format!("{failure}{entry}").contains(SECRET), "{failure} {entry}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let fixture = Fixture::new().await;
    let new =
        |provider: &str, secret: &str| json!({ "provider": provider, "client_secret": secret });
    let falcon = |fields: Value| {
        let mut update = fields;
        update["integration"] = json!("falcon");
        update
    };
    are_refused(
        &fixture,
        vec![
            (
                "create_posture_integration",
                new("falcon", "x"),
                "conflict",
                "integration with falcon",
            ),
            ("create_posture_integration", new("norton", "x"), "invalid_input", "provider"),
            ("create_posture_integration", new("kolide", " "), "invalid_input", "`client_secret`"),
            (
                "create_posture_integration",
                json!({ "provider": "kolide" }),
                "invalid_input",
                "client_secret",
            ),
            ("update_posture_integration", falcon(json!({})), "invalid_input", "nothing to change"),
            (
                "update_posture_integration",
                falcon(json!({ "cloud_id": "" })),
                "invalid_input",
                "`cloud_id`",
            ),
            (
                "update_posture_integration",
                json!({ "integration": "intune", "cloud_id": "x" }),
                "not_found",
                "intune",
            ),
            (
                "delete_posture_integration",
                json!({ "integration": "intune" }),
                "not_found",
                "intune",
            ),
        ],
    )
    .await;
}

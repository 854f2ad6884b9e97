//! The tailnets of an organization, and new ones.

use serde_json::{Value, json};
use tailsteward::{Credential, Tailnet, catalogue, mcp::Setup, tool::Risk};

use crate::{
    support::{
        Reply, Server,
        agent::Agent,
        edits::everything,
        fake_user::{Era, FakeUser, Says},
        tailnet::{sandbox, settings},
    },
    tailnet::resource::{Fixture, agent, are_refused},
};

fn staging() -> Value {
    json!({ "display_name": "Production staging" })
}

#[tokio::test]
async fn a_new_tailnet_is_listed_and_its_client_opens_it() {
    let fixture = Fixture::new().await;
    let before = fixture.agent.call("list_organization_tailnets", json!({})).await;
    let done = fixture.agent.call("create_organization_tailnet", staging()).await;
    let after = fixture.agent.call("list_organization_tailnets", json!({})).await;

    assert_eq!((&before["total"], &after["total"]), (&json!(2), &json!(3)));
    let listed = &after["tailnets"][2];
    assert_eq!(
        (&listed["id"], &listed["displayName"]),
        (&done["id"], &json!("Production staging"))
    );
    assert_eq!(done["cannot_be_undone"], true);
    let once = done["shown_once"].as_object().unwrap();
    let secret = once["oauthClient.secret"].as_str().unwrap();
    assert_eq!((once.len(), done.to_string().matches(secret).count()), (1, 1), "{done}");
    // The answer has what a profile needs, and the command that makes one.
    let client = done["answer"]["oauthClient"]["id"].as_str().unwrap();
    assert!(done["answer"]["dnsName"].is_string(), "{done}");
    // Also where the API is, if that is not Tailscale's.
    let url = fixture.tailnet.settings().base_url.clone();
    let command =
        format!("`tailsteward auth set production-staging --oauth CLIENT_ID --base-url {url}`");
    assert!(done["notes"].to_string().contains(&command), "{done}");
    let undo = json!({ "change": done["change"] });
    let refused = fixture.agent.fail("undo_change", undo).await;
    assert_eq!(refused["kind"], "refused", "{refused}");
    assert!(refused["remedy"].as_str().unwrap().contains("its own OAuth client"), "{refused}");

    let mut settings = settings(&fixture.sandbox.base_url());
    settings.credential = Credential::OAuth {
        client_id: client.to_owned(),
        client_secret: secret.into(),
        scopes: Vec::new(),
    };
    let devices = Tailnet::new(settings).devices().list().await.unwrap();
    assert!(devices.is_empty(), "{devices:?}");
}

#[tokio::test]
async fn the_question_says_what_is_created_and_that_it_stays() {
    let (_sandbox, tailnet) = sandbox().await;
    let session = FakeUser::who(Says::No).at(&tailnet, everything(), Era::Sessions).await;
    session.fails("create_organization_tailnet", staging()).await;
    let asked = session.asked().remove(0);
    for part in [
        "Create tailnet Production staging",
        "Warning: Tailsteward cannot delete the tailnet later",
        "scope `all`",
        "This cannot be undone.",
    ] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    assert_eq!(tailnet.organization().tailnets().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let fixture = Fixture::new().await;
    fixture.agent.call("create_organization_tailnet", staging()).await;
    let named = |name: &str| ("create_organization_tailnet", json!({ "display_name": name }));
    let mut refusals = Vec::new();
    for name in ["", "  ", "a_b", "a.b", "new\u{202e}one"] {
        let (tool, arguments) = named(name);
        refusals.push((tool, arguments, "invalid_input", "`display_name`"));
    }
    let (tool, arguments) = named(" Production staging ");
    refusals.push((tool, arguments, "conflict", "already"));
    are_refused(&fixture, refusals).await;
}

#[tokio::test]
async fn each_scope_does_its_part() {
    let fixture = Fixture::new().await;
    let reader = fixture.with_scopes(&["tailnets:read"]).await;
    assert_eq!(reader.call("list_organization_tailnets", json!({})).await["total"], 2);
    let refused = reader.fail("create_organization_tailnet", staging()).await;
    assert_eq!(refused["kind"], "forbidden", "{refused}");
    let remedy = refused["remedy"].as_str().unwrap();
    assert!(remedy.contains("alpha") && remedy.contains("`tailnets`"), "{refused}");
}

#[tokio::test]
async fn every_page_is_read_and_no_record_is_lost() {
    let server = Server::start(|request| {
        assert_eq!(request.path(), "/api/v2/organizations/-/tailnets");
        let page = match request.target.split_once("cursor=").map(|it| it.1) {
            None => json!({ "tailnets": [{ "id": "T1", "color": "red" }], "cursor": "a b" }),
            Some("a+b") => json!({ "tailnets": [7, { "id": 8 }], "cursor": "c", "totalCount": 4 }),
            Some(_) => json!({ "tailnets": [{ "id": "T4" }], "cursor": "" }),
        };
        Reply::json(&page)
    })
    .await;
    let all = server.tailnet().organization().tailnets().await.unwrap();
    assert_eq!(all.len(), 4);
    assert_eq!((all[0].id.as_deref(), &all[0].extra["color"]), (Some("T1"), &json!("red")));
    assert_eq!(all[2].extra["unreadable:id"], 8);
    assert_eq!(all[3].id.as_deref(), Some("T4"));
}

#[tokio::test]
async fn a_list_that_does_not_end_is_an_error() {
    let page = json!({ "tailnets": [{ "id": "T1" }], "cursor": "again" });
    let server = Server::says(vec![Reply::json(&page)]).await;
    let error = server.tailnet().organization().tailnets().await.unwrap_err();
    assert!(error.to_string().contains("repeats the page cursor"), "{error}");
    assert_eq!(server.seen().len(), 2);
}

async fn answered(answer: &Value) -> (Value, bool) {
    let none = Reply::json(&json!({ "tailnets": [] }));
    let server = Server::says(vec![none, Reply::json(answer)]).await;
    agent(&server.tailnet()).await.ask("create_organization_tailnet", staging()).await
}

#[tokio::test]
async fn a_secret_is_shown_whatever_else_the_answer_lacks() {
    let (done, failed) = answered(&json!({ "oauthClient": { "secret": "s3cret" } })).await;
    assert!(!failed, "{done}");
    assert_eq!(done["shown_once"], json!({ "oauthClient.secret": "s3cret" }));
    let repeated = json!({
        "id": "T1", "alreadyExists": true, "oauthClient": { "id": "k1", "secret": "s3cret" },
    });
    let (done, _) = answered(&repeated).await;
    assert_eq!(done["shown_once"], json!({ "oauthClient.secret": "s3cret" }));
    assert!(done["notes"].to_string().contains("existed already"), "{done}");
    let (done, _) = answered(&json!({ "id": "T1", "oauthClient": { "id": "k1" } })).await;
    assert!(done["notes"].to_string().contains("has no secret"), "{done}");
}

#[tokio::test]
async fn a_tailnet_that_existed_is_not_reported_as_created() {
    let (failure, failed) = answered(&json!({ "id": "T1", "alreadyExists": true })).await;
    assert!(failed, "{failure}");
    assert_eq!(failure["kind"], "conflict", "{failure}");
    assert!(failure["message"].as_str().unwrap().contains("nothing was created"), "{failure}");
}

#[tokio::test]
async fn the_pages_of_the_api_are_passed_on_by_calls_of_its_operations() {
    let (_sandbox, tailnet) = sandbox().await;
    let agent = agent(&tailnet).await;
    agent.call("create_organization_tailnet", staging()).await;
    let mut setup = Setup::new(Risk::Danger).unwrap();
    let mut words = catalogue::Selectors::default();
    words.toolsets = vec!["api".to_owned()];
    let choice = catalogue::ToolSelection::read(&words).unwrap();
    setup.offer = catalogue::Offer::new(Risk::Danger, choice, Vec::new());
    let generated = Agent::with(tailnet.clone(), setup).await;

    let first = json!({ "organization": "-", "limit": 1 });
    let page = generated.call("api_list_organization_tailnets", first.clone()).await;
    let mut next = first.clone();
    next["cursor"] = page["cursor"].clone();
    let rest = generated.call("api_list_organization_tailnets", next.clone()).await;
    let named = |parameters: &Value| json!({ "operation": "listOrganizationTailnets", "parameters": parameters });
    let called = agent.call("call_api_operation", named(&next)).await;
    let mut outside = named(&first);
    outside["limit"] = json!(1);
    let refused = agent.fail("call_api_operation", outside).await;

    assert_eq!((page["tailnets"].as_array().unwrap().len(), &page["totalCount"]), (1, &json!(2)));
    assert_eq!(rest["tailnets"][0]["displayName"], "Production staging");
    assert!(rest.get("cursor").is_none(), "{rest}");
    assert_eq!(called, rest);
    assert!(refused["message"].as_str().unwrap().contains("in `parameters`"), "{refused}");
}

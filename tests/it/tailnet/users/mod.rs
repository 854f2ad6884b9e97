//! The people of a tailnet.

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    sandbox::{Options, Sandbox},
};

use crate::{
    support::tailnet::settings,
    tailnet::resource::{Fixture, agent, are_refused},
};

mod offboard;

fn logins(page: &Value) -> Vec<&str> {
    page["users"].as_array().unwrap().iter().map(|it| it["login"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn users_are_filtered_by_role_type_status_and_text() {
    let fixture = Fixture::new().await;
    let list = async |filters| fixture.agent.call("list_users", filters).await;

    let owners = list(json!({ "role": "owner" })).await;
    let waiting = list(json!({ "status": "needs-approval" })).await;
    let shared = list(json!({ "type": "shared" })).await;
    let members = list(json!({ "type": "member" })).await;
    let some = list(json!({ "text": fixture.owner.to_uppercase() })).await;
    let both = list(json!({ "role": "owner", "status": "suspended" })).await;

    assert_eq!(logins(&owners), [fixture.owner.as_str()]);
    assert_eq!(logins(&waiting), [fixture.waiting.as_str()]);
    assert_eq!((&shared["matching"], &shared["users"][0]["shared"]), (&json!(1), &json!(true)));
    assert_eq!((&members["matching"], &members["total"]), (&json!(10), &json!(11)));
    assert!(members["users"].as_array().unwrap().iter().all(|it| it.get("shared").is_none()));
    assert_eq!(logins(&some), [fixture.owner.as_str()]);
    assert_eq!(both["matching"], 0);
}

#[tokio::test]
async fn a_user_is_shown_with_devices_and_when_they_were_last_seen() {
    let fixture = Fixture::new().await;
    let user = fixture.agent.call("get_user", json!({ "user": fixture.owner })).await;
    let by_id = fixture.agent.call("get_user", json!({ "user": user["id"] })).await;
    let start = fixture.owner.split('@').next().unwrap();
    let by_start = fixture.agent.call("get_user", json!({ "user": start })).await;

    assert!(user["deviceCount"].is_u64() && user["lastSeen"].is_string(), "{user}");
    for other in [by_id, by_start] {
        assert_eq!(other["loginName"], user["loginName"]);
    }
}

#[tokio::test]
async fn a_name_that_several_have_or_nobody_is_refused_with_others() {
    let fixture = Fixture::new().await;
    let all = fixture.agent.call("list_users", json!({})).await;
    let all: Vec<String> = logins(&all).into_iter().map(str::to_owned).collect();
    let twice = |it: &&String| all.iter().filter(|other| other[..1] == it[..1]).count() > 1;
    let letter = &all.iter().find(twice).unwrap()[..1];

    let several = fixture.agent.fail("get_user", json!({ "user": letter })).await;
    let nobody = fixture.agent.fail("get_user", json!({ "user": "example.com" })).await;
    let empty = fixture.agent.fail("get_user", json!({ "user": " " })).await;

    assert_eq!(several["kind"], "ambiguous", "{several}");
    assert!(several["message"].as_str().unwrap().contains("matches several"), "{several}");
    assert_eq!(nobody["kind"], "not_found");
    assert!(nobody["remedy"].as_str().unwrap().starts_with("did you mean"), "{nobody}");
    assert_eq!(empty["kind"], "invalid_input");
}

#[tokio::test]
async fn what_cuts_somebody_off_takes_their_whole_login_name() {
    let fixture = Fixture::new().await;
    let start = fixture.members[0].split('@').next().unwrap();
    let partner = fixture.agent.call("list_users", json!({ "type": "shared" })).await;
    let partner = &partner["users"][0]["login"];
    are_refused(
        &fixture,
        vec![
            ("suspend_user", json!({ "user": start }), "refused", "login name"),
            ("delete_user", json!({ "user": start }), "refused", "login name"),
            ("suspend_user", json!({ "user": fixture.owner }), "refused", "owner of the tailnet"),
            ("delete_user", json!({ "user": fixture.owner }), "refused", "owner of the tailnet"),
            ("suspend_user", json!({ "user": partner }), "refused", "another tailnet"),
            (
                "set_user_role",
                json!({ "user": partner, "role": "admin" }),
                "refused",
                "another tailnet",
            ),
            ("set_user_role", json!({ "user": start, "role": "king" }), "invalid_input", "`role`"),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_becomes_of_devices_is_said_before() {
    let fixture = Fixture::new().await;
    let page =
        fixture.agent.call("list_users", json!({ "type": "member", "status": "active" })).await;
    let users = page["users"].as_array().unwrap();
    let is_some = |it: &&Value| it["devices"].as_i64() > Some(0) && it["role"] != "owner";
    let user = users.iter().find(is_some).unwrap();
    let arguments = json!({ "user": user["login"], "dry_run": true });

    let suspended = fixture.agent.call("suspend_user", arguments.clone()).await;
    let deleted = fixture.agent.call("delete_user", arguments).await;

    let count = format!(": {}", user["devices"]);
    assert!(suspended["warnings"].to_string().contains(&count), "{suspended}");
    assert!(deleted["warnings"].to_string().contains(&count), "{deleted}");
    assert!(deleted["warnings"].to_string().contains("also removed"), "{deleted}");
    assert_eq!(deleted["cannot_be_undone"], true);
    assert!(suspended.get("cannot_be_undone").is_none());
}

#[tokio::test]
async fn what_is_so_already_is_not_sent() {
    let fixture = Fixture::new().await;
    let before = fixture.writes();
    let member = &fixture.members[0];
    for (tool, arguments) in [
        ("set_user_role", json!({ "user": member, "role": "member" })),
        ("approve_user", json!({ "user": member })),
        ("restore_user", json!({ "user": member })),
        ("suspend_user", json!({ "user": fixture.suspended })),
    ] {
        let done = fixture.agent.call(tool, arguments).await;
        assert_eq!((&done["applied"], &done["unchanged"]), (&json!(false), &json!(true)), "{tool}");
    }
    assert_eq!(fixture.writes(), before);
}

#[tokio::test]
async fn a_credential_that_changes_its_own_user_is_told_that_nothing_happened() {
    let fixture = Fixture::new().await;
    // The key is the owner's.
    let failure = fixture
        .agent
        .fail("set_user_role", json!({ "user": fixture.owner, "role": "admin" }))
        .await;

    assert_eq!(failure["kind"], "rejected", "{failure}");
    assert!(failure["message"].as_str().unwrap().contains("still \"owner\""), "{failure}");
    assert!(failure["remedy"].as_str().unwrap().contains("belongs to"), "{failure}");
    assert!(failure.get("may_have_had_effect").is_none_or(|it| it == false), "{failure}");
    let entry = fixture.agent.call("list_changes", json!({})).await;
    assert_eq!(entry["changes"][0]["outcome"], "failed", "{entry}");
}

#[tokio::test]
async fn ownership_is_said_to_be_handed_over_elsewhere() {
    let fixture = Fixture::new().await;
    let arguments = json!({ "user": fixture.members[0], "role": "owner" });
    let failure = fixture.agent.fail("set_user_role", arguments).await;

    assert_eq!(failure["kind"], "forbidden", "{failure}");
    assert!(failure["remedy"].as_str().unwrap().contains("admin console"), "{failure}");
}

#[tokio::test]
async fn a_role_that_the_plan_lacks_is_told_as_that() {
    let options = Options { free_plan: true, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let agent = agent(&Tailnet::new(settings(&sandbox.base_url()))).await;
    let page = agent.call("list_users", json!({ "role": "member", "type": "member" })).await;
    let arguments = json!({ "user": logins(&page)[0], "role": "auditor" });

    let failure = agent.fail("set_user_role", arguments).await;

    assert_eq!(failure["kind"], "plan_limit", "{failure}");
    assert!(failure["remedy"].as_str().unwrap().contains("plan"), "{failure}");
}

// M7: a display name that somebody chose decided whose rights changed.
#[tokio::test]
async fn a_display_name_gives_nobody_rights() {
    let (sandbox, tailnet) = crate::support::tailnet::sandbox_of(40).await;
    let users = tailnet.users().list().await.unwrap();
    let victim = users[0].login_name.clone().unwrap();
    let start = victim.split('@').next().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    sandbox.save(&path).unwrap();
    let mut state: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    state["tailnets"][0]["users"][1]["display_name"] = json!(start);
    std::fs::write(&path, state.to_string()).unwrap();
    sandbox.load(&path).unwrap();
    let agent = crate::support::edits::agent(&tailnet).await;

    for (tool, arguments) in [
        ("set_user_role", json!({ "user": start, "role": "admin" })),
        ("approve_user", json!({ "user": start })),
        ("restore_user", json!({ "user": start })),
        ("get_user", json!({ "user": start })),
    ] {
        let refused = agent.fail(tool, arguments).await;
        assert_eq!(refused["kind"], "ambiguous", "{tool}: {refused}");
    }
    let short = agent.fail("set_user_role", json!({ "user": &victim[..2], "role": "admin" })).await;
    assert!(["refused", "ambiguous"].contains(&short["kind"].as_str().unwrap()), "{short}");
    let plan = json!({ "user": victim, "role": "auditor", "dry_run": true });
    let plan = agent.call("set_user_role", plan).await;
    assert_eq!(plan["resource"], format!("user {victim}"));
}

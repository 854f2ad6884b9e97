//! Invitations to join.

use serde_json::json;

use crate::{
    support::{Reply, Server, proxy::Fault},
    tailnet::resource::{Fixture, agent, are_refused},
};

#[tokio::test]
async fn several_are_invited_at_once_each_with_a_link_of_their_own() {
    let fixture = Fixture::new().await;
    let emails = json!(["a@elsewhere.example", "b@elsewhere.example"]);
    let done = fixture.agent.call("invite_users", json!({ "emails": emails })).await;
    let list = fixture.agent.call("list_user_invites", json!({})).await;
    let undone = fixture.agent.call("undo_change", json!({ "change": done["change"] })).await;
    let left = fixture.agent.call("list_user_invites", json!({})).await;

    let once = done["shown_once"].as_object().unwrap();
    assert_eq!(once.len(), 2, "{done}");
    for email in emails.as_array().unwrap() {
        let name = format!("inviteUrl of {}", email.as_str().unwrap());
        assert!(once[&name].as_str().unwrap().starts_with("https://"), "{done}");
    }
    assert_eq!((&list["total"], &left["total"]), (&json!(3), &json!(1)));
    assert_eq!(list["invites"][1]["role"], "member");
    assert_eq!(undone["applied"], true);
}

#[tokio::test]
async fn of_several_the_one_whose_answer_got_lost_is_told() {
    for (trouble, list) in [(Fault::AnswerLost, "unknown"), (Fault::Refused, "failed")] {
        let fixture = Fixture::new().await;
        let agent = fixture.faulty(trouble).await;
        let emails = json!(["a@elsewhere.example", "b@elsewhere.example"]);

        let done = agent.call("invite_users", json!({ "emails": emails })).await;

        assert_eq!(done[list][0]["resource"], "a@elsewhere.example", "{done}");
        assert_eq!(done[list].as_array().unwrap().len(), 1, "{done}");
        let once: Vec<&String> = done["shown_once"].as_object().unwrap().keys().collect();
        assert_eq!(once, ["inviteUrl of b@elsewhere.example"]);
    }
}

#[tokio::test]
async fn somebody_without_an_address_gets_a_link_and_no_mail() {
    let fixture = Fixture::new().await;
    let done = fixture.agent.call("invite_users", json!({})).await;
    assert!(done["shown_once"]["inviteUrl"].is_string(), "{done}");
    let mailed = json!({ "invite": done["id"] });
    are_refused(&fixture, vec![("resend_user_invite", mailed, "refused", "no email address")])
        .await;
}

#[tokio::test]
async fn a_role_that_is_more_than_a_members_is_a_danger() {
    let fixture = Fixture::new().await;
    let ask =
        |role: &str| json!({ "emails": ["a@elsewhere.example"], "role": role, "dry_run": true });
    let admin = fixture.agent.call("invite_users", ask("admin")).await;
    let member = fixture.agent.call("invite_users", ask("member")).await;

    assert!(admin["warnings"].to_string().contains("`admin` immediately"), "{admin}");
    assert!(!member["warnings"].to_string().contains("immediately"), "{member}");
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let fixture = Fixture::new().await;
    let emails = |list: &[&str]| json!({ "emails": list });
    are_refused(
        &fixture,
        vec![
            ("invite_users", emails(&["nobody"]), "invalid_input", "`emails` is `nobody`"),
            ("invite_users", emails(&["a b@c.example"]), "invalid_input", "`emails`"),
            ("invite_users", emails(&["a@b.example", "A@b.example"]), "invalid_input", "twice"),
            ("invite_users", json!({ "role": "owner" }), "invalid_input", "`role`"),
            ("invite_users", emails(&["guest@elsewhere.example"]), "conflict", "already invited"),
            ("delete_user_invite", json!({ "invite": "zzz" }), "not_found", "no user invite"),
            ("delete_user_invite", json!({ "invite": "" }), "invalid_input", "`invite`"),
        ],
    )
    .await;
}

#[tokio::test]
async fn who_is_nobody_cannot_invite_and_is_told_so() {
    let fixture = Fixture::new().await;
    let client = fixture.with_client().await;
    let guest = json!({ "invite": "guest@elsewhere.example" });
    let device = json!({ "device": fixture.device });
    for (tool, arguments) in [
        ("invite_users", json!({ "emails": ["a@elsewhere.example"] })),
        ("resend_user_invite", guest.clone()),
        ("delete_user_invite", guest),
        ("share_device", device),
        ("resend_device_invite", json!({ "invite": fixture.device_invite })),
        ("accept_device_invite", json!({ "invite": fixture.link })),
    ] {
        let failure = client.fail(tool, arguments).await;
        assert_eq!(failure["kind"], "forbidden", "{tool}: {failure}");
        let remedy = failure["remedy"].as_str().unwrap();
        assert!(remedy.contains("access token of a user"), "{tool}: {failure}");
    }
}

#[tokio::test]
async fn ids_may_come_as_numbers() {
    let invite = json!({ "id": 42, "role": "member", "tailnetId": 7, "inviterId": 8, "email": "a@b.example" });
    let server = Server::start(move |seen| match seen.path() {
        "/api/v2/user-invites/42" => Reply::json(&invite),
        _ => Reply::json(&json!([invite])),
    })
    .await;
    let agent = agent(&server.tailnet()).await;

    let list = agent.call("list_user_invites", json!({})).await;
    let one = agent.call("get_user_invite", json!({ "invite": "42" })).await;

    assert_eq!((&list["invites"][0]["id"], &one["id"]), (&json!("42"), &json!("42")));
    agent.call("delete_user_invite", json!({ "invite": "a@b.example" })).await;
    assert_eq!(server.methods("DELETE"), 1);
}

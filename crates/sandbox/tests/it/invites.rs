//! User invites and device invites.

use super::*;

const USERS: &str = "/tailnet/-/user-invites";

#[tokio::test]
async fn no_invites_are_a_null() {
    let tailnet = Tailnet::new().await;
    let device = id_of(&tailnet.personal().await).to_owned();
    for path in [USERS.to_owned(), format!("/device/{device}/device-invites")] {
        assert_eq!(tailnet.get(&path).await.text, "null");
    }
}

#[tokio::test]
async fn people_are_invited_in_a_list() {
    let tailnet = Tailnet::new().await;
    let body =
        json!([{"email": "new@example.com"}, {"role": "admin"}, {"email": "x@other.example"}]);
    let made = tailnet.post(USERS, body).await.ok();
    assert_eq!(made[0]["role"], "member");
    // Users of the tailnet's own domain get no link; an invite without an address sends no email.
    assert!(made[0].get("inviteUrl").is_none() && made[0].get("lastEmailSentAt").is_some());
    assert!(made[1].get("inviteUrl").is_some() && made[1].get("lastEmailSentAt").is_none());
    assert!(made[2].get("inviteUrl").is_some());
    assert!(made[0]["tailnetId"].is_string() && made[0]["inviterId"].is_string());
    assert_eq!(tailnet.get(USERS).await.ok(), made);
    let path = format!("/user-invites/{}", text(&made[1]["id"]));
    assert_eq!(tailnet.get(&path).await.ok(), made[1]);
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_empty();
    tailnet.get(&path).await.refused(404, "invite not found");
    assert_eq!(tailnet.audit("&event=INVITE.CREATE.TAILNET_INVITE").await.len(), 3);
    assert_eq!(tailnet.audit("&event=INVITE.DELETE.TAILNET_INVITE").await.len(), 1);
}

#[tokio::test]
async fn one_bad_invitation_refuses_them_all() {
    let tailnet = Tailnet::new().await;
    let users = tailnet.get("/tailnet/-/users").await.ok();
    let somebody = text(&users["users"][0]["loginName"]);
    for bad in [json!({"role": "owner"}), json!({"email": "nobody"}), json!({"email": somebody})] {
        let answer = tailnet.post(USERS, json!([{"role": "member"}, bad])).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
    assert_eq!(tailnet.post(USERS, json!({"role": "member"})).await.status, 400);
    assert_eq!(tailnet.get(USERS).await.text, "null");
}

#[tokio::test]
async fn a_mail_goes_out_again_once_a_minute() {
    let tailnet = Tailnet::new().await;
    let device = id_of(&tailnet.personal().await).to_owned();
    let body = json!([{"email": "a@b.example"}, {}]);
    let shares = format!("/device/{device}/device-invites");
    for (kind, path) in [("user-invites", USERS), ("device-invites", shares.as_str())] {
        let made = tailnet.post(path, body.clone()).await.ok();
        let resend = |at: usize| format!("/{kind}/{}/resend", text(&made[at]["id"]));
        let early = tailnet.post(&resend(0), Value::Null).await;
        assert_eq!((early.status, early.header("retry-after")), (429, "60"));
        let message = "the invite was not created with an email address";
        tailnet.post(&resend(1), Value::Null).await.refused(400, message);
        tailnet.sandbox.advance(Duration::from_mins(1));
        tailnet.post(&resend(0), Value::Null).await.ok_and_empty();
        assert_eq!(tailnet.post(&resend(0), Value::Null).await.status, 429);
    }
}

#[tokio::test]
async fn only_users_invite() {
    let tailnet = Tailnet::new().await;
    let token = tailnet.token(Sandbox::OAUTH_CLIENT_SECRET, "").await.ok();
    let token = text(&token["access_token"]);
    let device = id_of(&tailnet.personal().await).to_owned();
    for path in [USERS.to_owned(), format!("/device/{device}/device-invites")] {
        assert_eq!(tailnet.call_as(token, "POST", &path, json!([{}])).await.status, 403);
    }
}

#[tokio::test]
async fn a_device_is_shared_from_one_tailnet_to_another() {
    let options = Options { more_tailnets: vec!["other.example".to_owned()], ..Options::default() };
    let tailnet = Tailnet::with(options).await;
    let key = Sandbox::credentials("other.example").api_key;
    let device = tailnet.device_with(json!({"os": "macOS", "isExternal": false})).await;
    let list = format!("/device/{}/device-invites", id_of(&device));
    let made = tailnet.post(&list, json!([{ "allowExitNode": true }])).await.ok();
    let link = json!({ "invite": made[0]["inviteUrl"] });
    let own = tailnet.post("/device-invites/-/accept", link.clone()).await;
    own.refused(400, "the device is in this tailnet already");
    let shared = tailnet.call_as(&key, "POST", "/device-invites/-/accept", link.clone()).await.ok();
    assert_eq!(shared["device"]["fqdn"], device["name"]);
    assert_eq!(shared["sharer"]["id"], made[0]["sharerId"]);
    // In the other tailnet, the device is shared in; here, the invite is accepted.
    let path = format!("/device/{}", id_of(&device));
    let there = tailnet.call_as(&key, "GET", &path, Value::Null).await.ok();
    assert_eq!((&there["isExternal"], &there["created"]), (&json!(true), &json!("")));
    let here = tailnet.get(&format!("/device-invites/{}", text(&made[0]["id"]))).await.ok();
    assert_eq!(here["accepted"], true);
    assert_eq!(here["acceptedBy"]["id"], shared["acceptedBy"]["id"]);
    // The invite can be accepted only once.
    let again = tailnet.call_as(&key, "POST", "/device-invites/-/accept", link).await;
    again.refused(400, "invalid or expired invite");
}

#[tokio::test]
async fn an_invitation_goes_with_its_device() {
    let tailnet = Tailnet::new().await;
    let device = id_of(&tailnet.personal().await).to_owned();
    let made = tailnet.post(&format!("/device/{device}/device-invites"), json!([{}])).await.ok();
    let path = format!("/device-invites/{}", text(&made[0]["id"]));
    tailnet.call("DELETE", &format!("/device/{device}"), Value::Null).await.ok_and_empty();
    tailnet.get(&path).await.refused(404, "invite not found");
    let external = id_of(&tailnet.external().await).to_owned();
    let message = "no manageable device matching this ID found";
    let path = format!("/device/{external}/device-invites");
    tailnet.post(&path, json!([{}])).await.refused(404, message);
}

/// H2: other IDs in invites are numbers in strings, not stable IDs such as `n…CNTRL`.
#[tokio::test]
async fn h2_ids_in_invites_are_numeric_strings() {
    let options = Options { more_tailnets: vec!["other.example".to_owned()], ..Options::default() };
    let tailnet = Tailnet::with(options).await;
    let device = tailnet.personal().await;
    let list = format!("/device/{}/device-invites", id_of(&device));
    let made = tailnet.post(&list, json!([{}])).await.ok();
    let key = Sandbox::credentials("other.example").api_key;
    let link = json!({ "invite": made[0]["inviteUrl"] });
    tailnet.call_as(&key, "POST", "/device-invites/-/accept", link).await.ok();
    let share = &tailnet.get(&list).await.ok()[0];
    let user = &tailnet.post(USERS, json!([{"role": "admin"}])).await.ok()[0];
    let ids = [
        &share["id"],
        &share["tailnetId"],
        &share["deviceId"],
        &share["sharerId"],
        &share["acceptedBy"]["id"],
        &user["id"],
        &user["tailnetId"],
        &user["inviterId"],
    ];
    for id in ids {
        assert!(text(id).parse::<i64>().is_ok_and(|number| number > 0), "{share} {user}");
    }
    assert_eq!(share["deviceId"], device["id"]);
    assert_eq!((&share["sharerId"], &share["tailnetId"]), (&user["inviterId"], &user["tailnetId"]));
}

#[tokio::test]
async fn a_deleted_share_cannot_be_accepted() {
    let tailnet = Tailnet::new().await;
    let device = id_of(&tailnet.personal().await).to_owned();
    let list = format!("/device/{device}/device-invites");
    let made = tailnet.post(&list, json!([{}])).await.ok();
    let path = format!("/device-invites/{}", text(&made[0]["id"]));
    tailnet.call("DELETE", &path, Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.get(&list).await.text, "null");
    assert_eq!(tailnet.audit("&event=INVITE.DELETE.NODE_SHARE").await.len(), 1);
}

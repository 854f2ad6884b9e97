//! Users and their invites.

use super::*;

async fn users(tailnet: &Tailnet, query: &str) -> Vec<Value> {
    let list = tailnet.get(&format!("/tailnet/-/users{query}")).await.ok();
    list["users"].as_array().unwrap().clone()
}

async fn user_with(tailnet: &Tailnet, key: &str, value: &str) -> Value {
    let all = users(tailnet, "?type=all").await;
    all.into_iter().find(|user| user[key] == value).unwrap()
}

#[tokio::test]
async fn members_are_listed_unless_asked_otherwise() {
    let tailnet = Tailnet::new().await;
    let members = users(&tailnet, "").await;
    assert_eq!(members.len(), 25);
    assert!(members.iter().all(|user| user["type"] == "member"));
    assert_eq!(users(&tailnet, "?type=shared").await.len(), 1);
    assert_eq!(users(&tailnet, "?type=all").await.len(), 26);
    let admins = users(&tailnet, "?role=admin").await;
    assert!(!admins.is_empty() && admins.iter().all(|user| user["role"] == "admin"));
    assert_eq!(tailnet.get("/tailnet/-/users?role=king").await.status, 400);
    assert_eq!(tailnet.get("/tailnet/-/users?type=alien").await.status, 400);
    for status in ["active", "idle", "suspended", "needs-approval"] {
        assert!(members.iter().any(|user| user["status"] == status), "{status}");
    }
}

#[tokio::test]
async fn a_user_is_what_their_devices_say() {
    let tailnet = Tailnet::new().await;
    let devices = tailnet.devices().await;
    for user in users(&tailnet, "?type=all").await {
        let own = devices.iter().filter(|device| device["user"] == user["loginName"]);
        let own: Vec<_> = own.collect();
        assert_eq!(user["deviceCount"], own.len());
        let connected = own.iter().any(|device| device["connectedToControl"] == true);
        assert_eq!(user["currentlyConnected"], connected);
        let path = format!("/users/{}", text(&user["id"]));
        assert_eq!(tailnet.get(&path).await.ok(), user);
    }
    tailnet.get("/users/u0").await.refused(404, "user not found");
}

#[tokio::test]
async fn roles_change_but_ownership_does_not() {
    let tailnet = Tailnet::new().await;
    let member = user_with(&tailnet, "role", "member").await;
    let path = format!("/users/{}", text(&member["id"]));
    let role = format!("{path}/role");
    tailnet.post(&role, json!({ "role": "it-admin" })).await.ok_and_empty();
    assert_eq!(tailnet.get(&path).await.ok()["role"], "it-admin");
    assert_eq!(tailnet.post(&role, json!({ "role": "king" })).await.status, 400);
    assert_eq!(tailnet.post(&role, json!({})).await.status, 400);
    assert_eq!(tailnet.post(&role, json!({ "role": "owner" })).await.status, 403);
    assert_eq!(tailnet.get(&path).await.ok()["role"], "it-admin");
}

#[tokio::test]
async fn nobody_changes_themselves() {
    let tailnet = Tailnet::new().await;
    let owner = user_with(&tailnet, "role", "owner").await;
    let path = format!("/users/{}", text(&owner["id"]));
    let before = tailnet.audit("").await.len();
    tailnet.post(&format!("{path}/role"), json!({ "role": "member" })).await.ok_and_empty();
    for call in ["approve", "suspend", "restore", "delete"] {
        tailnet.post(&format!("{path}/{call}"), Value::Null).await.ok_and_empty();
    }
    assert_eq!(tailnet.get(&path).await.ok(), owner);
    assert_eq!(tailnet.audit("").await.len(), before);
    // For a trust credential, the owner is another user, but still cannot be changed.
    let token = tailnet.token(Sandbox::OAUTH_CLIENT_SECRET, "").await.ok();
    let token = text(&token["access_token"]);
    for call in ["suspend", "delete"] {
        let path = format!("{path}/{call}");
        assert_eq!(tailnet.call_as(token, "POST", &path, Value::Null).await.status, 403);
    }
}

#[tokio::test]
async fn a_user_is_suspended_restored_and_approved() {
    let tailnet = Tailnet::new().await;
    let mut members = users(&tailnet, "?role=member").await.into_iter();
    let member = members.find(|user| user["currentlyConnected"] == true).unwrap();
    let path = format!("/users/{}", text(&member["id"]));
    tailnet.post(&format!("{path}/suspend"), Value::Null).await.ok_and_empty();
    let suspended = tailnet.get(&path).await.ok();
    assert_eq!(suspended["status"], "suspended");
    assert_eq!(suspended["currentlyConnected"], false);
    tailnet.post(&format!("{path}/restore"), Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.get(&path).await.ok()["status"], "active");
    let waiting = user_with(&tailnet, "status", "needs-approval").await;
    let path = format!("/users/{}", text(&waiting["id"]));
    for _ in 0..2 {
        tailnet.post(&format!("{path}/approve"), Value::Null).await.ok_and_empty();
    }
    assert_ne!(tailnet.get(&path).await.ok()["status"], "needs-approval");
    assert_eq!(tailnet.audit("&event=USER.APPROVE").await.len(), 1);
}

#[tokio::test]
async fn a_deleted_user_takes_their_devices_along() {
    let tailnet = Tailnet::new().await;
    let mut members = users(&tailnet, "?role=member").await.into_iter();
    let member = members.find(|user| user["deviceCount"] != 0).unwrap();
    let path = format!("/users/{}", text(&member["id"]));
    tailnet.post(&format!("{path}/delete"), Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.get(&path).await.status, 404);
    let devices = tailnet.devices().await;
    assert!(devices.iter().all(|device| device["user"] != member["loginName"]));
}

//! A walk through a sandbox that calls every operation of the document once.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::{Value, json};
use tailsteward::Operation;

use super::{Caller, doors::Doors, text};
use crate::support::{judge::is_judged, tailnet::sandbox};

/// What the walk has called so far.
struct Walk {
    caller: Caller,
    doors: Doors,
    called: RefCell<BTreeSet<String>>,
}

impl Walk {
    async fn call(&self, operation: &str, parameters: Value) -> Value {
        self.called.borrow_mut().insert(operation.to_owned());
        let writes = Operation::named(operation).filter(|it| !it.reads());
        // One risk, every door: what is not asked about is carried out by the first of them.
        let done = match writes {
            Some(operation) => self.doors.walk(operation, &parameters).await,
            None => None,
        };
        let answer = match done {
            Some(answer) => answer,
            None => self.caller.call(operation, parameters).await,
        };
        assert!(writes.is_none() || answer["applied"] == true, "{operation}: {answer}");
        answer
    }

    /// Calls what the sandbox refuses here, and gives its words.
    async fn refused(&self, operation: &str, parameters: Value) -> String {
        self.called.borrow_mut().insert(operation.to_owned());
        let failure = self.caller.fail(operation, parameters).await;
        failure["message"].as_str().unwrap().to_owned()
    }

    /// Sends a mail again, which is refused for a minute. Where a judge reads along, that minute may be over.
    async fn resend(&self, operation: &str, parameters: &Value) {
        self.called.borrow_mut().insert(operation.to_owned());
        let (answer, failed) = self.caller.ask(operation, parameters.clone()).await;
        let is_done =
            if failed { answer["message"].is_string() } else { answer["applied"] == true };
        assert!(is_done && (failed || is_judged()), "{operation}: {answer}");
    }

    async fn first(&self, operation: &str, parameters: Value, list: &str) -> Value {
        let page = self.call(operation, parameters).await;
        page[list][0].clone()
    }
}

#[tokio::test]
async fn every_operation_of_the_document_is_reached() {
    let (sandbox, tailnet) = sandbox().await;
    let (caller, doors) = (Caller::of(&tailnet).await, Doors::of(&sandbox, &tailnet).await);
    let walk = Walk { caller, doors, called: RefCell::default() };

    devices(&walk).await;
    invites(&walk).await;
    logs(&walk).await;
    dns(&walk).await;
    keys(&walk).await;
    policy(&walk).await;
    posture(&walk).await;
    people(&walk).await;
    account(&walk).await;
    services(&walk).await;
    apps(&walk).await;
    organization(&walk).await;

    let missed: Vec<&str> = Operation::ALL
        .iter()
        .map(|it| it.id())
        .filter(|it| !walk.called.borrow().contains(*it))
        .collect();
    assert!(missed.is_empty(), "teach the walk to call {missed:?}");
}

/// A device of a person that is approved and takes part.
async fn personal(walk: &Walk) -> String {
    let parameters = json!({ "fields": "all", "filters": { "isExternal": ["false"] } });
    let page = walk.call("listTailnetDevices", parameters).await;
    let devices = page["devices"].as_array().unwrap();
    let own = |it: &&Value| it["tags"].is_null() && it["authorized"] == true;
    text(&devices.iter().find(own).unwrap()["nodeId"]).to_owned()
}

async fn devices(walk: &Walk) {
    let id = personal(walk).await;
    let on = |body: Value| json!({ "deviceId": id, "body": body });
    let key = json!({ "deviceId": id, "attributeKey": "custom:tier" });
    walk.call("getDevice", json!({ "deviceId": id })).await;
    walk.call("listDeviceRoutes", json!({ "deviceId": id })).await;
    walk.call("setDeviceRoutes", on(json!({ "routes": ["10.99.0.0/24"] }))).await;
    walk.call("setDeviceName", on(json!({ "name": "walked" }))).await;
    walk.call("updateDeviceKey", on(json!({ "keyExpiryDisabled": true }))).await;
    walk.call("setDeviceIp", on(json!({ "ipv4": "100.99.1.2" }))).await;
    walk.call("authorizeDevice", on(json!({ "authorized": true }))).await;
    let mut set = key.clone();
    set["body"] = json!({ "value": "gold" });
    walk.call("setCustomDevicePostureAttributes", set).await;
    let read = walk.call("getDevicePostureAttributes", json!({ "deviceId": id })).await;
    assert_eq!(read["attributes"]["custom:tier"], "gold");
    walk.call("deleteCustomDevicePostureAttributes", key).await;
    let nodes = json!({ "nodes": { &id: { "custom:tier": { "value": "tin" } } } });
    walk.call("batchUpdateCustomDevicePostureAttributes", json!({ "body": nodes })).await;
    walk.call("expireDeviceKey", json!({ "deviceId": id })).await;
    walk.call("setDeviceTags", on(json!({ "tags": ["tag:ci"] }))).await;
    walk.call("deleteDevice", json!({ "deviceId": id })).await;
}

async fn invites(walk: &Walk) {
    let id = personal(walk).await;
    let made = json!({ "deviceId": id, "body": [{ "email": "you@example.org" }] });
    let made = walk.call("createDeviceInvites", made).await;
    let invite = json!({ "deviceInviteId": made["answer"][0]["id"] });
    let link = text(&made["shown_once"]["0.inviteUrl"]).to_owned();
    assert_eq!(made["answer"][0]["inviteUrl"], "•••");
    let listed = walk.first("listDeviceInvites", json!({ "deviceId": id }), "items").await;
    assert_eq!(listed["inviteUrl"], "•••");
    walk.call("getDeviceInvite", invite.clone()).await;
    walk.resend("resendDeviceInvite", &invite).await;
    let own = walk.refused("acceptDeviceInvite", json!({ "body": { "invite": link } })).await;
    assert!(own.contains("in this tailnet already"), "{own}");
    walk.call("deleteDeviceInvite", invite).await;

    let made = json!({ "body": [{ "email": "new@example.org", "role": "member" }] });
    let made = walk.call("createUserInvites", made).await;
    let invite = json!({ "userInviteId": made["answer"][0]["id"] });
    walk.call("listUserInvites", json!({})).await;
    walk.call("getUserInvite", invite.clone()).await;
    walk.resend("resendUserInvite", &invite).await;
    walk.call("deleteUserInvite", invite).await;
}

async fn logs(walk: &Walk) {
    let window = json!({ "start": "2026-01-01T00:00:00Z", "end": "2030-01-01T00:00:00Z" });
    walk.call("listConfigurationAuditLogs", window).await;
    let now = jiff_now();
    let window = json!({ "start": now.0, "end": now.1 });
    walk.call("listNetworkFlowLogs", window).await;
    let stream = json!({
        "logType": "network",
        "body": { "destinationType": "splunk", "url": "https://logs.example", "token": "s3cret" },
    });
    let made = walk.call("setLogStreamingConfiguration", stream).await;
    assert!(!made.to_string().contains("s3cret"), "{made}");
    walk.call("getLogStreamingConfiguration", json!({ "logType": "network" })).await;
    walk.call("getLogStreamingStatus", json!({ "logType": "network" })).await;
    walk.call("disableLogStreaming", json!({ "logType": "network" })).await;
    let made = walk.call("getAwsExternalId", json!({ "body": { "reusable": true } })).await;
    let trust = json!({
        "id": made["answer"]["externalId"],
        "body": { "roleArn": "arn:aws:iam::123456789012:role/logs" },
    });
    walk.call("validateAwsExternalId", trust).await;
}

/// An hour ago, and now.
fn jiff_now() -> (String, String) {
    let now = jiff::Timestamp::now();
    ((now - jiff::SignedDuration::from_hours(1)).to_string(), now.to_string())
}

async fn dns(walk: &Walk) {
    let none = json!({});
    for read in ["listDnsNameservers", "getDnsPreferences", "listDnsSearchPaths"] {
        walk.call(read, none.clone()).await;
    }
    walk.call("setDnsNameservers", json!({ "body": { "dns": ["9.9.9.9", "1.1.1.1"] } })).await;
    let is_on = walk.call("getDnsPreferences", none.clone()).await["magicDNS"] == true;
    walk.call("setDnsPreferences", json!({ "body": { "magicDNS": !is_on } })).await;
    walk.call("setDnsSearchPaths", json!({ "body": { "searchPaths": ["walk.example"] } })).await;
    walk.call("setSplitDns", json!({ "body": { "walk.example": ["192.0.2.53"] } })).await;
    walk.call("updateSplitDns", json!({ "body": { "more.example": ["192.0.2.54"] } })).await;
    let split = walk.call("getSplitDns", none.clone()).await;
    assert_eq!(split.as_object().unwrap().len(), 2, "{split}");
    let mut whole = walk.call("getDnsConfiguration", none).await;
    whole["searchPaths"] = json!(["other.example"]);
    walk.call("setDnsConfiguration", json!({ "body": whole })).await;
}

async fn keys(walk: &Walk) {
    let wanted =
        json!({ "keyType": "client", "scopes": ["devices:core:read"], "description": "walk" });
    let made = walk.call("createKey", json!({ "body": wanted })).await;
    assert!(text(&made["shown_once"]["key"]).starts_with("tskey-client-"), "{made}");
    let id = json!({ "keyId": made["answer"]["id"] });
    walk.call("listTailnetKeys", json!({ "all": true })).await;
    walk.call("getKey", id.clone()).await;
    let mut changed = id.clone();
    changed["body"] =
        json!({ "keyType": "client", "scopes": ["dns:read"], "description": "walked" });
    walk.call("setKey", changed).await;
    walk.call("deleteKey", id).await;
}

async fn policy(walk: &Walk) {
    let file = walk.call("getPolicyFile", json!({})).await;
    assert!(file.is_object() || file.is_string(), "{file}");
    let preview = json!({
        "type": "user", "previewFor": "alice@example.com",
        "body": { "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:*"] }] },
    });
    walk.call("previewRuleMatches", preview).await;
    let tests = json!({ "body": [{ "src": "alice@example.com", "accept": ["100.64.0.1:22"] }] });
    walk.call("validateAndTestPolicyFile", tests).await;
    let body = json!({ "body": { "acls": [] } });
    let told = walk.refused("setPolicyFile", body).await;
    assert!(told.contains("cannot be called directly"), "{told}");
    // It is reached by the tool that looks before it writes.
    let etag = walk.caller.agent.call("get_acl_policy", json!({})).await["etag"].clone();
    let edit = json!({
        "etag": etag,
        "edits": [{ "op": "add", "section": "hosts", "name": "walked", "value": "100.99.9.9" }],
    });
    let (report, failed) = walk.caller.agent.ask("update_acl_policy", edit).await;
    assert!(!failed && report["applied"] == true, "{report}");
}

async fn posture(walk: &Walk) {
    let wanted = json!({ "provider": "falcon", "cloudId": "us-1", "clientId": "me", "clientSecret": "s3cret" });
    let made = walk.call("createPostureIntegration", json!({ "body": wanted })).await;
    assert!(!made.to_string().contains("s3cret"), "{made}");
    let id = json!({ "id": made["answer"]["id"] });
    walk.call("getPostureIntegrations", json!({})).await;
    walk.call("getPostureIntegration", id.clone()).await;
    let mut changed = id.clone();
    changed["body"] = json!({ "clientId": "other" });
    walk.call("updatePostureIntegration", changed).await;
    walk.call("deletePostureIntegration", id).await;
}

async fn people(walk: &Walk) {
    let page = walk.call("listUsers", json!({ "role": "member" })).await;
    let id = json!({ "userId": page["users"][0]["id"] });
    walk.call("getUser", id.clone()).await;
    let mut role = id.clone();
    role["body"] = json!({ "role": "it-admin" });
    walk.call("updateUserRole", role).await;
    for operation in ["approveUser", "suspendUser", "restoreUser", "deleteUser"] {
        walk.call(operation, id.clone()).await;
    }
}

async fn account(walk: &Walk) {
    walk.call("getContacts", json!({})).await;
    let contact = json!({ "contactType": "security", "body": { "email": "sec@example.org" } });
    walk.call("updateContact", contact).await;
    let kind = json!({ "contactType": "security" });
    walk.call("resendContactVerificationEmail", kind).await;
    let settings = walk.call("getTailnetSettings", json!({})).await;
    let days = settings["devicesKeyDurationDays"].as_u64().unwrap();
    let body = json!({ "devicesKeyDurationDays": if days == 90 { 91 } else { 90 } });
    walk.call("updateTailnetSettings", json!({ "body": body })).await;

    let wanted =
        json!({ "endpointUrl": "https://hooks.example/1", "subscriptions": ["nodeCreated"] });
    let made = walk.call("createWebhook", json!({ "body": wanted })).await;
    let id = json!({ "endpointId": made["answer"]["endpointId"] });
    let listed = walk.call("listWebhooks", json!({})).await;
    assert!(!listed.to_string().contains(text(&made["shown_once"]["secret"])), "{listed}");
    walk.call("getWebhook", id.clone()).await;
    let mut changed = id.clone();
    changed["body"] = json!({ "subscriptions": ["nodeDeleted"] });
    walk.call("updateWebhook", changed).await;
    walk.call("testWebhook", id.clone()).await;
    let rotated = walk.call("rotateWebhookSecret", id.clone()).await;
    assert_ne!(rotated["shown_once"]["secret"], made["shown_once"]["secret"]);
    walk.call("deleteWebhook", id).await;
}

async fn services(walk: &Walk) {
    let name = json!({ "serviceName": "svc:walk" });
    let mut wanted = name.clone();
    wanted["body"] = json!({ "name": "svc:walk", "ports": ["tcp:443"], "addrs": [] });
    walk.call("updateService", wanted).await;
    walk.call("getService", name.clone()).await;
    walk.call("listServiceHosts", name.clone()).await;
    walk.call("deleteService", name).await;
    // One that has hosts.
    let page = walk.call("listServices", json!({})).await;
    for service in page["vipServices"].as_array().unwrap() {
        let name = json!({ "serviceName": service["name"] });
        let hosts = walk.call("listServiceHosts", name.clone()).await;
        let Some(host) = hosts["hosts"].get(0) else { continue };
        let mut of = name;
        of["deviceId"] = host["stableNodeID"].clone();
        let read = walk.call("getServiceDeviceApproval", of.clone()).await;
        of["body"] = json!({ "approved": read["approved"] != true });
        walk.call("updateServiceDeviceApproval", of).await;
        return;
    }
    panic!("no service has a host: {page}");
}

async fn apps(walk: &Walk) {
    let wanted = json!({
        "name": "walk", "redirectURIs": ["https://app.example/callback"], "scopes": ["devices:core:read"],
    });
    let made = walk.call("createOAuthApp", json!({ "body": wanted })).await;
    assert!(text(&made["shown_once"]["clientSecret"]).starts_with("tskey-client-"), "{made}");
    let id = json!({ "appId": made["answer"]["id"] });
    walk.call("listOAuthApps", json!({})).await;
    walk.call("getOAuthApp", id.clone()).await;
    let mut changed = id.clone();
    changed["body"] = wanted;
    changed["body"]["description"] = json!("Two");
    walk.call("updateOAuthApp", changed).await;
    walk.call("deleteOAuthApp", id).await;
}

async fn organization(walk: &Walk) {
    let own = json!({ "organization": "-" });
    let mut wanted = own.clone();
    wanted["body"] = json!({ "displayName": "Walk" });
    let made = walk.call("createOrganizationTailnet", wanted).await;
    assert!(text(&made["shown_once"]["oauthClient.secret"]).starts_with("tskey-client-"), "{made}");
    let listed = walk.call("listOrganizationTailnets", own).await;
    assert_eq!(listed["tailnets"][1]["displayName"], "Walk");
    let refused = walk.refused("deleteTailnet", json!({})).await;
    assert!(refused.contains("does not call it"), "{refused}");
}

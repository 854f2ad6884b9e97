//! Every tool that changes something: only shown, refused, answered and lost, recorded, taken back.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use serde_json::{Value, json};
use tailsteward::{
    catalogue,
    change::store::{Place, Store},
    tool::Risk,
};

use super::{Fixture, SECRET, TOOLSETS, everything, still};
use crate::support::{
    edits::agent,
    fake_user::{Era, FakeUser, Says, Session},
    proxy::Fault,
    tailnet::sandbox_of,
};

/// One call of a tool.
struct Case {
    tool: &'static str,
    arguments: Value,
    /// What shows whether it had effect.
    look: (&'static str, Value),
    /// Whether that can be looked up where the answer got lost.
    visible: bool,
}

fn seen(tool: &'static str, arguments: Value, look: (&'static str, Value)) -> Case {
    Case { tool, arguments, look, visible: true }
}

fn unseen(tool: &'static str, arguments: Value, look: (&'static str, Value)) -> Case {
    Case { tool, arguments, look, visible: false }
}

/// Calls that can be made one after the other.
fn cases(fixture: &Fixture) -> Vec<Case> {
    [people(fixture), invites(fixture), places(), streams(fixture)].into_iter().flatten().collect()
}

fn people(fixture: &Fixture) -> Vec<Case> {
    let user = |login: &str| json!({ "user": login });
    let get = |login: &str| ("get_user", user(login));
    let gone = |login: &str| ("list_users", json!({ "text": login }));
    let contacts = || ("get_contacts", json!({}));
    let (first, last) = (&fixture.members[0], &fixture.members[1]);
    let (waiting, suspended) = (&fixture.waiting, &fixture.suspended);
    let email = json!({ "contact": "security", "email": "new@elsewhere.example" });
    let settings = json!({
        "devices_approval_on": false, "devices_key_duration_days": 30, "regional_routing_on": true,
    });
    vec![
        seen("set_user_role", json!({ "user": first, "role": "it-admin" }), get(first)),
        seen("approve_user", user(waiting), get(waiting)),
        seen("suspend_user", user(first), get(first)),
        seen("restore_user", user(suspended), get(suspended)),
        seen("delete_user", user(last), gone(last)),
        seen("update_contact", email, contacts()),
        unseen("resend_contact_verification", json!({ "contact": "security" }), contacts()),
        seen("update_tailnet_settings", settings, ("get_tailnet_settings", json!({}))),
    ]
}

fn invites(fixture: &Fixture) -> Vec<Case> {
    let (device, invite) = (&fixture.device, json!({ "invite": fixture.device_invite }));
    let guest = || json!({ "invite": "guest@elsewhere.example" });
    let of_users = || ("list_user_invites", json!({}));
    let of_device = || ("list_device_invites", json!({ "device": device }));
    let shared = ("list_devices", json!({ "external": true }));
    vec![
        unseen("invite_users", json!({ "emails": ["c@elsewhere.example"] }), of_users()),
        unseen("invite_users", json!({}), of_users()),
        unseen("resend_user_invite", guest(), of_users()),
        seen("delete_user_invite", guest(), of_users()),
        unseen("share_device", json!({ "device": device, "multi_use": true }), of_device()),
        unseen("resend_device_invite", invite.clone(), of_device()),
        seen("delete_device_invite", invite, of_device()),
        unseen("accept_device_invite", json!({ "invite": fixture.link }), shared),
    ]
}

fn places() -> Vec<Case> {
    let webhooks = || ("list_webhooks", json!({}));
    let hook = || json!({ "webhook": "https://hooks.example/a" });
    let providers = || ("list_posture_integrations", json!({}));
    let apps = || ("list_oauth_apps", json!({}));
    let app = || ("get_oauth_app", json!({ "app": "portal" }));
    let new_hook = json!({ "url": "https://hooks.example/b", "subscriptions": ["userCreated"] });
    let events = json!({ "webhook": "https://hooks.example/a", "subscriptions": ["nodeDeleted", "categoryTailnetManagement"] });
    let fleet = json!({ "provider": "fleet", "client_secret": SECRET, "cloud_id": "https://fleet.example" });
    let new_app = json!({ "name": "other", "redirect_uris": ["http://localhost:8080"], "scopes": ["dns:read"] });
    vec![
        unseen("create_webhook", new_hook, webhooks()),
        seen("update_webhook", events, webhooks()),
        unseen("test_webhook", hook(), webhooks()),
        unseen("rotate_webhook_secret", hook(), webhooks()),
        seen("delete_webhook", hook(), webhooks()),
        unseen("create_posture_integration", fleet, providers()),
        seen(
            "update_posture_integration",
            json!({ "integration": "falcon", "cloud_id": "eu-1" }),
            providers(),
        ),
        unseen(
            "update_posture_integration",
            json!({ "integration": "falcon", "client_secret": SECRET }),
            providers(),
        ),
        seen("delete_posture_integration", json!({ "integration": "falcon" }), providers()),
        unseen("create_oauth_app", new_app, apps()),
        seen("update_oauth_app", json!({ "app": "portal", "description": "for all" }), app()),
        seen("delete_oauth_app", json!({ "app": "portal" }), apps()),
        unseen(
            "create_organization_tailnet",
            json!({ "display_name": "Staging" }),
            ("list_organization_tailnets", json!({})),
        ),
    ]
}

fn streams(fixture: &Fixture) -> Vec<Case> {
    let look = |log: &str| ("get_log_streaming", json!({ "log": log }));
    let new = json!({ "log": "configuration", "destination": "gcs", "gcs_bucket": "b", "gcs_credentials": SECRET });
    let other = json!({ "log": "network", "destination": "axiom", "url": "https://axiom.example", "token": SECRET });
    let role = json!({ "external_id": fixture.external_id, "role_arn": "arn:aws:iam::123456789012:role/logs" });
    vec![
        seen("set_log_streaming", new, look("configuration")),
        seen("set_log_streaming", other, look("network")),
        seen("disable_log_streaming", json!({ "log": "network" }), look("network")),
        unseen("create_aws_external_id", json!({}), look("network")),
        unseen("validate_aws_external_id", role, look("network")),
    ]
}

/// Tools that change several resources, whose failures are part of the report. They have tests of their own.
const BATCHES: &[&str] = &["offboard_user"];

#[tokio::test]
async fn every_tool_of_administration_is_in_a_table() {
    let fixture = Fixture::new().await;
    let changes: BTreeSet<&str> = cases(&fixture).iter().map(|it| it.tool).collect();
    let reads: BTreeSet<&str> = super::reads::cases(&fixture).into_iter().map(|it| it.0).collect();
    for set in catalogue::TOOLSETS.iter().filter(|it| TOOLSETS.contains(&it.name)) {
        assert!(!set.default, "{} is offered to those who ask for it", set.name);
        for tool in set.tools.iter().filter(|it| !BATCHES.contains(&it.name)) {
            let table = if tool.is_edit() { &changes } else { &reads };
            assert!(table.contains(tool.name), "{} is in no table", tool.name);
        }
    }
}

#[tokio::test]
async fn what_is_only_shown_is_not_sent() {
    let fixture = Fixture::new().await;
    let before = fixture.writes();
    for Case { tool, mut arguments, .. } in cases(&fixture) {
        arguments["dry_run"] = json!(true);

        let shown = fixture.agent.call(tool, arguments).await;

        assert_eq!(shown["applied"], false, "{tool}");
        assert!(!shown["changes"].as_array().unwrap().is_empty(), "{tool}: {shown}");
        assert!(!fixture.has_secret(&shown), "{tool}: {shown}");
    }
    assert_eq!(fixture.writes(), before);
}

#[tokio::test]
async fn a_change_that_is_refused_changes_nothing() {
    let fixture = Fixture::new().await;
    let before = fixture.writes();
    for Case { tool, arguments, look, .. } in cases(&fixture) {
        let was = still(fixture.agent.call(look.0, look.1.clone()).await);
        let agent = fixture.faulty(Fault::Refused).await;

        let failure = agent.fail(tool, arguments).await;

        assert_eq!(failure["kind"], "rejected", "{tool}: {failure}");
        assert!(failure["remedy"].is_string(), "{tool}: {failure}");
        assert!(!fixture.has_secret(&failure), "{tool}: {failure}");
        let entry = agent.call("get_change", json!({ "change": 1 })).await;
        assert_eq!(entry["outcome"], "failed", "{tool}: {entry}");
        assert!(!fixture.has_secret(&entry), "{tool}: {entry}");
        assert_eq!(still(fixture.agent.call(look.0, look.1).await), was, "{tool}");
    }
    assert_eq!(fixture.writes(), before);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_or_nobody_claims_to_know() {
    let fixture = Fixture::new().await;
    for Case { tool, arguments, visible, .. } in cases(&fixture) {
        let agent = fixture.faulty(Fault::AnswerLost).await;
        if visible {
            let done = agent.call(tool, arguments).await;
            assert_eq!(done["applied"], true, "{tool}: {done}");
            continue;
        }

        let failure = agent.fail(tool, arguments).await;

        assert_eq!(failure["may_have_had_effect"], true, "{tool}: {failure}");
        let message = failure["message"].as_str().unwrap();
        assert!(
            message.contains("whether it took effect cannot be read back"),
            "{tool}: {failure}"
        );
        let remedy = failure["remedy"].as_str().unwrap_or_default();
        assert!(
            remedy.contains("may have taken effect") || remedy.contains("again"),
            "{tool}: {failure}"
        );
        let entry = agent.call("get_change", json!({ "change": 1 })).await;
        assert_eq!(entry["outcome"], "unknown", "{tool}: {entry}");
        assert!(!fixture.has_secret(&entry), "{tool}: {entry}");
    }
}

/// A person who says yes, and the file in which everything is recorded.
async fn session(fixture: &Fixture, folder: &Path) -> (Session, Arc<Store>) {
    let mut setup = everything(Risk::Danger);
    setup.yes = false;
    setup.store = Arc::new(Store::new(Place::File(folder.join("journal.db"))));
    let store = Arc::clone(&setup.store);
    (FakeUser::who(Says::Yes).at(&fixture.tailnet, setup, Era::Sessions).await, store)
}

/// The texts of an object.
fn texts(value: &Value) -> Vec<String> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(_, it)| it.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_done_is_rolled_back_where_that_is_said_and_no_secret_is_kept() {
    let fixture = Fixture::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (session, store) = session(&fixture, folder.path()).await;
    let mut secrets = fixture.secrets.clone();
    let mut told = Vec::new();
    for Case { tool, arguments, look, .. } in cases(&fixture) {
        let was = still(session.done(look.0, look.1.clone()).await);
        let asked = session.asked().len();

        let mut done = session.done(tool, arguments).await;

        assert_eq!(done["applied"], true, "{tool}: {done}");
        secrets
            .extend(texts(&done.as_object_mut().unwrap().remove("shown_once").unwrap_or_default()));
        let number = json!({ "change": done["change"] });
        let entry = session.done("get_change", number.clone()).await;
        assert_eq!(entry["outcome"], "done", "{tool}: {entry}");
        told.extend([done.to_string(), entry.to_string()]);
        if done["cannot_be_undone"] == true {
            assert_eq!(session.asked().len(), asked + 1, "{tool}");
            let failure = session.fails("undo_change", number).await;
            assert_eq!(failure["kind"], "refused", "{tool}: {failure}");
            let message = failure["message"].as_str().unwrap();
            assert!(message.contains("irreversible"), "{tool}: {failure}");
            continue;
        }
        let undone = session.done("undo_change", number).await;
        assert_eq!(undone["applied"], true, "{tool}: {undone}");
        assert_eq!(still(session.done(look.0, look.1).await), was, "{tool}");
    }
    store.flush().await;
    told.extend(session.asked());
    for file in fs::read_dir(folder.path()).unwrap() {
        told.push(String::from_utf8_lossy(&fs::read(file.unwrap().path()).unwrap()).into_owned());
    }
    assert!(told.iter().any(|it| it.contains("create_webhook") && it.contains("SQLite")));
    for (secret, told) in secrets.iter().flat_map(|it| told.iter().map(move |told| (it, told))) {
        assert!(!told.contains(secret.as_str()), "{secret} is in {told}");
    }
}

#[tokio::test]
async fn what_was_made_and_rolled_back_is_not_made_again() {
    let fixture = Fixture::new().await;
    let new = json!({ "url": "https://hooks.example/b", "subscriptions": ["userCreated"] });
    let done = fixture.agent.call("create_webhook", new).await;
    let undone = fixture.agent.call("undo_change", json!({ "change": done["change"] })).await;

    let failure = fixture.agent.fail("undo_change", json!({ "change": undone["change"] })).await;

    assert!(undone["warnings"].to_string().contains("irreversible"), "{undone}");
    assert_eq!(failure["kind"], "refused", "{failure}");
    assert_eq!(failure["remedy"], "create a new one");
}

#[tokio::test]
async fn an_empty_list_is_not_taken_for_all() {
    let (sandbox, tailnet) = sandbox_of(40).await;
    let agent = agent(&tailnet).await;
    for (tool, arguments) in [
        ("enable_subnet_router", json!({ "device": "subnet-router-02", "routes": [] })),
        ("disable_subnet_router", json!({ "device": "subnet-router-01", "routes": [] })),
        ("invite_users", json!({ "emails": [] })),
    ] {
        let failure = agent.fail(tool, arguments).await;
        assert_eq!(failure["kind"], "invalid_input", "{failure}");
        assert!(failure["message"].as_str().unwrap().contains("leave it out"), "{failure}");
    }
    assert!(sandbox.requests().iter().all(|it| it.0 == "GET"));
}

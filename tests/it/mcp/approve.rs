//! In the modes `person` and `other`, a model alone gets no destructive plan applied, whatever it calls.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    change::{ApprovalState, Confirmation, Journal as _, store::Store},
    guard::{ConfirmMode, Principal},
    mcp::{Server, Setup},
    tailnet::devices::Device,
};

use crate::support::{
    changes::{approvals, is_there, own, person, removal, setup_in, with_plan},
    fake_user::{Era, FakeUser, Says, Session},
    tailnet::{sandbox, sandbox_of},
};

const MODES: [ConfirmMode; 2] = [ConfirmMode::Person, ConfirmMode::Other];

/// A conversation whose client cannot ask anybody.
pub async fn alone(tailnet: &Tailnet, setup: &Setup) -> Session {
    FakeUser::who(Says::CannotAsk).at(tailnet, setup.clone(), Era::Sessions).await
}

/// Devices whose key expires.
async fn expiring(tailnet: &Tailnet) -> Vec<Device> {
    let devices = own(tailnet).await.into_iter();
    let expires = |it: &Device| !it.key_expiry_disabled.unwrap_or_default();
    devices.filter(|it| it.tags().is_empty() && expires(it)).collect()
}

pub fn id(shown: &Value) -> &str {
    shown["plan_id"].as_str().unwrap()
}

pub async fn waits(session: &Session, tool: &'static str, arguments: Value) -> Value {
    let shown = session.done(tool, arguments).await;
    assert_eq!((&shown["state"], &shown["plan"]["applied"]), (&json!("waiting"), &json!(false)));
    shown
}

#[tokio::test]
async fn an_approved_plan_is_applied_once_and_journal_and_audit_say_who_approved() {
    for mode in MODES {
        let (_sandbox, tailnet) = sandbox().await;
        let device = own(&tailnet).await.remove(0);
        let setup = setup_in(mode);
        let session = alone(&tailnet, &setup).await;
        let shown = waits(&session, "revoke_device", removal(&device)).await;
        assert!(shown["next"].as_str().unwrap().contains("tailsteward approve "), "{shown}");
        let plan = approvals(&setup).get(id(&shown)).await.unwrap();
        assert_eq!(plan.question, shown["question"], "the approver sees the complete question");

        approvals(&setup).decide(id(&shown), &person("ann"), true).await.unwrap();
        let call = with_plan(removal(&device), &shown);
        let done = session.done("revoke_device", call.clone()).await;

        assert_eq!(
            (&done["applied"], &done["confirmed"]),
            (&json!(true), &json!("approved by ann"))
        );
        assert!(!is_there(&tailnet, &device).await);
        let entry = setup.store.entry(done["change"].as_i64().unwrap()).await.unwrap().unwrap();
        assert_eq!(entry.confirmed, Confirmation::Approved { by: "ann".into() });
        setup.store.flush().await;
        let decisions = setup.store.audited("approve plan").await.unwrap();
        assert_eq!(decisions, [("ann".to_owned(), "approved".to_owned(), 1)]);
        let listed = session.done("list_pending_plans", json!({})).await;
        assert_eq!((&listed["total"], &listed["waiting"]), (&json!(1), &json!(0)));
        let plan = &listed["plans"][0];
        assert_eq!((&plan["state"], &plan["decided_by"]), (&json!("used"), &json!("ann")));
        session.fails("revoke_device", call).await;
    }
}

#[tokio::test]
async fn a_model_alone_gets_nothing_applied() {
    for mode in MODES {
        let (sandbox, tailnet) = sandbox().await;
        let devices: Vec<Device> = expiring(&tailnet).await;
        let [device, other] = &devices[..2] else { panic!() };
        let setup = setup_in(mode);
        let session = alone(&tailnet, &setup).await;
        let shown = waits(&session, "revoke_device", removal(device)).await;
        // The ID of its own plan, one that it makes up, and that of another tool's plan.
        let same = waits(&session, "revoke_device", with_plan(removal(device), &shown)).await;
        assert_eq!(same["plan_id"], shown["plan_id"], "it waits once");
        let made_up = json!({ "plan_id": "abcd2345" });
        waits(&session, "revoke_device", with_plan(removal(device), &made_up)).await;
        let expiry = json!({ "device": device.key() });
        let expiry_plan = waits(&session, "expire_device_key", expiry.clone()).await;
        waits(&session, "revoke_device", with_plan(removal(device), &expiry_plan)).await;
        // One that a server of the mode `auto` has shown, with the same store.
        let mut auto = setup_in(ConfirmMode::Auto);
        auto.store = Arc::clone(&setup.store);
        let plain = alone(&tailnet, &auto).await.done("revoke_device", removal(other)).await;
        waits(&session, "revoke_device", with_plan(removal(other), &plain)).await;
        // An approval of one tool, for another tool and for other arguments.
        approvals(&setup).decide(id(&expiry_plan), &person("ann"), true).await.unwrap();
        waits(&session, "revoke_device", with_plan(removal(device), &expiry_plan)).await;
        let elsewhere = json!({ "device": other.key() });
        waits(&session, "expire_device_key", with_plan(elsewhere, &expiry_plan)).await;

        assert!(sandbox.requests().iter().all(|it| it.0 == "GET"), "{mode:?}");
    }
}

#[tokio::test]
async fn no_other_door_leads_around_the_approval() {
    for mode in MODES {
        let (sandbox, tailnet) = sandbox().await;
        let devices = own(&tailnet).await;
        let [device, second] = &devices[..2] else { panic!() };
        let mut setup = setup_in(mode);
        setup.offer = crate::guard::rails::everything();
        let session = alone(&tailnet, &setup).await;
        let delete =
            json!({ "operation": "deleteDevice", "parameters": { "deviceId": device.key() } });
        let generated = json!({ "deviceId": device.key() });
        let batch = json!({ "devices": [device.key(), second.key()] });
        let text = "{ \"grants\": [{ \"src\": [\"*\"], \"dst\": [\"*\"], \"ip\": [\"*\"] }] }";
        let policy = crate::guard::rails::deploy(&tailnet, text).await;

        waits(&session, "call_api_operation", delete).await;
        waits(&session, "api_delete_device", generated).await;
        waits(&session, "remove_devices", batch).await;
        waits(&session, "update_acl_policy", policy).await;
        waits(&session, "authorize_device", json!({ "device": unapproved(&devices) })).await;

        assert!(sandbox.requests().iter().all(|it| !is_write(it)), "{:?}", sandbox.requests());
    }
}

fn unapproved(devices: &[Device]) -> String {
    devices.iter().find(|it| !it.is_authorized()).unwrap().key().to_owned()
}

fn is_write(request: &(String, String, u16)) -> bool {
    // A new policy file is validated by a POST.
    request.0 != "GET" && !request.1.contains("/acl/")
}

#[tokio::test]
async fn an_undo_needs_approval_too() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.is_authorized()).unwrap();
    let setup = setup_in(ConfirmMode::Other);
    let session = alone(&tailnet, &setup).await;
    let approve = json!({ "device": device.key() });
    let shown = waits(&session, "authorize_device", approve.clone()).await;
    approvals(&setup).decide(id(&shown), &person("ann"), true).await.unwrap();
    let done = session.done("authorize_device", with_plan(approve, &shown)).await;

    let undo = json!({ "change": done["change"] });
    waits(&session, "undo_change", undo.clone()).await;
    waits(&session, "undo_change", with_plan(undo, &shown)).await;

    assert!(tailnet.devices().get(device.key()).await.unwrap().is_authorized());
}

#[tokio::test]
async fn whoever_asked_does_not_approve_in_other_and_only_approvers_do() {
    let (_sandbox, tailnet) = sandbox_of(10).await;
    let device = own(&tailnet).await.remove(0);
    let mut setup = setup_in(ConfirmMode::Other);
    setup.local = Principal::new("Ann");
    let mut rails = (*setup.guardrails.get()).clone();
    rails.approvers = vec!["ann".to_owned(), "bob".to_owned()];
    setup.guardrails = rails.into();
    let session = alone(&tailnet, &setup).await;
    let shown = waits(&session, "revoke_device", removal(&device)).await;

    let own = approvals(&setup).decide(id(&shown), &person("ann"), true).await.unwrap_err();
    assert!(own.to_string().contains("somebody else has to approve"), "{own}");
    let stranger = approvals(&setup).decide(id(&shown), &person("eve"), true).await.unwrap_err();
    assert!(stranger.to_string().contains("may not approve"), "{stranger}");
    waits(&session, "revoke_device", with_plan(removal(&device), &shown)).await;
    // Where it is approved, other rules may hold; where it is applied, these do.
    let lax = tailsteward::guard::Approvals::new(Arc::clone(&setup.store), Arc::default());
    lax.decide(id(&shown), &person("eve"), true).await.unwrap();
    let refused = session.fails("revoke_device", with_plan(removal(&device), &shown)).await;
    assert!(refused["message"].as_str().unwrap().contains("eve may not approve"), "{refused}");
    assert!(is_there(&tailnet, &device).await);

    setup.store.flush().await;
    let audited = setup.store.audited("approve plan").await.unwrap();
    let line = |who: &str, what: &str| (who.to_owned(), what.to_owned(), 1);
    let all = [line("ann", "not_allowed"), line("eve", "approved"), line("eve", "not_allowed")];
    assert_eq!(audited, all);
}

#[tokio::test]
async fn forms_count_for_a_person_and_not_for_another_person() {
    for era in [Era::Sessions, Era::Stateless] {
        let (_sandbox, tailnet) = sandbox_of(10).await;
        let devices = own(&tailnet).await;
        let [first, second] = &devices[..2] else { panic!() };
        let session =
            FakeUser::who(Says::Yes).at(&tailnet, setup_in(ConfirmMode::Person), era).await;
        let done = session.done("revoke_device", removal(first)).await;
        assert_eq!(done["confirmed"], "person", "{done}");

        let session =
            FakeUser::who(Says::Yes).at(&tailnet, setup_in(ConfirmMode::Other), era).await;
        waits(&session, "revoke_device", removal(second)).await;
        assert!(session.asked().is_empty());
    }
}

#[tokio::test]
async fn a_refusal_is_final_for_this_plan() {
    let (_sandbox, tailnet) = sandbox_of(10).await;
    let device = own(&tailnet).await.remove(0);
    let setup = setup_in(ConfirmMode::Person);
    let session = alone(&tailnet, &setup).await;
    let shown = waits(&session, "revoke_device", removal(&device)).await;
    approvals(&setup).decide(id(&shown), &person("ann"), false).await.unwrap();

    for call in [with_plan(removal(&device), &shown), removal(&device)] {
        let refused = session.fails("revoke_device", call).await;
        assert!(refused["message"].as_str().unwrap().contains("ann refused the plan"), "{refused}");
    }
    let again = approvals(&setup).decide(id(&shown), &person("bob"), true).await.unwrap_err();
    assert!(again.to_string().contains("ann refused the plan"), "{again}");
    assert!(is_there(&tailnet, &device).await);
}

#[tokio::test]
async fn of_two_decisions_at_once_one_counts_and_an_approval_is_used_once() {
    let (sandbox, tailnet) = sandbox_of(10).await;
    let device = expiring(&tailnet).await.into_iter().find(Device::is_authorized).unwrap();
    let setup = setup_in(ConfirmMode::Person);
    let session = alone(&tailnet, &setup).await;
    let off = json!({ "device": device.key(), "how": "deauthorize" });
    let shown = waits(&session, "revoke_device", off.clone()).await;
    let desk = approvals(&setup);
    let (ann, bob) = (person("ann"), person("bob"));
    let (yes, no) =
        tokio::join!(desk.decide(id(&shown), &ann, true), desk.decide(id(&shown), &bob, false));
    assert!(yes.is_ok() != no.is_ok(), "{yes:?} {no:?}");

    let shown = if yes.is_ok() {
        shown
    } else {
        // Refused: the same for another plan.
        let other = json!({ "device": device.key() });
        let shown = waits(&session, "expire_device_key", other).await;
        desk.decide(id(&shown), &ann, true).await.unwrap();
        shown
    };
    let tool = if yes.is_ok() { "revoke_device" } else { "expire_device_key" };
    let call = if yes.is_ok() { off } else { json!({ "device": device.key() }) };
    let call = with_plan(call, &shown);
    let calls = (0..4).map(|_| session.call(tool, call.clone()));
    let answers = futures_util::future::join_all(calls).await;

    let applied = answers.iter().filter(|it| it.0["applied"] == true).count();
    assert_eq!(applied, 1, "{answers:?}");
    assert_eq!(sandbox.requests().iter().filter(|it| it.0 == "POST").count(), 1);
}

#[tokio::test]
async fn a_plan_that_no_longer_holds_is_not_applied() {
    let (_sandbox, tailnet) = sandbox_of(10).await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let setup = setup_in(ConfirmMode::Person);
    let session = alone(&tailnet, &setup).await;
    let shown = waits(&session, "revoke_device", removal(&device)).await;
    approvals(&setup).decide(id(&shown), &person("ann"), true).await.unwrap();
    let api = tailnet.api().unwrap();
    api.set_device_name()
        .device_id(device.key())
        .body_map(|it| it.name("db-9"))
        .send()
        .await
        .unwrap();
    tailnet.forget_lists();

    let now = waits(&session, "revoke_device", with_plan(removal(&device), &shown)).await;

    assert_ne!(now["plan_id"], shown["plan_id"]);
    assert!(now["next"].as_str().unwrap().contains("the tailnet has changed since"), "{now}");
    assert!(now["question"].as_str().unwrap().contains("db-9"), "{now}");
    assert!(is_there(&tailnet, &device).await);
}

#[tokio::test]
async fn an_approval_is_for_one_tailnet() {
    let (_one, here) = sandbox_of(10).await;
    let (_two, there) = sandbox_of(10).await;
    let device = own(&here).await.remove(0);
    let setup = setup_in(ConfirmMode::Person);
    let shown = waits(&alone(&here, &setup).await, "revoke_device", removal(&device)).await;
    approvals(&setup).decide(id(&shown), &person("ann"), true).await.unwrap();

    let call = with_plan(removal(&device), &shown);
    waits(&alone(&there, &setup).await, "revoke_device", call).await;

    assert!(is_there(&there, &device).await);
}

#[tokio::test]
async fn plans_outlast_the_server_and_expire() {
    let (_sandbox, tailnet) = sandbox_of(10).await;
    let devices = own(&tailnet).await;
    let [first, second] = &devices[..2] else { panic!() };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let setup = || {
        let mut setup = setup_in(ConfirmMode::Person);
        let place = path.to_str().unwrap().parse().unwrap();
        setup.store = Arc::new(Store::new(place));
        setup
    };
    let before = setup();
    let session = alone(&tailnet, &before).await;
    let approved = waits(&session, "revoke_device", removal(first)).await;
    let late = waits(&session, "revoke_device", removal(second)).await;
    drop((session, before));

    let after = setup();
    for shown in [&approved, &late] {
        approvals(&after).decide(id(shown), &person("ann"), true).await.unwrap();
    }
    let database =
        sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let expire = sqlx::query("UPDATE approvals SET until = 1 WHERE id = $1").bind(id(&late));
    expire.execute(&database).await.unwrap();
    let session = alone(&tailnet, &after).await;
    let again = waits(&session, "revoke_device", with_plan(removal(second), &late)).await;
    assert!(again["next"].as_str().unwrap().contains("has expired"), "{again}");
    assert_ne!(again["plan_id"], late["plan_id"]);
    let expired = approvals(&after).get(id(&late)).await.unwrap();
    assert_eq!(expired.state, ApprovalState::Expired);
    let done = session.done("revoke_device", with_plan(removal(first), &approved)).await;
    assert_eq!(done["applied"], true);
    assert!(is_there(&tailnet, second).await);
}

/// Served on a store that others can open, with a page for approvals.
async fn with_page(tailnet: &Tailnet, setup: Setup, era: Era, person: FakeUser) -> Session {
    let server = Server::new(tailnet, setup);
    server.approve_at(&"https://mcp.example.com/".parse().unwrap());
    person.before(server, era).await
}

#[tokio::test]
async fn a_client_that_opens_pages_opens_that_of_the_plan_and_is_answered() {
    for era in [Era::Sessions, Era::Stateless] {
        for yes in [true, false] {
            let (_sandbox, tailnet) = sandbox_of(10).await;
            let device = own(&tailnet).await.remove(0);
            let setup = setup_in(ConfirmMode::Other);
            let desk = approvals(&setup);
            // Somebody decides a moment after the page is opened.
            let decide = move || {
                let desk = desk.clone();
                tokio::spawn(async move {
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(300)).await;
                        let id = desk.list().await.unwrap().remove(0).plan_id;
                        desk.decide(&id, &person("ann"), yes).await.unwrap();
                    });
                })
            };
            let user = FakeUser::who(Says::OpensPages).meanwhile(decide);
            let session = with_page(&tailnet, setup.clone(), era, user).await;

            let (answer, failed) = session.call("revoke_device", removal(&device)).await;

            let plan = approvals(&setup).list().await.unwrap().remove(0);
            let link = format!("https://mcp.example.com/approve/{}", plan.plan_id);
            assert_eq!(session.asked(), [link], "{era:?}");
            assert_eq!(failed, !yes, "{answer}");
            assert_eq!(is_there(&tailnet, &device).await, !yes);
            assert_eq!(answer["applied"].as_bool().unwrap_or_default(), yes, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_client_without_pages_gets_the_link() {
    let (_sandbox, tailnet) = sandbox_of(10).await;
    let device = own(&tailnet).await.remove(0);
    let user = FakeUser::who(Says::CannotAsk);
    let session = with_page(&tailnet, setup_in(ConfirmMode::Person), Era::Sessions, user).await;

    let shown = waits(&session, "revoke_device", removal(&device)).await;

    let link = format!("https://mcp.example.com/approve/{}", id(&shown));
    assert_eq!(shown["link"], link);
    assert!(shown["next"].as_str().unwrap().contains(&link), "{shown}");
}

#[tokio::test]
async fn nobody_is_flooded_with_plans() {
    let (_sandbox, tailnet) = sandbox().await;
    let setup = setup_in(ConfirmMode::Person);
    let session = alone(&tailnet, &setup).await;
    let devices = own(&tailnet).await;
    for device in &devices[..50] {
        waits(&session, "revoke_device", removal(device)).await;
    }

    let refused = session.fails("revoke_device", removal(&devices[50])).await;

    assert!(refused["message"].as_str().unwrap().contains("50 plans wait"), "{refused}");
    let listed = session.done("list_pending_plans", json!({})).await;
    assert_eq!((&listed["total"], &listed["waiting"]), (&json!(50), &json!(50)));
}

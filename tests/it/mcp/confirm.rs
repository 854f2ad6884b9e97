//! A change that is hard to undo runs only after its plan was confirmed.

use rmcp::model::{CallToolRequestParams, CallToolResponse, InputResponses};
use serde_json::{Value, json};
use tailsteward::{Tailnet, mcp::Server, tailnet::devices::Device};

use crate::support::changes::{is_there, own, removal, setup};
use crate::support::{
    fake_user::{Era, FakeUser, Says},
    set_auto_updates,
    tailnet::sandbox,
};

#[tokio::test]
async fn the_user_is_asked_in_both_eras_and_yes_does_it_once() {
    for era in [Era::Sessions, Era::Stateless] {
        let (sandbox, tailnet) = sandbox().await;
        let device = own(&tailnet).await.remove(0);
        let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), era).await;

        let done = session.done("revoke_device", removal(&device)).await;

        assert_eq!((&done["applied"], &done["cannot_be_undone"]), (&json!(true), &json!(true)));
        assert!(!is_there(&tailnet, &device).await);
        let asked = session.asked();
        assert_eq!(asked.len(), 1, "{era:?}");
        assert!(asked[0].contains(device.short_name()), "{asked:?}");
        assert!(asked[0].contains("cannot be undone"), "{asked:?}");
        let deletes = sandbox.requests().iter().filter(|it| it.0 == "DELETE").count();
        assert_eq!(deletes, 1);
    }
}

#[tokio::test]
async fn no_and_cancel_and_an_unticked_box_change_nothing() {
    for era in [Era::Sessions, Era::Stateless] {
        for (says, word) in
            [(Says::No, "declined"), (Says::Unticked, "declined"), (Says::Cancel, "cancelled")]
        {
            let (sandbox, tailnet) = sandbox().await;
            let device = own(&tailnet).await.remove(0);
            let session = FakeUser::who(says).at(&tailnet, setup(), era).await;

            let failure = session.fails("revoke_device", removal(&device)).await;

            assert_eq!(failure["kind"], "refused", "{failure}");
            assert!(failure["message"].as_str().unwrap().contains(word), "{failure}");
            assert!(sandbox.requests().iter().all(|it| it.0 == "GET"), "{era:?} {says:?}");
            let list = session.done("list_changes", json!({})).await;
            assert_eq!(list["total"], 0, "nothing was begun");
        }
    }
}

#[tokio::test]
async fn a_client_that_cannot_ask_gets_a_plan_and_carries_it_out_once() {
    for era in [Era::Sessions, Era::Stateless] {
        let (sandbox, tailnet) = sandbox().await;
        let device = own(&tailnet).await.remove(0);
        let session = FakeUser::who(Says::CannotAsk).at(&tailnet, setup(), era).await;

        let shown = session.done("revoke_device", removal(&device)).await;
        assert!(sandbox.requests().iter().all(|it| it.0 == "GET"));
        assert_eq!(shown["plan"]["applied"], false);
        assert!(shown["next"].as_str().unwrap().contains("plan_id"), "{shown}");
        let mut with_id = removal(&device);
        with_id["plan_id"] = shown["plan_id"].clone();

        let mut other = with_id.clone();
        other["how"] = json!("deauthorize");
        let differs = session.done("revoke_device", other).await;
        assert!(differs["next"].as_str().unwrap().contains("other arguments"), "{differs}");
        assert!(is_there(&tailnet, &device).await, "the plan was for something else");

        let done = session.done("revoke_device", with_id.clone()).await;
        assert_eq!(done["applied"], true);
        assert!(!is_there(&tailnet, &device).await);
        let again = session.fails("revoke_device", with_id).await;
        assert_eq!(again["kind"], "not_found");
    }
}

#[tokio::test]
async fn a_plan_that_was_carried_out_is_not_carried_out_again() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(Device::is_authorized).unwrap();
    let session = FakeUser::who(Says::CannotAsk).at(&tailnet, setup(), Era::Sessions).await;
    let mut off = json!({ "device": device.key(), "how": "deauthorize" });
    let shown = session.done("revoke_device", off.clone()).await;
    off["plan_id"] = shown["plan_id"].clone();
    session.done("revoke_device", off.clone()).await;
    let back = tailnet.devices().plan_authorized(device.key(), true).await.unwrap();
    tailnet.apply(&back).await.unwrap();

    let again = session.fails("revoke_device", off).await;

    assert!(again["message"].as_str().unwrap().contains("already applied"), "{again}");
    assert!(tailnet.devices().get(device.key()).await.unwrap().is_authorized());
}

#[tokio::test]
async fn a_model_cannot_answer_for_a_user_who_can_be_asked() {
    for era in [Era::Sessions, Era::Stateless] {
        let (sandbox, tailnet) = sandbox().await;
        let device = own(&tailnet).await.remove(0);
        let setup = setup();
        // A plan that was really made, for somebody who cannot be asked.
        let mut same = crate::support::changes::setup();
        same.store = std::sync::Arc::clone(&setup.store);
        let other = FakeUser::who(Says::CannotAsk).at(&tailnet, same, era).await;
        let shown = other.done("revoke_device", removal(&device)).await;
        let session = FakeUser::who(Says::No).at(&tailnet, setup, era).await;
        for id in [json!("made-up2"), shown["plan_id"].clone()] {
            let mut arguments = removal(&device);
            arguments["plan_id"] = id;

            let failure = session.fails("revoke_device", arguments).await;

            assert!(failure["message"].as_str().unwrap().contains("declined"), "{failure}");
        }
        assert_eq!(session.asked().len(), 2, "{era:?}");
        assert!(sandbox.requests().iter().all(|it| it.0 == "GET"));
    }
}

#[tokio::test]
async fn a_plan_nobody_made_is_not_carried_out() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.remove(0);
    let session = FakeUser::who(Says::CannotAsk).at(&tailnet, setup(), Era::Sessions).await;
    let mut made_up = removal(&device);
    made_up["plan_id"] = json!("abcd2345");

    let shown = session.done("revoke_device", made_up).await;

    assert!(shown["next"].as_str().unwrap().contains("is unknown or has expired"), "{shown}");
    assert!(is_there(&tailnet, &device).await);
}

/// Adds a tag behind the back of whoever thinks about another one.
fn tag(tailnet: Tailnet, id: String) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let update = {
            let mut it = tailsteward::tailnet::devices::Update::default();
            it.add_tags = vec!["tag:k8s".to_owned()];
            it
        };
        let plan = tailnet.devices().plan_update(&id, &update).await.unwrap();
        tailnet.apply(&plan).await.unwrap();
    })
}

#[tokio::test]
async fn a_world_that_moved_is_shown_again_before_anything_is_done() {
    for era in [Era::Sessions, Era::Stateless] {
        let (_sandbox, tailnet) = sandbox().await;
        let device = own(&tailnet).await.into_iter().find(|it| it.tags().is_empty()).unwrap();
        let (other, id) = (tailnet.clone(), device.key().to_owned());
        let first = std::sync::atomic::AtomicBool::new(true);
        let person = FakeUser::who(Says::Yes).meanwhile(move || {
            if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
                tag(other.clone(), id.clone())
            } else {
                tokio::spawn(async {})
            }
        });
        let session = person.at(&tailnet, setup(), era).await;
        let arguments = json!({ "device": device.key(), "add_tags": ["tag:ci"] });

        let (answer, failed) = session.call("update_device", arguments).await;

        let tags = tailnet.devices().get(device.key()).await.unwrap().tags().to_vec();
        if era == Era::Sessions {
            assert!(failed, "{answer}");
            assert_eq!(answer["kind"], "stale");
            assert!(answer["message"].as_str().unwrap().contains("tag:k8s"), "{answer}");
            assert_eq!(tags, ["tag:k8s"]);
        } else {
            // It was asked anew, about what it has become: a change that can be put back.
            assert!(tags.contains(&"tag:k8s".to_owned()), "{answer}");
        }
    }
}

#[tokio::test]
async fn what_can_be_put_back_is_not_asked_about() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(|it| !it.tags().is_empty()).unwrap();
    let session = FakeUser::who(Says::No).at(&tailnet, setup(), Era::Sessions).await;

    let done =
        session.done("update_device", json!({ "device": device.key(), "name": "renamed" })).await;

    assert_eq!(done["applied"], true);
    assert!(session.asked().is_empty());
}

#[tokio::test]
async fn whoever_is_asked_is_told_what_else_the_plan_says() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.remove(0);
    set_auto_updates(&tailnet, false).await.unwrap();
    let session = FakeUser::who(Says::No).at(&tailnet, setup(), Era::Sessions).await;

    let arguments = json!({ "device": device.key(), "auto_updates": true });
    session.fails("force_update", arguments).await;

    assert!(session.asked()[0].contains("the API cannot push an update"), "{:?}", session.asked());
}

#[tokio::test]
async fn an_operator_who_says_yes_is_not_asked() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.remove(0);
    let mut yes = setup();
    yes.yes = true;
    let session = FakeUser::who(Says::No).at(&tailnet, yes, Era::Sessions).await;

    session.done("revoke_device", removal(&device)).await;

    assert!(session.asked().is_empty());
    assert!(!is_there(&tailnet, &device).await);
}

/// One attempt over a connection of 2026-07-28, answered by hand.
async fn once(
    session: &crate::support::fake_user::Session,
    arguments: &Value,
    answer: Option<(&Value, &str)>,
) -> CallToolResponse {
    let mut request = CallToolRequestParams::new("revoke_device")
        .with_arguments(arguments.as_object().unwrap().clone());
    if let Some((response, state)) = answer {
        let responses = InputResponses::from([("confirm".to_owned(), response.clone())]);
        request = request.with_input_responses(responses).with_request_state(state);
    }
    session.client.call_tool_once(request).await.unwrap()
}

fn refused(response: CallToolResponse) -> String {
    let CallToolResponse::Complete(result) = response else { panic!("{response:?}") };
    assert_eq!(result.is_error, Some(true));
    result.content[0].as_text().unwrap().text.clone()
}

#[tokio::test]
async fn a_seal_is_good_for_one_call_of_one_principal_and_once() {
    let (_sandbox, tailnet) = sandbox().await;
    let devices = own(&tailnet).await;
    let [victim, other] = &devices[..2] else { panic!() };
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Stateless).await;
    let stranger = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Stateless).await;
    let CallToolResponse::InputRequired(asked) = once(&session, &removal(victim), None).await
    else {
        panic!("it was not asked")
    };
    let state = asked.request_state.unwrap();
    let yes = json!({ "action": "accept", "content": { "confirm": true } });

    // Another device, a seal that was tampered with, another server's key.
    refused(once(&session, &removal(other), Some((&yes, &state))).await);
    let mut tampered = state.clone();
    let flipped = if tampered.ends_with('A') { "B" } else { "A" };
    tampered.replace_range(tampered.len() - 1.., flipped);
    refused(once(&session, &removal(victim), Some((&yes, &tampered))).await);
    refused(once(&stranger, &removal(victim), Some((&yes, &state))).await);
    // An answer that says no, and none at all.
    let no = json!({ "action": "decline" });
    refused(once(&session, &removal(victim), Some((&no, &state))).await);
    refused(once(&session, &removal(victim), Some((&json!({}), &state))).await);
    assert!(is_there(&tailnet, victim).await && is_there(&tailnet, other).await);

    let done = once(&session, &removal(victim), Some((&yes, &state))).await;
    assert!(
        matches!(&done, CallToolResponse::Complete(it) if it.is_error != Some(true)),
        "{done:?}"
    );
    assert!(!is_there(&tailnet, victim).await);
}

#[tokio::test]
async fn a_replica_with_the_same_key_takes_the_answer_and_only_once() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.into_iter().find(Device::is_authorized).unwrap();
    let one = setup();
    let mut two = setup();
    two.sealing_key = one.sealing_key.clone();
    two.store = std::sync::Arc::clone(&one.store);
    let here = FakeUser::who(Says::Yes).at(&tailnet, one, Era::Stateless).await;
    let there = FakeUser::who(Says::Yes).at(&tailnet, two, Era::Stateless).await;
    let off = json!({ "device": device.key(), "how": "deauthorize" });
    let CallToolResponse::InputRequired(asked) = once(&here, &off, None).await else { panic!() };
    let state = asked.request_state.unwrap();
    let yes = json!({ "action": "accept", "content": { "confirm": true } });

    let done = once(&there, &off, Some((&yes, &state))).await;
    assert!(
        matches!(&done, CallToolResponse::Complete(it) if it.is_error != Some(true)),
        "{done:?}"
    );
    here.done("authorize_device", json!({ "device": device.key() })).await;
    let again = refused(once(&here, &off, Some((&yes, &state))).await);

    assert!(again.contains("used before"), "{again}");
    assert!(tailnet.devices().get(device.key()).await.unwrap().is_authorized());
}

#[tokio::test]
async fn a_dry_run_of_something_grave_asks_nobody() {
    let (_sandbox, tailnet) = sandbox().await;
    let device = own(&tailnet).await.remove(0);
    let session = FakeUser::who(Says::Yes).at(&tailnet, setup(), Era::Sessions).await;
    let mut dry = removal(&device);
    dry["dry_run"] = json!(true);

    let plan = session.done("revoke_device", dry).await;

    assert_eq!((&plan["applied"], session.asked().len()), (&json!(false), 0));
    assert!(is_there(&tailnet, &device).await);
    let _ = Server::new(tailnet, setup());
}

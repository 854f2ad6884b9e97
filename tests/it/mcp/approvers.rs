//! Whose approval counts.

use serde_json::json;
use tailsteward::guard::{ConfirmMode, Principal};

use super::approve::{alone, id, waits};
use crate::support::{
    changes::{approvals, own, person, removal, setup_in, with_plan},
    fake_user::{Era, FakeUser, Says},
    tailnet::sandbox_of,
};

#[tokio::test]
async fn where_a_guardrail_asks_for_approval_only_the_form_of_an_approver_counts() {
    let user = whoami::username().unwrap();
    for era in [Era::Sessions, Era::Stateless] {
        let (_sandbox, tailnet) = sandbox_of(10).await;
        let device = own(&tailnet).await.remove(0);
        // A name from an option is not who somebody is.
        for (approver, caller, counts) in [
            ("ann", user.as_str(), false),
            ("ann", "ann", false),
            (user.as_str(), "somebody", false),
            (user.as_str(), user.as_str(), true),
        ] {
            let mut setup = setup_in(ConfirmMode::Auto);
            setup.local = Principal::new(caller);
            let mut rails = (*setup.guardrails.get()).clone();
            rails.approval.devices = vec![device.key().to_owned()];
            rails.approvers = vec![approver.to_owned()];
            setup.guardrails = rails.into();
            let session = FakeUser::who(Says::Yes).at(&tailnet, setup.clone(), era).await;
            let renamed = json!({ "device": device.key(), "name": format!("by-{caller}") });
            if counts {
                let done = session.done("update_device", renamed).await;
                assert_eq!(done["confirmed"], "person", "{done}");
                continue;
            }
            let shown = waits(&session, "update_device", renamed.clone()).await;
            assert!(session.asked().is_empty(), "{approver} {caller}");
            let next = shown["next"].as_str().unwrap();
            assert!(next.contains("guardrails under `approval`"), "{next}");
            approvals(&setup).decide(id(&shown), &person(approver), true).await.unwrap();
            let done = session.done("update_device", with_plan(renamed, &shown)).await;
            assert_eq!(done["confirmed"], format!("approved by {approver}"), "{done}");
        }
    }
}

#[tokio::test]
async fn one_person_with_a_login_and_a_user_of_the_system_is_not_two() {
    let (_sandbox, tailnet) = sandbox_of(10).await;
    let device = own(&tailnet).await.remove(0);
    for (caller, approver, is_same) in [
        ("root@example.com@node2", "root", true),
        ("Ann@example.com@laptop", "ann", true),
        ("ann@id.example.com", "CORP\\ann", true),
        ("ann@example.com@laptop", "ann@corp.example.com", true),
        ("ann@example.com@laptop", "bob", false),
        ("tag:ci@ann", "ann", false),
    ] {
        let mut setup = setup_in(ConfirmMode::Other);
        setup.local = Principal::new(caller);
        let session = alone(&tailnet, &setup).await;
        let shown = waits(&session, "revoke_device", removal(&device)).await;
        let decided = approvals(&setup).decide(id(&shown), &person(approver), false).await;
        assert_eq!(decided.is_err(), is_same, "{caller} {approver}");
        if let Err(error) = decided {
            assert!(error.to_string().contains("somebody else has to approve it"), "{error}");
        }
    }
}

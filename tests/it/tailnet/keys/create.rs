//! Making keys.

use serde_json::{Value, json};
use tailsteward::{
    sandbox::Sandbox,
    tailnet::keys::{Kind, NewKey},
};

use super::{
    ALL, auth, by_client, client, federated, id, ids, is_valid, key, kinds, made, recording, secret,
};
use crate::support::{
    edits::{self, Edit, agent, session},
    tailnet::sandbox_of,
};

#[tokio::test]
async fn the_secret_of_a_new_key_is_shown_once_and_nowhere_else() {
    for new in [auth(), client()] {
        let (_sandbox, tailnet) = sandbox_of(20).await;
        let agent = agent(&tailnet).await;

        let done = agent.call("create_key", new.clone()).await;

        let (secret, id) = (secret(&done), id(&done));
        assert!(secret.starts_with("tskey-") && secret.contains(&id), "{done}");
        assert_eq!(done.to_string().matches(&secret).count(), 1, "{done}");
        for (tool, arguments) in [
            ("get_change", json!({ "change": done["change"] })),
            ("list_changes", json!({})),
            ("get_key", json!({ "key": id })),
            ("list_keys", json!({})),
        ] {
            let shown = agent.call(tool, arguments).await;
            assert!(!shown.to_string().contains(&secret), "{tool}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_program_gets_the_secret_from_the_report_which_does_not_print_it() {
    let (_sandbox, tailnet) = sandbox_of(20).await;
    let tailnet = recording(&tailnet);
    let new = {
        let mut it = NewKey::default();
        it.kind = Kind::Auth;
        it.tags = vec!["tag:ci".to_owned()];
        it
    };

    let plan = tailnet.keys().plan_create(&new).unwrap();
    let report = tailnet.apply(&plan).await.unwrap();

    let secret = report.shown_once["key"].reveal().to_owned();
    assert!(secret.starts_with("tskey-auth-"));
    assert!(!format!("{report:?} {plan:?}").contains(&secret), "{report:?}");
    let details = tailnet.changes().get(report.change.unwrap(), 0, 10).await.unwrap();
    assert!(!format!("{details:?}").contains(&secret), "{details:?}");
}

#[tokio::test]
async fn a_key_is_made_as_it_was_wanted() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;

    let joins = key(&sandbox, &made(&agent, auth()).await).await;
    let trusts = key(&sandbox, &made(&agent, client()).await).await;
    let done = agent.call("create_key", federated()).await;
    let vouched = key(&sandbox, &id(&done)).await;

    let create = joins.pointer("/capabilities/devices/create").unwrap();
    let wanted = json!({
        "reusable": true, "ephemeral": true, "preauthorized": true, "tags": ["tag:ci"],
    });
    assert_eq!((create, &joins["expirySeconds"]), (&wanted, &json!(30 * 86_400)));
    assert_eq!(joins["description"], "Build farm");
    assert_eq!(trusts["scopes"], client()["scopes"]);
    assert_eq!(trusts["tags"], json!(["tag:ci"]));
    assert_eq!(
        (&vouched["issuer"], &vouched["subject"]),
        (&federated()["issuer"], &json!("repo:acme/*"))
    );
    assert_eq!(
        (&vouched["audience"], &vouched["customClaimRules"]),
        (&json!("acme"), &federated()["claims"])
    );
    assert!(done.get("shown_once").is_none(), "a federated identity has no secret: {done}");
    assert!(done["notes"].to_string().contains("created key"), "{done}");
}

#[tokio::test]
async fn what_is_made_too_mighty_is_warned_of() {
    let (_sandbox, tailnet) = sandbox_of(20).await;
    let agent = agent(&tailnet).await;
    let mut all = client();
    all["scopes"] = json!(["all"]);
    let mut anybody = federated();
    anybody["subject"] = json!("*");
    for (mut new, words) in [
        (auth(), "without approval"),
        (all, "access to everything"),
        (anybody, "every workload of the issuer"),
    ] {
        new["dry_run"] = json!(true);
        let plan = agent.call("create_key", new).await;
        assert!(plan["warnings"].to_string().contains(words), "{plan}");
    }
}

/// Arguments with a wrong field, and the error for each.
fn wrong() -> Vec<(Value, &'static str, Value, &'static str)> {
    let (x, yes) = (json!("x"), json!(true));
    let none = json!([]);
    vec![
        (auth(), "kind", json!("api"), "`kind` is `api`"),
        (auth(), "description", json!("a_b"), "`description`"),
        (auth(), "description", json!("Füllung"), "`description`"),
        (auth(), "description", json!("a".repeat(51)), "`description`"),
        (auth(), "days", json!(0), "`days`"),
        (auth(), "days", json!(91), "between 1 and 90"),
        (auth(), "tags", json!(["c_i"]), "`tag:name`"),
        (auth(), "scopes", json!(["dns"]), "`scopes`"),
        (auth(), "issuer", x.clone(), "`issuer`"),
        (auth(), "subject", x.clone(), "`subject`"),
        (auth(), "audience", x.clone(), "`audience`"),
        (auth(), "claims", json!({ "a": "b" }), "`claims`"),
        (client(), "days", json!(3), "`days`"),
        (client(), "reusable", yes.clone(), "`reusable`"),
        (client(), "ephemeral", yes.clone(), "`ephemeral`"),
        (client(), "preauthorized", yes, "`preauthorized`"),
        (client(), "issuer", x.clone(), "only for federated identities"),
        (client(), "scopes", none.clone(), "`scopes` are required"),
        (client(), "scopes", json!(["Devices"]), "`scopes` has `Devices`"),
        (client(), "scopes", json!([""]), "`scopes`"),
        (client(), "tags", none.clone(), "`tags` are required"),
        (federated(), "scopes", none, "`scopes` are required"),
        (federated(), "days", json!(3), "`days`"),
        (federated(), "issuer", json!("http://idp.example"), "`issuer` must be the https"),
        (federated(), "issuer", x, "`issuer`"),
        (federated(), "subject", json!(""), "`subject` is required"),
        (federated(), "claims", json!({ "sub": "y" }), "`claims` has `sub`"),
        (federated(), "claims", json!({ "iss": "y" }), "`claims`"),
        (federated(), "claims", json!({ "aud": "y" }), "`claims`"),
    ]
}

#[tokio::test]
async fn what_is_wrong_with_a_new_key_is_refused_by_field_before_anything_is_sent() {
    let mut cases: Vec<(&'static str, Value, &str, &str)> = Vec::new();
    for (mut new, field, value, words) in wrong() {
        new[field] = value;
        cases.push(("create_key", new, "invalid_input", words));
    }
    for field in ["issuer", "subject"] {
        let mut new = federated();
        new.as_object_mut().unwrap().remove(field);
        cases.push(("create_key", new, "invalid_input", field));
    }
    edits::are_refused(&cases).await;
}

#[tokio::test]
async fn a_key_that_an_oauth_client_makes_needs_tags_and_that_of_a_person_none() {
    let (sandbox, tailnet) = sandbox_of(20).await;

    let failure = by_client(&sandbox).await.fail("create_key", json!({})).await;
    let done = agent(&tailnet).await.call("create_key", json!({})).await;

    assert_eq!(failure["kind"], "invalid_input", "{failure}");
    assert!(failure["message"].as_str().unwrap().contains("`tags`"), "{failure}");
    assert_eq!(key(&sandbox, &id(&done)).await["expirySeconds"], 90 * 86_400);
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_made() {
    edits::show_first(&kinds().map(|it| Edit::new("create_key", it))).await;
}

#[tokio::test]
async fn a_new_key_is_revoked_when_that_is_rolled_back() {
    edits::come_back(&kinds().map(|it| Edit::new("create_key", it)), &[ALL]).await;
}

#[tokio::test]
async fn a_key_that_was_rolled_back_is_not_made_again_by_taking_that_back() {
    let (sandbox, tailnet) = sandbox_of(20).await;
    let session = session(&tailnet).await;
    let done = session.done("create_key", auth()).await;
    let undone = session.done("undo_change", json!({ "change": done["change"] })).await;
    let before = ids(&sandbox).await;

    let failure = session.fails("undo_change", json!({ "change": undone["change"] })).await;

    assert_eq!(failure["kind"], "refused", "{failure}");
    assert_eq!(ids(&sandbox).await, before);
    assert!(undone["warnings"].to_string().contains("irreversible"), "{undone}");
    assert!(!is_valid(&sandbox, &id(&done)).await);
}

#[tokio::test]
async fn a_creation_that_is_refused_makes_nothing_and_one_whose_answer_got_lost_says_so() {
    use crate::support::{
        proxy::{Fault, faulty},
        tailnet::settings,
    };
    for new in kinds() {
        for fault in [Fault::Refused, Fault::AnswerLost] {
            let sandbox = Sandbox::start(<_>::default()).await.unwrap();
            let before = ids(&sandbox).await.len();
            let proxy = faulty(&sandbox.base_url(), 0, fault.clone()).await;
            let agent = agent(&tailsteward::Tailnet::new(settings(&proxy))).await;

            let failure = agent.fail("create_key", new.clone()).await;

            let lost = fault == Fault::AnswerLost;
            assert_eq!(failure["may_have_had_effect"] == true, lost, "{failure}");
            assert!(failure["remedy"].is_string(), "{failure}");
            assert_eq!(ids(&sandbox).await.len(), before + usize::from(lost));
        }
    }
}

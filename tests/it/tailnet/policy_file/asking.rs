//! The tools that judge, through an MCP client.

use serde_json::{Value, json};
use tailsteward::tool::Risk;

use super::{Setting, setup};
use crate::support::{
    agent::Agent,
    fake_user::{Era, FakeUser, Says},
    proxy::Fault,
    tailnet::sandbox,
};

async fn agent() -> (tailsteward::sandbox::Sandbox, Agent, tailsteward::Tailnet) {
    let (sandbox, tailnet) = sandbox().await;
    let agent = Agent::of(&tailnet, Risk::Read).await;
    (sandbox, agent, tailnet)
}

/// The name of a device with just this tag.
async fn tagged(tailnet: &tailsteward::Tailnet, tag: &str) -> String {
    let list = tailnet.devices().list().await.unwrap();
    let has = |it: &&tailsteward::tailnet::devices::Device| it.tags().contains(&tag.to_owned());
    list.iter().find(has).unwrap().short_name().to_owned()
}

#[tokio::test]
async fn why_a_does_not_reach_b_is_answered_with_rule_line_and_smallest_grant() {
    let (_sandbox, agent, tailnet) = agent().await;
    let (web, db) = (tagged(&tailnet, "tag:web").await, tagged(&tailnet, "tag:db").await);

    let yes = agent.call("test_acl_policy", json!({ "from": web, "to": db, "port": "5432" })).await;
    assert_eq!((&yes["judged_by"], &yes["allowed"]), (&json!("offline"), &json!(true)));
    let text = tailnet.policy_file().get().await.unwrap().text;
    let line = usize::try_from(yes["by"][0]["at"]["line"].as_u64().unwrap()).unwrap();
    assert!(text.lines().nth(line - 1).unwrap().contains("tcp:5432"), "{yes}");

    let no = agent.call("test_acl_policy", json!({ "from": web, "to": db, "port": "22" })).await;
    assert_eq!(no["allowed"], false);
    assert!(no["because"][0].as_str().unwrap().contains("on tcp:5432 only"), "{no}");
    let grant = json!({ "src": ["tag:web"], "dst": ["tag:db"], "ip": ["tcp:22"] });
    assert_eq!(no["smallest_grant"], grant);
}

#[tokio::test]
async fn one_end_alone_lists_rules() {
    let (_sandbox, agent, _) = agent().await;
    let who = agent.call("test_acl_policy", json!({ "to": "tag:db" })).await;
    assert!(who["reached_by"]["total"].as_u64().unwrap() >= 3, "{who}");
    assert!(who["reached_by"]["shown"][0]["rule"].as_str().unwrap().starts_with("grants["));
    let what = agent.call("test_acl_policy", json!({ "from": "tag:ci" })).await;
    assert_eq!(what["reaches"]["shown"][0]["who"], json!(["tag:prod", "tag:staging"]));
}

#[tokio::test]
async fn a_long_list_goes_on_where_it_ended() {
    let (_sandbox, agent, _) = agent().await;
    let rule = |port| json!({ "src": ["*"], "dst": ["tag:db"], "ip": [format!("tcp:{port}")] });
    let text = json!({
        "grants": (1..=70).map(rule).collect::<Vec<_>>(), "tagOwners": { "tag:db": [] },
    })
    .to_string();
    let (mut next, mut seen) = (Value::Null, Vec::new());
    loop {
        let asked = json!({ "to": "tag:db", "text": text, "cursor": next });
        let page = agent.call("test_acl_policy", asked).await["reached_by"].take();
        assert_eq!(page["total"], 70);
        let rules = page["shown"].as_array().unwrap().iter();
        seen.extend(rules.map(|it| it["rule"].as_str().unwrap().to_owned()));
        next = page["next"].clone();
        if next.is_null() {
            break;
        }
    }
    let all: Vec<String> = (0..70).map(|it| format!("grants[{it}]")).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn services_that_may_not_be_read_are_left_out_and_a_failure_is_told() {
    let answering = |status: u16| {
        Setting::with(move |asked| {
            if asked.path.ends_with("/services") {
                Fault::Answered(status, "{\"message\":\"no\"}")
            } else {
                Fault::Pass
            }
        })
    };
    let question = json!({ "from": "tag:web", "to": "tag:db", "port": "53/udp" });

    let setting = answering(403).await;
    let narrow = Agent::of(&setting.tailnet, Risk::Read).await;
    assert_eq!(narrow.call("test_acl_policy", question.clone()).await["port"], "udp:53");
    let setting = answering(400).await;
    let failing = Agent::of(&setting.tailnet, Risk::Read).await;
    let failure = failing.fail("test_acl_policy", question).await;
    assert!(failure["message"].as_str().unwrap().contains("listServices"), "{failure}");
}

#[tokio::test]
async fn tests_are_run_offline_or_at_tailscale_and_the_answer_says_which() {
    let (_sandbox, agent, _) = agent().await;
    let own = agent.call("test_acl_policy", json!({})).await;
    assert_eq!(own, json!({ "judged_by": "offline", "passed": 2, "failed": [] }));

    let tests = json!([{ "src": "tag:web", "accept": ["tag:db:22"] }]);
    let here = agent.call("test_acl_policy", json!({ "tests": tests })).await;
    assert_eq!(here["passed"], 0);
    assert!(here["failed"][0]["errors"][0].as_str().unwrap().contains("want: Accept, got: Drop"));
    let there = agent.call("test_acl_policy", json!({ "tests": tests, "by": "tailscale" })).await;
    assert_eq!(there["judged_by"], "tailscale");
    assert_eq!(there["failed_tests"][0]["user"], "tag:web", "{there}");
    let preview =
        agent.call("test_acl_policy", json!({ "from": "tag:web", "by": "tailscale" })).await;
    assert!(preview["matches"].as_array().is_some(), "{preview}");
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_names_the_argument() {
    let (_sandbox, agent, _) = agent().await;
    for (arguments, wanted) in [
        (json!({ "from": "nobody-here" }), "`from`"),
        (json!({ "from": "tag:web", "to": "tag:db", "port": "http" }), "`port`"),
        (json!({ "from": "tag:web", "to": "tag:db", "by": "tailscale" }), "`by`"),
        (json!({ "text": "{" }), "`text`"),
        (
            json!({ "tests": [{ "src": "tag:web", "accept": ["x"] }], "text": "{}", "by": "tailscale" }),
            "`tests`",
        ),
    ] {
        let failure = agent.fail("test_acl_policy", arguments.clone()).await;
        assert_eq!(failure["kind"], "invalid_input", "{arguments}: {failure}");
        assert!(failure["message"].as_str().unwrap().contains(wanted), "{arguments}: {failure}");
    }
}

#[tokio::test]
async fn a_text_is_validated_here_first_and_then_at_tailscale() {
    let setting = Setting::quiet().await;
    let agent = Agent::of(&setting.tailnet, Risk::Read).await;
    let asked = || {
        let all = setting.sandbox.requests();
        all.iter().filter(|it| it.1.ends_with(super::VALIDATE)).count()
    };

    let live = agent.call("validate_acl_syntax", json!({})).await;
    assert_eq!((&live["valid"], &live["offline"]), (&json!(true), &json!([])));
    assert!(live["tailscale"].is_object() && asked() == 1);

    let text =
        setting.old.replace("\"dst\": [\"tag:web\"], \"ip\"", "\"dst\": [\"tag:wep\"], \"ip\"");
    let wrong = agent.call("validate_acl_syntax", json!({ "text": text })).await;
    assert_eq!(wrong["valid"], false);
    assert_eq!(wrong["offline"][0]["suggestion"], "did you mean \"tag:web\"?");
    assert!(wrong["offline"][0]["at"]["line"].as_u64().unwrap() > 20);
    assert!(wrong["note"].as_str().unwrap().contains("not validated by Tailscale") && asked() == 1);
    let offline = agent.call("validate_acl_syntax", json!({ "offline": true })).await;
    assert!(offline.get("tailscale").is_none() && asked() == 1);
}

#[tokio::test]
async fn the_analyzer_shows_findings_rules_and_capabilities_with_devices() {
    let (_sandbox, agent, tailnet) = agent().await;
    let found = agent.call("policy_analyzer", json!({})).await;
    assert_eq!(
        found["findings"]["total"].as_u64(),
        Some(["high", "medium", "low"].iter().map(|it| found[*it].as_u64().unwrap()).sum())
    );
    let rules = agent.call("policy_analyzer", json!({ "show": "rules" })).await;
    let admins = rules["rules"]["shown"].as_array().unwrap().last().unwrap();
    assert_eq!(admins["targets"], 100, "group:admins reach everything: {admins}");
    let funnel = agent.call("policy_analyzer", json!({ "capability": "funnel" })).await;
    assert_eq!(funnel["capabilities"]["shown"][0]["on"], json!(["tag:web"]));
    let web = tagged(&tailnet, "tag:web").await;
    let own = agent.call("policy_analyzer", json!({ "device": web })).await;
    assert!(own["attributes"].as_object().unwrap().contains_key("funnel"), "{own}");
    let all = agent.call("policy_analyzer", json!({ "show": "capabilities" })).await;
    assert!(all["capabilities"]["total"].as_u64().unwrap() >= 1);
    let gone = agent.fail("policy_analyzer", json!({ "device": "no-such-device" })).await;
    assert_eq!(gone["kind"], "not_found", "{gone}");
}

#[tokio::test]
async fn edits_leave_everything_else_as_it_is_written_and_show_their_effect() {
    let setting = Setting::quiet().await;
    let session = FakeUser::who(Says::Yes).at(&setting.tailnet, setup(), Era::Sessions).await;
    let rule = r#"{"src": ["group:data"], "dst": ["tag:staging"], "ip": ["tcp:8443"]}"#;
    let edits = json!([
        { "op": "add", "section": "grants", "value": rule },
        { "op": "add", "section": "hosts", "name": "scanner", "value": "10.20.0.41" },
    ]);

    let done = session.done("update_acl_policy", json!({ "edits": edits })).await;

    let live = setting.live().await;
    let notes = done["notes"].to_string();
    assert!(notes.contains("effect: + ") && notes.contains("→ tag:staging"), "{notes}");
    let kept = setting.old.lines().all(|line| live.lines().any(|it| it == line));
    assert!(kept, "every old line is still there");
    assert!(live.contains(rule) && live.contains("\"scanner\""), "{live}");
    assert_eq!(live.lines().count(), setting.old.lines().count() + 2, "{live}");
    let asked = session.asked().concat();
    assert!(asked.contains("→ tag:staging (3 devices) on tcp:8443"), "{asked}");
}

#[tokio::test]
async fn an_edit_that_cannot_be_made_names_what_is_wrong() {
    let setting = Setting::quiet().await;
    let agent = Agent::of(&setting.tailnet, Risk::Danger).await;
    for (edit, wanted) in [
        (json!({ "op": "add", "section": "grannts", "value": "{}" }), "grants"),
        (json!({ "op": "remove", "section": "groups", "name": "group:nope" }), "group:nope"),
        (json!({ "op": "set", "section": "grants", "index": 99, "value": "{}" }), "edit 1"),
    ] {
        let failure = agent.fail("update_acl_policy", json!({ "edits": [edit] })).await;
        assert_eq!(failure["kind"], "invalid_input", "{failure}");
        assert!(failure["message"].as_str().unwrap().contains(wanted), "{failure}");
    }
    for arguments in
        [json!({}), json!({ "text": "{}", "edits": [{ "op": "remove", "section": "tests" }] })]
    {
        let failure = agent.fail("update_acl_policy", arguments).await;
        assert!(failure["message"].as_str().unwrap().contains("not both"), "{failure}");
    }
    assert!(setting.is_untouched().await && setting.writes() == 0);
}

#[tokio::test]
async fn what_cuts_off_the_owner_is_refused_unless_it_is_meant() {
    let setting = Setting::quiet().await;
    let agent = Agent::of(&setting.tailnet, Risk::Danger).await;
    let text = "{\"groups\": {}, \"grants\": [{\"src\": [\"autogroup:tagged\"], \"dst\": [\"autogroup:tagged\"], \"ip\": [\"*\"]}], \"tagOwners\": {\"tag:web\": [\"autogroup:admin\"]}}";
    let etag = agent.call("get_acl_policy", json!({ "format": "summary" })).await["etag"].clone();
    let mut arguments = super::update(text, &etag);

    let refused = agent.fail("update_acl_policy", arguments.clone()).await;

    assert_eq!(refused["kind"], "refused");
    assert!(refused["message"].as_str().unwrap().contains("(owner) would lose"), "{refused}");
    assert!(setting.is_untouched().await && setting.writes() == 0);
    arguments["allow_lockout"] = json!(true);
    arguments["dry_run"] = json!(true);
    let plan = agent.call("update_acl_policy", arguments).await;
    assert!(plan["warnings"].to_string().contains("(owner) would lose"), "{plan}");
    assert!(setting.is_untouched().await, "a dry run");
}

#[tokio::test]
async fn without_people_and_devices_the_plan_says_that_effects_are_not_known() {
    let setting = Setting::with(|asked| {
        if asked.path.ends_with("/users") {
            Fault::Answered(403, "{\"message\":\"no\"}")
        } else {
            Fault::Pass
        }
    })
    .await;
    let draft = setting.draft(&super::printer(&setting.old)).await;
    let plan = setting.tailnet.policy_file().plan_text(&draft).await.unwrap();
    let warnings = plan.warnings().join("\n");
    assert!(warnings.contains("effects and lockouts were not checked"), "{warnings}");
    assert!(warnings.contains("users:read"), "{warnings}");
    let offline = plan.notes().iter().any(|it| it.starts_with("validated offline: ok"));
    assert!(offline, "{:?}", plan.notes());
}

// H3: a policy file that takes long kept every other caller waiting.
#[tokio::test]
async fn a_large_policy_file_keeps_no_other_call_waiting() {
    let (_sandbox, tailnet) = crate::support::tailnet::sandbox().await;
    let agent = crate::support::agent::Agent::of(&tailnet, Risk::Read).await;
    let bad: Vec<String> = (0..40_000).map(|number| format!("\"x{number}\"")).collect();
    let text =
        format!("{{\"grants\":[{{\"src\":[{}],\"dst\":[\"*\"],\"ip\":[\"*\"]}}]}}", bad.join(","));
    // The lists are in memory.
    agent.call("list_devices", json!({ "limit": 1 })).await;

    let large = async {
        let answer =
            agent.call("validate_acl_syntax", json!({ "text": text, "offline": true })).await;
        (answer, std::time::Instant::now())
    };
    let small = async {
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        agent.call("list_devices", json!({ "limit": 1 })).await;
        std::time::Instant::now()
    };
    let ((answer, large_done), small_done) = tokio::join!(large, small);

    assert_eq!(answer["valid"], false);
    // M4: 40,000 problems took a minute, and were all in the answer.
    assert!(answer["offline"].as_array().unwrap().len() <= 200, "{}", answer["omitted"]);
    assert!(small_done < large_done, "the small call waited for the large one");
}

// model-use 1, first-use 27: parameters that do not apply were ignored.
#[tokio::test]
async fn a_parameter_that_does_not_apply_is_refused() {
    let (_sandbox, tailnet) = crate::support::tailnet::sandbox().await;
    let agent = crate::support::agent::Agent::of(&tailnet, Risk::Read).await;
    for (tool, arguments, field) in [
        ("test_acl_policy", json!({ "port": "22" }), "`port`"),
        (
            "test_acl_policy",
            json!({ "from": "web-01", "to": "db-01", "port": "22", "ssh_user": "x" }),
            "`port`",
        ),
        ("test_acl_policy", json!({ "ssh_user": "root" }), "`ssh_user`"),
        ("test_acl_policy", json!({ "from": "web-01", "tests": [] }), "`tests`"),
        ("policy_analyzer", json!({ "show": "rules", "device": "web-01" }), "`device`"),
        ("policy_analyzer", json!({ "show": "rules", "capability": "funnel" }), "`capability`"),
    ] {
        let refused = agent.fail(tool, arguments.clone()).await;
        assert_eq!(refused["kind"], "invalid_input", "{arguments}: {refused}");
        assert!(refused["message"].as_str().unwrap().contains(field), "{arguments}: {refused}");
    }
}

// first-use 16: "who reaches it on this port" had no answer, and the port was ignored.
#[tokio::test]
async fn a_port_narrows_who_reaches_something() {
    let (_sandbox, agent, _tailnet) = agent().await;
    let total = async |arguments: Value| {
        agent.call("test_acl_policy", arguments).await["reached_by"]["total"].clone()
    };
    let all = total(json!({ "to": "tag:db" })).await.as_u64().unwrap();
    let database = total(json!({ "to": "tag:db", "port": "5432" })).await.as_u64().unwrap();
    let odd = total(json!({ "to": "tag:db", "port": "udp:9" })).await.as_u64().unwrap();
    assert!(database > 0 && database >= odd && odd < all, "{all} {database} {odd}");
}

//! Streaming logs.

mod audit;

use serde_json::{Value, json};
use tailsteward::{
    Operation, Tailnet,
    sandbox::{Options, Sandbox},
    tailnet::logging::Log,
};

use crate::{
    support::{Reply, Server, edits::raw, proxy::unreadable_after, tailnet::settings},
    tailnet::resource::{Fixture, SECRET, agent, are_refused},
};

#[tokio::test]
async fn no_stream_is_an_answer() {
    let fixture = Fixture::new().await;
    let none = fixture.agent.call("get_log_streaming", json!({ "log": "configuration" })).await;
    let some = fixture.agent.call("get_log_streaming", json!({ "log": "network" })).await;
    let stop = fixture.agent.call("disable_log_streaming", json!({ "log": "configuration" })).await;

    assert_eq!(none, json!({ "log": "configuration", "configured": false }));
    assert_eq!(some["configured"], true);
    assert_eq!(some["configuration"]["destinationType"], "splunk");
    assert!(
        some["status"]["numEntriesSent"].is_u64() && some["status"]["lastActivity"].is_string(),
        "{some}"
    );
    assert_eq!(stop["unchanged"], true);
}

#[tokio::test]
async fn a_status_that_cannot_be_read_is_no_status() {
    let fixture = Fixture::new().await;
    let proxy = unreadable_after(&fixture.sandbox.base_url(), "/stream/status", 0).await;
    let agent = agent(&Tailnet::new(settings(&proxy))).await;
    let failure = agent.fail("get_log_streaming", json!({ "log": "network" })).await;
    assert_eq!(failure["kind"], "rejected", "{failure}");
}

/// A stream to S3 as a role, which needs no secret.
fn role(log: &str) -> Value {
    json!({
        "log": log, "destination": "s3", "s3_bucket": "b", "s3_region": "eu-west-1",
        "s3_authentication": "rolearn", "s3_role_arn": "arn:aws:iam::123456789012:role/logs",
        "s3_external_id": "e",
    })
}

#[tokio::test]
async fn what_needs_no_secret_comes_back_and_what_needs_one_does_not() {
    let fixture = Fixture::new().await;
    let agent = &fixture.agent;
    let look = async |log: &str| {
        agent.call("get_log_streaming", json!({ "log": log })).await["configuration"].clone()
    };
    agent.call("set_log_streaming", role("configuration")).await;
    let was = look("configuration").await;
    let mut other = role("configuration");
    other["s3_bucket"] = json!("other");
    let changed = agent.call("set_log_streaming", other).await;
    agent.call("undo_change", json!({ "change": changed["change"] })).await;
    assert_eq!(look("configuration").await, was);
    let stopped = agent.call("disable_log_streaming", json!({ "log": "configuration" })).await;
    assert_eq!(look("configuration").await, Value::Null);
    agent.call("undo_change", json!({ "change": stopped["change"] })).await;
    assert_eq!(look("configuration").await, was);
    let same = agent.call("set_log_streaming", role("configuration")).await;
    assert_eq!(same["unchanged"], true, "{same}");

    // The stream of the other log has a token that nobody can read.
    let replaced = agent.call("set_log_streaming", role("network")).await;
    assert_eq!(replaced["cannot_be_undone"], true, "{replaced}");
    assert!(replaced["warnings"].to_string().contains("ends"), "{replaced}");
}

/// T6: Tailscale returns Google Cloud credentials. A private key in them is not shown.
#[tokio::test]
async fn t6_google_credentials_are_never_shown() {
    let fixture = Fixture::new().await;
    let key = json!({ "type": "service_account", "private_key": SECRET }).to_string();
    let stream = json!({
        "destinationType": "gcs", "gcsBucket": "logs-bucket", "gcsCredentials": key,
    });
    let path = "/tailnet/-/logging/network/stream";
    raw(&fixture.sandbox, "PUT", path, stream).await;
    let sent = raw(&fixture.sandbox, "GET", path, Value::Null).await;
    assert!(sent.to_string().contains(SECRET), "the sandbox returns it: {sent}");

    let shown = fixture.agent.call("get_log_streaming", json!({ "log": "network" })).await;
    assert_eq!(shown["configuration"]["gcsBucket"], "logs-bucket");
    assert!(!shown.to_string().contains(SECRET), "{shown}");
    let stream = fixture.tailnet.logging().stream(Log::Network).await.unwrap();
    assert!(!format!("{stream:?}").contains(SECRET));
    let operation = Operation::GetLogStreamingConfiguration;
    let given = json!({ "logType": "network" });
    let read = fixture.tailnet.operations().read(operation, &given).await.unwrap();
    assert!(read["gcsCredentials"].is_string() && !read.to_string().contains(SECRET), "{read}");
    let stopped = fixture.agent.call("disable_log_streaming", json!({ "log": "network" })).await;
    assert!(!stopped.to_string().contains(SECRET), "{stopped}");
}

#[tokio::test]
async fn every_destination_says_what_it_needs() {
    let fixture = Fixture::new().await;
    let to = |destination: &str, fields: Value| {
        let mut to = fields;
        (to["log"], to["destination"]) = (json!("network"), json!(destination));
        ("set_log_streaming", to)
    };
    let url = || json!({ "url": "https://x.example" });
    let s3 = |fields: Value| {
        let mut all = fields;
        (all["s3_bucket"], all["s3_region"]) = (json!("b"), json!("eu-west-1"));
        all
    };
    let mut refusals = Vec::new();
    for ((tool, arguments), part) in [
        (to("splunk", json!({})), "`url` is required"),
        (to("splunk", url()), "`token` is required"),
        (to("datadog", url()), "`token` is required"),
        (to("axiom", url()), "`token` is required"),
        (to("elastic", json!({})), "`url` is required"),
        (to("panther", json!({})), "`url` is required"),
        (to("cribl", json!({})), "`url` is required"),
        (to("cribl", json!({ "url": "nowhere" })), "`url` is not a URL: relative"),
        (
            to("cribl", json!({ "url": "https://u:p@cribl.example" })),
            "`url` contains a user name or password",
        ),
        (
            to("cribl", json!({ "url": "https://u@cribl.example" })),
            "`url` contains a user name or password",
        ),
        (
            to("cribl", json!({ "url": "https://u:p@cribl.example:99999" })),
            "`url` is not a URL: invalid port",
        ),
        (
            to("cribl", json!({ "url": "https://x.example", "period_minutes": 1441 })),
            "`period_minutes`",
        ),
        (to("s3", json!({ "s3_authentication": "rolearn" })), "`s3_bucket` is required"),
        (to("s3", s3(json!({}))), "`s3_authentication` must be"),
        (
            to("s3", s3(json!({ "s3_authentication": "accesskey", "s3_access_key_id": "A" }))),
            "`s3_secret_access_key` is required",
        ),
        (to("s3", s3(json!({ "s3_authentication": "rolearn" }))), "`s3_role_arn` is required"),
        (to("gcs", json!({ "gcs_credentials": SECRET })), "`gcs_bucket` is required"),
        (to("gcs", json!({ "gcs_bucket": "b" })), "`gcs_credentials` is required"),
        (to("loki", url()), "destination"),
    ] {
        refusals.push((tool, arguments, "invalid_input", part));
    }
    are_refused(&fixture, refusals).await;
    let (tool, cribl) = to("cribl", url());
    let done = fixture.agent.call(tool, cribl).await;
    assert!(done["warnings"].to_string().contains("without a `token`"), "{done}");
}

#[tokio::test]
async fn who_may_not_is_told_what_a_private_destination_takes() {
    let fixture = Fixture::new().await;
    let narrow = fixture.with_scopes(&["log_streaming:read"]).await;
    let failure = narrow.fail("set_log_streaming", role("configuration")).await;
    assert_eq!(failure["kind"], "forbidden", "{failure}");
    let remedy = failure["remedy"].as_str().unwrap();
    assert!(remedy.contains("`log_streaming`") && remedy.contains("`device_invites`"), "{failure}");
}

#[tokio::test]
async fn what_the_plan_lacks_is_told_as_that() {
    let options = Options { free_plan: true, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let agent = agent(&Tailnet::new(settings(&sandbox.base_url()))).await;

    let failure = agent.fail("set_log_streaming", role("configuration")).await;

    assert_eq!(failure["kind"], "plan_limit", "{failure}");
    assert!(failure["remedy"].as_str().unwrap().contains("plan"), "{failure}");
}

#[tokio::test]
async fn an_external_id_is_the_same_until_a_role_is_linked() {
    let fixture = Fixture::new().await;
    let get = async || {
        let done = fixture.agent.call("create_aws_external_id", json!({ "reusable": true })).await;
        assert!(done["notes"].to_string().contains("001234567890"), "{done}");
        done["id"].clone()
    };
    assert_eq!(get().await, fixture.external_id.as_str());
    let ask = |role: &str| json!({ "external_id": fixture.external_id, "role_arn": role });
    are_refused(
        &fixture,
        vec![
            ("validate_aws_external_id", ask("logs"), "invalid_input", "`role_arn`"),
            (
                "validate_aws_external_id",
                json!({ "external_id": "", "role_arn": "arn:aws:iam::1:role/x" }),
                "invalid_input",
                "`external_id`",
            ),
        ],
    )
    .await;
    let refused =
        fixture.agent.fail("validate_aws_external_id", ask("arn:aws:iam::1:role/x")).await;
    assert_eq!(refused["kind"], "rejected", "{refused}");
    assert!(refused["remedy"].as_str().unwrap().contains("trust policy"), "{refused}");
    let good = ask("arn:aws:iam::123456789012:role/logs");
    fixture.agent.call("validate_aws_external_id", good).await;
    assert_ne!(get().await, fixture.external_id.as_str());
}

/// What is not recorded cannot be restored, so nobody is promised an undo.
#[tokio::test]
async fn a_stream_with_fields_of_a_later_version_does_not_come_back() {
    for (more, irreversible) in [(json!(""), false), (json!({ "lane": 7 }), true)] {
        let current = json!({
            "logType": "network", "destinationType": "s3", "s3Bucket": "b", "s3Region": "eu-west-1",
            "s3AuthenticationType": "rolearn", "s3RoleArn": "arn", "s3ExternalId": "e", "s3Lane": more,
        });
        let server = Server::says(vec![Reply::json(&current)]).await;
        let plan = server.tailnet().logging().plan_delete_stream(Log::Network).await.unwrap();
        assert_eq!(plan.is_irreversible(), irreversible, "{current}");
    }
}

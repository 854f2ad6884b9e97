//! Log streaming and the AWS endpoints for it.

use super::*;

const STREAM: &str = "/tailnet/-/logging/configuration/stream";

fn splunk() -> Value {
    json!({
        "destinationType": "splunk", "url": "https://logs.example", "token": "s3cret",
        "uploadPeriodMinutes": 5, "compressionFormat": "zstd", "s3Bucket": "",
    })
}

#[tokio::test]
async fn it_is_configured_for_each_type_of_log() {
    let tailnet = Tailnet::new().await;
    tailnet.get(STREAM).await.refused(404, "log streaming is not configured");
    tailnet.get(&format!("{STREAM}/status")).await.refused(404, "log streaming is not configured");
    tailnet.call("PUT", STREAM, splunk()).await.ok_and_empty();
    let expected = json!({
        "logType": "configuration", "destinationType": "splunk", "url": "https://logs.example",
        "user": "user", "uploadPeriodMinutes": 5, "compressionFormat": "zstd",
    });
    assert_eq!(tailnet.get(STREAM).await.ok(), expected);
    assert_eq!(tailnet.get("/tailnet/-/logging/network/stream").await.status, 404);
    assert_eq!(tailnet.get("/tailnet/-/logging/other/stream").await.status, 404);
    let events = tailnet.audit("&event=TAILNET.CREATE.LOGSTREAM_ENDPOINT").await;
    assert!(!events[0].to_string().contains("s3cret"));
    tailnet.call("DELETE", STREAM, Value::Null).await.ok_and_empty();
    assert_eq!(tailnet.get(STREAM).await.status, 404);
}

#[tokio::test]
async fn the_status_counts_since_it_was_configured() {
    let tailnet = Tailnet::new().await;
    tailnet.call("PUT", STREAM, splunk()).await.ok_and_empty();
    let path = format!("{STREAM}/status");
    assert_eq!(tailnet.get(&path).await.ok()["numTotalRequests"], 0);
    tailnet.sandbox.advance(Duration::from_mins(10));
    let status = tailnet.get(&path).await.ok();
    assert_eq!((&status["numTotalRequests"], &status["lastError"]), (&json!(10), &json!("")));
    assert_eq!(status["lastActivity"], "2026-06-15T12:10:00Z");
}

#[tokio::test]
async fn each_destination_has_its_own_needs() {
    let tailnet = Tailnet::new().await;
    tailnet.call("PUT", STREAM, splunk()).await.ok_and_empty();
    let before = tailnet.get(STREAM).await.ok();
    for body in [
        json!({"destinationType": "paper"}),
        json!({"destinationType": "splunk"}),
        json!({"destinationType": "s3", "s3Bucket": "b"}),
        json!({"destinationType": "gcs", "gcsBucket": "b"}),
        json!({"destinationType": "splunk", "url": "u", "uploadPeriodMinutes": 1441}),
        json!({"destinationType": "splunk", "url": "u", "compressionFormat": "rar"}),
        json!({"destinationType": "splunk", "url": 3}),
    ] {
        assert_eq!(tailnet.call("PUT", STREAM, body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(tailnet.get(STREAM).await.ok(), before);
    let s3 = json!({
        "destinationType": "s3", "s3Bucket": "b", "s3Region": "eu-west-1",
        "s3AuthenticationType": "accesskey", "s3AccessKeyId": "id", "s3SecretAccessKey": "s3cret",
    });
    tailnet.call("PUT", STREAM, s3).await.ok_and_empty();
    let stored = tailnet.get(STREAM).await.ok();
    assert!(stored.get("url").is_none() && stored.get("s3SecretAccessKey").is_none());
}

/// T6: the credentials of a Google Cloud stream come back, compact and with `&` escaped.
#[tokio::test]
async fn t6_google_credentials_are_returned_in_compact_form() {
    let tailnet = Tailnet::new().await;
    let credentials = r#"{
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/providers/p",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {
            "url": "http://169.254.169.254/roles?a=1&b=2",
            "environment_id": "aws1"
        },
        "universe_domain": "googleapis.com"
    }"#;
    let wanted = json!({"destinationType": "gcs", "gcsBucket": "b", "gcsCredentials": credentials});
    tailnet.call("PUT", STREAM, wanted).await.ok_and_empty();
    let compact = concat!(
        r#"{"universe_domain":"googleapis.com","type":"external_account","#,
        r#""audience":"//iam.googleapis.com/projects/1/providers/p","#,
        r#""token_url":"https://sts.googleapis.com/v1/token","credential_source":"#,
        r#"{"environment_id":"aws1","url":"http://169.254.169.254/roles?a=1\u0026b=2"}}"#,
    );
    assert_eq!(tailnet.get(STREAM).await.ok()["gcsCredentials"], compact);
    let events = tailnet.audit("&event=TAILNET.CREATE.LOGSTREAM_ENDPOINT").await;
    assert!(!events[0].to_string().contains("external_account"));
}

#[tokio::test]
async fn a_reusable_external_id_is_the_same_until_it_is_linked() {
    let tailnet = Tailnet::new().await;
    let path = "/tailnet/-/aws-external-id";
    let ask = async || tailnet.post(path, json!({ "reusable": true })).await.ok();
    let first = ask().await;
    assert_eq!(ask().await, first);
    assert_ne!(tailnet.post(path, Value::Null).await.ok()["externalId"], first["externalId"]);
    let check = format!("{path}/{}/validate-aws-trust-policy", text(&first["externalId"]));
    assert_eq!(tailnet.post(&check, json!({ "roleArn": "nobody" })).await.status, 422);
    assert_eq!(ask().await, first);
    let role = json!({ "roleArn": "arn:aws:iam::123456789012:role/logs" });
    tailnet.post(&check, role.clone()).await.ok_and_empty();
    assert_ne!(ask().await, first);
    let unknown = format!("{path}/none/validate-aws-trust-policy");
    tailnet.post(&unknown, role).await.refused(404, "external id not found");
}

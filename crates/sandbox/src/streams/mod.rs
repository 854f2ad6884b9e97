//! Log streaming. Configurations are stored, but nothing is sent.

mod gcs;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::audit::{Event, Target};
use super::http::{Call, Failure, Outcome, Reply};
use super::ids;
use super::state::null_as_default;

/// The destination types. The last one is missing in the API documentation, although its fields are there.
const DESTINATIONS: &[&str] =
    &["splunk", "elastic", "panther", "cribl", "datadog", "axiom", "s3", "gcs"];

/// Fields that are never returned.
const SECRETS: &[&str] = &["token", "s3SecretAccessKey"];

/// The field with the Google Cloud credentials, which is returned.
const GCS_CREDENTIALS: &str = "gcsCredentials";

const TEXTS: &[&str] = &[
    "url",
    "user",
    "compressionFormat",
    "token",
    "s3Bucket",
    "s3Region",
    "s3KeyPrefix",
    "s3AuthenticationType",
    "s3AccessKeyId",
    "s3SecretAccessKey",
    "s3RoleArn",
    "s3ExternalId",
    "gcsBucket",
    "gcsKeyPrefix",
    GCS_CREDENTIALS,
];

/// The AWS account that Tailscale would use.
const AWS_ACCOUNT: &str = "001234567890";

/// The log streaming configurations, and the AWS external IDs of the tailnet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Streams {
    /// By log type.
    configured: BTreeMap<String, Stream>,
    /// The issued external IDs, and whether each is reusable.
    external_ids: BTreeMap<String, bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stream {
    since: Timestamp,
    /// The fields as configured, including secrets.
    fields: Map<String, Value>,
}

impl Stream {
    /// The fields that the API returns.
    fn shown(&self) -> Map<String, Value> {
        let mut fields = self.fields.clone();
        fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
        fields
    }

    /// The fields in the audit log, which has no credentials of any kind.
    fn recorded(&self) -> Value {
        let mut fields = self.shown();
        fields.remove(GCS_CREDENTIALS);
        Value::Object(fields)
    }
}

impl Call<'_> {
    fn log_type(&self) -> Result<String, Failure> {
        let log_type = self.param("logType");
        if matches!(log_type.as_str(), "configuration" | "network") {
            Ok(log_type)
        } else {
            Err(Failure::not_found(format!("unknown log type {log_type:?}")))
        }
    }

    fn stream(&self) -> Result<&Stream, Failure> {
        let found = self.state.streams.configured.get(&self.log_type()?);
        found.ok_or_else(|| Failure::not_found("log streaming is not configured"))
    }

    fn tell_of_stream(&mut self, action: &'static str, old: Value, new: Value) {
        let event = Event::new(action, Target::tailnet(&self.state.identity));
        self.record(event.property("LOGSTREAM_ENDPOINT", old, new));
    }
}

/// `GET /tailnet/{tailnet}/logging/{logType}/stream`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    Reply::json(&call.stream()?.shown())
}

/// `PUT /tailnet/{tailnet}/logging/{logType}/stream`: replaces the configuration, including secrets.
pub(crate) fn set(call: &mut Call<'_>) -> Outcome {
    call.refuse_on_free_plan()?;
    let log_type = call.log_type()?;
    let fields = checked(&call.json()?, &log_type)?;
    let new = Stream { since: call.now, fields };
    let shown = new.recorded();
    let old = call.state.streams.configured.insert(log_type, new);
    let action = if old.is_some() { "UPDATE" } else { "CREATE" };
    let old = old.map(|old| old.recorded()).unwrap_or_default();
    call.tell_of_stream(action, old, shown);
    Ok(Reply::empty())
}

/// `DELETE /tailnet/{tailnet}/logging/{logType}/stream`.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let old = call.stream()?.recorded();
    let log_type = call.log_type()?;
    call.state.streams.configured.remove(&log_type);
    call.tell_of_stream("DELETE", old, Value::Null);
    Ok(Reply::empty())
}

/// `GET /tailnet/{tailnet}/logging/{logType}/stream/status`: reports one upload per minute since the stream
/// was configured.
pub(crate) fn status(call: &mut Call<'_>) -> Outcome {
    let since = call.stream()?.since;
    let minutes = (call.now.as_second() - since.as_second()) / 60;
    Reply::json(&json!({
        "lastActivity": call.now,
        "lastError": "",
        "maxBodySize": if minutes > 0 { 4096 } else { 0 },
        "numBytesSent": minutes * 2048,
        "numEntriesSent": minutes * 4,
        "numSpoofedEntries": 0,
        "numTotalRequests": minutes,
        "numFailedRequests": 0,
        "rateBytesSent": 34.5,
        "rateEntriesSent": 0.25,
        "rateTotalRequests": 0.0625,
        "rateFailedRequests": 0.0,
    }))
}

/// The known fields of a configuration that are not empty. Fails if one is invalid.
fn checked(body: &Map<String, Value>, log_type: &str) -> Result<Map<String, Value>, Failure> {
    let refused = |name: &str| Failure::bad_request(format!("invalid value for {name}"));
    if body.get("logType").is_some_and(|it| !it.is_null() && *it != log_type) {
        return Err(refused("logType"));
    }
    let destination = body.get("destinationType").and_then(Value::as_str).unwrap_or_default();
    if !DESTINATIONS.contains(&destination) {
        return Err(refused("destinationType"));
    }
    let mut fields = Map::new();
    fields.insert("logType".to_owned(), json!(log_type));
    fields.insert("destinationType".to_owned(), json!(destination));
    for name in TEXTS {
        match body.get(*name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.is_empty() => {}
            Some(Value::String(text)) => drop(fields.insert((*name).to_owned(), json!(text))),
            Some(_) => return Err(refused(name)),
        }
    }
    if let Some(Value::String(text)) = fields.get_mut(GCS_CREDENTIALS) {
        *text = gcs::compact(text);
    }
    if let Some(period) = body.get("uploadPeriodMinutes").filter(|it| !it.is_null()) {
        let minutes = period.as_i64().filter(|minutes| (0..=1440).contains(minutes));
        let minutes = minutes.ok_or_else(|| refused("uploadPeriodMinutes"))?;
        if minutes > 0 {
            fields.insert("uploadPeriodMinutes".to_owned(), json!(minutes));
        }
    }
    if let Some(scopes) = body.get("gcsScopes").filter(|it| !it.is_null()) {
        let all_texts = scopes.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        if !all_texts {
            return Err(refused("gcsScopes"));
        }
        fields.insert("gcsScopes".to_owned(), scopes.clone());
    }
    check_together(&mut fields, destination)?;
    Ok(fields)
}

fn check_together(fields: &mut Map<String, Value>, destination: &str) -> Result<(), Failure> {
    let is_one_of = |name: &str, values: &[&str]| {
        fields.get(name).and_then(Value::as_str).is_none_or(|text| values.contains(&text))
    };
    if !is_one_of("compressionFormat", &["zstd", "gzip", "none"]) {
        return Err(Failure::bad_request("invalid value for compressionFormat"));
    }
    if !is_one_of("s3AuthenticationType", &["accesskey", "rolearn"]) {
        return Err(Failure::bad_request("invalid value for s3AuthenticationType"));
    }
    let needed: &[&str] = match destination {
        "s3" => &["s3Bucket", "s3Region", "s3AuthenticationType"],
        "gcs" => &["gcsBucket", "gcsCredentials"],
        _ => &["url"],
    };
    if let Some(missing) = needed.iter().find(|name| !fields.contains_key(**name)) {
        let message = format!("{missing} is required with destination type {destination:?}");
        return Err(Failure::bad_request(message));
    }
    if !matches!(destination, "s3" | "gcs") {
        fields.entry("user").or_insert_with(|| json!("user"));
    }
    Ok(())
}

#[derive(Deserialize)]
struct WantedId {
    #[serde(default, deserialize_with = "null_as_default")]
    reusable: bool,
}

/// `POST /tailnet/{tailnet}/aws-external-id`: returns an external ID; if a reusable one is requested, the
/// same one until it is linked to a role.
pub(crate) fn aws_external_id(call: &mut Call<'_>) -> Outcome {
    let wanted = if call.body.is_empty() { WantedId { reusable: false } } else { call.json()? };
    let known = &call.state.streams.external_ids;
    let made = known.iter().find(|(_, reusable)| wanted.reusable && **reusable);
    let made = made.map(|(id, _)| id.clone());
    let id = made.unwrap_or_else(|| uuid(call.state.rng.u64(..)));
    call.state.streams.external_ids.insert(id.clone(), wanted.reusable);
    Reply::json(&json!({ "externalId": id, "tailscaleAwsAccountId": AWS_ACCOUNT }))
}

fn uuid(number: u64) -> String {
    let digits = ids::hex_digest(number, 11);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WantedRole {
    #[serde(default, deserialize_with = "null_as_default")]
    role_arn: String,
}

/// `POST /tailnet/{tailnet}/aws-external-id/{id}/validate-aws-trust-policy`: accepts any well-formed role,
/// and links the external ID to it.
pub(crate) fn validate_aws(call: &mut Call<'_>) -> Outcome {
    let id = call.param("id");
    if !call.state.streams.external_ids.contains_key(&id) {
        return Err(Failure::not_found("external id not found"));
    }
    let WantedRole { role_arn } = call.json()?;
    let role = role_arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
    let well_formed = role.is_some_and(|(account, name)| {
        account.len() == 12 && account.bytes().all(|it| it.is_ascii_digit()) && !name.is_empty()
    });
    if !well_formed {
        let message = format!("AWS did not let Tailscale assume the role {role_arn:?}");
        return Err(Failure::new(422, message));
    }
    call.state.streams.external_ids.insert(id, false);
    Ok(Reply::empty())
}

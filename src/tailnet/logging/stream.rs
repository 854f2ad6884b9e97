//! Log streaming to another system.

use serde::Serialize;
use serde_json::{Value, json};

use super::Logging;
use crate::{
    Error, ErrorKind, Operation,
    change::{Change, Plan, Risk, Secrets},
    client::{
        Result,
        call::{self, Call},
    },
    tailnet::resource::ResourceSpec,
    wire::Secret,
};
pub use crate::{
    api::types::{LogstreamEndpointConfiguration, LogstreamEndpointPublishingStatus},
    values::{Compression, Log, LogDestination, S3Authentication},
};

pub(crate) const STREAM: &ResourceSpec = &ResourceSpec {
    make: Some(Operation::SetLogStreamingConfiguration),
    change: Some(Operation::SetLogStreamingConfiguration),
    remove: Some(Operation::DisableLogStreaming),
    // If the stream needs a secret, the plan marks the change as irreversible.
    returns: true,
    explain: Some(explain),
    ..ResourceSpec::new(
        "log stream",
        "logType",
        "logType",
        Operation::GetLogStreamingConfiguration,
        &[
            "destinationType",
            "url",
            "user",
            "uploadPeriodMinutes",
            "compressionFormat",
            "s3Bucket",
            "s3Region",
            "s3KeyPrefix",
            "s3AuthenticationType",
            "s3AccessKeyId",
            "s3RoleArn",
            "s3ExternalId",
            "gcsBucket",
            "gcsKeyPrefix",
            "gcsScopes",
        ],
    )
};

/// The fields of a configuration that may have a secret in them. Tailscale returns `gcsCredentials`.
pub(super) const SECRETS: &[&str] = &["token", "s3SecretAccessKey", "gcsCredentials"];

/// The maximum time between two uploads, in minutes.
const MAX_PERIOD_MINUTES: u32 = 1440;

/// The streaming configuration and status of one log.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Stream {
    /// The log.
    pub log: Log,
    /// Whether streaming is configured.
    pub configured: bool,
    /// The destination, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<LogstreamEndpointConfiguration>,
    /// The publishing status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<LogstreamEndpointPublishingStatus>,
}

/// A streaming destination. It replaces the current one completely, so secrets must be given every
/// time.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The system that receives the logs.
    pub kind: LogDestination,
    /// URL of the destination; not for S3 and GCS.
    pub url: Option<String>,
    /// User name at the destination; `user` if absent.
    pub user: Option<String>,
    /// Password or API key.
    pub token: Option<Secret>,
    /// Minutes between uploads, up to 1440.
    pub period_minutes: Option<u32>,
    /// Compression of the uploads.
    pub compression: Option<Compression>,
    /// The S3 bucket.
    pub s3: S3,
    /// The Google Cloud Storage bucket.
    pub gcs: Gcs,
}

/// An S3 or S3-compatible bucket.
#[derive(Debug, Clone, Default)]
pub struct S3 {
    /// Name of the bucket.
    pub bucket: Option<String>,
    /// AWS region.
    pub region: Option<String>,
    /// Prefix of object names.
    pub key_prefix: Option<String>,
    /// Authentication method.
    pub authentication: Option<S3Authentication>,
    /// Access key ID, for authentication `accesskey`.
    pub access_key_id: Option<String>,
    /// Secret access key, for authentication `accesskey`.
    pub secret_access_key: Option<Secret>,
    /// ARN of the IAM role, for authentication `rolearn`.
    pub role_arn: Option<String>,
    /// External ID, for authentication `rolearn`.
    pub external_id: Option<String>,
}

/// A Google Cloud Storage bucket.
#[derive(Debug, Clone, Default)]
pub struct Gcs {
    /// Name of the bucket.
    pub bucket: Option<String>,
    /// Prefix of object names.
    pub key_prefix: Option<String>,
    /// OAuth scopes of the credentials.
    pub scopes: Vec<String>,
    /// Service account key, as JSON.
    pub credentials: Option<Secret>,
}

impl Destination {
    /// Checks the destination and returns the configuration and the secrets separately.
    fn parts(&self) -> Result<(Value, Secrets)> {
        let Self { kind, url, user, token, period_minutes, compression, s3, gcs } = self;
        if let Some(minutes) = period_minutes.filter(|it| !(1..=MAX_PERIOD_MINUTES).contains(it)) {
            let should = format!("is {minutes}; it must be between 1 and {MAX_PERIOD_MINUTES}");
            return Err(Error::invalid_input("period_minutes", should));
        }
        self.check_needed()?;
        url.as_deref().map_or(Ok(()), check_url)?;
        // Sets the API's default, so that the configuration compares equal when it is read back.
        let named = !matches!(kind, LogDestination::S3 | LogDestination::Gcs);
        let user = user.as_deref().or(named.then_some("user"));
        let to = json!({
            "destinationType": kind,
            "url": url,
            "user": user,
            "uploadPeriodMinutes": period_minutes,
            "compressionFormat": compression,
            "s3Bucket": s3.bucket,
            "s3Region": s3.region,
            "s3KeyPrefix": s3.key_prefix,
            "s3AuthenticationType": s3.authentication,
            "s3AccessKeyId": s3.access_key_id,
            "s3RoleArn": s3.role_arn,
            "s3ExternalId": s3.external_id,
            "gcsBucket": gcs.bucket,
            "gcsKeyPrefix": gcs.key_prefix,
            "gcsScopes": gcs.scopes,
        });
        let secrets = [
            ("token", token),
            ("s3SecretAccessKey", &s3.secret_access_key),
            ("gcsCredentials", &gcs.credentials),
        ];
        let given = |(name, it): (&str, &Option<Secret>)| Some((name.to_owned(), it.clone()?));
        Ok((to, secrets.into_iter().filter_map(given).collect()))
    }

    /// Checks that everything is given that the kind of destination needs.
    fn check_needed(&self) -> Result<()> {
        let Self { url, token, s3, gcs, .. } = self;
        let text = |it: &Option<String>| it.as_ref().is_some_and(|it| !it.trim().is_empty());
        let secret = |it: &Option<Secret>| it.as_ref().is_some_and(|it| !it.reveal().is_empty());
        let needed: Vec<(&str, bool)> = match self.kind {
            LogDestination::Splunk | LogDestination::Datadog | LogDestination::Axiom => {
                vec![("url", text(url)), ("token", secret(token))]
            }
            LogDestination::S3 => {
                let Some(authentication) = s3.authentication else {
                    let should = "must be `accesskey` or `rolearn` for s3";
                    return Err(Error::invalid_input("s3_authentication", should));
                };
                let mut needed =
                    vec![("s3_bucket", text(&s3.bucket)), ("s3_region", text(&s3.region))];
                if authentication == S3Authentication::Accesskey {
                    needed.push(("s3_access_key_id", text(&s3.access_key_id)));
                    needed.push(("s3_secret_access_key", secret(&s3.secret_access_key)));
                } else if authentication == S3Authentication::Rolearn {
                    needed.push(("s3_role_arn", text(&s3.role_arn)));
                    needed.push(("s3_external_id", text(&s3.external_id)));
                }
                needed
            }
            LogDestination::Gcs => vec![
                ("gcs_bucket", text(&gcs.bucket)),
                ("gcs_credentials", secret(&gcs.credentials)),
            ],
            // Also for kinds that a later API version adds: only buckets have no URL.
            _ => vec![("url", text(url))],
        };
        match needed.iter().find(|(_, there)| !there) {
            Some((field, _)) => {
                Err(Error::invalid_input(field, format!("is required for {}", self.kind)))
            }
            None => Ok(()),
        }
    }
}

/// Refuses a URL with a user name or password, because URLs are recorded and shown.
fn check_url(text: &str) -> Result<()> {
    match url::Url::parse(text) {
        Ok(url) if url.password().is_some() || !url.username().is_empty() => {
            let should = "contains a user name or password; give them as `user` and `token`";
            Err(Error::invalid_input("url", should))
        }
        Ok(_) => Ok(()),
        // The message does not repeat the URL.
        Err(wrong) => Err(Error::invalid_input("url", format!("is not a URL: {wrong}"))),
    }
}

/// Whether a stream works without a secret, which the API would not return.
fn needs_no_secret(configuration: &Value) -> bool {
    configuration.is_null()
        || call::member(configuration, "s3AuthenticationType") == Some(&json!("rolearn"))
}

/// Whether a configuration has fields that are not recorded, such as those of a later API version.
fn has_other_fields(configuration: &Value) -> bool {
    let is_known = |name: &str| {
        name == STREAM.id_from || STREAM.fields.contains(&name) || SECRETS.contains(&name)
    };
    let mut fields = configuration.as_object().into_iter().flatten();
    fields.any(|(name, value)| !is_known(name) && !call::is_empty(value))
}

impl Logging<'_> {
    /// Reads the recorded fields of a stream, null if there is none, and whether they are enough to
    /// restore it.
    async fn current(&self, log: Log) -> Result<(Value, bool)> {
        match STREAM.get(self.tailnet, log.as_str()).await {
            Ok(found) => {
                let recorded = STREAM.settable(&found);
                let comes_back = needs_no_secret(&recorded) && !has_other_fields(&found);
                Ok((recorded, comes_back))
            }
            Err(none) if none.kind() == ErrorKind::NotFound => Ok((Value::Null, true)),
            Err(error) => Err(error),
        }
    }

    /// Reads where a log is streamed to and the publishing status
    /// (`GET /tailnet/{tailnet}/logging/{logType}/stream` and `…/stream/status`).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](ErrorKind::Forbidden) without the scope `log_streaming:read`.
    pub async fn stream(&self, log: Log) -> Result<Stream> {
        let mut stream = Stream { log, configured: false, configuration: None, status: None };
        let operation = Operation::GetLogStreamingConfiguration;
        stream.configuration = match STREAM.get(self.tailnet, log.as_str()).await {
            Ok(mut found) => {
                if let Some(fields) = found.as_object_mut() {
                    fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
                }
                Some(call::typed(operation, &found)?)
            }
            Err(none) if none.kind() == ErrorKind::NotFound => return Ok(stream),
            Err(error) => return Err(error),
        };
        stream.configured = true;
        let operation = Operation::GetLogStreamingStatus;
        let path = [("logType", log.as_str())];
        stream.status = match self.tailnet.client().call(operation, Call::on(&path)).await {
            Ok(status) => Some(call::typed(operation, &status)?),
            Err(none) if none.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(stream)
    }

    /// Plans to stream a log to `destination`, replacing the current destination
    /// (`PUT /tailnet/{tailnet}/logging/{logType}/stream`).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if a field is missing that the destination needs.
    pub async fn plan_stream(&self, log: Log, destination: &Destination) -> Result<Plan> {
        let (to, secrets) = destination.parts()?;
        let (from, comes_back) = self.current(log).await?;
        let to = STREAM.settable(&to);
        let unchanged = needs_no_secret(&to) && crate::change::same(&from, &to);
        let replaces = !from.is_null();
        let change = Change::new("configuration", from, to);
        let change = if comes_back { change } else { change.irreversible() };
        let changes = if unchanged { Vec::new() } else { vec![change] };
        let no_secret = secrets.is_empty() && !changes.is_empty();
        let mut plan = Plan::one(STREAM, log.as_str(), log.as_str(), changes).with_secrets(secrets);
        if replaces && !plan.is_empty() {
            plan.least = Risk::Danger;
            plan.warnings.push("the current stream ends".to_owned());
        }
        if no_secret && !matches!(destination.kind, LogDestination::S3 | LogDestination::Gcs) {
            plan.warnings.push("logs are sent without a `token`".to_owned());
        }
        Ok(plan)
    }

    /// Plans to stop streaming a log (`DELETE /tailnet/{tailnet}/logging/{logType}/stream`).
    ///
    /// # Errors
    ///
    /// Same as [`stream`](Self::stream).
    pub async fn plan_delete_stream(&self, log: Log) -> Result<Plan> {
        let (from, comes_back) = self.current(log).await?;
        if from.is_null() {
            return Ok(Plan::one(STREAM, log.as_str(), log.as_str(), Vec::new()));
        }
        let change = Change::new("configuration", from, Value::Null);
        let change = if comes_back { change } else { change.irreversible() };
        let mut plan = Plan::one(STREAM, log.as_str(), log.as_str(), vec![change]);
        plan.least = Risk::Danger;
        Ok(plan.warned(vec!["later events are not sent to its destination".to_owned()]))
    }
}

pub(super) fn explain(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Forbidden => error.with_remedy(
            "it needs the scope `log_streaming`; for a destination inside the tailnet also \
             `device_invites` and `policy_file`",
        ),
        _ => error,
    }
}

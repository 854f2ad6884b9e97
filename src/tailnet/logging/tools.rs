//! Log streaming tools, and the tool for the audit log.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::stream::{
    self, Compression, Destination, Gcs, Log, LogDestination, LogstreamEndpointPublishingStatus,
    S3, S3Authentication,
};
use super::{
    Window,
    audit::{AuditFilter, COVERS},
};
use crate::{
    Error, Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::devices::tools::instant,
    tool::{Edit, List, Page, PageSize, Part, Query, Toolset, all_but, edit, query},
    wire::Secret,
    words::to_the_second,
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "log_streaming",
    about: "Log streaming to other systems.",
    instructions: "",
    default: false,
    tools: &[
        query::<GetLogStreaming>(),
        edit::<SetLogStreaming>(),
        edit::<DisableLogStreaming>(),
        edit::<CreateAwsExternalId>(),
        edit::<ValidateAwsExternalId>(),
    ],
};

/// Show where a log is streamed to, and its status.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetLogStreaming {
    /// Log to stream.
    log: Log,
}

/// The result of `get_log_streaming`.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    log: Log,
    configured: bool,
    #[serde(skip_serializing_if = "Map::is_empty")]
    configuration: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<LogstreamEndpointPublishingStatus>,
}

impl Query for GetLogStreaming {
    const NAME: &'static str = "get_log_streaming";
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetLogStreamingConfiguration, Operation::GetLogStreamingStatus];
    type Output = Shown;

    async fn call(self, tailnet: &Tailnet) -> Result<Shown> {
        let stream = tailnet.logging().stream(self.log).await?;
        let stream::Stream { log, configured, configuration, status } = stream;
        let configuration =
            configuration.map(|it| all_but(&it, stream::SECRETS)).unwrap_or_default();
        Ok(Shown { log, configured, configuration, status })
    }
}

/// Stream a log to another system, replacing its destination; secrets are required every time.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SetLogStreaming {
    /// Log to stream.
    log: Log,
    /// System that receives the logs.
    destination: LogDestination,
    /// Destination URL; not for S3 and GCS.
    url: Option<String>,
    /// User name at the destination; default `user`.
    user: Option<String>,
    /// Password or API key.
    token: Option<Secret>,
    /// Minutes between uploads, up to 1440.
    period_minutes: Option<u32>,
    /// Compression of the uploads.
    compression: Option<Compression>,
    /// S3 bucket name.
    s3_bucket: Option<String>,
    /// AWS region, such as `eu-west-1`.
    s3_region: Option<String>,
    /// Prefix of object names in S3.
    s3_key_prefix: Option<String>,
    /// S3 authentication method.
    s3_authentication: Option<S3Authentication>,
    /// Access key ID, with authentication `accesskey`.
    s3_access_key_id: Option<String>,
    /// Secret access key, with authentication `accesskey`.
    s3_secret_access_key: Option<Secret>,
    /// Role ARN, with authentication `rolearn`.
    s3_role_arn: Option<String>,
    /// External ID, with authentication `rolearn`.
    s3_external_id: Option<String>,
    /// Google Cloud Storage bucket name.
    gcs_bucket: Option<String>,
    /// Prefix of object names in GCS.
    gcs_key_prefix: Option<String>,
    /// OAuth scopes of the GCS credentials.
    #[serde(default)]
    gcs_scopes: Vec<String>,
    /// GCS service account key, JSON.
    gcs_credentials: Option<Secret>,
}

impl Edit for SetLogStreaming {
    const NAME: &'static str = "set_log_streaming";
    const RISK: Risk = Risk::Danger;
    // Replacing a destination ends the stream to the old one.
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetLogStreamingConfiguration, Operation::SetLogStreamingConfiguration];
    // Destinations inside the tailnet need more scopes.
    const SCOPES: &'static [&'static str] = &["log_streaming"];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let destination = Destination {
            kind: self.destination,
            url: self.url,
            user: self.user,
            token: self.token,
            period_minutes: self.period_minutes,
            compression: self.compression,
            s3: S3 {
                bucket: self.s3_bucket,
                region: self.s3_region,
                key_prefix: self.s3_key_prefix,
                authentication: self.s3_authentication,
                access_key_id: self.s3_access_key_id,
                secret_access_key: self.s3_secret_access_key,
                role_arn: self.s3_role_arn,
                external_id: self.s3_external_id,
            },
            gcs: Gcs {
                bucket: self.gcs_bucket,
                key_prefix: self.gcs_key_prefix,
                scopes: self.gcs_scopes,
                credentials: self.gcs_credentials,
            },
        };
        tailnet.logging().plan_stream(self.log, &destination).await
    }
}

/// Stop streaming a log.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DisableLogStreaming {
    /// Log to stream.
    log: Log,
}

impl Edit for DisableLogStreaming {
    const NAME: &'static str = "disable_log_streaming";
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] =
        &[Operation::GetLogStreamingConfiguration, Operation::DisableLogStreaming];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.logging().plan_delete_stream(self.log).await
    }
}

/// Get or create the external ID with which an AWS role can trust Tailscale.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CreateAwsExternalId {
    /// Reuse one unlinked ID, not a new one.
    #[serde(default)]
    reusable: bool,
}

impl Edit for CreateAwsExternalId {
    const NAME: &'static str = "create_aws_external_id";
    // No call deletes an external ID.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::GetAwsExternalId];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.logging().plan_external_id(self.reusable)
    }
}

/// Validate that an AWS role trusts Tailscale with an external ID, and link the two.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ValidateAwsExternalId {
    /// External ID from `create_aws_external_id`.
    external_id: String,
    /// ARN of the IAM role.
    role_arn: String,
}

impl Edit for ValidateAwsExternalId {
    const NAME: &'static str = "validate_aws_external_id";
    // No call removes the link.
    const RISK: Risk = Risk::Danger;
    const OPERATIONS: &'static [Operation] = &[Operation::ValidateAwsExternalId];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        tailnet.logging().plan_validate_role(&self.external_id, &self.role_arn)
    }
}

/// Show the tailnet's configuration audit log: who changed what, newest first.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetAuditLogs {
    /// Start, RFC 3339 or `24h` ago; default `24h`.
    since: Option<String>,
    /// End, RFC 3339; default now.
    until: Option<String>,
    /// Part of the actor's name.
    actor: Option<String>,
    /// Part of the event, such as `NODE.UPDATE.ACL_TAGS`.
    event: Option<String>,
    /// Part of the target's name.
    target: Option<String>,
    /// Words to find.
    text: Option<String>,
}

/// How long Tailscale keeps the audit log.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

/// The result of `get_audit_logs`.
#[derive(Debug, Serialize)]
pub(crate) struct Audited {
    since: String,
    until: String,
    covers: &'static str,
    #[serde(flatten)]
    page: Page,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl List for GetAuditLogs {
    const NAME: &'static str = "get_audit_logs";
    const OPERATIONS: &'static [Operation] =
        &[Operation::ListConfigurationAuditLogs, Operation::GetKey];
    // Without access to keys, changes are not linked to the journal.
    const SCOPES: &'static [&'static str] = &["logs:configuration:read"];
    const PAGE: PageSize = PageSize { usual: 50, max: 200 };
    type Output = Audited;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Audited> {
        let now = Timestamp::now();
        let until = self.until.as_ref().map(|it| instant("until", it, now)).transpose()?;
        let since = instant("since", self.since.as_deref().unwrap_or("24h"), now)?;
        let window = Window::new(since, until.unwrap_or(now))?;
        let texts = [
            ("actor", &self.actor),
            ("event", &self.event),
            ("target", &self.target),
            ("text", &self.text),
        ];
        for (field, text) in texts {
            if text.as_ref().is_some_and(|it| it.trim().is_empty()) {
                let should = "is empty; leave it out, or give a part of it";
                return Err(Error::invalid_input(field, should));
            }
        }
        let Self { actor, event, target, text, .. } = self;
        let filter = AuditFilter { actor, event, target, text };
        let log = tailnet.logging().audit(window, &filter).await?;
        let mut notes = log.notes;
        let oldest = now.checked_sub(KEPT).unwrap_or(now);
        if since < oldest {
            notes.push(format!("there is nothing before {}", to_the_second(oldest)));
        }
        let page = Page::keyed("groups", &log.groups, &part, |it| it.key.as_str(), Ok)?;
        let page = if filter == AuditFilter::default() { page } else { page.out_of(log.total) };
        let (since, until) = (to_the_second(window.start()), to_the_second(window.end()));
        Ok(Audited { since, until, covers: COVERS, page, notes })
    }
}

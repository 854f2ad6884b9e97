//! `generate_network_report`, and the page that its answer links to.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Operation, Tailnet,
    client::Result,
    report::{Report, Summary},
    tailnet::{compliance::tools::READ, devices::tools::duration, policy_file::compute::compute},
    tool::{Link, Query},
};

/// The start of the resource's URI.
pub(crate) const REPORT: &str = "tailnet://report/";
/// The type of the resource.
pub(crate) const MIME: &str = "text/html";
/// The window if none is asked for.
const USUAL: &str = "30d";

/// Report on the tailnet: what needs attention, what changed, uptime, expiry, traffic, audit. Returns a summary and
/// links to an HTML page.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct GenerateNetworkReport {
    /// How far back, `1h` to `89d`; default `30d`.
    window: Option<String>,
}

/// The result of `generate_network_report`.
#[derive(Debug, Serialize)]
pub(crate) struct Linked {
    #[serde(flatten)]
    link: Link,
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'static str>,
}

impl Query for GenerateNetworkReport {
    const NAME: &'static str = "generate_network_report";
    const OPERATIONS: &'static [Operation] = READ;
    // What may not be read is unknown in the report.
    const SCOPES: &'static [&'static str] = &["devices:core:read"];
    const LINKS: bool = true;
    type Output = Linked;

    async fn call(self, tailnet: &Tailnet) -> Result<Linked> {
        let window = self.window.as_deref().unwrap_or(USUAL);
        let report = tailnet.reports().make(duration("window", window)?).await?;
        let is_kept = tailnet.history().is_some() && !report.head.unread.iter().any(is_of_itself);
        let (id, notes) = if is_kept {
            (report.id(), Vec::new())
        } else {
            let note = "The report is not kept: the link makes a new page when it is opened.";
            (window.to_owned(), vec![note])
        };
        let (summary, bytes) = compute(move || (report.summary(), report.to_html().len())).await?;
        let of = tailnet.name().map_or_else(String::new, |name| format!("{name}/"));
        let link = Link {
            uri: REPORT.replacen("://", &format!("://{of}"), 1) + &id,
            name: format!("report-{id}.html"),
            mime_type: MIME.to_owned(),
            bytes,
        };
        Ok(Linked { link, summary, notes })
    }
}

/// Whether it is the report itself that could not be kept.
fn is_of_itself(it: &crate::report::Unread) -> bool {
    it.what == super::ITSELF
}

/// The page of the report with this ID, or a new one about a window such as `30d`.
pub(crate) async fn page(tailnet: &Tailnet, id: &str) -> Result<String> {
    let reports = tailnet.reports();
    let window: Option<SignedDuration> = duration("window", id).ok();
    let report: Report = match window {
        Some(window) => reports.make(window).await?,
        None => reports.read(id).await?,
    };
    compute(move || report.to_html()).await
}

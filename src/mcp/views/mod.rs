//! Views: small pages in which a host shows the results of tools (MCP Apps, 2026-01-26).
//!
//! A view is one HTML text without any request to anywhere. It gets the same text as the model, and results
//! do not depend on it. Only clients that announce the extension hear of views at all.

use rmcp::{
    RoleServer,
    model::{ExtensionCapabilities, JsonObject, MetaObject, Resource, ResourceContents, Tool},
    service::RequestContext,
};
use serde_json::{Value, json};

use crate::{
    catalogue::{self, Offer},
    tool::{Risk, ToolDef},
};

/// The extension's name in the capabilities of clients and servers.
const EXTENSION: &str = "io.modelcontextprotocol/ui";
/// The type of views.
const MIME: &str = "text/html;profile=mcp-app";
/// The older spelling of `ui.resourceUri` in `_meta`.
const FLAT_URI: &str = "ui/resourceUri";

/// A view, and how it is listed.
struct View {
    uri: &'static str,
    name: &'static str,
    title: &'static str,
    about: &'static str,
    html: &'static str,
}

/// The page of a view: what all share, around its own scripts.
macro_rules! page {
    ($title:literal, $($script:literal),+) => {
        concat!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>",
            $title,
            "</title>\n",
            include_str!("head.html"),
            "<style>\n",
            include_str!("shared.css"),
            "</style>\n</head>\n",
            include_str!("body.html"),
            "<script>\n",
            include_str!("shared.js"),
            $(include_str!($script),)+
            "</script>\n</body>\n</html>\n"
        )
    };
}

const PLAN: View = View {
    uri: "ui://tailsteward/plan",
    name: "plan_view",
    title: "Plan",
    about: "Shows what a change does, before and after.",
    html: page!("Plan", "plan.js"),
};

const REACH: View = View {
    uri: "ui://tailsteward/reach",
    name: "reach_view",
    title: "Who can reach what",
    about: "Shows who reaches what, and why.",
    html: page!("Who can reach what", "calls.js", "reach.js"),
};

const DEVICES: View = View {
    uri: "ui://tailsteward/devices",
    name: "devices_view",
    title: "Devices",
    about: "Shows devices as a table.",
    html: page!("Devices", "calls.js", "devices.js"),
};

const ALERTS: View = View {
    uri: "ui://tailsteward/alerts",
    name: "alerts_view",
    title: "Alerts",
    about: "Shows alerts that fire.",
    html: page!("Alerts", "calls.js", "alerts.js"),
};

const REPORT: View = View {
    uri: "ui://tailsteward/report",
    name: "report_view",
    title: "Network report",
    about: "Shows the summary of a report.",
    html: page!("Network report", "report.js"),
};

const VIEWS: [&View; 5] = [&PLAN, &REACH, &DEVICES, &ALERTS, &REPORT];

/// The view in which the results of a tool are shown.
fn view_of(tool: &ToolDef) -> Option<&'static View> {
    match tool.name {
        "list_devices" => Some(&DEVICES),
        "test_acl_policy" => Some(&REACH),
        "get_active_alerts" => Some(&ALERTS),
        "generate_network_report" => Some(&REPORT),
        // A tool that may also read has results of its own.
        _ => (tool.is_edit() && tool.risk > Risk::Read).then_some(&PLAN),
    }
}

/// The extension, as this server announces it.
pub(super) fn extension() -> ExtensionCapabilities {
    let mut settings = JsonObject::new();
    settings.insert("mimeTypes".to_owned(), json!([MIME]));
    ExtensionCapabilities::from([(EXTENSION.to_owned(), settings)])
}

/// Whether the client that sent this request shows views.
pub(super) fn are_shown(context: &RequestContext<RoleServer>) -> bool {
    let extensions = context.client_capabilities().and_then(|it| it.extensions);
    let settings = extensions.as_ref().and_then(|it| it.get(EXTENSION));
    settings.is_some_and(|it| match it.get("mimeTypes").and_then(Value::as_array) {
        Some(types) => types.iter().any(|it| it == MIME),
        None => true,
    })
}

/// The tool with its view, for a client that shows views.
pub(super) fn with_view(mut tool: Tool) -> Tool {
    let Ok(def) = catalogue::named(&tool.name) else { return tool };
    let mut ui = JsonObject::new();
    let mut meta = tool.meta.take().unwrap_or_default();
    if let Some(view) = view_of(def) {
        ui.insert("resourceUri".to_owned(), view.uri.into());
        meta.insert(FLAT_URI.to_owned(), view.uri.into());
    }
    // Hosts refuse calls by views then, so that no view changes anything.
    if def.is_edit() {
        ui.insert("visibility".to_owned(), json!(["model"]));
    }
    if !ui.is_empty() {
        meta.insert("ui".to_owned(), Value::Object(ui));
    }
    tool.meta = (!meta.is_empty()).then_some(meta);
    tool
}

fn is_offered(view: &View, offer: &Offer) -> bool {
    offer.tools().any(|tool| view_of(tool).is_some_and(|it| it.uri == view.uri))
}

/// The views of the offered tools.
pub(super) fn list(offer: &Offer) -> impl Iterator<Item = Resource> {
    VIEWS.into_iter().filter(|it| is_offered(it, offer)).map(|it| {
        Resource::new(it.uri, it.name)
            .with_title(it.title)
            .with_description(it.about)
            .with_mime_type(MIME)
    })
}

/// The view at `uri`, if it is one of an offered tool. It names no domain, so hosts let it reach none.
pub(super) fn read(offer: &Offer, uri: &str) -> Option<ResourceContents> {
    let view = VIEWS.into_iter().find(|it| it.uri == uri && is_offered(it, offer))?;
    let mut meta = MetaObject::new();
    meta.insert("ui".to_owned(), json!({ "prefersBorder": true }));
    Some(ResourceContents::text(view.html, uri).with_mime_type(MIME).with_meta(meta))
}

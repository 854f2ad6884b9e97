//! Which resources there are.

use super::{ALERTS, CHANGE, CHANGES, DEVICE, DEVICES, POLICY};
use crate::tailnet::{devices::tools::export::EXPORT, reports::tools};

const JSON: &str = "application/json";
const HUJSON: &str = "application/hujson";
const CSV: &str = "text/csv";

/// A resource, or a template for resources with an ID.
pub(super) struct Kind {
    /// The URI, or its prefix before an ID.
    pub(super) uri: &'static str,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) mime: &'static str,
    /// The tool that returns the content.
    pub(super) tool: &'static str,
    /// The name of the parameter after the prefix.
    pub(super) parameter: Option<&'static str>,
    /// What follows the parameter.
    pub(super) suffix: &'static str,
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        uri: DEVICES,
        name: "devices",
        title: "Devices",
        about: "The first 200 devices, by name.",
        mime: JSON,
        tool: "list_devices",
        parameter: None,
        suffix: "",
    },
    Kind {
        uri: POLICY,
        name: "policy",
        title: "Policy file",
        about: "The policy file as it is written, with its comments.",
        mime: HUJSON,
        tool: "get_acl_policy",
        parameter: None,
        suffix: "",
    },
    Kind {
        uri: CHANGES,
        name: "changes",
        title: "Changes",
        about: "Changes made through this server, newest first.",
        mime: JSON,
        tool: "list_changes",
        parameter: None,
        suffix: "",
    },
    Kind {
        uri: "tailnet://dns",
        name: "dns",
        title: "DNS",
        about: "The tailnet's DNS settings.",
        mime: JSON,
        tool: "get_dns_status",
        parameter: None,
        suffix: "",
    },
    Kind {
        uri: "tailnet://users",
        name: "users",
        title: "Users",
        about: "The first page of users.",
        mime: JSON,
        tool: "list_users",
        parameter: None,
        suffix: "",
    },
    Kind {
        uri: "tailnet://routes",
        name: "routes",
        title: "Routes",
        about: "The first page of subnet routers and their routes.",
        mime: JSON,
        tool: "get_subnet_routes",
        parameter: None,
        suffix: "",
    },
    Kind {
        uri: ALERTS,
        name: "alerts",
        title: "Alerts",
        about: "Alerts that fire now, most severe first.",
        mime: JSON,
        tool: "get_active_alerts",
        parameter: None,
        suffix: "",
    },
    Kind {
        uri: "tailnet://audit",
        name: "audit",
        title: "Audit",
        about: "What of the compliance audit fails, the worst first.",
        mime: JSON,
        tool: "device_audit",
        parameter: None,
        suffix: "",
    },
    Kind {
        uri: DEVICE,
        name: "device",
        title: "Device",
        about: "Everything the API knows about one device.",
        mime: JSON,
        tool: "get_device_details",
        parameter: Some("device"),
        suffix: "",
    },
    Kind {
        uri: DEVICE,
        name: "device_history",
        title: "Device history",
        about: "What was seen of one device over time.",
        mime: JSON,
        tool: "get_device_history",
        parameter: Some("device"),
        suffix: "/history",
    },
    Kind {
        uri: EXPORT,
        name: "export",
        title: "Export",
        about: "A file with devices: the answer of `device_export` has its URI.",
        mime: CSV,
        tool: "device_export",
        parameter: Some("file"),
        suffix: "",
    },
    Kind {
        uri: tools::REPORT,
        name: "report",
        title: "Report",
        about: "A report as a page: the answer of `generate_network_report` has its URI.",
        mime: tools::MIME,
        tool: "generate_network_report",
        parameter: Some("report"),
        suffix: "",
    },
    Kind {
        uri: CHANGE,
        name: "change",
        title: "Change",
        about: "One change, step by step.",
        mime: JSON,
        tool: "get_change",
        parameter: Some("change"),
        suffix: "",
    },
];

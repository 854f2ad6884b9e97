//! Tools for what the server's machine serves.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{CertificateInfo, Expose, FunnelStatus, ServeStatus, What};
use crate::{
    Error, Operation, Tailnet,
    change::{Plan, Risk},
    client::Result,
    tailnet::devices::tools::duration,
    tool::{Edit, Query, Toolset, edit, query},
};

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "funnel",
    about: "Expose a service of the server's machine to the internet (Tailscale Funnel).",
    instructions: "A Funnel exposes a service of the machine that this server runs on to the internet. Tell the \
                   user so, and prefer a time limit (`for`).",
    default: false,
    tools: &[
        query::<GetFunnelStatus>(),
        query::<GetServeStatus>(),
        query::<GetFunnelCertificate>(),
        edit::<EnableFunnel>(),
        edit::<DisableFunnel>(),
    ],
};

/// Show what Funnel exposes on the server's machine, until when, and what is missing for Funnel to work.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetFunnelStatus {}

impl Query for GetFunnelStatus {
    const NAME: &'static str = "funnel_status";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = FunnelStatus;

    async fn call(self, tailnet: &Tailnet) -> Result<FunnelStatus> {
        tailnet.funnel().status().await
    }
}

/// Show what the server's machine serves to its tailnet (Serve) and to the internet (Funnel).
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetServeStatus {}

impl Query for GetServeStatus {
    const NAME: &'static str = "serve_status";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = ServeStatus;

    async fn call(self, tailnet: &Tailnet) -> Result<ServeStatus> {
        tailnet.funnel().served().await
    }
}

/// Show the TLS certificate for the MagicDNS name of the server's machine: names, issuer, days left.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct GetFunnelCertificate {}

impl Query for GetFunnelCertificate {
    const NAME: &'static str = "funnel_certificate_info";
    const OPERATIONS: &'static [Operation] = &[];
    type Output = CertificateInfo;

    async fn call(self, tailnet: &Tailnet) -> Result<CertificateInfo> {
        tailnet.funnel().certificate().await
    }
}

/// Expose a local port or this server to the internet with Tailscale Funnel, after enabling what Funnel needs.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct EnableFunnel {
    /// Port or local address, such as `3000` or `http://127.0.0.1:3000`.
    target: Option<String>,
    /// Expose this MCP server instead of `target`; requires `for`.
    this_server: Option<bool>,
    /// With `this_server`: also expose tools that make changes.
    allow_changes: Option<bool>,
    /// Public port; default 443.
    public_port: Option<u16>,
    /// Public path; default `/`.
    path: Option<String>,
    /// Close it automatically after this time, such as `2h`.
    r#for: Option<String>,
}

impl Edit for EnableFunnel {
    const NAME: &'static str = "funnel_enable";
    const RISK: Risk = Risk::Danger;
    // It needs none: what Funnel lacks is mended from here where the credential may.
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let this_server = self.this_server.unwrap_or_default();
        let what = match (self.target, this_server) {
            (Some(_), true) => {
                return Err(Error::invalid_input("target", "cannot be given with `this_server`"));
            }
            (None, false) => {
                return Err(Error::invalid_input("target", "is required, such as `3000`"));
            }
            (Some(_), false) if self.allow_changes.is_some() => {
                return Err(Error::invalid_input("allow_changes", "needs `this_server`"));
            }
            (Some(target), false) => What::Program(target),
            (None, true) => What::ThisServer { changes: self.allow_changes.unwrap_or_default() },
        };
        let time: Option<SignedDuration> =
            self.r#for.as_deref().map(|it| duration("for", it)).transpose()?;
        let mut expose = Expose::new(what);
        expose.port = self.public_port.unwrap_or(expose.port);
        expose.path = self.path.unwrap_or(expose.path);
        expose.ends_after = time;
        tailnet.funnel().plan_enable(&expose).await
    }
}

/// Stop a Funnel on the server's machine, so that the internet no longer reaches it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DisableFunnel {
    /// Public port; default 443.
    public_port: Option<u16>,
    /// Public path; default `/`.
    path: Option<String>,
}

impl Edit for DisableFunnel {
    const NAME: &'static str = "funnel_disable";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let path = self.path.as_deref().unwrap_or("/");
        tailnet.funnel().plan_disable(self.public_port.unwrap_or(443), path).await
    }
}

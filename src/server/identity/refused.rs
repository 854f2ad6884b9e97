//! Why a caller who was found, or not found, may not come in.

/// Why a caller is refused, who has no token to correct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) enum NotAllowed {
    /// The daemon knows no node behind the connection.
    NotOfTailnet,
    /// It is this machine itself.
    OwnNode,
    /// The node is of another tailnet.
    Shared,
    /// The request came from the internet.
    Funnel,
    /// `tailscale serve` and the daemon do not agree on who it is.
    Disagree,
    /// No grant gives the node the capability; with its name.
    NoCapability(String),
    /// Grants give the node the capability, but no entry allows anything; with its name.
    NothingAllowed(String),
    /// An entry of a grant cannot be read; what is wrong.
    Malformed(String),
    /// Grants or scopes allow something, but not metrics.
    Metrics,
    /// Grants or scopes allow something, but no tool.
    NoTool,
}

impl NotAllowed {
    pub(in crate::server) fn message(&self) -> String {
        match self {
            Self::NotOfTailnet => {
                "the Tailscale daemon knows no node behind this connection: it is from a local program, or came \
                 through `tailscale serve` or Funnel; connect from a node of the tailnet to this node's \
                 Tailscale address"
            }
            Self::OwnNode => {
                "calls from the machine that the server runs on are refused, since every user of it would count as \
                 its owner; the administrator can allow them with --allow-self"
            }
            Self::Shared => {
                "this node is in another tailnet; the administrator can allow shared nodes with \
                 --allow-shared"
            }
            Self::Funnel => "requests from the internet (Funnel) are refused",
            Self::Disagree => {
                "`tailscale serve` and the Tailscale daemon do not agree on who this is; try again"
            }
            Self::NoCapability(capability) => {
                return format!(
                    "no grant of the tailnet's policy file gives this node the capability `{capability}` on \
                     this server. The `dst` of the grant must be the server's tag, name or user: `svc:` does not \
                     work"
                );
            }
            Self::NothingAllowed(capability) => {
                return format!(
                    "grants give this node the capability `{capability}`, but no entry allows anything: an entry \
                     needs `toolsets`, `tools` or `\"metrics\": true`"
                );
            }
            Self::Malformed(why) => {
                return format!("a grant of the tailnet's policy file cannot be used: {why}");
            }
            Self::Metrics => {
                "you may not read metrics: an entry of a grant needs `\"metrics\": true`, or an access token the \
                 scope `mcp:metrics`"
            }
            Self::NoTool => {
                "you may not call any tool: an entry of a grant needs `toolsets` or `tools`, or an access token \
                 the scope `mcp:read`"
            }
        }
        .to_owned()
    }

    /// The reason in the metrics.
    pub(in crate::server) fn reason(&self) -> &'static str {
        match self {
            Self::NotOfTailnet => "not_of_tailnet",
            Self::OwnNode => "own_node",
            Self::Shared => "shared_node",
            Self::Funnel => "funnel",
            Self::Disagree => "identity_differs",
            Self::NoCapability(_) | Self::NothingAllowed(_) => "no_capability",
            Self::Malformed(_) => "malformed_grant",
            Self::Metrics | Self::NoTool => "forbidden",
        }
    }
}

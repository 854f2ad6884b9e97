//! OAuth scopes: `resource[:sub][:read]`, where write implies read and `all` implies everything.

/// All scopes. Each may be followed by `:read`.
const KNOWN: &[&str] = &[
    "all",
    "account_settings",
    "api_access_tokens",
    "auth_keys",
    "device_invites",
    "devices:core",
    "devices:posture_attributes",
    "devices:routes",
    "dns",
    "feature_settings",
    "federated_keys",
    "log_streaming",
    "logs:configuration",
    "logs:network",
    "networking_settings",
    "oauth_apps",
    "oauth_keys",
    "policy_file",
    "services",
    "tailnets",
    "users",
    "webhooks",
];

/// Scope names from before November 2024, which old credentials may still have.
const LEGACY: &[(&str, &str)] = &[
    ("acl", "policy_file"),
    ("devices", "devices:core"),
    ("routes", "devices:routes"),
    ("logs", "logs:configuration"),
    ("network-logs", "logs:network"),
];

/// Splits a scope such as `devices:core:read` into the resource and whether it is read-only.
fn split(scope: &str) -> (&str, bool) {
    let (resource, read_only) =
        scope.strip_suffix(":read").map_or((scope, false), |name| (name, true));
    let renamed = LEGACY.iter().find(|(old, _)| *old == resource);
    (renamed.map_or(resource, |(_, new)| *new), read_only)
}

/// Whether a scope exists.
pub(crate) fn is_known(scope: &str) -> bool {
    KNOWN.contains(&split(scope).0)
}

/// Whether the granted scopes allow what `needed` names.
pub(crate) fn grants(granted: &[String], needed: &str) -> bool {
    let (resource, reading) = split(needed);
    granted.iter().any(|scope| {
        let (held, read_only) = split(scope);
        (held == "all" || held == resource) && (reading || !read_only)
    })
}

//! The documented operations: method, path, what the caller must hold, and the handler of those
//! that are emulated.

use super::auth::Access;
use super::http::{Call, Outcome, percent_decode};
use super::{audit, contacts, devices, flows, invites, keys, policy, settings, users};

/// Carries an operation out. The caller's scopes have been checked.
pub(crate) type Handler = fn(&mut Call<'_>) -> Outcome;

/// One documented operation.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) handler: Option<Handler>,
}

/// The outcome of looking a request up.
#[derive(Debug)]
pub(crate) enum Lookup {
    Found(&'static Operation, Vec<(&'static str, String)>),
    /// The path exists with these methods.
    WrongMethod(String),
    Unknown,
}

/// Finds the operation for a method and a path below `/api/v2`, still escaped.
pub(crate) fn find(method: &str, path: &str) -> Lookup {
    let mut allowed = Vec::new();
    for operation in OPERATIONS {
        let Some(params) = match_path(operation.path, path) else { continue };
        if operation.method == method {
            return Lookup::Found(operation, params);
        }
        allowed.push(operation.method);
    }
    if allowed.is_empty() { Lookup::Unknown } else { Lookup::WrongMethod(allowed.join(", ")) }
}

fn match_path(template: &'static str, path: &str) -> Option<Vec<(&'static str, String)>> {
    let mut params = Vec::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        let name = expected.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        match name {
            Some(name) if !segment.is_empty() => params.push((name, percent_decode(segment))),
            None if expected == segment => {}
            _ => return None,
        }
    }
    if segments.next().is_some() { None } else { Some(params) }
}

const fn emulated(
    method: &'static str,
    path: &'static str,
    access: Access,
    handler: Handler,
) -> Operation {
    Operation { method, path, access, handler: Some(handler) }
}

const fn not_yet(method: &'static str, path: &'static str, access: Access) -> Operation {
    Operation { method, path, access, handler: None }
}

use Access::{AnyOf, Authenticated, UserOwned};

const DEVICES_READ: Access = AnyOf(&["devices:core:read"]);
const DEVICES: Access = AnyOf(&["devices:core"]);
const ROUTES_READ: Access = AnyOf(&["devices:routes:read"]);
const ROUTES: Access = AnyOf(&["devices:routes"]);
const POSTURE_READ: Access = AnyOf(&["devices:posture_attributes:read"]);
const POSTURE: Access = AnyOf(&["devices:posture_attributes"]);
const INVITES_READ: Access = AnyOf(&["device_invites:read"]);
const INVITES: Access = AnyOf(&["device_invites"]);
const STREAMING_READ: Access = AnyOf(&["log_streaming:read"]);
const STREAMING: Access = AnyOf(&["log_streaming"]);
const DNS_READ: Access = AnyOf(&["dns:read"]);
const DNS: Access = AnyOf(&["dns"]);
const POLICY_READ: Access = AnyOf(&["policy_file:read"]);
const POLICY: Access = AnyOf(&["policy_file"]);
const FEATURES_READ: Access = AnyOf(&["feature_settings:read"]);
const FEATURES: Access = AnyOf(&["feature_settings"]);
const USERS_READ: Access = AnyOf(&["users:read"]);
const USERS: Access = AnyOf(&["users"]);
const ACCOUNT_READ: Access = AnyOf(&["account_settings:read"]);
const ACCOUNT: Access = AnyOf(&["account_settings"]);
const WEBHOOKS_READ: Access = AnyOf(&["webhooks:read"]);
const WEBHOOKS: Access = AnyOf(&["webhooks"]);
const SERVICES_READ: Access = AnyOf(&["services:read"]);
const SERVICES: Access = AnyOf(&["services"]);
const HOSTS_READ: Access = AnyOf(&["services:read", "devices:core:read"]);
const HOSTS: Access = AnyOf(&["services", "devices:core"]);
const APPS_READ: Access = AnyOf(&["oauth_apps:read"]);
const APPS: Access = AnyOf(&["oauth_apps"]);
const AUDIT_READ: Access = AnyOf(&["logs:configuration:read"]);
const FLOWS_READ: Access = AnyOf(&["logs:network:read"]);
/// Settings are authorised field by field; one of these has to be there.
const SETTINGS_READ: Access = AnyOf(&[
    "feature_settings:read",
    "logs:network:read",
    "networking_settings:read",
    "policy_file:read",
]);
const SETTINGS: Access =
    AnyOf(&["feature_settings", "logs:network", "networking_settings", "policy_file"]);
/// Keys are authorised by their kind.
const KEYS_READ: Access =
    AnyOf(&["auth_keys:read", "oauth_keys:read", "federated_keys:read", "api_access_tokens:read"]);

const OPERATIONS: &[Operation] = &[
    // Devices.
    emulated("GET", "/tailnet/{tailnet}/devices", DEVICES_READ, devices::list),
    emulated(
        "PATCH",
        "/tailnet/{tailnet}/device-attributes",
        POSTURE,
        devices::batch_set_attributes,
    ),
    emulated("GET", "/device/{deviceId}", DEVICES_READ, devices::get),
    emulated("DELETE", "/device/{deviceId}", DEVICES, devices::delete),
    emulated("POST", "/device/{deviceId}/expire", DEVICES, devices::expire),
    emulated("GET", "/device/{deviceId}/routes", ROUTES_READ, devices::get_routes),
    emulated("POST", "/device/{deviceId}/routes", ROUTES, devices::set_routes),
    emulated("POST", "/device/{deviceId}/authorized", DEVICES, devices::authorize),
    emulated("POST", "/device/{deviceId}/name", DEVICES, devices::set_name),
    emulated("POST", "/device/{deviceId}/tags", DEVICES, devices::set_tags),
    emulated("POST", "/device/{deviceId}/key", DEVICES, devices::set_key),
    emulated("POST", "/device/{deviceId}/ip", DEVICES, devices::set_ip),
    emulated("GET", "/device/{deviceId}/attributes", POSTURE_READ, devices::get_attributes),
    emulated(
        "POST",
        "/device/{deviceId}/attributes/{attributeKey}",
        POSTURE,
        devices::set_attribute,
    ),
    emulated(
        "DELETE",
        "/device/{deviceId}/attributes/{attributeKey}",
        POSTURE,
        devices::delete_attribute,
    ),
    // Invitations to devices and to the tailnet.
    emulated("GET", "/device/{deviceId}/device-invites", INVITES_READ, invites::list_for_device),
    not_yet("POST", "/device/{deviceId}/device-invites", UserOwned),
    not_yet("POST", "/device-invites/-/accept", UserOwned),
    not_yet("GET", "/device-invites/{deviceInviteId}", INVITES_READ),
    not_yet("DELETE", "/device-invites/{deviceInviteId}", INVITES),
    not_yet("POST", "/device-invites/{deviceInviteId}/resend", UserOwned),
    not_yet("GET", "/tailnet/{tailnet}/user-invites", Authenticated),
    not_yet("POST", "/tailnet/{tailnet}/user-invites", UserOwned),
    not_yet("GET", "/user-invites/{userInviteId}", Authenticated),
    not_yet("DELETE", "/user-invites/{userInviteId}", UserOwned),
    not_yet("POST", "/user-invites/{userInviteId}/resend", UserOwned),
    // Logs.
    emulated("GET", "/tailnet/{tailnet}/logging/configuration", AUDIT_READ, audit::list),
    emulated("GET", "/tailnet/{tailnet}/logging/network", FLOWS_READ, flows::list),
    not_yet("GET", "/tailnet/{tailnet}/logging/{logType}/stream/status", STREAMING_READ),
    not_yet("GET", "/tailnet/{tailnet}/logging/{logType}/stream", STREAMING_READ),
    not_yet("PUT", "/tailnet/{tailnet}/logging/{logType}/stream", STREAMING),
    not_yet("DELETE", "/tailnet/{tailnet}/logging/{logType}/stream", STREAMING),
    not_yet("POST", "/tailnet/{tailnet}/aws-external-id", STREAMING),
    not_yet("POST", "/tailnet/{tailnet}/aws-external-id/{id}/validate-aws-trust-policy", STREAMING),
    // DNS.
    not_yet("GET", "/tailnet/{tailnet}/dns/nameservers", DNS_READ),
    not_yet("POST", "/tailnet/{tailnet}/dns/nameservers", DNS),
    not_yet("GET", "/tailnet/{tailnet}/dns/preferences", DNS_READ),
    not_yet("POST", "/tailnet/{tailnet}/dns/preferences", DNS),
    not_yet("GET", "/tailnet/{tailnet}/dns/searchpaths", DNS_READ),
    not_yet("POST", "/tailnet/{tailnet}/dns/searchpaths", DNS),
    not_yet("GET", "/tailnet/{tailnet}/dns/split-dns", DNS_READ),
    not_yet("PATCH", "/tailnet/{tailnet}/dns/split-dns", DNS),
    not_yet("PUT", "/tailnet/{tailnet}/dns/split-dns", DNS),
    not_yet("GET", "/tailnet/{tailnet}/dns/configuration", DNS_READ),
    not_yet("POST", "/tailnet/{tailnet}/dns/configuration", DNS),
    // Keys, where the handler checks the scope of the key's kind.
    emulated("GET", "/tailnet/{tailnet}/keys", KEYS_READ, keys::list),
    emulated("POST", "/tailnet/{tailnet}/keys", Authenticated, keys::create),
    emulated("GET", "/tailnet/{tailnet}/keys/{keyId}", Authenticated, keys::get),
    emulated("PUT", "/tailnet/{tailnet}/keys/{keyId}", Authenticated, keys::update),
    emulated("DELETE", "/tailnet/{tailnet}/keys/{keyId}", Authenticated, keys::delete),
    // The policy file.
    emulated("GET", "/tailnet/{tailnet}/acl", POLICY_READ, policy::get),
    emulated("POST", "/tailnet/{tailnet}/acl", POLICY, policy::set),
    not_yet("POST", "/tailnet/{tailnet}/acl/preview", POLICY_READ),
    not_yet("POST", "/tailnet/{tailnet}/acl/validate", POLICY_READ),
    // Posture integrations.
    not_yet("GET", "/tailnet/{tailnet}/posture/integrations", FEATURES_READ),
    not_yet("POST", "/tailnet/{tailnet}/posture/integrations", FEATURES),
    not_yet("GET", "/posture/integrations/{id}", FEATURES_READ),
    not_yet("PATCH", "/posture/integrations/{id}", FEATURES),
    not_yet("DELETE", "/posture/integrations/{id}", FEATURES),
    // Users.
    emulated("GET", "/tailnet/{tailnet}/users", USERS_READ, users::list),
    emulated("GET", "/users/{userId}", USERS_READ, users::get),
    emulated("POST", "/users/{userId}/role", USERS, users::set_role),
    emulated("POST", "/users/{userId}/approve", USERS, users::approve),
    emulated("POST", "/users/{userId}/suspend", USERS, users::suspend),
    emulated("POST", "/users/{userId}/restore", USERS, users::restore),
    emulated("POST", "/users/{userId}/delete", USERS, users::delete),
    // Contacts.
    emulated("GET", "/tailnet/{tailnet}/contacts", ACCOUNT_READ, contacts::get),
    not_yet("PATCH", "/tailnet/{tailnet}/contacts/{contactType}", ACCOUNT),
    not_yet("POST", "/tailnet/{tailnet}/contacts/{contactType}/resend-verification-email", ACCOUNT),
    // Webhooks.
    not_yet("GET", "/tailnet/{tailnet}/webhooks", WEBHOOKS_READ),
    not_yet("POST", "/tailnet/{tailnet}/webhooks", WEBHOOKS),
    not_yet("GET", "/webhooks/{endpointId}", WEBHOOKS_READ),
    not_yet("PATCH", "/webhooks/{endpointId}", WEBHOOKS),
    not_yet("DELETE", "/webhooks/{endpointId}", WEBHOOKS),
    not_yet("POST", "/webhooks/{endpointId}/test", WEBHOOKS),
    not_yet("POST", "/webhooks/{endpointId}/rotate", WEBHOOKS),
    // Tailnet settings.
    emulated("GET", "/tailnet/{tailnet}/settings", SETTINGS_READ, settings::get),
    emulated("PATCH", "/tailnet/{tailnet}/settings", SETTINGS, settings::update),
    // Services.
    not_yet("GET", "/tailnet/{tailnet}/services", SERVICES_READ),
    not_yet("GET", "/tailnet/{tailnet}/services/{serviceName}", SERVICES_READ),
    not_yet("PUT", "/tailnet/{tailnet}/services/{serviceName}", SERVICES),
    not_yet("DELETE", "/tailnet/{tailnet}/services/{serviceName}", SERVICES),
    not_yet("GET", "/tailnet/{tailnet}/services/{serviceName}/devices", HOSTS_READ),
    not_yet(
        "GET",
        "/tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved",
        HOSTS_READ,
    ),
    not_yet("POST", "/tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved", HOSTS),
    // OAuth apps.
    not_yet("GET", "/tailnet/{tailnet}/oauth-apps", APPS_READ),
    not_yet("POST", "/tailnet/{tailnet}/oauth-apps", APPS),
    not_yet("GET", "/tailnet/{tailnet}/oauth-apps/{appId}", APPS_READ),
    not_yet("PUT", "/tailnet/{tailnet}/oauth-apps/{appId}", APPS),
    not_yet("DELETE", "/tailnet/{tailnet}/oauth-apps/{appId}", APPS),
];

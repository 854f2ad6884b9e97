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

const fn done(
    method: &'static str,
    path: &'static str,
    access: Access,
    handler: Handler,
) -> Operation {
    Operation { method, path, access, handler: Some(handler) }
}

const fn todo(method: &'static str, path: &'static str, access: Access) -> Operation {
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
    done("GET", "/tailnet/{tailnet}/devices", DEVICES_READ, devices::list),
    done("PATCH", "/tailnet/{tailnet}/device-attributes", POSTURE, devices::batch_set_attributes),
    done("GET", "/device/{deviceId}", DEVICES_READ, devices::get),
    done("DELETE", "/device/{deviceId}", DEVICES, devices::delete),
    done("POST", "/device/{deviceId}/expire", DEVICES, devices::expire),
    done("GET", "/device/{deviceId}/routes", ROUTES_READ, devices::get_routes),
    done("POST", "/device/{deviceId}/routes", ROUTES, devices::set_routes),
    done("POST", "/device/{deviceId}/authorized", DEVICES, devices::authorize),
    done("POST", "/device/{deviceId}/name", DEVICES, devices::set_name),
    done("POST", "/device/{deviceId}/tags", DEVICES, devices::set_tags),
    done("POST", "/device/{deviceId}/key", DEVICES, devices::set_key),
    done("POST", "/device/{deviceId}/ip", DEVICES, devices::set_ip),
    done("GET", "/device/{deviceId}/attributes", POSTURE_READ, devices::get_attributes),
    done("POST", "/device/{deviceId}/attributes/{attributeKey}", POSTURE, devices::set_attribute),
    done(
        "DELETE",
        "/device/{deviceId}/attributes/{attributeKey}",
        POSTURE,
        devices::delete_attribute,
    ),
    // Invitations to devices and to the tailnet.
    done("GET", "/device/{deviceId}/device-invites", INVITES_READ, invites::list_for_device),
    todo("POST", "/device/{deviceId}/device-invites", UserOwned),
    todo("POST", "/device-invites/-/accept", UserOwned),
    todo("GET", "/device-invites/{deviceInviteId}", INVITES_READ),
    todo("DELETE", "/device-invites/{deviceInviteId}", INVITES),
    todo("POST", "/device-invites/{deviceInviteId}/resend", UserOwned),
    todo("GET", "/tailnet/{tailnet}/user-invites", Authenticated),
    todo("POST", "/tailnet/{tailnet}/user-invites", UserOwned),
    todo("GET", "/user-invites/{userInviteId}", Authenticated),
    todo("DELETE", "/user-invites/{userInviteId}", UserOwned),
    todo("POST", "/user-invites/{userInviteId}/resend", UserOwned),
    // Logs.
    done("GET", "/tailnet/{tailnet}/logging/configuration", AUDIT_READ, audit::list),
    done("GET", "/tailnet/{tailnet}/logging/network", FLOWS_READ, flows::list),
    todo("GET", "/tailnet/{tailnet}/logging/{logType}/stream/status", STREAMING_READ),
    todo("GET", "/tailnet/{tailnet}/logging/{logType}/stream", STREAMING_READ),
    todo("PUT", "/tailnet/{tailnet}/logging/{logType}/stream", STREAMING),
    todo("DELETE", "/tailnet/{tailnet}/logging/{logType}/stream", STREAMING),
    todo("POST", "/tailnet/{tailnet}/aws-external-id", STREAMING),
    todo("POST", "/tailnet/{tailnet}/aws-external-id/{id}/validate-aws-trust-policy", STREAMING),
    // DNS.
    todo("GET", "/tailnet/{tailnet}/dns/nameservers", DNS_READ),
    todo("POST", "/tailnet/{tailnet}/dns/nameservers", DNS),
    todo("GET", "/tailnet/{tailnet}/dns/preferences", DNS_READ),
    todo("POST", "/tailnet/{tailnet}/dns/preferences", DNS),
    todo("GET", "/tailnet/{tailnet}/dns/searchpaths", DNS_READ),
    todo("POST", "/tailnet/{tailnet}/dns/searchpaths", DNS),
    todo("GET", "/tailnet/{tailnet}/dns/split-dns", DNS_READ),
    todo("PATCH", "/tailnet/{tailnet}/dns/split-dns", DNS),
    todo("PUT", "/tailnet/{tailnet}/dns/split-dns", DNS),
    todo("GET", "/tailnet/{tailnet}/dns/configuration", DNS_READ),
    todo("POST", "/tailnet/{tailnet}/dns/configuration", DNS),
    // Keys, where the handler checks the scope of the key's kind.
    done("GET", "/tailnet/{tailnet}/keys", KEYS_READ, keys::list),
    done("POST", "/tailnet/{tailnet}/keys", Authenticated, keys::create),
    done("GET", "/tailnet/{tailnet}/keys/{keyId}", Authenticated, keys::get),
    done("PUT", "/tailnet/{tailnet}/keys/{keyId}", Authenticated, keys::update),
    done("DELETE", "/tailnet/{tailnet}/keys/{keyId}", Authenticated, keys::delete),
    // The policy file.
    done("GET", "/tailnet/{tailnet}/acl", POLICY_READ, policy::get),
    done("POST", "/tailnet/{tailnet}/acl", POLICY, policy::set),
    todo("POST", "/tailnet/{tailnet}/acl/preview", POLICY_READ),
    todo("POST", "/tailnet/{tailnet}/acl/validate", POLICY_READ),
    // Posture integrations.
    todo("GET", "/tailnet/{tailnet}/posture/integrations", FEATURES_READ),
    todo("POST", "/tailnet/{tailnet}/posture/integrations", FEATURES),
    todo("GET", "/posture/integrations/{id}", FEATURES_READ),
    todo("PATCH", "/posture/integrations/{id}", FEATURES),
    todo("DELETE", "/posture/integrations/{id}", FEATURES),
    // Users.
    done("GET", "/tailnet/{tailnet}/users", USERS_READ, users::list),
    done("GET", "/users/{userId}", USERS_READ, users::get),
    done("POST", "/users/{userId}/role", USERS, users::set_role),
    done("POST", "/users/{userId}/approve", USERS, users::approve),
    done("POST", "/users/{userId}/suspend", USERS, users::suspend),
    done("POST", "/users/{userId}/restore", USERS, users::restore),
    done("POST", "/users/{userId}/delete", USERS, users::delete),
    // Contacts.
    done("GET", "/tailnet/{tailnet}/contacts", ACCOUNT_READ, contacts::get),
    todo("PATCH", "/tailnet/{tailnet}/contacts/{contactType}", ACCOUNT),
    todo("POST", "/tailnet/{tailnet}/contacts/{contactType}/resend-verification-email", ACCOUNT),
    // Webhooks.
    todo("GET", "/tailnet/{tailnet}/webhooks", WEBHOOKS_READ),
    todo("POST", "/tailnet/{tailnet}/webhooks", WEBHOOKS),
    todo("GET", "/webhooks/{endpointId}", WEBHOOKS_READ),
    todo("PATCH", "/webhooks/{endpointId}", WEBHOOKS),
    todo("DELETE", "/webhooks/{endpointId}", WEBHOOKS),
    todo("POST", "/webhooks/{endpointId}/test", WEBHOOKS),
    todo("POST", "/webhooks/{endpointId}/rotate", WEBHOOKS),
    // Tailnet settings.
    done("GET", "/tailnet/{tailnet}/settings", SETTINGS_READ, settings::get),
    done("PATCH", "/tailnet/{tailnet}/settings", SETTINGS, settings::update),
    // Services.
    todo("GET", "/tailnet/{tailnet}/services", SERVICES_READ),
    todo("GET", "/tailnet/{tailnet}/services/{serviceName}", SERVICES_READ),
    todo("PUT", "/tailnet/{tailnet}/services/{serviceName}", SERVICES),
    todo("DELETE", "/tailnet/{tailnet}/services/{serviceName}", SERVICES),
    todo("GET", "/tailnet/{tailnet}/services/{serviceName}/devices", HOSTS_READ),
    todo("GET", "/tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved", HOSTS_READ),
    todo("POST", "/tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved", HOSTS),
    // OAuth apps.
    todo("GET", "/tailnet/{tailnet}/oauth-apps", APPS_READ),
    todo("POST", "/tailnet/{tailnet}/oauth-apps", APPS),
    todo("GET", "/tailnet/{tailnet}/oauth-apps/{appId}", APPS_READ),
    todo("PUT", "/tailnet/{tailnet}/oauth-apps/{appId}", APPS),
    todo("DELETE", "/tailnet/{tailnet}/oauth-apps/{appId}", APPS),
];

//! The documented API operations: name, method, path, required scopes, and handler.

use percent_encoding::percent_decode_str;

use super::auth::Access;
use super::http::{Call, Outcome};
use super::{
    apps, audit, contacts, devices, dns, flows, invites, keys, organizations, policy, posture,
    services, settings, streams, users, webhooks,
};

/// The function that executes an operation, after the caller's scopes were checked.
pub(crate) type Handler = fn(&mut Call<'_>) -> Outcome;

/// One documented operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The operation ID in the API documentation.
    pub(crate) id: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) handler: Handler,
}

/// The result of looking up the operation of a request.
#[derive(Debug)]
pub(crate) enum Lookup {
    Found(&'static Operation, Vec<(&'static str, String)>),
    /// The path exists, but only with these methods.
    WrongMethod(String),
    Unknown,
}

/// Finds the operation for a method and a path below `/api/v2`. The path is still percent-encoded.
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
            Some(name) if !segment.is_empty() => {
                let value = percent_decode_str(segment).decode_utf8_lossy();
                params.push((name, value.into_owned()));
            }
            None if expected == segment => {}
            _ => return None,
        }
    }
    if segments.next().is_some() { None } else { Some(params) }
}

const fn operation(
    id: &'static str,
    method: &'static str,
    path: &'static str,
    access: Access,
    handler: Handler,
) -> Operation {
    Operation { id, method, path, access, handler }
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
const TAILNETS_READ: Access = AnyOf(&["tailnets:read"]);
const TAILNETS: Access = AnyOf(&["tailnets"]);
const EVERYTHING: Access = AnyOf(&["all"]);
const AUDIT_READ: Access = AnyOf(&["logs:configuration:read"]);
const FLOWS_READ: Access = AnyOf(&["logs:network:read"]);
/// Settings are authorized field by field; the caller needs at least one of these scopes.
const SETTINGS_READ: Access = AnyOf(&[
    "feature_settings:read",
    "logs:network:read",
    "networking_settings:read",
    "policy_file:read",
]);
const SETTINGS: Access =
    AnyOf(&["feature_settings", "logs:network", "networking_settings", "policy_file"]);
/// Keys are authorized by type; the caller needs at least one of these scopes.
const KEYS_READ: Access =
    AnyOf(&["auth_keys:read", "oauth_keys:read", "federated_keys:read", "api_access_tokens:read"]);

// One operation per line.
#[rustfmt::skip]
const OPERATIONS: &[Operation] = &[
    // Devices.
    operation("listTailnetDevices", "GET", "/tailnet/{tailnet}/devices", DEVICES_READ, devices::list),
    operation("batchUpdateCustomDevicePostureAttributes", "PATCH", "/tailnet/{tailnet}/device-attributes", POSTURE, devices::batch_set_attributes),
    operation("getDevice", "GET", "/device/{deviceId}", DEVICES_READ, devices::get),
    operation("deleteDevice", "DELETE", "/device/{deviceId}", DEVICES, devices::delete),
    operation("expireDeviceKey", "POST", "/device/{deviceId}/expire", DEVICES, devices::expire),
    operation("listDeviceRoutes", "GET", "/device/{deviceId}/routes", ROUTES_READ, devices::get_routes),
    operation("setDeviceRoutes", "POST", "/device/{deviceId}/routes", ROUTES, devices::set_routes),
    operation("authorizeDevice", "POST", "/device/{deviceId}/authorized", DEVICES, devices::authorize),
    operation("setDeviceName", "POST", "/device/{deviceId}/name", DEVICES, devices::set_name),
    operation("setDeviceTags", "POST", "/device/{deviceId}/tags", DEVICES, devices::set_tags),
    operation("updateDeviceKey", "POST", "/device/{deviceId}/key", DEVICES, devices::set_key),
    operation("setDeviceIp", "POST", "/device/{deviceId}/ip", DEVICES, devices::set_ip),
    operation("getDevicePostureAttributes", "GET", "/device/{deviceId}/attributes", POSTURE_READ, devices::get_attributes),
    operation("setCustomDevicePostureAttributes", "POST", "/device/{deviceId}/attributes/{attributeKey}", POSTURE, devices::set_attribute),
    operation("deleteCustomDevicePostureAttributes", "DELETE", "/device/{deviceId}/attributes/{attributeKey}", POSTURE, devices::delete_attribute),
    // Device invites and user invites.
    operation("listDeviceInvites", "GET", "/device/{deviceId}/device-invites", INVITES_READ, invites::list_for_device),
    operation("createDeviceInvites", "POST", "/device/{deviceId}/device-invites", UserOwned, invites::create_for_device),
    operation("acceptDeviceInvite", "POST", "/device-invites/-/accept", UserOwned, invites::accept),
    operation("getDeviceInvite", "GET", "/device-invites/{deviceInviteId}", INVITES_READ, invites::get_device),
    operation("deleteDeviceInvite", "DELETE", "/device-invites/{deviceInviteId}", INVITES, invites::delete_device),
    operation("resendDeviceInvite", "POST", "/device-invites/{deviceInviteId}/resend", UserOwned, invites::resend_device),
    operation("listUserInvites", "GET", "/tailnet/{tailnet}/user-invites", Authenticated, invites::list_users),
    operation("createUserInvites", "POST", "/tailnet/{tailnet}/user-invites", UserOwned, invites::create_users),
    operation("getUserInvite", "GET", "/user-invites/{userInviteId}", Authenticated, invites::get_user),
    operation("deleteUserInvite", "DELETE", "/user-invites/{userInviteId}", UserOwned, invites::delete_user),
    operation("resendUserInvite", "POST", "/user-invites/{userInviteId}/resend", UserOwned, invites::resend_user),
    // Logs.
    operation("listConfigurationAuditLogs", "GET", "/tailnet/{tailnet}/logging/configuration", AUDIT_READ, audit::list),
    operation("listNetworkFlowLogs", "GET", "/tailnet/{tailnet}/logging/network", FLOWS_READ, flows::list),
    operation("getLogStreamingStatus", "GET", "/tailnet/{tailnet}/logging/{logType}/stream/status", STREAMING_READ, streams::status),
    operation("getLogStreamingConfiguration", "GET", "/tailnet/{tailnet}/logging/{logType}/stream", STREAMING_READ, streams::get),
    operation("setLogStreamingConfiguration", "PUT", "/tailnet/{tailnet}/logging/{logType}/stream", STREAMING, streams::set),
    operation("disableLogStreaming", "DELETE", "/tailnet/{tailnet}/logging/{logType}/stream", STREAMING, streams::delete),
    operation("getAwsExternalId", "POST", "/tailnet/{tailnet}/aws-external-id", STREAMING, streams::aws_external_id),
    operation("validateAwsExternalId", "POST", "/tailnet/{tailnet}/aws-external-id/{id}/validate-aws-trust-policy", STREAMING, streams::validate_aws),
    // DNS.
    operation("listDnsNameservers", "GET", "/tailnet/{tailnet}/dns/nameservers", DNS_READ, dns::nameservers),
    operation("setDnsNameservers", "POST", "/tailnet/{tailnet}/dns/nameservers", DNS, dns::set_nameservers),
    operation("getDnsPreferences", "GET", "/tailnet/{tailnet}/dns/preferences", DNS_READ, dns::preferences),
    operation("setDnsPreferences", "POST", "/tailnet/{tailnet}/dns/preferences", DNS, dns::set_preferences),
    operation("listDnsSearchPaths", "GET", "/tailnet/{tailnet}/dns/searchpaths", DNS_READ, dns::search_paths),
    operation("setDnsSearchPaths", "POST", "/tailnet/{tailnet}/dns/searchpaths", DNS, dns::set_search_paths),
    operation("getSplitDns", "GET", "/tailnet/{tailnet}/dns/split-dns", DNS_READ, dns::split),
    operation("updateSplitDns", "PATCH", "/tailnet/{tailnet}/dns/split-dns", DNS, dns::update_split),
    operation("setSplitDns", "PUT", "/tailnet/{tailnet}/dns/split-dns", DNS, dns::set_split),
    operation("getDnsConfiguration", "GET", "/tailnet/{tailnet}/dns/configuration", DNS_READ, dns::get_configuration),
    operation("setDnsConfiguration", "POST", "/tailnet/{tailnet}/dns/configuration", DNS, dns::set_configuration),
    // Keys; the handler checks the scope for the type of key.
    operation("listTailnetKeys", "GET", "/tailnet/{tailnet}/keys", KEYS_READ, keys::list),
    operation("createKey", "POST", "/tailnet/{tailnet}/keys", Authenticated, keys::create),
    operation("getKey", "GET", "/tailnet/{tailnet}/keys/{keyId}", Authenticated, keys::get),
    operation("setKey", "PUT", "/tailnet/{tailnet}/keys/{keyId}", Authenticated, keys::update),
    operation("deleteKey", "DELETE", "/tailnet/{tailnet}/keys/{keyId}", Authenticated, keys::delete),
    // The policy file.
    operation("getPolicyFile", "GET", "/tailnet/{tailnet}/acl", POLICY_READ, policy::get),
    operation("setPolicyFile", "POST", "/tailnet/{tailnet}/acl", POLICY, policy::set),
    operation("previewRuleMatches", "POST", "/tailnet/{tailnet}/acl/preview", POLICY_READ, policy::preview),
    operation("validateAndTestPolicyFile", "POST", "/tailnet/{tailnet}/acl/validate", POLICY_READ, policy::validate),
    // Posture integrations.
    operation("getPostureIntegrations", "GET", "/tailnet/{tailnet}/posture/integrations", FEATURES_READ, posture::list),
    operation("createPostureIntegration", "POST", "/tailnet/{tailnet}/posture/integrations", FEATURES, posture::create),
    operation("getPostureIntegration", "GET", "/posture/integrations/{id}", FEATURES_READ, posture::get),
    operation("updatePostureIntegration", "PATCH", "/posture/integrations/{id}", FEATURES, posture::update),
    operation("deletePostureIntegration", "DELETE", "/posture/integrations/{id}", FEATURES, posture::delete),
    // Users.
    operation("listUsers", "GET", "/tailnet/{tailnet}/users", USERS_READ, users::list),
    operation("getUser", "GET", "/users/{userId}", USERS_READ, users::get),
    operation("updateUserRole", "POST", "/users/{userId}/role", USERS, users::set_role),
    operation("approveUser", "POST", "/users/{userId}/approve", USERS, users::approve),
    operation("suspendUser", "POST", "/users/{userId}/suspend", USERS, users::suspend),
    operation("restoreUser", "POST", "/users/{userId}/restore", USERS, users::restore),
    operation("deleteUser", "POST", "/users/{userId}/delete", USERS, users::delete),
    // Contacts.
    operation("getContacts", "GET", "/tailnet/{tailnet}/contacts", ACCOUNT_READ, contacts::get),
    operation("updateContact", "PATCH", "/tailnet/{tailnet}/contacts/{contactType}", ACCOUNT, contacts::update),
    operation("resendContactVerificationEmail", "POST", "/tailnet/{tailnet}/contacts/{contactType}/resend-verification-email", ACCOUNT, contacts::resend_verification),
    // Webhooks.
    operation("listWebhooks", "GET", "/tailnet/{tailnet}/webhooks", WEBHOOKS_READ, webhooks::list),
    operation("createWebhook", "POST", "/tailnet/{tailnet}/webhooks", WEBHOOKS, webhooks::create),
    operation("getWebhook", "GET", "/webhooks/{endpointId}", WEBHOOKS_READ, webhooks::get),
    operation("updateWebhook", "PATCH", "/webhooks/{endpointId}", WEBHOOKS, webhooks::update),
    operation("deleteWebhook", "DELETE", "/webhooks/{endpointId}", WEBHOOKS, webhooks::delete),
    operation("testWebhook", "POST", "/webhooks/{endpointId}/test", WEBHOOKS, webhooks::test),
    operation("rotateWebhookSecret", "POST", "/webhooks/{endpointId}/rotate", WEBHOOKS, webhooks::rotate),
    // Tailnet settings.
    operation("getTailnetSettings", "GET", "/tailnet/{tailnet}/settings", SETTINGS_READ, settings::get),
    operation("updateTailnetSettings", "PATCH", "/tailnet/{tailnet}/settings", SETTINGS, settings::update),
    // Services.
    operation("listServices", "GET", "/tailnet/{tailnet}/services", SERVICES_READ, services::list),
    operation("getService", "GET", "/tailnet/{tailnet}/services/{serviceName}", SERVICES_READ, services::get),
    operation("updateService", "PUT", "/tailnet/{tailnet}/services/{serviceName}", SERVICES, services::set),
    operation("deleteService", "DELETE", "/tailnet/{tailnet}/services/{serviceName}", SERVICES, services::delete),
    operation("listServiceHosts", "GET", "/tailnet/{tailnet}/services/{serviceName}/devices", HOSTS_READ, services::hosts),
    operation("getServiceDeviceApproval", "GET", "/tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved", HOSTS_READ, services::get_approval),
    operation("updateServiceDeviceApproval", "POST", "/tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved", HOSTS, services::set_approval),
    // OAuth apps.
    operation("listOAuthApps", "GET", "/tailnet/{tailnet}/oauth-apps", APPS_READ, apps::list),
    operation("createOAuthApp", "POST", "/tailnet/{tailnet}/oauth-apps", APPS, apps::create),
    operation("getOAuthApp", "GET", "/tailnet/{tailnet}/oauth-apps/{appId}", APPS_READ, apps::get),
    operation("updateOAuthApp", "PUT", "/tailnet/{tailnet}/oauth-apps/{appId}", APPS, apps::update),
    operation("deleteOAuthApp", "DELETE", "/tailnet/{tailnet}/oauth-apps/{appId}", APPS, apps::delete),
    // Organizations.
    operation("listOrganizationTailnets", "GET", "/organizations/{organization}/tailnets", TAILNETS_READ, organizations::list),
    operation("createOrganizationTailnet", "POST", "/organizations/{organization}/tailnets", TAILNETS, organizations::create),
    operation("deleteTailnet", "DELETE", "/tailnet/{tailnet}", EVERYTHING, organizations::delete),
    // Older paths that the official Go client uses.
    operation("deleteTailnet", "DELETE", "/tailnet/{tailnet}/tailnet", EVERYTHING, organizations::delete),
    operation("listServices", "GET", "/tailnet/{tailnet}/vip-services", SERVICES_READ, services::list),
    operation("getService", "GET", "/tailnet/{tailnet}/vip-services/{serviceName}", SERVICES_READ, services::get),
    operation("updateService", "PUT", "/tailnet/{tailnet}/vip-services/{serviceName}", SERVICES, services::set),
    operation("deleteService", "DELETE", "/tailnet/{tailnet}/vip-services/{serviceName}", SERVICES, services::delete),
];

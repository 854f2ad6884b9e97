//! Every operation requires its scope, and every change is in the audit log.

use super::*;

/// Operations that need a scope of their own: method, path, sufficient scope.
const GUARDED: &[(&str, &str, &str)] = &[
    ("GET", "/tailnet/-/devices", "devices:core:read"),
    ("PATCH", "/tailnet/-/device-attributes", "devices:posture_attributes"),
    ("GET", "/device/DEVICE", "devices:core:read"),
    ("DELETE", "/device/DEVICE", "devices:core"),
    ("POST", "/device/DEVICE/expire", "devices:core"),
    ("GET", "/device/DEVICE/routes", "devices:routes:read"),
    ("POST", "/device/DEVICE/routes", "devices:routes"),
    ("POST", "/device/DEVICE/authorized", "devices:core"),
    ("POST", "/device/DEVICE/name", "devices:core"),
    ("POST", "/device/DEVICE/tags", "devices:core"),
    ("POST", "/device/DEVICE/key", "devices:core"),
    ("POST", "/device/DEVICE/ip", "devices:core"),
    ("GET", "/device/DEVICE/attributes", "devices:posture_attributes:read"),
    ("POST", "/device/DEVICE/attributes/custom:a", "devices:posture_attributes"),
    ("DELETE", "/device/DEVICE/attributes/custom:a", "devices:posture_attributes"),
    ("GET", "/device/DEVICE/device-invites", "device_invites:read"),
    ("GET", "/device-invites/1", "device_invites:read"),
    ("DELETE", "/device-invites/1", "device_invites"),
    ("GET", "/tailnet/-/logging/configuration", "logs:configuration:read"),
    ("GET", "/tailnet/-/logging/network", "logs:network:read"),
    ("GET", "/tailnet/-/logging/network/stream", "log_streaming:read"),
    ("GET", "/tailnet/-/logging/network/stream/status", "log_streaming:read"),
    ("PUT", "/tailnet/-/logging/network/stream", "log_streaming"),
    ("DELETE", "/tailnet/-/logging/network/stream", "log_streaming"),
    ("POST", "/tailnet/-/aws-external-id", "log_streaming"),
    ("POST", "/tailnet/-/aws-external-id/1/validate-aws-trust-policy", "log_streaming"),
    ("GET", "/tailnet/-/dns/nameservers", "dns:read"),
    ("POST", "/tailnet/-/dns/nameservers", "dns"),
    ("GET", "/tailnet/-/dns/preferences", "dns:read"),
    ("POST", "/tailnet/-/dns/preferences", "dns"),
    ("GET", "/tailnet/-/dns/searchpaths", "dns:read"),
    ("POST", "/tailnet/-/dns/searchpaths", "dns"),
    ("GET", "/tailnet/-/dns/split-dns", "dns:read"),
    ("PATCH", "/tailnet/-/dns/split-dns", "dns"),
    ("PUT", "/tailnet/-/dns/split-dns", "dns"),
    ("GET", "/tailnet/-/dns/configuration", "dns:read"),
    ("POST", "/tailnet/-/dns/configuration", "dns"),
    ("GET", "/tailnet/-/keys", "auth_keys:read"),
    ("GET", "/tailnet/-/acl", "policy_file:read"),
    ("POST", "/tailnet/-/acl", "policy_file"),
    ("POST", "/tailnet/-/acl/preview", "policy_file:read"),
    ("POST", "/tailnet/-/acl/validate", "policy_file:read"),
    ("GET", "/tailnet/-/posture/integrations", "feature_settings:read"),
    ("POST", "/tailnet/-/posture/integrations", "feature_settings"),
    ("GET", "/posture/integrations/1", "feature_settings:read"),
    ("PATCH", "/posture/integrations/1", "feature_settings"),
    ("DELETE", "/posture/integrations/1", "feature_settings"),
    ("GET", "/tailnet/-/users", "users:read"),
    ("GET", "/users/1", "users:read"),
    ("POST", "/users/1/role", "users"),
    ("POST", "/users/1/approve", "users"),
    ("POST", "/users/1/suspend", "users"),
    ("POST", "/users/1/restore", "users"),
    ("POST", "/users/1/delete", "users"),
    ("GET", "/tailnet/-/contacts", "account_settings:read"),
    ("PATCH", "/tailnet/-/contacts/support", "account_settings"),
    ("POST", "/tailnet/-/contacts/support/resend-verification-email", "account_settings"),
    ("GET", "/tailnet/-/webhooks", "webhooks:read"),
    ("POST", "/tailnet/-/webhooks", "webhooks"),
    ("GET", "/webhooks/1", "webhooks:read"),
    ("PATCH", "/webhooks/1", "webhooks"),
    ("DELETE", "/webhooks/1", "webhooks"),
    ("POST", "/webhooks/1/test", "webhooks"),
    ("POST", "/webhooks/1/rotate", "webhooks"),
    ("GET", "/tailnet/-/settings", "networking_settings:read"),
    ("PATCH", "/tailnet/-/settings", "networking_settings"),
    ("GET", "/tailnet/-/services", "services:read"),
    ("GET", "/tailnet/-/services/svc:web", "services:read"),
    ("PUT", "/tailnet/-/services/svc:web", "services"),
    ("DELETE", "/tailnet/-/services/svc:web", "services"),
    ("GET", "/tailnet/-/services/svc:web/devices", "services:read"),
    ("GET", "/tailnet/-/services/svc:web/device/1/approved", "devices:core:read"),
    ("POST", "/tailnet/-/services/svc:web/device/1/approved", "devices:core"),
    ("GET", "/tailnet/-/oauth-apps", "oauth_apps:read"),
    ("POST", "/tailnet/-/oauth-apps", "oauth_apps"),
    ("GET", "/tailnet/-/oauth-apps/1", "oauth_apps:read"),
    ("PUT", "/tailnet/-/oauth-apps/1", "oauth_apps"),
    ("DELETE", "/tailnet/-/oauth-apps/1", "oauth_apps"),
    ("GET", "/organizations/-/tailnets", "tailnets:read"),
    ("POST", "/organizations/-/tailnets", "tailnets"),
    ("DELETE", "/tailnet/-", "all"),
];

#[tokio::test]
async fn each_operation_asks_for_its_scope() {
    let tailnet = Tailnet::new().await;
    let device = id_of(&tailnet.personal().await).to_owned();
    tailnet.sandbox.add_api_key("tskey-api-none", &[]);
    for (at, (method, path, scope)) in GUARDED.iter().enumerate() {
        let path = path.replace("DEVICE", &device);
        // An invalid body, so that nothing changes. An empty one would reset the policy file.
        let body = json!(0);
        let without = tailnet.call_as("tskey-api-none", method, &path, body.clone()).await;
        let message = "calling actor does not have enough permissions to perform this function";
        without.refused(403, message);
        if *method == "DELETE" || path.ends_with("/expire") {
            continue;
        }
        let key = format!("tskey-api-{at}");
        tailnet.sandbox.add_api_key(&key, &[scope]);
        let with = tailnet.call_as(&key, method, &path, body.clone()).await;
        assert_ne!(with.status, 403, "{method} {path} with {scope}");
        if let Some(writing) = scope.strip_suffix(":read") {
            assert!(!writing.is_empty());
        } else {
            let reading = format!("tskey-api-{at}-read");
            tailnet.sandbox.add_api_key(&reading, &[&format!("{scope}:read")]);
            let answer = tailnet.call_as(&reading, method, &path, body).await;
            assert_eq!(answer.status, 403, "{method} {path} with {scope}:read");
        }
    }
}

#[tokio::test]
async fn an_access_token_expires() {
    let tailnet = Tailnet::new().await;
    let token = tailnet.token(Sandbox::OAUTH_CLIENT_SECRET, "dns:read").await.ok();
    let token = text(&token["access_token"]);
    let path = "/tailnet/-/dns/nameservers";
    tailnet.call_as(token, "GET", path, Value::Null).await.ok();
    let request = tailnet.bare("GET", path).basic_auth(token, Some(""));
    assert_eq!(tailnet.send(request).await.status, 200);
    tailnet.sandbox.advance(Duration::from_hours(1));
    tailnet.call_as(token, "GET", path, Value::Null).await.refused(401, "API token invalid");
}

//! Bodies that the official Go client got and sent in its own tests, against the generated types.

use std::{fs, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use tailsteward::{Operation, api::types::*};

type List<T> = Option<Vec<T>>;

/// Reads a body as its type, strictly, and writes it again.
type Through = fn(&str) -> Result<Value, String>;

/// A body that the client passes on as it is.
#[expect(clippy::unnecessary_wraps, reason = "one of two ways to read a body")]
fn raw(text: &str) -> Result<Value, String> {
    Ok(serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
}

fn through<T: DeserializeOwned + Serialize>(text: &str) -> Result<Value, String> {
    let typed: T = serde_json::from_slice(text.as_bytes()).map_err(|error| error.to_string())?;
    serde_json::to_value(typed).map_err(|error| error.to_string())
}

macro_rules! bodies {
    ($($operation:ident: $sent:tt, $answered:tt;)*) => {
        /// How to read what an operation is sent, and what it answers.
        fn bodies(operation: Operation) -> Option<(Option<Through>, Option<Through>)> {
            Some(match operation {
                $(Operation::$operation => (bodies!(@ $sent), bodies!(@ $answered)),)*
                _ => return None,
            })
        }
    };
    (@ (-)) => { None };
    (@ (raw)) => { Some(raw as Through) };
    (@ ($type:ty)) => { Some(through::<$type> as Through) };
}

bodies! {
    AuthorizeDevice: (AuthorizeDeviceBody), (-);
    CreateKey: (CreateKeyBody), (Key);
    CreatePostureIntegration: (PostureIntegration), (PostureIntegration);
    CreateWebhook: (CreateWebhookBody), (Webhook);
    DeleteCustomDevicePostureAttributes: (-), (-);
    DeleteDevice: (-), (-);
    DeleteKey: (-), (-);
    DeletePostureIntegration: (-), (-);
    DeleteService: (-), (-);
    DeleteWebhook: (-), (-);
    DisableLogStreaming: (-), (-);
    GetAwsExternalId: (GetAwsExternalIdBody), (AwsExternalId);
    GetContacts: (-), (GetContactsResponse);
    GetDevice: (-), (Device);
    GetDevicePostureAttributes: (-), (DevicePostureAttributes);
    GetDnsConfiguration: (-), (DnsConfiguration);
    GetDnsPreferences: (-), (DnsPreferences);
    GetKey: (-), (Key);
    GetLogStreamingConfiguration: (-), (LogstreamEndpointConfiguration);
    GetPolicyFile: (-), (raw);
    GetPostureIntegration: (-), (PostureIntegration);
    GetPostureIntegrations: (-), (GetPostureIntegrationsResponse);
    GetService: (-), (VipServiceInfo);
    GetSplitDns: (-), (SplitDns);
    GetTailnetSettings: (-), (TailnetSettings);
    GetUser: (-), (User);
    GetWebhook: (-), (Webhook);
    ListDeviceInvites: (-), (List<DeviceInvite>);
    ListDeviceRoutes: (-), (DeviceRoutes);
    ListDnsNameservers: (-), (ListDnsNameserversResponse);
    ListDnsSearchPaths: (-), (DnsSearchPaths);
    ListNetworkFlowLogs: (-), (ListNetworkFlowLogsResponse);
    ListServices: (-), (ListServicesResponse);
    ListTailnetDevices: (-), (ListTailnetDevicesResponse);
    ListTailnetKeys: (-), (ListTailnetKeysResponse);
    ListUsers: (-), (ListUsersResponse);
    ListWebhooks: (-), (ListWebhooksResponse);
    RotateWebhookSecret: (-), (Webhook);
    SetCustomDevicePostureAttributes:
        (SetCustomDevicePostureAttributesBody), (DevicePostureAttributes);
    SetDeviceIp: (SetDeviceIpBody), (-);
    SetDeviceName: (SetDeviceNameBody), (-);
    SetDeviceRoutes: (SetDeviceRoutesBody), (DeviceRoutes);
    SetDeviceTags: (SetDeviceTagsBody), (-);
    SetDnsConfiguration: (DnsConfiguration), (DnsConfiguration);
    SetDnsNameservers: (SetDnsNameserversBody), (SetDnsNameserversResponse);
    SetDnsPreferences: (DnsPreferences), (DnsPreferences);
    SetDnsSearchPaths: (DnsSearchPaths), (DnsSearchPaths);
    SetKey: (SetKeyBody), (Key);
    SetLogStreamingConfiguration: (LogstreamEndpointConfiguration), (-);
    SetPolicyFile: (raw), (raw);
    SetSplitDns: (SplitDns), (SplitDns);
    TestWebhook: (-), (-);
    UpdateContact: (UpdateContactBody), (-);
    UpdateDeviceKey: (UpdateDeviceKeyBody), (-);
    UpdatePostureIntegration: (PostureIntegration), (PostureIntegration);
    UpdateService: (VipServiceInfoPut), (VipServiceInfo);
    UpdateSplitDns: (SplitDns), (SplitDns);
    UpdateTailnetSettings: (TailnetSettings), (TailnetSettings);
    UpdateWebhook: (UpdateWebhookBody), (Webhook);
    ValidateAwsExternalId: (ValidateAwsExternalIdBody), (-);
}

#[test]
#[cfg_attr(not(has_shared), ignore = "needs the recordings of the Go client")]
fn every_body_of_the_go_client_is_read_and_written_without_a_loss() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/go-client.jsonl");
    let record = fs::read_to_string(&path).unwrap();
    let (mut sent, mut answered, mut failed) = (0, 0, Vec::new());

    for line in record.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let [test, method, path, request, response] =
            ["test", "method", "path", "request", "response"].map(|it| line[it].as_str().unwrap());
        // Without a body, or with one of an error, there is nothing to read.
        let good = line["code"].as_u64().unwrap() < 300;
        let operation = operation(method, path).unwrap_or_else(|| panic!("{method} {path}"));
        let (request_type, response_type) =
            bodies(operation).unwrap_or_else(|| panic!("{operation:?} is not in the table"));
        for (text, read, count) in [
            (request, request_type, &mut sent),
            (if good { response } else { "" }, response_type, &mut answered),
        ] {
            if text.is_empty() {
                continue;
            }
            *count += 1;
            let outcome = read.ok_or("no body is described".to_owned()).and_then(|it| it(text));
            match (outcome, raw(text)) {
                (Ok(kept), Ok(given)) if same(&given, &kept) => {}
                (Ok(kept), _) => failed.push(format!("{test}: {text} became {kept}")),
                (Err(why), _) => failed.push(format!("{test}: {why}: {text}")),
            }
        }
    }

    println!("{sent} requests and {answered} answers");
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!((sent, answered), (39, 48));
}

#[test]
fn an_empty_list_is_sent_as_one() {
    for (name, sent, wanted) in [
        ("setDeviceRoutes", through::<SetDeviceRoutesBody> as Through, json!({ "routes": [] })),
        ("setDeviceTags", through::<SetDeviceTagsBody>, json!({ "tags": [] })),
        (
            "setLogStreamingConfiguration",
            through::<LogstreamEndpointConfiguration>,
            json!({ "gcsScopes": [] }),
        ),
        ("setDnsNameservers", through::<SetDnsNameserversBody>, json!({ "dns": [] })),
        (
            "setDnsConfiguration",
            through::<DnsConfiguration>,
            json!({ "nameservers": [], "searchPaths": [] }),
        ),
        ("setDnsSearchPaths", through::<DnsSearchPaths>, json!({ "searchPaths": [] })),
        ("createKey", through::<CreateKeyBody>, json!({ "scopes": [], "tags": [] })),
        ("setKey", through::<SetKeyBody>, json!({ "scopes": [], "tags": [] })),
        ("updateWebhook", through::<UpdateWebhookBody>, json!({ "subscriptions": [] })),
        (
            "createOAuthApp",
            through::<CreateOauthAppBody>,
            json!({ "name": "a", "redirectURIs": [], "scopes": [], "allowedNodeAttributes": [] }),
        ),
        (
            "updateOAuthApp",
            through::<UpdateOauthAppBody>,
            json!({ "name": "a", "redirectURIs": [], "scopes": [], "allowedNodeAttributes": [] }),
        ),
    ] {
        assert_eq!(sent(&wanted.to_string()), Ok(wanted), "{name}");
    }
}

#[test]
fn what_is_not_set_is_not_sent() {
    assert_eq!(serde_json::to_value(SetDeviceTagsBody::default()).unwrap(), json!({}));
    assert_eq!(serde_json::to_value(TailnetSettings::default()).unwrap(), json!({}));
}

#[test]
fn null_for_a_list_or_a_map_is_read() {
    let device = through::<Device>(r#"{ "tags": null, "clientConnectivity": null }"#);
    let list = through::<List<DeviceInvite>>("null");

    assert_eq!(device, Ok(json!({})));
    assert_eq!(list, Ok(Value::Null));
}

#[test]
fn a_value_and_a_field_of_a_later_edition_are_kept() {
    let user = json!({ "role": "night-watch", "badge": { "number": 7 } });

    assert_eq!(through::<User>(&user.to_string()), Ok(user));
}

/// The operation that answers `method` at `path`.
fn operation(method: &str, path: &str) -> Option<Operation> {
    // The Go client calls services by the path that they had before.
    let path = path.strip_prefix("/api/v2")?.replace("/vip-services", "/services");
    let fits = |template: &str| {
        let (mut template, mut path) = (template.split('/'), path.split('/'));
        let fit = template.by_ref().zip(path.by_ref()).all(|(a, b)| a.starts_with('{') || a == b);
        fit && template.count() == path.count()
    };
    let mut found = Operation::ALL.iter().filter(|it| it.method() == method && fits(it.path()));
    found.next().copied()
}

/// Whether two values are one to the API: absent, null and empty are, and so are 1 and 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).all(|key| {
            same(a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null))
        }),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (a, b) => a == b || (is_nothing(a) && is_nothing(b)),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        _ => false,
    }
}

//! The families of devices, users, keys, settings and services, with the names and labels of the exporter
//! adinhodovic/tailscale-exporter. What the watcher does not know is left out, and never 0.

use jiff::Timestamp;

use super::{
    Seen,
    exposition::{Exposition, Labels},
};
use crate::{
    history::{Connection, Field, Known, Remembered, Seconds},
    version::Version,
};

/// With more things than this, only their number is exported.
const MAX_EACH: usize = 5_000;

/// What a family says of a thing; none if that is not known.
type Value = fn(Remembered<'_>) -> Option<Seconds>;

const DEVICES: &[(&str, &str, Value)] = &[
    ("tailscale_devices_online", "Whether a device is connected to the control plane", online),
    (
        "tailscale_devices_last_seen_timestamp",
        "When a device that is not connected was last connected",
        last_seen,
    ),
    ("tailscale_devices_expires_timestamp", "When the node key of a device expires", key_expires),
    ("tailscale_devices_created_timestamp", "When a device was added", created),
    ("tailscale_devices_routes_advertised", "How many routes a device advertises", |it| {
        count(it, "advertisedRoutes")
    }),
    ("tailscale_devices_routes_enabled", "How many routes of a device are approved", |it| {
        count(it, "enabledRoutes")
    }),
    ("tailscale_devices_authorized", "Whether a device is approved", |it| {
        Some(Seconds::from(!is(it, "waiting")))
    }),
    ("tailscale_devices_external", "Whether a device is shared in from another tailnet", |it| {
        Some(Seconds::from(is(it, "isExternal")))
    }),
    (
        "tailscale_devices_key_expiry_disabled",
        "Whether the key of a device does not expire",
        |it| Some(Seconds::from(is(it, "keyExpiryDisabled"))),
    ),
];

/// Whether something is true of a thing.
type Test = fn(Remembered<'_>) -> bool;

/// What is counted of devices, by the label `state`.
const STATES: &[(&str, Test)] = &[
    ("all", |_| true),
    ("online", |it| online(it) == Some(1)),
    ("needs_approval", |it| is(it, "waiting")),
    ("external", |it| is(it, "isExternal")),
    ("ephemeral", |it| is(it, "isEphemeral")),
    ("update_available", |it| is(it, "updateAvailable")),
    ("key_expiry_disabled", |it| is(it, "keyExpiryDisabled")),
];

/// The switches among the settings, by the label and the API's field.
const SETTINGS: &[(&str, &str)] = &[
    ("acls_externally_managed_on", "aclsExternallyManagedOn"),
    ("devices_approval_on", "devicesApprovalOn"),
    ("devices_auto_updates_on", "devicesAutoUpdatesOn"),
    ("users_approval_on", "usersApprovalOn"),
    ("network_flow_logging_on", "networkFlowLoggingOn"),
    ("regional_routing_on", "regionalRoutingOn"),
    ("posture_identity_collection_on", "postureIdentityCollectionOn"),
];

/// Things with their labels; none of them if there are too many.
type Labelled<'a> = Vec<(Labels, Remembered<'a>)>;

fn labelled<'a>(
    all: &'a [Seen],
    known: fn(&Seen) -> Option<&Known>,
    labels: impl Fn(Labels, Remembered<'a>) -> Labels,
) -> Labelled<'a> {
    let known = all.iter().filter_map(|seen| Some((seen, known(seen)?)));
    let few = known.filter(|it| it.1.len() <= MAX_EACH);
    let each = few.flat_map(|(seen, known)| known.things().map(move |it| (seen, it)));
    each.map(|(seen, it)| (labels(seen.labels.with("id", it.key()), it), it)).collect()
}

pub(super) fn devices(out: &mut Exposition, all: &[Seen]) {
    out.family("tailscale_devices", "Devices, by what is true of them");
    for seen in all {
        let Some(known) = &seen.devices else { continue };
        for (state, is) in STATES {
            let count = known.things().filter(|it| is(*it)).count();
            out.sample(&seen.labels.with("state", state), count);
        }
    }
    let each = labelled(
        all,
        |it| it.devices.as_deref(),
        |labels, it| {
            labels
                .with("name", it.name())
                .with("hostname", text(it, "hostname"))
                .with("os", text(it, "os"))
                .with("user", text(it, "user"))
        },
    );
    let version = |labels: &Labels, it| labels.with("client_version", &version(it));
    out.family("tailscale_devices_info", "What a device is; always 1");
    for (labels, it) in &each {
        out.sample(&version(labels, *it), 1);
    }
    let update = "Whether a newer version of the client is available";
    out.family("tailscale_devices_update_available", update);
    for (labels, it) in &each {
        out.sample(&version(labels, *it), u8::from(is(*it, "updateAvailable")));
    }
    for (name, help, value) in DEVICES {
        out.family(name, help);
        write(out, &each, *value);
    }
}

pub(super) fn users(out: &mut Exposition, all: &[Seen]) {
    number(out, "tailscale_users", "Users", all, |it| it.users.as_deref());
    let login = |labels: Labels, it: Remembered<'_>| labels.with("login_name", it.name());
    let each = labelled(all, |it| it.users.as_deref(), login);
    out.family("tailscale_users_info", "Role, status and type of a user; always 1");
    for (labels, it) in &each {
        let role = labels.with("role", text(*it, "role"));
        let status = role.with("status", text(*it, "status"));
        out.sample(&status.with("type", text(*it, "type")), 1);
    }
    out.family("tailscale_users_created_timestamp", "When a user was added");
    write(out, &each, created);
}

pub(super) fn keys(out: &mut Exposition, all: &[Seen]) {
    number(out, "tailscale_keys", "Keys and other credentials", all, |it| it.keys.as_deref());
    let kind = |labels: Labels, it| labels.with("key_type", text(it, "keyType"));
    let each = labelled(all, |it| it.keys.as_deref(), kind);
    out.family("tailscale_keys_info", "What a key is; always 1");
    write(out, &each, |_| Some(1));
    out.family("tailscale_keys_created_timestamp", "When a key was created");
    write(out, &each, created);
    out.family("tailscale_keys_expires_timestamp", "When a key expires");
    write(out, &each, |it| time(it, "expires"));
}

pub(super) fn settings(out: &mut Exposition, all: &[Seen]) {
    out.family("tailscale_tailnet_settings_info", "The settings of the tailnet; always 1");
    for seen in all {
        let Some(it) = seen.settings.as_deref().and_then(|it| it.things().next()) else { continue };
        let mut labels = seen.labels.with("acls_external_link", text(it, "aclsExternalLink"));
        let joins = "users_role_allowed_to_join_external_tailnets";
        labels = labels.with(joins, text(it, "usersRoleAllowedToJoinExternalTailnets"));
        for (name, field) in SETTINGS {
            let value = match text(it, field) {
                "1" => "true",
                "0" => "false",
                // The credential may not see it.
                _ => "",
            };
            labels = labels.with(name, value);
        }
        out.sample(&labels, 1);
    }
    let days = "How many days the key of a device lasts";
    out.family("tailscale_tailnet_settings_devices_key_duration_days", days);
    for seen in all {
        let it = seen.settings.as_deref().and_then(|it| it.things().next());
        let days = it.and_then(|it| text(it, "devicesKeyDurationDays").parse::<u32>().ok());
        if let Some(days) = days {
            out.sample(&seen.labels, days);
        }
    }
}

pub(super) fn services(out: &mut Exposition, all: &[Seen]) {
    number(out, "tailscale_services", "Services", all, |it| it.services.as_deref());
    let each = || {
        let known = all.iter().filter_map(|it| Some((it, it.services.as_deref()?)));
        let few = known.filter(|it| it.1.len() <= MAX_EACH);
        few.flat_map(|(seen, it)| it.things().map(|it| (seen.labels.with("name", it.name()), it)))
    };
    out.family("tailscale_services_info", "What a service is; always 1");
    for (labels, it) in each() {
        out.sample(&labels.with("tags", text(it, "tags")), 1);
    }
    out.family("tailscale_services_port", "A port of a service; always 1");
    for (labels, it) in each() {
        for port in text(it, "ports").split(',').filter(|it| !it.is_empty()) {
            out.sample(&labels.with("port", port), 1);
        }
    }
}

fn number(
    out: &mut Exposition,
    name: &'static str,
    help: &str,
    all: &[Seen],
    known: fn(&Seen) -> Option<&Known>,
) {
    out.family(name, help);
    for (seen, known) in all.iter().filter_map(|it| Some((it, known(it)?))) {
        out.sample(&seen.labels, known.len());
    }
}

fn write(out: &mut Exposition, each: &Labelled<'_>, value: Value) {
    for (labels, it) in each {
        if let Some(value) = value(*it) {
            out.sample(labels, value);
        }
    }
}

fn created(it: Remembered<'_>) -> Option<Seconds> {
    it.created()
}

fn online(it: Remembered<'_>) -> Option<Seconds> {
    it.connection().map(|it| Seconds::from(it.0 == Connection::Up))
}

fn last_seen(it: Remembered<'_>) -> Option<Seconds> {
    it.connection().filter(|it| it.0 == Connection::Down).map(|it| it.1)
}

/// When the key expires; none if its expiry is off, because the API keeps the time then.
fn key_expires(it: Remembered<'_>) -> Option<Seconds> {
    if is(it, "keyExpiryDisabled") { None } else { time(it, "expires") }
}

fn text<'a>(it: Remembered<'a>, field: &str) -> &'a str {
    Field::named(field).map_or("", |field| it.value(field))
}

fn is(it: Remembered<'_>, field: &str) -> bool {
    text(it, field) == "1"
}

fn time(it: Remembered<'_>, field: &str) -> Option<Seconds> {
    let time = text(it, field).parse::<Timestamp>().ok()?.as_second();
    // Go's zero time stands for none.
    (time > 0).then_some(time)
}

/// How many items a list has, of a device whose lists the API shows.
fn count(it: Remembered<'_>, field: &str) -> Option<Seconds> {
    let items = text(it, field).split(',').filter(|it| !it.is_empty()).count();
    Seconds::try_from(items).ok()
}

/// The version without what follows its three numbers.
fn version(it: Remembered<'_>) -> String {
    let version = text(it, "clientVersion").parse::<Version>();
    version.map(|it| it.to_string()).unwrap_or_default()
}

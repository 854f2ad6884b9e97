//! From the API's records to what the checks look at.

use std::{collections::BTreeSet, fmt::Display};

use jiff::Timestamp;

use crate::{
    Credential,
    checks::{
        Contacts, Device, Event, Invite, Key, KeyKind, Keys, Known, Posture, Settings, Stream,
        User, Webhook,
    },
    tailnet::{
        contacts, devices, keys as api_keys, logging, posture as api_posture, settings as api,
        user_invites, users, webhooks,
    },
    wire,
};

fn text(it: Option<&String>) -> String {
    it.cloned().unwrap_or_default()
}

fn word(it: Option<&impl Display>) -> String {
    it.map(ToString::to_string).unwrap_or_default()
}

fn instant(it: Option<&wire::Timestamp>) -> Option<Timestamp> {
    it.and_then(wire::Timestamp::instant)
}

pub(super) fn device(it: &devices::Device) -> Device {
    Device {
        id: it.key().to_owned(),
        name: it.short_name().to_owned(),
        hostname: text(it.hostname.as_ref()),
        os: text(it.os.as_ref()),
        user: text(it.user.as_ref()),
        tags: it.tags().to_vec(),
        version: text(it.client_version.as_ref()),
        online: it.is_online(),
        last_seen: instant(it.last_seen.as_ref()),
        created: instant(it.created.as_ref()),
        expires: instant(it.expires.as_ref()),
        key_expiry_disabled: it.key_expiry_disabled.unwrap_or_default(),
        waits: !it.is_authorized(),
        shared_in: it.is_shared_in(),
        ephemeral: it.is_ephemeral.unwrap_or_default(),
        ssh: it.ssh_enabled.unwrap_or_default(),
        multiple_connections: it.multiple_connections.unwrap_or_default(),
        lock_error: text(it.tailnet_lock_error.as_ref()),
        blocks_incoming: it.blocks_incoming_connections.unwrap_or_default(),
        advertised: it.advertised_routes.clone().unwrap_or_default(),
        enabled: it.enabled_routes.clone().unwrap_or_default(),
    }
}

pub(super) fn user(it: &users::User) -> User {
    User {
        id: text(it.id.as_ref()),
        login: text(it.login_name.as_ref()),
        role: word(it.role.as_ref()),
        status: word(it.status.as_ref()),
        connected: it.currently_connected.unwrap_or_default(),
        last_seen: instant(it.last_seen.as_ref()),
        devices: it.device_count,
    }
}

/// The valid keys, and which kinds of them the credential sees. `own` is the credential's own key.
pub(super) fn keys(
    all: &[api_keys::Key],
    own: Option<&api_keys::Key>,
    credential: &Credential,
    users: &Known<Vec<User>>,
) -> Keys {
    let valid = all.iter().filter(|it| !it.invalid.unwrap_or_default());
    let list: Vec<Key> =
        valid.filter(|it| instant(it.revoked.as_ref()).is_none()).map(key).collect();
    // OAuth clients see the access tokens that they obtained themselves, which says nothing about those
    // of users.
    let is_sign = |it: &&Key| it.kind != KeyKind::Api || !it.user.is_empty();
    let mut readable: BTreeSet<KeyKind> = list.iter().filter(is_sign).map(|it| it.kind).collect();
    if let Some(own) = own {
        let granted = granted(own, credential);
        let may = |kind: &KeyKind| {
            let (read, write) = (kind.scope(), kind.scope().trim_end_matches(":read"));
            granted.iter().any(|it| [read, write, "all", "all:read"].contains(&it.as_str()))
        };
        let sees_all = is_token_of_admin(&key(own), users);
        readable.extend(KeyKind::ALL.iter().filter(|it| sees_all || may(it)));
    }
    Keys { list, readable }
}

/// The scopes of the credential: those that it asks for, or all of its key.
fn granted(own: &api_keys::Key, credential: &Credential) -> Vec<String> {
    match credential {
        Credential::OAuth { scopes, .. } if !scopes.is_empty() => scopes.clone(),
        _ => own.scopes.clone().unwrap_or_default(),
    }
}

/// Whether a key is the token of an owner or admin, which has no scopes but all their rights.
fn is_token_of_admin(own: &Key, users: &Known<Vec<User>>) -> bool {
    let user = users.iter().flatten().find(|it| it.id == own.user);
    let is_admin = user.is_some_and(|it| matches!(it.role.as_str(), "owner" | "admin"));
    own.kind == KeyKind::Api && own.scopes.is_empty() && is_admin
}

fn key(it: &api_keys::Key) -> Key {
    let create = it.capabilities.as_ref().and_then(|it| it.devices.as_ref()?.create.as_ref());
    let tags = create.and_then(|it| it.tags.clone()).or_else(|| it.tags.clone());
    Key {
        id: text(it.id.as_ref()),
        kind: match word(it.key_type.as_ref()).as_str() {
            "client" => KeyKind::Client,
            "federated" => KeyKind::Federated,
            "api" => KeyKind::Api,
            _ => KeyKind::Auth,
        },
        description: text(it.description.as_ref()),
        user: text(it.user_id.as_ref()),
        created: instant(it.created.as_ref()),
        expires: instant(it.expires.as_ref()),
        reusable: create.and_then(|it| it.reusable).unwrap_or_default(),
        preauthorized: create.and_then(|it| it.preauthorized).unwrap_or_default(),
        tags: tags.unwrap_or_default(),
        scopes: it.scopes.clone().unwrap_or_default(),
    }
}

pub(super) fn settings(it: &api::TailnetSettings) -> Settings {
    let role = it.users_role_allowed_to_join_external_tailnets.as_ref();
    Settings {
        externally_managed: it.acls_externally_managed_on,
        device_approval: it.devices_approval_on,
        auto_updates: it.devices_auto_updates_on,
        key_days: it.devices_key_duration_days,
        user_approval: it.users_approval_on,
        may_join_others: role.map(ToString::to_string),
        flow_logs: it.network_flow_logging_on,
    }
}

pub(super) fn stream(it: &logging::Stream) -> Option<Stream> {
    let configuration = it.configuration.as_ref()?;
    Some(Stream {
        destination: word(configuration.destination_type.as_ref()),
        last_error: it.status.as_ref().map(|it| text(it.last_error.as_ref())),
    })
}

pub(super) fn webhook(it: &webhooks::Webhook) -> Webhook {
    let events = it.subscriptions.iter().flatten().map(ToString::to_string).collect();
    Webhook { id: text(it.endpoint_id.as_ref()), events }
}

pub(super) fn contacts(it: &contacts::Contacts) -> Contacts {
    let email = |it: &Option<contacts::Contact>| text(it.as_ref().and_then(|it| it.email.as_ref()));
    let unverified = it.security.as_ref().and_then(|it| it.needs_verification);
    Contacts {
        account: email(&it.account),
        security: email(&it.security),
        security_unverified: unverified.unwrap_or_default(),
    }
}

pub(super) fn posture(it: &api_posture::PostureIntegration) -> Posture {
    let status = it.status.as_ref();
    Posture {
        id: text(it.id.as_ref()),
        provider: word(it.provider.as_ref()),
        error: text(status.and_then(|it| it.error.as_ref())),
        last_sync: status.and_then(|it| it.last_sync.as_ref()?.parse().ok()),
        matched: status.and_then(|it| it.matched_count),
        possible: status.and_then(|it| it.possible_matched_count),
    }
}

pub(super) fn invite(it: &user_invites::UserInvite) -> Invite {
    Invite {
        id: text(it.id.as_ref()),
        email: text(it.email.as_ref()),
        role: word(it.role.as_ref()),
        mailed: instant(it.last_email_sent_at.as_ref()),
    }
}

pub(super) fn event(it: &logging::ConfigurationAuditLog) -> Event {
    let (actor, target) = (it.actor.as_ref(), it.target.as_ref());
    let login = text(actor.and_then(|it| it.login_name.as_ref()));
    let name = text(actor.and_then(|it| it.display_name.as_ref()));
    let id = text(actor.and_then(|it| it.id.as_ref()));
    let named = [login, name, id].into_iter().find(|it| !it.is_empty());
    Event {
        at: it.event_time.as_ref().and_then(|it| it.parse().ok()),
        origin: word(it.origin.as_ref()),
        actor: named.unwrap_or_else(|| "somebody".to_owned()),
        actor_kind: word(actor.and_then(|it| it.type_.as_ref())),
        action: word(it.action.as_ref()),
        target_kind: word(target.and_then(|it| it.type_.as_ref())),
        target: text(target.and_then(|it| it.name.as_ref())),
        property: word(target.and_then(|it| it.property.as_ref())),
        new: it.new.as_ref().map(ToString::to_string).unwrap_or_default(),
        failed: it.error.as_ref().is_some_and(|it| !it.is_empty()),
    }
}

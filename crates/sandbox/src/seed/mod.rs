//! Generates the made-up company that every sandbox starts with. Everything is derived from the seed; times
//! are relative to the start.

mod fleet;
mod history;
mod people;
mod pools;

use std::sync::Arc;

use fastrand::Rng;

use super::apps::Apps;
use super::clock::{Clock, later, whole_seconds};
use super::contacts::Contacts;
use super::devices::AttributeTypes;
use super::dns::Dns;
use super::keys::{DeviceCapabilities, Key, Keys, Kind};
use super::oauth::Tokens;
use super::policy::Policy;
use super::posture::Integrations;
use super::services::{Fields, Service, Services};
use super::settings::Settings;
use super::state::{Identity, State};
use super::streams::Streams;
use super::tailnets::{identifiers, key_id, number_of};
use super::users::{User, Users};
use super::webhooks::Webhooks;
use super::{Credentials, Options, Sandbox, audit, ids};

/// The company's policy file. Placeholders in angle brackets are replaced by login names.
const POLICY: &str = include_str!("policy.hujson");

const DAY: i64 = 86_400;

/// A new tailnet. The first one uses the seed itself; others combine it with their names.
pub(crate) fn state(options: &Options, name: &str) -> State {
    let clock = Clock::new(options.now);
    let now = whole_seconds(clock.now());
    let (id, suffix) = identifiers(name);
    let identity = Identity {
        name: name.to_owned(),
        id,
        suffix: suffix.into(),
        display_name: name.to_owned(),
        created: later(now, -400 * DAY),
        is_api_only: false,
    };
    let is_first = name == Sandbox::TAILNET;
    let seed = if is_first { options.seed } else { options.seed ^ number_of(name) };
    let mut rng = Rng::with_seed(seed);
    let users = people::users(&mut rng, name, options.devices, now);
    let members: Vec<&User> = users.iter().filter(|user| !user.is_shared).collect();
    let owner = members.first().map(|user| Arc::clone(&user.login_name)).unwrap_or_default();
    let policy = Policy::new(policy_text(&members), &mut rng);
    let mut attribute_types = AttributeTypes::default();
    let devices = fleet::devices(
        &mut rng,
        &identity.suffix,
        options.devices,
        &members,
        now,
        &mut attribute_types,
    );
    let keys = keys(&mut rng, name, &users, now);
    let mut state = State {
        clock,
        seed,
        devices,
        attribute_types,
        keys,
        tokens: Tokens::new(options.token_lifetime),
        policy,
        settings: Settings::new(),
        contacts: Contacts::new(&owner, name),
        dns: Dns::new(name),
        services: services(),
        webhooks: Webhooks::new(),
        integrations: Integrations::new(),
        streams: Streams::default(),
        apps: Apps::new(),
        device_invites: Vec::new(),
        user_invites: Vec::new(),
        free_plan: options.free_plan,
        audit: audit::Log::default(),
        notices: Vec::new(),
        users,
        rng,
        identity,
    };
    history::fill(&mut state, now);
    if options.devices_move {
        state.devices.schedule(now);
    }
    state
}

/// The policy file with login names filled in. In a small tailnet, one user may fill several placeholders.
fn policy_text(members: &[&User]) -> String {
    let login =
        |at: usize| members.get(at % members.len().max(1)).map_or("", |user| &user.login_name);
    let mut text = POLICY.to_owned();
    for (at, name) in
        ["<owner>", "<admin>", "<network>", "<engineer>", "<analyst>"].iter().enumerate()
    {
        text = text.replace(name, login(at));
    }
    text
}

/// The Tailscale Services of the company. Their addresses are fixed, so that they can be looked up.
fn services() -> Services {
    let service = |last: u8, comment: &str, port: &str, tag: &str| {
        let fields = Fields {
            comment: comment.to_owned(),
            ports: vec![port.to_owned()],
            tags: vec![tag.to_owned()],
            ..Fields::default()
        };
        Service::new(std::net::Ipv4Addr::new(100, 100, 1, last), fields)
    };
    Services::from([
        ("svc:web".to_owned(), service(1, "The company's website", "tcp:443", "tag:web")),
        ("svc:orders-db".to_owned(), service(2, "Orders", "tcp:5432", "tag:db")),
    ])
}

fn keys(rng: &mut Rng, tailnet: &str, users: &Users, now: jiff::Timestamp) -> Keys {
    let mut keys = Keys::default();
    let owner = users.iter().next().map(|owner| owner.id.clone());
    let Credentials { api_key, oauth_client_id, oauth_client_secret, federated_client_id } =
        Sandbox::credentials(tailnet);
    let built_in = [
        (key_id(tailnet, "api"), Kind::Api, api_key, "Sandbox access key"),
        (oauth_client_id, Kind::Client, oauth_client_secret, "Sandbox client"),
        (federated_client_id, Kind::Federated, String::new(), "Sandbox identity"),
    ];
    for (id, kind, secret, description) in built_in {
        let mut key = Key::new(id, kind, secret, later(now, -200 * DAY));
        description.clone_into(&mut key.description);
        key.scopes = vec!["all".to_owned()];
        key.built_in = true;
        key.user_id = owner.clone().filter(|_| kind == Kind::Api);
        keys.insert(key);
    }
    for (description, tag, age, lifetime) in [
        ("CI runners", "tag:ci", 20, 90),
        ("Kubernetes nodes", "tag:k8s", 85, 90),
        ("Old laptops", "", 120, 90),
    ] {
        let id = ids::stable(rng, 'k');
        let secret = ids::secret(rng, "auth", &id);
        let mut key = Key::new(id, Kind::Auth, secret, later(now, -age * DAY));
        description.clone_into(&mut key.description);
        key.expires = Some(later(key.created, lifetime * DAY));
        key.user_id.clone_from(&owner);
        key.capabilities = Some(DeviceCapabilities {
            reusable: true,
            ephemeral: tag == "tag:ci",
            preauthorized: !tag.is_empty(),
            tags: Some(tag.to_owned()).filter(|tag| !tag.is_empty()).into_iter().collect(),
        });
        keys.insert(key);
    }
    keys
}

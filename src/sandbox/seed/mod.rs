//! The made-up company every sandbox starts with. Everything follows from the seed; times are
//! relative to the start.

mod fleet;
mod history;
mod people;
mod pools;

use std::sync::Arc;

use fastrand::Rng;

use super::clock::{Clock, later, whole_seconds};
use super::contacts::Contacts;
use super::devices::AttributeTypes;
use super::keys::{DeviceCapabilities, Key, Keys, Kind};
use super::oauth::Tokens;
use super::policy::Policy;
use super::settings::Settings;
use super::state::State;
use super::users::{User, Users};
use super::{Options, Sandbox, audit, ids};

/// The company's policy file. Names in angle brackets are filled in with logins.
const POLICY: &str = include_str!("policy.hujson");

const DAY: i64 = 86_400;

/// A fresh tailnet.
pub(crate) fn state(options: &Options) -> State {
    let clock = Clock::new(options.now);
    let now = whole_seconds(clock.now());
    let mut rng = Rng::with_seed(options.seed);
    let users = people::users(&mut rng, options.devices, now);
    let members: Vec<&User> = users.iter().filter(|user| !user.is_shared).collect();
    let owner = members.first().map(|user| Arc::clone(&user.login_name)).unwrap_or_default();
    let policy = Policy::new(policy_text(&members), &mut rng);
    let mut attribute_types = AttributeTypes::default();
    let devices = fleet::devices(&mut rng, options.devices, &members, now, &mut attribute_types);
    let keys = keys(&mut rng, &users, now);
    let mut state = State {
        clock,
        seed: options.seed,
        devices,
        attribute_types,
        keys,
        tokens: Tokens::new(options.token_lifetime),
        policy,
        settings: Settings::new(),
        contacts: Contacts::new(&owner, Sandbox::TAILNET),
        audit: audit::Log::default(),
        users,
        rng,
    };
    history::fill(&mut state, now);
    state
}

/// Fills logins into the policy file. Small tailnets name the same person more than once.
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

fn keys(rng: &mut Rng, users: &Users, now: jiff::Timestamp) -> Keys {
    let mut keys = Keys::default();
    let owner = users.iter().next().map(|owner| owner.id.clone());
    let built_in = [
        ("ksandboxaccessCNTRL", Kind::Api, Sandbox::API_KEY, "Sandbox access key"),
        (Sandbox::OAUTH_CLIENT_ID, Kind::Client, Sandbox::OAUTH_CLIENT_SECRET, "Sandbox client"),
        (Sandbox::FEDERATED_CLIENT_ID, Kind::Federated, "", "Sandbox identity"),
    ];
    for (id, kind, secret, description) in built_in {
        let mut key = Key::new(id.to_owned(), kind, secret.to_owned(), later(now, -200 * DAY));
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

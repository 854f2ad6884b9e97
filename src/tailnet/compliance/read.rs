//! Reads what the checks look at. A source that fails is unknown, with the reason.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::join;
use jiff::{SignedDuration, Timestamp};

use super::convert;
use crate::{
    Error, ErrorKind,
    checks::{Facts, Known, Policy, Unknown, Why},
    client::Result,
    policy::Inventory,
    tailnet::{
        Tailnet,
        contacts::Contacts,
        devices::{Device, Filter},
        keys::Key,
        logging::{ConfigurationAuditLog, Log, Stream, Window},
        policy_file::compute::compute,
        posture::PostureIntegration,
        settings::TailnetSettings,
        user_invites::UserInvite,
        users::User,
        webhooks::Webhook,
    },
};

/// How far back the audit log is read.
const LOG: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The window in which flow logs are asked for, to learn whether the plan has them.
const MOMENT: SignedDuration = SignedDuration::from_secs(1);

/// The answers of the API.
struct Answers {
    devices: Result<Arc<Vec<Device>>>,
    users: Result<Arc<Vec<User>>>,
    keys: Result<Vec<Key>>,
    /// The key of this program's credential: its scopes show which kinds of keys are hidden.
    own_key: Option<Key>,
    policy: Result<String>,
    settings: Result<TailnetSettings>,
    stream: Result<Stream>,
    webhooks: Result<Vec<Webhook>>,
    contacts: Result<Contacts>,
    posture: Result<Vec<PostureIntegration>>,
    invites: Result<Vec<UserInvite>>,
    log: Result<Vec<ConfigurationAuditLog>>,
}

pub(super) async fn facts(tailnet: &Tailnet, filter: &Filter) -> Result<Facts> {
    let now = Timestamp::now();
    let answers = Box::pin(ask(tailnet, now)).await?;
    if let Some(error) = answers.refused() {
        return Err(error);
    }
    let selected = match &answers.devices {
        Ok(devices) if !filter.is_empty() => {
            filter.check(devices)?;
            let taken = devices.iter().filter(|it| filter.takes(it, now));
            Some(taken.map(|it| it.key().to_owned()).collect())
        }
        _ => None,
    };
    let (policy, has_flow_logs) =
        join!(policy(tailnet, &answers), has_flow_logs(tailnet, &answers.settings, now));
    let users = known(answers.users, "users", "users:read")
        .map(|all| all.iter().map(convert::user).collect::<Vec<_>>());
    let credential = &tailnet.settings().credential;
    let keys = known(answers.keys, "keys", "auth_keys:read")
        .map(|all| convert::keys(&all, answers.own_key.as_ref(), credential, &users));
    Ok(Facts {
        now,
        devices: known(answers.devices, "devices", "devices:core:read")
            .map(|all| all.iter().map(convert::device).collect()),
        selected,
        cloned_lately: cloned_lately(tailnet, now).await,
        keys,
        users,
        policy,
        settings: known(answers.settings, "settings", "feature_settings:read")
            .map(|it| convert::settings(&it)),
        has_flow_logs,
        stream: known(answers.stream, "log streaming", "log_streaming:read")
            .map(|it| convert::stream(&it)),
        webhooks: known(answers.webhooks, "webhooks", "webhooks:read")
            .map(|all| all.iter().map(convert::webhook).collect()),
        contacts: known(answers.contacts, "contacts", "account_settings:read")
            .map(|it| convert::contacts(&it)),
        posture: known(answers.posture, "posture integrations", "feature_settings:read")
            .map(|all| all.iter().map(convert::posture).collect()),
        invites: known(answers.invites, "invitations", "")
            .map(|all| all.iter().map(convert::invite).collect()),
        log: known(answers.log, "the audit log", "logs:configuration:read")
            .map(|all| all.iter().map(convert::event).collect()),
    })
}

/// The devices whose key several machines used in the last week, if that week was watched.
#[cfg(feature = "journal")]
async fn cloned_lately(tailnet: &Tailnet, now: Timestamp) -> Option<BTreeSet<String>> {
    const WEEK: i64 = 7 * 86_400;
    let (history, label) = (tailnet.history()?, tailnet.label());
    let since = now.as_second() - WEEK;
    let spans = history.spans(&label, since, now.as_second()).await.ok()??;
    let looked = spans.common(&std::iter::once((since, now.as_second())).collect());
    if looked.seconds() * 2 < WEEK {
        return None;
    }
    let field = crate::history::Field::MULTIPLE_CONNECTIONS;
    Some(history.had(&label, field, "1", since).await.ok()?.into_iter().collect())
}

#[cfg(not(feature = "journal"))]
fn cloned_lately(_: &Tailnet, _: Timestamp) -> std::future::Ready<Option<BTreeSet<String>>> {
    std::future::ready(None)
}

/// Sends all requests at once.
async fn ask(tailnet: &Tailnet, now: Timestamp) -> Result<Answers> {
    let window = Window::new(now - LOG, now)?;
    let ((devices, users, keys, own_key, policy, settings), rest) = join!(
        async {
            join!(
                async { tailnet.devices().list().await },
                async { tailnet.users().list().await },
                async { tailnet.keys().list().await },
                own_key(tailnet),
                async { Ok(tailnet.policy_file().get().await?.text) },
                async { tailnet.tailnet_settings().get().await },
            )
        },
        async {
            join!(
                async { tailnet.logging().stream(Log::Configuration).await },
                async { tailnet.webhooks().list().await },
                async { tailnet.contacts().get().await },
                async { tailnet.posture().list().await },
                async { tailnet.user_invites().list().await },
                async { tailnet.logging().configuration(window, "").await },
            )
        },
    );
    let (stream, webhooks, contacts, posture, invites, log) = rest;
    Ok(Answers {
        devices,
        users,
        keys,
        own_key,
        policy,
        settings,
        stream,
        webhooks,
        contacts,
        posture,
        invites,
        log,
    })
}

impl Answers {
    /// The error if nothing at all could be read: that of the devices, which everybody may read.
    fn refused(&self) -> Option<Error> {
        let others = [
            self.users.is_err(),
            self.keys.is_err(),
            self.policy.is_err(),
            self.settings.is_err(),
            self.stream.is_err(),
            self.webhooks.is_err(),
            self.contacts.is_err(),
            self.posture.is_err(),
            self.invites.is_err(),
            self.log.is_err(),
        ];
        self.devices.as_ref().err().filter(|_| others.iter().all(|it| *it)).cloned()
    }
}

/// A source, or why it is unknown.
fn known<T>(read: Result<T>, what: &str, scope: &str) -> Known<T> {
    read.map_err(|error| unknown(&error, what, scope))
}

/// The API answers 403 both for a missing scope and for a feature that the plan lacks.
fn unknown(error: &Error, what: &str, scope: &str) -> Unknown {
    match error.kind() {
        ErrorKind::Forbidden if scope.is_empty() => {
            let text = format!("the credential may not read {what}; no scope is documented");
            Unknown::new(Why::Scope, text)
        }
        ErrorKind::Forbidden => Unknown::scope(what, scope),
        ErrorKind::PlanLimit => Unknown::new(Why::Plan, format!("the tailnet's plan lacks {what}")),
        _ => Unknown::failed(format!("{what} could not be read: {error}")),
    }
}

/// The key of this program's credential, if the API knows it.
async fn own_key(tailnet: &Tailnet) -> Option<Key> {
    let id = tailnet.settings().credential.public_id();
    if id.is_empty() {
        return None;
    }
    tailnet.keys().get(id).await.ok()
}

/// The policy file, evaluated with the users and devices if they could be read.
async fn policy(tailnet: &Tailnet, answers: &Answers) -> Known<Policy> {
    const SCOPE: &str = "policy_file:read";
    let text = answers.policy.clone();
    let text = known(text, "the policy file", SCOPE)?;
    let inventory = inventory(tailnet, answers).await;
    let evaluated = compute(move || Policy::of(&text, inventory)).await;
    known(evaluated, "the policy file", SCOPE)?
}

async fn inventory(tailnet: &Tailnet, answers: &Answers) -> Known<Inventory> {
    if let Err(error) = &answers.devices {
        return Err(unknown(error, "devices", "devices:core:read"));
    }
    if let Err(error) = &answers.users {
        return Err(unknown(error, "users", "users:read"));
    }
    let inventory = tailnet.policy_file().inventory().await;
    known(inventory, "users and devices", "devices:core:read")
}

/// Whether the plan has network flow logs. Asked only where they are off, since only then it matters.
async fn has_flow_logs(
    tailnet: &Tailnet,
    settings: &Result<TailnetSettings>,
    now: Timestamp,
) -> Known<bool> {
    let on = settings.as_ref().ok().and_then(|it| it.network_flow_logging_on);
    match on {
        Some(true) => return Ok(true),
        None => return Err(Unknown::scope("this setting", "logs:network:read")),
        Some(false) => {}
    }
    let window = Window::new(now - MOMENT, now);
    let asked = match window {
        Ok(window) => tailnet.logging().network(window).await,
        Err(error) => Err(error),
    };
    match asked {
        Ok(_) => Ok(true),
        Err(error) if error.status() == Some(402) => Ok(false),
        // Logs that are off are refused in the same words as those that the plan lacks.
        Err(error) if matches!(error.kind(), ErrorKind::PlanLimit | ErrorKind::Forbidden) => {
            Err(Unknown::not_reported(
                "network flow logs are off; the API does not say whether the plan has them",
            ))
        }
        Err(error) => Err(unknown(&error, "network flow logs", "logs:network:read")),
    }
}

//! Checks plans against the guardrails, and counts the uses of tools that a principal may use only so often.

use std::collections::BTreeSet;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Caller, Guard, Identity, Principal, digest::Request};
use crate::{
    Error, ErrorKind, Tailnet, catalogue,
    change::{
        Confirmation, Item, Plan,
        store::{Left, Quota, remedy},
    },
    client::Result,
    guardrails::{Guardrails, Protected, ToolLimit, same_name},
    tailnet::{
        devices::{self, Device},
        operations, policy_file,
        users::{self, User},
    },
    tool::ToolDef,
    visible::visible_up_to,
    words::counted,
};

/// The kind of users in plans.
const USER: &str = "user";
/// The longest name in a refusal.
const MAX_NAME_CHARS: usize = 200;

impl Guard {
    /// Checks a plan before anybody is asked about it. Returns why it needs the approval of a person, if a
    /// guardrail asks for that.
    pub(super) async fn check_rails(
        &self,
        caller: &Caller,
        request: &Request<'_>,
        plan: &Plan,
    ) -> Result<Option<String>> {
        for (limited, limit) in limits(&caller.principal) {
            let wanted = catalogue::uses(request.tool, plan, limited);
            let quota = quota(&caller.principal, limited, limit);
            let left = self.store().quota_left(quota, wanted).await?;
            allow_uses(limited, limit, wanted, left)?;
        }
        self.check_time_and_count(request.tailnet, plan).await?;
        self.check_protected(request.tailnet, plan).await
    }

    /// The plan of a dry run, with a warning if the guardrails would refuse it now, or ask for approval.
    pub(super) async fn with_rails(
        &self,
        caller: &Caller,
        request: &Request<'_>,
        mut plan: Plan,
    ) -> Plan {
        plan.warnings.extend(match self.check_rails(caller, request, &plan).await {
            Ok(None) => None,
            Ok(Some(why)) => Some(format!("this needs a person's approval, because {why}")),
            Err(error) if error.kind() == ErrorKind::Refused => {
                Some(format!("this would be refused now: {error}"))
            }
            Err(error) => Some(format!("it is unknown whether this would be allowed: {error}")),
        });
        plan
    }

    /// Checks again what may be different after a person has thought about it, and counts the uses.
    pub(super) async fn still_allowed(
        &self,
        caller: &Caller,
        request: &Request<'_>,
        plan: &Plan,
        confirmed: &Confirmation,
    ) -> Result<()> {
        self.check_time_and_count(request.tailnet, plan).await?;
        let by_person = match confirmed {
            Confirmation::Person => may_confirm_own(&self.rails(), &caller.principal),
            confirmed => matches!(confirmed, Confirmation::Approved { .. }),
        };
        if let Some(why) = self.check_protected(request.tailnet, plan).await?
            && !by_person
        {
            let message =
                format!("nothing was changed: this needs a person's approval, because {why}");
            return Err(Error::refused(
                message,
                "call again to get a plan that a person can approve",
            ));
        }
        for (limited, limit) in limits(&caller.principal) {
            let wanted = catalogue::uses(request.tool, plan, limited);
            let quota = quota(&caller.principal, limited, limit);
            if wanted > 0 {
                let left = self.store().use_quota(quota, wanted).await?;
                allow_uses(limited, limit, wanted, left)?;
            }
        }
        Ok(())
    }

    /// Counts a call that only reads.
    pub(super) async fn count_call(
        &self,
        principal: &Principal,
        tool: &'static ToolDef,
    ) -> Result<()> {
        let Some(limit) = principal.limits.get(tool.name) else { return Ok(()) };
        let quota = quota(principal, tool, *limit);
        let left = self.store().use_quota(quota, 1).await?;
        allow_uses(tool, *limit, 1, left)
    }

    /// The windows, and the changes in an hour. The journal counts once more when it records the change.
    async fn check_time_and_count(&self, tailnet: &Tailnet, plan: &Plan) -> Result<()> {
        let wanted = plan.counted();
        if wanted == 0 {
            return Ok(());
        }
        self.rails().allow_time(Timestamp::now())?;
        match self.rails().changes_per_hour {
            Some(most) => self.store().allow_changes(&tailnet.label(), wanted, most).await,
            None => Ok(()),
        }
    }

    async fn check_protected(&self, tailnet: &Tailnet, plan: &Plan) -> Result<Option<String>> {
        if let Some(touched) = touched(&self.rails().never, tailnet, plan).await? {
            return Err(Error::refused(
                format!("nothing was changed: {}", touched.by("never")),
                "leave it out, or ask the administrator of this server, who can change the guardrails in \
                 the config file",
            ));
        }
        let touched = touched(&self.rails().approval, tailnet, plan).await?;
        Ok(touched.map(|touched| touched.by("approval")))
    }
}

/// What of a plan is protected.
enum Touched {
    /// This is.
    Protected(String),
    /// It is unknown whether it is; why.
    Unknown(String),
}

impl Touched {
    /// Why the guardrails under `list` apply.
    fn by(&self, list: &str) -> String {
        match self {
            Self::Protected(what) => {
                format!("{what} is protected by the guardrails under `{list}`")
            }
            Self::Unknown(why) => {
                format!("{why}, so it may be protected by the guardrails under `{list}`")
            }
        }
    }
}

/// Whether the caller is one of the approvers, if there is a list of them: otherwise a form or a terminal of
/// theirs is no approval.
pub(super) fn may_confirm_own(rails: &Guardrails, principal: &Principal) -> bool {
    if rails.approvers.is_empty() {
        return true;
    }
    match &principal.identity {
        // The name may be from an option. Who the person is, the operating system knows.
        Identity::Local => {
            let user = whoami::username().unwrap_or_default();
            same_name(&user, &principal.name) && rails.may_approve(&user)
        }
        Identity::Node(node) => {
            let login = node.login.as_deref().filter(|_| node.tags.is_empty());
            login.is_some_and(|login| rails.may_approve(login))
                || rails.may_approve(&principal.name)
        }
        Identity::Token | Identity::Oauth { .. } => rails.may_approve(&principal.name),
    }
}

fn limits(principal: &Principal) -> impl Iterator<Item = (&'static ToolDef, ToolLimit)> {
    let limits = principal.limits.iter();
    limits.filter_map(|(name, limit)| Some((catalogue::named(name).ok()?, *limit)))
}

fn quota<'a>(principal: &'a Principal, tool: &'static ToolDef, limit: ToolLimit) -> Quota<'a> {
    let ToolLimit { most, within } = limit;
    Quota { principal: &principal.name, tool: tool.name, most, within }
}

fn allow_uses(tool: &ToolDef, limit: ToolLimit, wanted: usize, left: Left) -> Result<()> {
    if u64::try_from(wanted).unwrap_or(u64::MAX) <= left.count {
        return Ok(());
    }
    let message = format!(
        "nothing was done: this token is limited to {limit} of `{}`, {} left, and this needs {}",
        tool.name,
        if left.count == 1 { "1 is".to_owned() } else { format!("{} are", left.count) },
        counted(wanted, "use", "uses"),
    );
    Err(Error::refused(message, remedy(left, "limits")))
}

/// What of the plan is protected, if anything is.
async fn touched(protected: &Protected, tailnet: &Tailnet, plan: &Plan) -> Result<Option<Touched>> {
    if protected.is_empty() || plan.outside().next().is_none() {
        return Ok(None);
    }
    let unknown = |error: Error| error.context("the guardrails could not be checked");
    let known = Known {
        protected,
        devices: if protected.concerns_devices() {
            Some(tailnet.devices().list().await.map_err(unknown)?)
        } else {
            None
        },
        users: if protected.users.is_empty() {
            None
        } else {
            Some(tailnet.users().everybody().await.map_err(unknown)?)
        },
    };
    for item in plan.outside() {
        if let Some(what) = known.touched(item) {
            return Ok(Some(what));
        }
        if let Some(section) = section(protected, item).await? {
            return Ok(Some(section));
        }
    }
    Ok(None)
}

/// What is known of the tailnet, as far as it is needed.
struct Known<'a> {
    protected: &'a Protected,
    devices: Option<std::sync::Arc<Vec<Device>>>,
    users: Option<std::sync::Arc<Vec<User>>>,
}

impl Known<'_> {
    fn touched(&self, item: &Item) -> Option<Touched> {
        let words = words(item);
        let is_named = |name: &str| !name.is_empty() && words.contains(name);
        if let Some(tag) = self.protected.tags.iter().find(|tag| is_named(tag)) {
            return Some(Touched::Protected(format!("`{}`", shown(tag))));
        }
        if let Some(devices) = &self.devices {
            let id = |device: &Device| device.id.clone().unwrap_or_default();
            let of = devices.iter().find(|it| is_named(it.key()) || is_named(&id(it)));
            if of.is_none() && item.kind() == devices::KIND {
                let why = format!("device {} is not in the list of devices", shown(item.name()));
                return Some(Touched::Unknown(why));
            }
            let is_it = |device: &&Device| is_named(device.key()) || is_named(&id(device));
            if let Some(why) = devices.iter().filter(is_it).find_map(|it| self.device(it)) {
                return Some(Touched::Protected(why));
            }
        }
        let is_it = |user: &&User| {
            let by_login = [USER, operations::change::KIND].contains(&item.kind())
                && words.iter().any(|word| word.eq_ignore_ascii_case(users::find::login(user)));
            is_named(users::find::id(user)) || by_login
        };
        let users = self.users.as_ref()?;
        users.iter().filter(is_it).find_map(|user| self.user(user)).map(Touched::Protected)
    }

    /// What to call the device if it is protected.
    fn device(&self, device: &Device) -> Option<String> {
        let names = [
            device.key(),
            device.id.as_deref().unwrap_or_default(),
            device.name.as_deref().unwrap_or_default(),
            device.short_name(),
        ];
        let is_named = |name: &String| {
            names.iter().any(|it| !it.is_empty() && it.eq_ignore_ascii_case(name.trim()))
        };
        let called = shown(device.short_name());
        if self.protected.devices.iter().any(is_named) {
            return Some(format!("device {called}"));
        }
        let tag = self.protected.tags.iter().find(|tag| device.tags().contains(tag))?;
        Some(format!("device {called}, which has `{}`,", shown(tag)))
    }

    fn user(&self, user: &User) -> Option<String> {
        let names = [users::find::id(user), users::find::login(user)];
        let is_named = |name: &String| names.iter().any(|it| it.eq_ignore_ascii_case(name.trim()));
        let login = shown(users::find::login(user));
        self.protected.users.iter().any(is_named).then(|| format!("user {login}"))
    }
}

/// The section of the policy file that is protected and that the change touches.
async fn section(protected: &Protected, item: &Item) -> Result<Option<Touched>> {
    if item.kind() != policy_file::change::KIND || protected.policy.is_empty() {
        return Ok(None);
    }
    for change in item.changes() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let changed = policy_file::changed_sections(&text(&change.from), &text(&change.to)).await?;
        let Some(changed) = changed else {
            let why = "the policy file cannot be read".to_owned();
            return Ok(Some(Touched::Unknown(why)));
        };
        let is_changed = |name: &&String| changed.contains(&name.trim().to_lowercase());
        if let Some(name) = protected.policy.iter().find(is_changed) {
            let what = format!("section `{}` of the policy file", shown(name));
            return Ok(Some(Touched::Protected(what)));
        }
    }
    Ok(None)
}

/// All texts in a planned change that may name something: the parts of its ID, and the texts and names in its
/// values before and after.
fn words(item: &Item) -> BTreeSet<String> {
    let mut words = BTreeSet::from([item.id().to_owned()]);
    let parts = item.id().split(['/', '?', '&', '=', ' ']).filter(|part| !part.is_empty());
    words.extend(parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()));
    if item.kind() == policy_file::change::KIND {
        return words;
    }
    for change in item.changes() {
        collect(&change.from, &mut words);
        collect(&change.to, &mut words);
    }
    words
}

fn collect(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(words.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Object(fields) => {
            for (name, value) in fields {
                words.insert(name.clone());
                collect(value, words);
            }
        }
        _ => {}
    }
}

fn shown(name: &str) -> String {
    visible_up_to(name, MAX_NAME_CHARS).into_owned()
}

//! Plans to take a person who leaves out of the tailnet, with all that is theirs, as one change.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{User, Users, find};
use crate::{
    Error, ErrorKind,
    change::{Item, OnFailure, Plan, Risk},
    client::Result,
    policy::edit::forget_user,
    tailnet::{
        Tailnet,
        device_invites::DEVICE_INVITE,
        devices::{Device, Revocation, revoke},
        keys,
        policy_file::Draft,
        resource::{ResourceSpec, text},
        user_invites::USER_INVITE,
    },
};

/// What [`Users::plan_offboard`] does with what belongs to the person.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Offboard {
    /// What happens to their devices.
    pub devices: Revocation,
    /// What stays as it is: names or IDs of devices, IDs of keys and invites, `policy` for the policy file.
    pub keep: Vec<String>,
}

/// The word in [`Offboard::keep`] for the policy file.
const POLICY: &str = "policy";

impl Users<'_> {
    /// Plans to suspend a user, to deauthorize or remove their devices, to revoke the keys they made, to
    /// withdraw invites from and to them, and to take them out of the policy file. What the credential may not
    /// read is left out, with a warning.
    ///
    /// # Errors
    ///
    /// Same as [`plan_suspended`](Self::plan_suspended); [`InvalidInput`](ErrorKind::InvalidInput) for a
    /// name in `keep` that is none of theirs.
    pub async fn plan_offboard(&self, user: &str, options: &Offboard) -> Result<Plan> {
        let suspension = self.plan_suspended(user, true).await?;
        let user = self.get(user).await?;
        let mut leaving = Leaving::new(self.tailnet, user, options, suspension);
        leaving.devices().await?;
        leaving.keys().await?;
        leaving.user_invites().await?;
        leaving.policy_file().await?;
        leaving.plan()
    }
}

/// The plan for one person, as it grows.
struct Leaving<'a> {
    tailnet: &'a Tailnet,
    user: User,
    options: &'a Offboard,
    plan: Plan,
    /// What of `keep` was found.
    kept: BTreeSet<String>,
}

impl<'a> Leaving<'a> {
    fn new(tailnet: &'a Tailnet, user: User, options: &'a Offboard, mut plan: Plan) -> Self {
        plan.least = Risk::Danger;
        // What is withdrawn stays withdrawn: that is what everybody wants of the rest.
        plan.on_failure = OnFailure::Continue;
        Self { tailnet, user, options, plan, kept: BTreeSet::new() }
    }

    /// Whether one of these names is in `keep`.
    fn is_kept(&mut self, names: &[&str]) -> bool {
        let wanted = self.options.keep.iter();
        let found = wanted.map(|it| it.trim()).find(|it| names.contains(it));
        self.kept.extend(found.map(str::to_owned));
        found.is_some()
    }

    /// Adds the warning that something was not looked at, if the credential may not read it.
    fn readable<T>(&mut self, read: Result<Vec<T>>, what: &str) -> Result<Vec<T>> {
        match read {
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                let warning =
                    format!("{what} were not looked at: the credential may not read them");
                self.plan.warnings.push(warning);
                Ok(Vec::new())
            }
            read => read,
        }
    }

    async fn devices(&mut self) -> Result<()> {
        let list = self.tailnet.devices().list().await?;
        let login = find::login(&self.user).to_owned();
        let is_theirs = |it: &&Device| {
            let user = it.user.as_deref().unwrap_or_default();
            !it.is_shared_in() && it.tags().is_empty() && user.eq_ignore_ascii_case(&login)
        };
        let all: Vec<&Device> = list.iter().filter(is_theirs).collect();
        let devices: Vec<&Device> = all
            .into_iter()
            .filter(|it| {
                let full = it.name.as_deref().unwrap_or_default();
                !self.is_kept(&[
                    it.key(),
                    it.short_name(),
                    full,
                    it.id.as_deref().unwrap_or_default(),
                ])
            })
            .collect();
        for device in &devices {
            self.device_invites(device).await?;
        }
        self.plan.items.extend(devices.iter().map(|it| revoke::revoked(it, self.options.devices)));
        self.plan.warnings.extend(revoke::warnings(&devices, self.options.devices));
        Ok(())
    }

    /// Invites to a device go with it when it is removed.
    async fn device_invites(&mut self, device: &Device) -> Result<()> {
        if self.options.devices == Revocation::Remove {
            return Ok(());
        }
        let invites = self.tailnet.device_invites().records(device.key()).await;
        let what = format!("invites to {}", device.short_name());
        for invite in self.readable(invites, &what)? {
            let id = DEVICE_INVITE.id(&invite);
            if !self.is_kept(&[&id]) {
                let name = format!("to {}", device.short_name());
                self.withdraw(DEVICE_INVITE, &id, &name).await?;
            }
        }
        Ok(())
    }

    /// Invites that they sent, and one to their own address. The API writes the sender of an invite in
    /// another form than a user's ID, so invites by others cannot always be told from theirs.
    async fn user_invites(&mut self) -> Result<()> {
        let invites = USER_INVITE.list(self.tailnet).await;
        let users = self.tailnet.users().list().await?;
        let mut unclear = Vec::new();
        for invite in self.readable(invites, "invites to the tailnet")? {
            let sender = invite.get("inviterId").map(text).unwrap_or_default();
            let email = invite.get("email").and_then(Value::as_str).unwrap_or_default().to_owned();
            let is_theirs = sender == find::id(&self.user)
                || email.eq_ignore_ascii_case(find::login(&self.user));
            let id = USER_INVITE.id(&invite);
            let name = USER_INVITE.name(&invite);
            if self.is_kept(&[&id, &email]) {
                continue;
            }
            if is_theirs {
                self.withdraw(USER_INVITE, &id, &name).await?;
            } else if users.iter().all(|user| find::id(user) != sender) {
                unclear.push(name);
            }
        }
        if !unclear.is_empty() {
            self.plan.warnings.push(format!(
                "open invites of which the API does not say whether they sent them: {}",
                unclear.join(", ")
            ));
        }
        Ok(())
    }

    async fn withdraw(&mut self, spec: &'static ResourceSpec, id: &str, name: &str) -> Result<()> {
        // A list may have fewer fields than the resource itself.
        let now = spec.get(self.tailnet, id).await?;
        self.plan.items.extend(spec.plan_delete(id, name, &now).items);
        Ok(())
    }

    async fn keys(&mut self) -> Result<()> {
        let keys = self.tailnet.keys();
        let records = keys.records().await;
        for key in self.readable(records, "keys")? {
            let id = key.get("id").and_then(Value::as_str).unwrap_or_default();
            let is_theirs = key.get("userId").map(text).as_deref() == Some(find::id(&self.user));
            if !is_theirs || keys::change::is_gone(&key) || self.is_kept(&[id]) {
                continue;
            }
            if keys.is_ours(id) {
                self.plan.warnings.push(format!(
                    "they made the credential in use, key {id}, which stays: replace it, then revoke it"
                ));
                continue;
            }
            let revocation = keys.plan_delete(id).await?;
            let about = key.get("description").and_then(Value::as_str).unwrap_or_default();
            let about = if about.is_empty() { id.to_owned() } else { format!("{id} ({about})") };
            let warnings = revocation.warnings.into_iter();
            self.plan.warnings.extend(warnings.map(|it| format!("key {about}: {it}")));
            self.plan.items.extend(revocation.items);
        }
        Ok(())
    }

    /// Takes them out of the policy file, if the file passes all checks without them.
    async fn policy_file(&mut self) -> Result<()> {
        let is_kept = self.is_kept(&[POLICY]);
        let live = match self.tailnet.policy_file().get().await {
            Ok(live) => live,
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                let why = "the policy file was not looked at: the credential may not read it";
                self.plan.warnings.push(why.to_owned());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let found = match forget_user(&live.text, find::login(&self.user)) {
            Ok(found) => found,
            Err(wrong) => {
                self.plan.warnings.push(format!("the policy file was not looked at: {wrong}"));
                return Ok(());
            }
        };
        if !found.stays.is_empty() {
            let places = found.stays.join(", ");
            self.plan.warnings.push(format!("the policy file still names them: {places}"));
        }
        if found.edits.is_empty() || is_kept {
            return Ok(());
        }
        match self.tailnet.policy_file().plan_text(&Draft::edits(found.edits)).await {
            Ok(change) => {
                let places = found.done.into_iter().map(|it| format!("policy file: {it}"));
                self.plan.notes.extend(places.chain(change.notes));
                self.plan.warnings.extend(change.warnings);
                self.plan.items.extend(change.items);
            }
            // A failed check of the file must not keep them in the tailnet.
            Err(refused) if matches!(refused.kind(), ErrorKind::Refused | ErrorKind::Forbidden) => {
                self.plan.warnings.push(format!("the policy file stays as it is: {refused}"));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn plan(self) -> Result<Plan> {
        let unknown = self.options.keep.iter().find(|it| !self.kept.contains(it.trim()));
        if let Some(unknown) = unknown {
            let mut theirs: Vec<String> = self.plan.items.iter().map(Item::label).collect();
            theirs.push(format!("`{POLICY}`"));
            let theirs = theirs.join(", ");
            let problem = format!("has `{unknown}`, which is none of theirs; there is {theirs}");
            return Err(Error::invalid_input("keep", problem));
        }
        Ok(self.plan)
    }
}

//! Plans to offboard a user: to suspend them and to revoke what is theirs, as one change.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{User, Users, find, plan::suspension};
use crate::{
    Error, ErrorKind,
    change::{OnFailure, Plan, Risk},
    client::Result,
    policy::edit::remove_user,
    tailnet::{
        Tailnet,
        device_invites::DEVICE_INVITE,
        devices::{Device, Revocation, revoke},
        keys::{self, Kind},
        policy_file::Draft,
        resource::{ResourceSpec, text},
        user_invites::USER_INVITE,
    },
};

/// What [`Users::plan_offboard`] does with what belongs to the user.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Offboard {
    /// What happens to their devices.
    pub devices: Revocation,
    /// What is not changed: names, addresses or IDs of devices, IDs of keys and invites, `policy` for the
    /// policy file.
    pub keep: Vec<String>,
}

/// The word in [`Offboard::keep`] for the policy file.
const POLICY: &str = "policy";

impl Users<'_> {
    /// Plans to suspend a user, to deauthorize or remove their devices, to revoke the keys they created, to
    /// delete invites from and to them, and to remove them from the policy file. What the credential may not
    /// read is left out, with a warning.
    ///
    /// # Errors
    ///
    /// Same as [`plan_suspended`](Self::plan_suspended); [`InvalidInput`](ErrorKind::InvalidInput) for a
    /// name in `keep` that does not belong to the user, and for more devices than one change takes.
    pub async fn plan_offboard(&self, user: &str, options: &Offboard) -> Result<Plan> {
        let mut leaving = Leaving::new(self.tailnet, self.other(user).await?, options);
        leaving.user_invites().await?;
        leaving.keys().await?;
        leaving.devices().await?;
        leaving.policy_file().await?;
        leaving.plan()
    }
}

/// The plan being built.
struct Leaving<'a> {
    tailnet: &'a Tailnet,
    user: User,
    options: &'a Offboard,
    plan: Plan,
    /// The entries of `keep` that were found.
    kept: BTreeSet<&'a str>,
    /// What belongs to the user, by the name that `keep` takes.
    theirs: Vec<String>,
}

impl<'a> Leaving<'a> {
    fn new(tailnet: &'a Tailnet, user: User, options: &'a Offboard) -> Self {
        let mut plan = suspension(&user, true);
        plan.least = Risk::Danger;
        // After a failure, as much as possible is still revoked.
        plan.on_failure = OnFailure::Continue;
        let theirs = vec![POLICY.to_owned()];
        Self { tailnet, user, options, plan, kept: BTreeSet::new(), theirs }
    }

    /// Whether one of these names is in `keep`. The first is the one that an error lists.
    fn is_kept(&mut self, names: &[&str]) -> bool {
        self.theirs.extend(names.first().map(|it| (*it).to_owned()));
        let options = self.options;
        let is = |wanted: &&str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        let found: Vec<&str> = options.keep.iter().map(|it| it.trim()).filter(is).collect();
        self.kept.extend(&found);
        !found.is_empty()
    }

    /// Adds the warning that something was not checked, if the credential may not read it.
    fn readable<T>(&mut self, read: Result<Vec<T>>, what: &str, scope: &str) -> Result<Vec<T>> {
        match read {
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                let warning = format!("{what} were not checked: the credential lacks `{scope}`");
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
        let mut devices = Vec::new();
        for device in list.iter().filter(is_theirs) {
            let full = device.name.as_deref().unwrap_or_default().trim_end_matches('.');
            let id = device.id.as_deref().unwrap_or_default();
            let mut names = vec![device.short_name(), full, device.key(), id];
            names.extend(device.addresses().iter().map(String::as_str));
            if !self.is_kept(&names) {
                devices.push(device);
            }
        }
        revoke::limited(devices.len())?;
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
        for invite in self.readable(invites, &what, "device_invites:read")? {
            let id = DEVICE_INVITE.id(&invite);
            if !self.is_kept(&[&id]) {
                let name = format!("to {}", device.short_name());
                self.withdraw(DEVICE_INVITE, &id, &name).await?;
            }
        }
        Ok(())
    }

    /// Invites that they sent, and one to their own address. The API writes the sender of an invite in
    /// another form than a user's ID, so it is not always known who sent it.
    async fn user_invites(&mut self) -> Result<()> {
        let invites = USER_INVITE.list(self.tailnet).await;
        let users = self.tailnet.users().everybody().await?;
        let mut unclear = Vec::new();
        for invite in self.readable(invites, "invites to the tailnet", "users:read")? {
            let sender = invite.get("inviterId").map(text).unwrap_or_default();
            let email = invite.get("email").and_then(Value::as_str).unwrap_or_default().to_owned();
            let is_theirs = sender == find::id(&self.user)
                || email.eq_ignore_ascii_case(find::login(&self.user));
            let id = USER_INVITE.id(&invite);
            let name = USER_INVITE.name(&invite);
            if is_theirs {
                if !self.is_kept(&[&id, &email]) {
                    self.withdraw(USER_INVITE, &id, &name).await?;
                }
            } else if users.iter().all(|user| find::id(user) != sender) {
                unclear.push(format!("{name} ({id})"));
            }
        }
        if !unclear.is_empty() {
            self.plan.warnings.push(format!(
                "open invites that may be from this user, because the API does not say who sent them; delete \
                 those that are: {}",
                unclear.join(", ")
            ));
        }
        Ok(())
    }

    /// Plans to delete an invite, unless it is gone by now.
    async fn withdraw(&mut self, spec: &'static ResourceSpec, id: &str, name: &str) -> Result<()> {
        // A list may have fewer fields than the resource itself.
        match spec.get(self.tailnet, id).await {
            Ok(now) => self.plan.items.extend(spec.plan_delete(id, name, &now).items),
            Err(gone) if gone.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Keys that they created. The API lists only the kinds that the credential may read, and does not say
    /// which it leaves out.
    async fn keys(&mut self) -> Result<()> {
        let keys = self.tailnet.keys();
        let records = keys.records().await;
        let records = self.readable(records, "keys", "auth_keys:read")?;
        let mut missing = BTreeMap::from([
            (Kind::Auth, "auth keys"),
            (Kind::Client, "OAuth clients"),
            (Kind::Federated, "federated identities"),
            (Kind::Api, "API access tokens"),
        ]);
        for key in &records {
            missing.remove(&Kind::of(key));
            let id = key.get("id").and_then(Value::as_str).unwrap_or_default();
            let is_theirs = key.get("userId").map(text).as_deref() == Some(find::id(&self.user));
            if !is_theirs || keys::change::is_gone(key) || self.is_kept(&[id]) {
                continue;
            }
            if keys.is_ours(id) {
                self.plan.warnings.push(format!(
                    "key {id} was created by this user and is the credential in use, so it is not revoked: \
                     replace it, then revoke it"
                ));
                continue;
            }
            self.revoke(id, key).await?;
        }
        if !records.is_empty() && !missing.is_empty() {
            let kinds = missing.into_values().collect::<Vec<_>>().join(", ");
            self.plan.warnings.push(format!(
                "the API listed none of these, so there are none or the credential may not read them: {kinds}"
            ));
        }
        Ok(())
    }

    async fn revoke(&mut self, id: &str, key: &Value) -> Result<()> {
        let revocation = match self.tailnet.keys().plan_delete(id).await {
            Ok(revocation) => revocation,
            Err(gone) if gone.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let about = key.get("description").and_then(Value::as_str).unwrap_or_default();
        let about = if about.is_empty() { id.to_owned() } else { format!("{id} ({about})") };
        let warnings = revocation.warnings.into_iter();
        self.plan.warnings.extend(warnings.map(|it| format!("key {about}: {it}")));
        self.plan.items.extend(revocation.items);
        Ok(())
    }

    /// Removes them from the policy file, if the file passes all checks without them.
    async fn policy_file(&mut self) -> Result<()> {
        let is_kept = self.is_kept(&[POLICY]);
        let live = match self.tailnet.policy_file().get().await {
            Ok(live) => live,
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                let why =
                    "the policy file was not checked: the credential lacks `policy_file:read`";
                self.plan.warnings.push(why.to_owned());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let login = find::login(&self.user).to_owned();
        let found = match remove_user(&live.text, &login) {
            Ok(found) => found,
            Err(wrong) => {
                self.plan.warnings.push(format!("the policy file was not checked: {wrong}"));
                return Ok(());
            }
        };
        if !found.remaining.is_empty() {
            let places = found.remaining.join(", ");
            self.plan.warnings.push(format!("the policy file still mentions {login}: {places}"));
        }
        if found.edits.is_empty() || is_kept {
            return Ok(());
        }
        match self.tailnet.policy_file().plan_text(&Draft::edits(found.edits)).await {
            Ok(change) => {
                let notes = found.removed.into_iter().chain(change.notes);
                // The other changes are made even if this one fails, and then these are not true.
                self.plan
                    .notes
                    .extend(notes.map(|it| format!("planned for the policy file: {it}")));
                self.plan.warnings.extend(change.warnings);
                self.plan.items.extend(change.items);
            }
            // A failed check of the file must not keep them in the tailnet.
            Err(refused) if matches!(refused.kind(), ErrorKind::Refused | ErrorKind::Forbidden) => {
                self.plan.warnings.push(format!("the policy file is not changed: {refused}"));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn plan(self) -> Result<Plan> {
        let unknown = self.options.keep.iter().find(|it| !self.kept.contains(it.trim()));
        let Some(unknown) = unknown else { return Ok(self.plan) };
        let theirs = self.theirs.iter().map(|it| format!("`{it}`")).collect::<BTreeSet<_>>();
        let theirs = theirs.into_iter().collect::<Vec<_>>().join(", ");
        let problem =
            format!("has `{unknown}`, which does not belong to this user; you can keep {theirs}");
        Err(Error::invalid_input("keep", problem))
    }
}

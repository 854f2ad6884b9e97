//! Plans changes to a user. Planning only reads; [`Tailnet::apply`](crate::Tailnet::apply) makes
//! the changes.

use super::{Role, User, Users, change, find};
use crate::{
    Error,
    change::{Change, Plan, Risk},
    client::Result,
};

impl Users<'_> {
    /// Plans to change a user's role (`POST /users/{userId}/role`).
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get); [`Refused`](crate::ErrorKind::Refused) for a user of another
    /// tailnet.
    pub async fn plan_role(&self, user: &str, role: Role) -> Result<Plan> {
        let user = self.exact(user).await?;
        let from = change::role_of(&user);
        let to = role.as_str();
        let changes = if from == to { Vec::new() } else { vec![change::role(&from, to)] };
        let mut plan = of(&user, changes);
        plan.least = Risk::Danger;
        if [from.as_str(), to].contains(&change::OWNER) && !plan.is_empty() {
            plan.warnings.push("the API may refuse to transfer ownership".to_owned());
        }
        Ok(plan)
    }

    /// Plans to approve a user who needs approval (`POST /users/{userId}/approve`).
    ///
    /// # Errors
    ///
    /// Same as [`plan_role`](Self::plan_role).
    pub async fn plan_approve(&self, user: &str) -> Result<Plan> {
        let user = self.exact(user).await?;
        let waits = change::status_of(&user) == "needs-approval";
        Ok(of(&user, if waits { vec![change::approve()] } else { Vec::new() }))
    }

    /// Plans to suspend a user (`POST /users/{userId}/suspend`) or to restore one
    /// (`POST /users/{userId}/restore`). Suspending needs the full login name or the ID.
    ///
    /// # Errors
    ///
    /// Same as [`plan_role`](Self::plan_role); [`Refused`](crate::ErrorKind::Refused) for the
    /// owner, and if `user` is not the full login name or ID.
    pub async fn plan_suspended(&self, user: &str, suspended: bool) -> Result<Plan> {
        let user = if suspended { self.other(user).await? } else { self.exact(user).await? };
        let mut plan = suspension(&user, suspended);
        if suspended && !plan.is_empty() {
            plan.least = Risk::Danger;
            plan.warnings.extend(devices(&user, "lose their connection"));
        }
        Ok(plan)
    }

    /// Plans to delete a user and all their devices (`POST /users/{userId}/delete`). Needs the full
    /// login name or the ID.
    ///
    /// # Errors
    ///
    /// Same as [`plan_suspended`](Self::plan_suspended).
    pub async fn plan_delete(&self, user: &str) -> Result<Plan> {
        let user = self.other(user).await?;
        let mut warnings =
            vec!["this is irreversible: to come back, they must join again".to_owned()];
        warnings.extend(devices(&user, "are also removed"));
        Ok(of(&user, vec![change::remove()]).warned(warnings))
    }

    /// Reads the user with this full login name or ID. People choose their display names themselves,
    /// so a display name must not decide whose rights change.
    async fn exact(&self, user: &str) -> Result<User> {
        let list = self.everybody().await?;
        own(self.read(find::id(find::find_exact(&list, user)?)).await?)
    }

    /// Reads the user with this full login name or ID; refuses the owner.
    pub(super) async fn other(&self, user: &str) -> Result<User> {
        let user = self.exact(user).await?;
        if change::role_of(&user) == change::OWNER {
            return Err(Error::refused(
                format!(
                    "`{}` is the owner of the tailnet and cannot be suspended or deleted",
                    find::login(&user)
                ),
                "transfer ownership first, in the admin console",
            ));
        }
        Ok(user)
    }
}

/// Returns `user`, or an error if they belong to another tailnet.
fn own(user: User) -> Result<User> {
    let shared = user.type_.as_ref().is_some_and(|it| it.to_string() == "shared");
    if !shared {
        return Ok(user);
    }
    Err(Error::refused(
        format!("`{}` is a user of another tailnet", find::login(&user)),
        "they are managed in their own tailnet",
    ))
}

/// The plan that suspends or restores the user; empty if nothing needs to change.
pub(super) fn suspension(user: &User, suspended: bool) -> Plan {
    let from = change::status_of(user) == "suspended";
    let change = (from != suspended).then(|| change::suspended(from, suspended));
    of(user, Vec::from_iter(change))
}

/// Makes a plan for one user.
fn of(user: &User, changes: Vec<Change>) -> Plan {
    Plan::one(&change::People, find::id(user), find::login(user), changes)
}

/// What happens to the user's devices, as a warning.
fn devices(user: &User, what: &str) -> Option<String> {
    let count = user.device_count.filter(|it| *it > 0)?;
    let connected =
        if user.currently_connected == Some(true) { "; at least one is connected now" } else { "" };
    Some(format!("devices that {what}: {count}{connected}"))
}

//! Answers questions about a policy file offline, with this tailnet's inventory.

use std::sync::Arc;

use crate::{
    Error, ErrorKind, Result,
    policy::{Checked, Compiled, Entry, Inventory, Policy, check},
    tailnet::policy_file::{PolicyFileOf, compute::compute},
};

/// A policy file with the inventory that it is evaluated for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Judged {
    /// The policy file.
    pub policy: Arc<Policy>,
    /// The users, devices and services of the tailnet.
    pub inventory: Inventory,
}

impl Judged {
    /// Compiles the policy for the inventory, so that it can be queried.
    pub fn compiled(&self) -> Compiled<'_> {
        self.policy.compile(&self.inventory)
    }
}

impl PolicyFileOf<'_> {
    /// Loads a policy file for queries: `text`, or the live one if `None`.
    ///
    /// ```no_run
    /// # async fn example(tailnet: &tailsteward::Tailnet) -> tailsteward::Result<()> {
    /// let judged = tailnet.policy_file().judged(None).await?;
    /// let answer = judged.compiled().ask("laptop", "db-1", None, 5432);
    /// println!("{answer:?}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if `text` is not `HuJSON`; otherwise the same as
    /// [`get`](Self::get) and [`inventory`](Self::inventory).
    pub async fn judged(&self, text: Option<&str>) -> Result<Judged> {
        let live = match text {
            Some(text) => text.to_owned(),
            None => self.get().await?.text,
        };
        let parsed = compute(move || Policy::parse(&live)).await?;
        let policy = parsed.map_err(|wrong| {
            let what = format!("is not valid HuJSON: {wrong}");
            match text {
                Some(_) => Error::invalid_input("text", what),
                None => Error::new(ErrorKind::Rejected, format!("the live policy file {what}")),
            }
        })?;
        Ok(Judged { policy: Arc::new(policy), inventory: self.inventory().await? })
    }

    /// What a device, user, group, tag, host or address reaches by the live policy file, one entry per rule.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if `from` is nobody; otherwise the same as
    /// [`judged`](Self::judged).
    pub async fn reached_by(&self, from: &str) -> Result<Vec<Entry>> {
        let (judged, from) = (self.judged(None).await?, from.to_owned());
        let reached = compute(move || judged.compiled().reached_by(&from)).await?;
        reached.map_err(|problem| Error::invalid_input("from", problem))
    }

    /// Checks `text` with the offline engine, including its tests.
    ///
    /// # Errors
    ///
    /// Same as [`inventory`](Self::inventory).
    pub async fn checked(&self, text: &str) -> Result<Checked> {
        let (text, inventory) = (text.to_owned(), self.inventory().await?);
        compute(move || check(&text, Some(&inventory))).await
    }
}

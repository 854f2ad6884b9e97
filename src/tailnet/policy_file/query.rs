//! Questions to a policy file, the live one or another text, answered offline for this tailnet.

use std::sync::Arc;

use crate::{
    Error, ErrorKind, Result,
    policy::{Checked, Compiled, Inventory, Policy, check},
    tailnet::policy_file::PolicyFileOf,
};

/// A policy file, and who and what it is asked about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Judged {
    /// The policy file.
    pub policy: Arc<Policy>,
    /// Who and what there is.
    pub inventory: Inventory,
}

impl Judged {
    /// The file, worked out.
    pub fn compiled(&self) -> Compiled<'_> {
        self.policy.compile(&self.inventory)
    }
}

impl PolicyFileOf<'_> {
    /// A policy file to be asked: `text`, or else the live one.
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
    /// [`InvalidInput`](ErrorKind::InvalidInput) if `text` is no `HuJSON`; those of
    /// [`get`](Self::get) and [`inventory`](Self::inventory).
    pub async fn judged(&self, text: Option<&str>) -> Result<Judged> {
        let live = match text {
            Some(text) => text.to_owned(),
            None => self.get().await?.text,
        };
        let policy = Policy::parse(&live).map_err(|wrong| {
            let what = format!("is no HuJSON: {wrong}");
            match text {
                Some(_) => Error::invalid_input("text", what),
                None => Error::new(ErrorKind::Rejected, format!("the live policy file {what}")),
            }
        })?;
        Ok(Judged { policy: Arc::new(policy), inventory: self.inventory().await? })
    }

    /// What the offline engine finds in `text`, its tests included.
    ///
    /// # Errors
    ///
    /// Those of [`inventory`](Self::inventory).
    pub async fn checked(&self, text: &str) -> Result<Checked> {
        Ok(check(text, Some(&self.inventory().await?)))
    }
}

//! How a server is set up.

use std::sync::Arc;

use secrecy::SecretString;

use super::SealingKey;
use crate::{
    catalogue::Offer,
    change::store::Store,
    guard::{ConfirmMode, Guard, Principal},
    guardrails::Guardrails,
    live::Live,
    tailnet::{Tailnets, reports::Schedule},
    tool::Risk,
};

/// The setup of a server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Setup {
    /// The offered tools.
    pub offer: Offer,
    /// The journal of changes and the audit log of calls.
    pub store: Arc<Store>,
    /// Whether destructive plans are applied without asking the user.
    pub yes: bool,
    /// Who has to agree to destructive plans.
    pub confirm: ConfirmMode,
    /// What is not changed, or only with approval, and when changes may be made.
    pub guardrails: Live<Guardrails>,
    /// The options with which `tailsteward approve` finds this store and these guardrails, such as
    /// `--store PATH`; empty for the default ones.
    pub approve_options: String,
    /// The key that seals the state that clients keep between two calls.
    pub sealing_key: SealingKey,
    /// Who calls over stdio and on the terminal, for journal and audit.
    pub local: Principal,
    /// A URL that is called with GET after a good look at the devices, at most once a minute, and not while
    /// this process is blind.
    pub heartbeat: Option<SecretString>,
    /// How often a process that watches makes reports.
    pub reports: Option<Schedule>,
}

impl Setup {
    /// A setup with the default tools up to `access`, and a journal in memory.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if the system provides no random bytes.
    pub fn new(access: Risk) -> crate::Result<Self> {
        Ok(Self {
            offer: Offer::up_to(access),
            store: Arc::new(Store::in_memory()),
            yes: false,
            confirm: ConfirmMode::Auto,
            guardrails: Live::default(),
            approve_options: String::new(),
            sealing_key: SealingKey::random()?,
            local: Principal::local(),
            heartbeat: None,
            reports: None,
        })
    }

    /// The guard for a server or command with this setup.
    pub(crate) fn guard(&self, tailnets: impl Into<Tailnets>) -> Guard {
        let (offer, store) = (self.offer.clone(), Arc::clone(&self.store));
        Guard::new(tailnets.into(), offer, store, self.yes, self.local.clone())
            .with_rules(self.confirm, self.guardrails.clone())
            .with_approve_options(&self.approve_options)
    }
}

//! The receivers of alerts by name, and how a delivery ended.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{deliver::Target, notice::Notice};
use crate::{
    client::{Error, Result, post::Poster},
    config,
};

/// How a try to deliver a notice ended. No text contains a secret, or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It did not work, and may work later. The receiver may have it already.
    Retry {
        /// What went wrong.
        why: String,
        /// How long the receiver asks to wait.
        after: Option<Duration>,
    },
    /// It did not work, and will not work until somebody mends it.
    Failed {
        /// What went wrong.
        why: String,
    },
    /// The receiver wants no more notices.
    Off {
        /// What it answered.
        why: String,
    },
}

/// The receivers of alerts, by name.
pub struct Receivers {
    all: BTreeMap<String, Target>,
    /// Posts to public addresses only.
    public: Poster,
    /// Posts to private addresses, too.
    any: Poster,
    allow_command: bool,
}

impl Receivers {
    /// The receivers of a config file. Commands run only if `allow_command`.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) if two have the same name, an address is private without
    /// permission, or a value is invalid.
    pub fn new(receivers: Vec<config::Receiver>, allow_command: bool) -> Result<Self> {
        let mut all = BTreeMap::new();
        for receiver in receivers {
            let name = receiver.name.clone();
            let target = Target::new(receiver).map_err(|should| {
                Error::config(format!("receiver `{name}`: {should}"), "correct the receiver")
            })?;
            if all.insert(name.clone(), target).is_some() {
                let why = format!("receiver `{name}`: there are two of that name");
                return Err(Error::config(why, "give one of them another name"));
            }
        }
        Ok(Self { all, allow_command, ..Self::default() })
    }

    /// The names of all receivers, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How often the receiver `name` must be sent an alert that still fires: an Alertmanager takes one that it
    /// does not hear of again as ended. `None` for receivers that remember.
    pub fn resends(&self, name: &str) -> Option<Duration> {
        self.all.get(name)?.resends()
    }

    /// Tries once to deliver `notice` to the receiver `name`, for 10 seconds at most, a command for 30.
    pub async fn deliver(&self, name: &str, notice: &Notice) -> Outcome {
        let Some(target) = self.all.get(name) else {
            let why = format!("the config file has no receiver `{name}`");
            return Outcome::Failed { why };
        };
        let poster = if target.private { &self.any } else { &self.public };
        target.deliver(poster, self.allow_command, notice).await
    }
}

impl Default for Receivers {
    /// None at all.
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            public: Poster::new(false),
            any: Poster::new(true),
            allow_command: false,
        }
    }
}

impl fmt::Debug for Receivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

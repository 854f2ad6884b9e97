//! On whose behalf changes are made, and who is notified of their progress.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Serialize, Serializer};

use super::Journal;

/// A callback for the progress of a batch: resources done, total, and the name of the last one, or the
/// current step. The total is 0 as long as it is not known.
pub type Progress = Arc<dyn Fn(usize, usize, &str) + Send + Sync>;

/// How a change was confirmed before it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confirmation {
    /// A change of its risk needs no confirmation.
    NotNeeded,
    /// A person answered the question with yes.
    Person,
    /// Somebody approved the plan outside of the conversation.
    Approved {
        /// Their name.
        by: Arc<str>,
    },
    /// The call had the id of a plan that was shown before. The server cannot tell whether a person saw
    /// the plan.
    PlanId,
    /// Nobody was asked: the operator switched questions off.
    AssumedYes,
    /// A person confirmed it together with an earlier change.
    Earlier,
    /// Nothing is known of it: a program made the change through the library.
    #[default]
    Unknown,
}

/// How the text of an approval begins; the name follows.
const APPROVED_BY: &str = "approved by ";

impl Confirmation {
    const WORDS: [Self; 6] = [
        Self::NotNeeded,
        Self::Person,
        Self::PlanId,
        Self::AssumedYes,
        Self::Earlier,
        Self::Unknown,
    ];

    /// Its word: `not_needed`, `person`, `approved`, `plan_id`, `assumed_yes`, `earlier`, `unknown`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotNeeded => "not_needed",
            Self::Person => "person",
            Self::Approved { .. } => "approved",
            Self::PlanId => "plan_id",
            Self::AssumedYes => "assumed_yes",
            Self::Earlier => "earlier",
            Self::Unknown => "unknown",
        }
    }

    /// The confirmation with that text, as [`Display`](fmt::Display) writes it.
    pub fn named(text: &str) -> Option<Self> {
        if let Some(by) = text.strip_prefix(APPROVED_BY) {
            return Some(Self::Approved { by: by.into() });
        }
        Self::WORDS.into_iter().find(|known| known.as_str() == text)
    }

    /// Whether there is nothing to say about it: none was needed, or nothing is known.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::NotNeeded | Self::Unknown)
    }
}

/// Its word, or `approved by NAME`.
impl fmt::Display for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approved { by } => write!(f, "{APPROVED_BY}{by}"),
            other => f.write_str(other.as_str()),
        }
    }
}

impl Serialize for Confirmation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a caller may find out about itself.
pub trait AboutCaller: Send + Sync {
    /// Who the caller is, and what allows it what.
    fn who(&self) -> serde_json::Value;

    /// What the caller lacks for `tool`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an unknown tool, with the nearest name.
    fn why_not(&self, tool: &str) -> crate::Result<serde_json::Value>;
}

/// On whose behalf a [`Tailnet`](crate::Tailnet) makes its changes, and who is notified.
#[derive(Clone)]
#[non_exhaustive]
pub struct Actor {
    /// The principal that made the call, as the journal records it.
    pub principal: Arc<str>,
    /// The tool that was called.
    pub tool: Arc<str>,
    /// The journal that records every change before it is sent.
    pub journal: Option<Arc<dyn Journal>>,
    /// Receives the progress of a batch.
    pub progress: Option<Progress>,
    /// How the change was confirmed, as the journal records it.
    pub confirmed: Confirmation,
    /// The most changes of the tailnet in an hour, by everybody together.
    pub changes_per_hour: Option<u32>,
    /// What the caller may find out about itself; none where nobody asks for it.
    pub caller: Option<Arc<dyn AboutCaller>>,
    stop: Arc<AtomicBool>,
}

impl Default for Actor {
    fn default() -> Self {
        Self {
            principal: "library".into(),
            tool: "".into(),
            journal: None,
            progress: None,
            confirmed: Confirmation::default(),
            changes_per_hour: None,
            caller: None,
            stop: Arc::default(),
        }
    }
}

impl Actor {
    /// An actor for `principal` whose changes are recorded in `journal`.
    pub fn new(principal: &str, journal: Option<Arc<dyn Journal>>) -> Self {
        Self { principal: principal.into(), journal, ..Self::default() }
    }

    /// A copy of the actor for a call of `tool`. Stopping the copy does not stop the original.
    #[must_use]
    pub fn with_tool(&self, tool: &str) -> Self {
        Self { tool: tool.into(), stop: Arc::default(), ..self.clone() }
    }

    /// The same principal and tool, for a change that was confirmed like that.
    #[must_use]
    pub fn with_confirmation(&self, confirmed: Confirmation) -> Self {
        Self { confirmed, ..self.clone() }
    }

    /// Asks a batch to stop after the resource that it is at.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn tell(&self, done: usize, of: usize, last: &str) {
        if let Some(progress) = &self.progress {
            progress(done, of, last);
        }
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("principal", &self.principal)
            .field("tool", &self.tool)
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}

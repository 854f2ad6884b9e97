//! Guardrails: what is never changed, or only with approval, and when and how often changes may be made. This
//! is the configuration and its checks; `guard::rails` finds out what a plan changes.

use crate::{
    client::{Error, Result},
    policy::model::SECTIONS,
};

mod limit;
mod window;

pub use self::{limit::ToolLimit, window::Window};

/// The longest name, and the most names, of one kind in the guardrails.
const MAX_NAME: usize = 256;
const MAX_NAMES: usize = 1_000;

/// The guardrails of the configuration. They apply at every access level.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guardrails {
    /// What is never changed.
    pub never: Protected,
    /// What is only changed with the approval of a person.
    pub approval: Protected,
    /// When changes may be made; at any time if there are none.
    pub windows: Vec<Window>,
    /// The limit of changes of a tailnet per hour, for all callers together.
    pub changes_per_hour: Option<u32>,
    /// Who may approve plans; if it is empty, everybody who can.
    pub approvers: Vec<String>,
}

/// Devices, tags, users and sections of the policy file that are protected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Protected {
    /// Names or IDs of devices.
    pub devices: Vec<String>,
    /// Tags: nobody may add or remove them, or change devices and other resources that have them.
    pub tags: Vec<String>,
    /// Login names or IDs of users.
    pub users: Vec<String>,
    /// Sections of the policy file, such as `ssh`.
    pub policy: Vec<String>,
}

impl Protected {
    /// Checks the names. `place` is where they are in the configuration.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::ErrorKind::Config) with the field. The message does not repeat the name.
    pub fn check(&self, place: &str) -> Result<()> {
        let kinds = [
            ("devices", &self.devices),
            ("tags", &self.tags),
            ("users", &self.users),
            ("policy", &self.policy),
        ];
        for (kind, names) in kinds {
            let wrong = |should: &str| {
                Err(Error::config(format!("`{place}.{kind}` {should}"), "correct the config file"))
            };
            if names.len() > MAX_NAMES {
                return wrong(&format!("has more than {MAX_NAMES} names"));
            }
            let fits = |name: &String| {
                !name.trim().is_empty()
                    && name.len() <= MAX_NAME
                    && !name.contains(|c: char| c.is_control() || c == '*')
            };
            if !names.iter().all(fits) {
                return wrong("must have exact names; to protect many devices, protect their tag");
            }
            let is_section = |name: &&String| {
                SECTIONS.iter().any(|known| known.eq_ignore_ascii_case(name.trim()))
            };
            if kind == "policy" && !names.iter().all(|name| is_section(&name)) {
                return wrong(&format!(
                    "must have top-level sections of a policy file: {}",
                    SECTIONS.join(", ")
                ));
            }
            if kind == "tags" && !names.iter().all(|name| name.starts_with("tag:")) {
                return wrong("must have tags, such as `tag:prod`");
            }
        }
        Ok(())
    }

    /// Whether nothing is protected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether devices have to be looked at to find out what is protected.
    #[cfg(feature = "server")]
    pub(crate) fn concerns_devices(&self) -> bool {
        !self.devices.is_empty() || !self.tags.is_empty()
    }
}

impl Guardrails {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Fails outside the windows.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) with when the next one opens.
    #[cfg(feature = "server")]
    pub(crate) fn allow_time(&self, now: jiff::Timestamp) -> Result<()> {
        if self.windows.is_empty() || self.windows.iter().any(|window| window.is_open(now)) {
            return Ok(());
        }
        let message = format!(
            "nothing was changed: the guardrail `windows` only allows changes during {}",
            Window::all(&self.windows)
        );
        Err(Error::refused(message, format!("call again {}", Window::next(&self.windows, now))))
    }

    /// Whether somebody with this name may approve plans.
    #[cfg(feature = "server")]
    pub(crate) fn may_approve(&self, name: &str) -> bool {
        self.approvers.is_empty() || self.approvers.iter().any(|known| same_name(known, name))
    }
}

/// Whether two names may be those of one person: the user `ann` of the operating system, and the caller
/// `ann@example.com@laptop`. Domains do not tell people apart.
#[cfg(feature = "server")]
pub(crate) fn may_be_same(one: &str, other: &str) -> bool {
    let user = |name: &str| {
        let name = name.rsplit('\\').next().unwrap_or(name);
        name.split('@').next().unwrap_or(name).to_owned()
    };
    same_name(one, other) || same_name(&user(one), &user(other))
}

/// Whether two names are those of one person. Case does not tell people apart.
#[cfg(feature = "server")]
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

//! Tailscale's security bulletins that the version of a client decides.

use super::records::Device;
use crate::version::Version;

/// A security bulletin: clients before a version are vulnerable, if a condition holds.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Bulletin {
    /// The ID, such as `TS-2024-005`.
    pub id: &'static str,
    /// The first version with the vulnerability; `None` if all before the fix have it.
    pub since: Option<Version>,
    /// The version that fixes it.
    pub fixed: Version,
    /// The operating system, as the API writes it; empty for all.
    pub os: &'static str,
    /// Which clients are affected.
    pub condition: Condition,
    /// When it was published: a day, or the year if only that is known here.
    pub date: &'static str,
    /// Where it is.
    pub link: &'static str,
    /// Whether this row was compared with the bulletin itself.
    pub verified: bool,
}

/// Which clients a bulletin is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// All.
    All,
    /// Those that run Tailscale SSH.
    Ssh,
    /// Subnet routers and exit nodes.
    Router,
    /// Routers for 4via6 routes.
    Via6,
    /// Those of which the API does not say whether they are affected: what they must have or do.
    Maybe(&'static str),
}

/// The bulletins that concern a device for certain, as far as the API reports it: its version, its operating
/// system, whether it runs Tailscale SSH, and its enabled routes.
pub fn concerning(version: Version, os: &str, ssh: bool, enabled: &[&str]) -> Vec<&'static str> {
    let newest = BULLETINS.iter().map(|it| it.fixed).max();
    if newest.is_none_or(|newest| version >= newest) {
        return Vec::new();
    }
    let certain = |it: &&Bulletin| it.is_about(version, os, ssh, enabled) == Some(Match::Affected);
    BULLETINS.iter().filter(certain).map(|it| it.id).collect()
}

/// How a bulletin concerns a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    Affected,
    MayBe(&'static str),
}

const fn row(
    id: &'static str,
    fixed: [u32; 3],
    os: &'static str,
    condition: Condition,
    date: &'static str,
    link: &'static str,
) -> Bulletin {
    let fixed = Version::new(fixed);
    Bulletin { id, since: None, fixed, os, condition, date, link, verified: false }
}

macro_rules! link {
    ($name:literal) => {
        concat!("https://tailscale.com/security-bulletins/#", $name)
    };
}

const ALL: Condition = Condition::All;
const SSH: Condition = Condition::Ssh;
const SERVE: Condition = Condition::Maybe("if it uses Serve or Funnel");
const ACCEPT_ENV: Condition = Condition::Maybe("if an SSH rule for it has acceptEnv");
const LOCK: Condition = Condition::Maybe("if Tailnet Lock is on and it has no state directory");
const STANDALONE: Condition = Condition::Maybe("if it is the standalone variant");

/// The bulletins that the version of a client decides, the oldest first.
pub const BULLETINS: &[Bulletin] = &[
    row("TS-2022-004", [1, 32, 3], "windows", ALL, "2022-11-21", link!("ts-2022-004")),
    row("TS-2022-005", [1, 32, 3], "windows", ALL, "2022-11-21", link!("ts-2022-005")),
    row("TS-2024-005", [1, 66, 0], "linux", Condition::Router, "2024-05-08", link!("ts-2024-005")),
    row("TS-2025-008", [1, 90, 8], "", LOCK, "2025-11-19", link!("ts-2025-008")),
    Bulletin {
        since: Some(Version::new([1, 84, 0])),
        ..row("TS-2026-001", [1, 94, 0], "macOS", STANDALONE, "2026", link!("ts-2026-001"))
    },
    row("TS-2026-004", [1, 98, 10], "", SSH, "2026", link!("ts-2026-004")),
    row("TS-2026-005", [1, 98, 9], "", SERVE, "2026", link!("ts-2026-005")),
    row("TS-2026-006", [1, 98, 10], "", SSH, "2026", link!("ts-2026-006")),
    row("TS-2026-008", [1, 98, 9], "", SERVE, "2026", link!("ts-2026-008")),
    row("TS-2026-009", [1, 98, 10], "", SSH, "2026", link!("ts-2026-009")),
    row("TS-2026-010", [1, 102, 1], "", ACCEPT_ENV, "2026", link!("ts-2026-010")),
    row("TS-2026-011", [1, 102, 3], "", Condition::Via6, "2026", link!("ts-2026-011")),
];

/// The prefix of 4via6 routes.
const VIA6: &str = "fd7a:115c:a1e0:b1a:";

impl Bulletin {
    /// Whether a device with a client of this version is affected, as far as the API reports it.
    pub(super) fn concerns(&self, device: &Device, version: Version) -> Option<Match> {
        self.is_about(version, &device.os, device.ssh, &device.enabled)
    }

    fn is_about<R: AsRef<str>>(
        &self,
        version: Version,
        os: &str,
        ssh: bool,
        enabled: &[R],
    ) -> Option<Match> {
        let is_old = version < self.fixed && self.since.is_none_or(|since| version >= since);
        let is_of = self.os.is_empty() || os.eq_ignore_ascii_case(self.os);
        if !is_old || !is_of {
            return None;
        }
        let certain = |is: bool| is.then_some(Match::Affected);
        match self.condition {
            Condition::All => Some(Match::Affected),
            Condition::Ssh => certain(ssh),
            Condition::Router => certain(!enabled.is_empty()),
            Condition::Via6 => certain(enabled.iter().any(|it| it.as_ref().starts_with(VIA6))),
            // Whatever the condition of SSH, a device without it is not affected.
            _ if self.condition == ACCEPT_ENV && !ssh => None,
            Condition::Maybe(when) => Some(Match::MayBe(when)),
        }
    }
}

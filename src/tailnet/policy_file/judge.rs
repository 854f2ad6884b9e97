//! What can be said of a policy file without asking Tailscale: the one door to the offline engine.

use crate::{client::Result, tailnet::Tailnet};

/// Who and what a policy file is judged for.
#[derive(Debug, Clone, Default)]
pub(super) struct World;

/// What the engine says of a new text.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    /// Why it cannot be taken.
    pub(super) errors: Vec<String>,
    /// What may not be wanted.
    pub(super) warnings: Vec<String>,
    /// What became of the tests in it.
    pub(super) tests: TestSummary,
    /// Who gains and loses what, in words.
    pub(super) effects: Vec<String>,
    /// Whom it would cut off who must not be: the caller, all devices, this device.
    pub(super) lockouts: Vec<String>,
}

/// What became of the tests in a policy file.
#[derive(Debug, Clone, Default)]
pub(super) struct TestSummary {
    /// How many passed.
    pub(super) passed: usize,
    /// Those that failed, and why.
    pub(super) failed: Vec<String>,
}

/// Reads who and what there is.
#[expect(clippy::unused_async, reason = "it will ask for users and devices")]
pub(super) async fn world(_: &Tailnet) -> Result<World> {
    Ok(World)
}

/// Judges `new`, which would take the place of `old`.
pub(super) fn offline(_old: &str, _new: &str, _world: &World) -> Judged {
    Judged::default()
}

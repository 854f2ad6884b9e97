//! What the offline engine finds in a policy file, without asking Tailscale.

use super::inventory;
use crate::{
    policy::{self, CutOff, Effect, Inventory, Policy},
    tailnet::Tailnet,
};

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

/// Errors that are shown at once.
const ERRORS: usize = 10;

/// Judges `new`, which would take the place of `old`.
pub(super) async fn offline(tailnet: &Tailnet, old: &str, new: &str) -> Judged {
    let inventory = tailnet.policy_file().inventory().await;
    // Without people and devices the file itself can be judged all the same. Tests are not part of
    // this: Tailscale runs them, too, and has the last word.
    let checked = policy::check_untested(new, inventory.as_ref().ok());
    let mut judged = Judged {
        errors: checked.errors().take(ERRORS).map(ToString::to_string).collect(),
        warnings: checked.warnings().map(ToString::to_string).collect(),
        ..Judged::default()
    };
    match (checked.policy, inventory) {
        (Some(new), Ok(inventory)) if judged.errors.is_empty() => {
            in_world(old, &new, &inventory, &mut judged);
        }
        (_, Err(error)) if judged.errors.is_empty() => {
            judged.warnings.push(inventory::unreadable(&error));
        }
        _ => {}
    }
    judged
}

fn in_world(old: &str, new: &Policy, inventory: &Inventory, judged: &mut Judged) {
    let after = new.compile(inventory);
    let report = after.run_tests();
    judged.tests.passed = report.total - report.failures.len();
    judged.tests.failed = report.failures.iter().map(ToString::to_string).collect();
    let old = match Policy::parse(old) {
        Ok(old) => old,
        Err(error) => {
            let warning = format!("the file that is live cannot be read here: {error}");
            judged.warnings.push(warning);
            return;
        }
    };
    let before = old.compile(inventory);
    judged.effects = Effect::between(&before, &after).lines();
    if judged.effects.is_empty() {
        judged.effects.push("nobody gains or loses anything".to_owned());
    }
    let mut cut = CutOff::between(&before, &after);
    let here = inventory::this_device(inventory);
    cut.extend(here.and_then(|it| CutOff::of_device(&before, &after, it)));
    judged.lockouts = cut.iter().map(ToString::to_string).collect();
}

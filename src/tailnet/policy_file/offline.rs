//! Checks a policy file with the offline engine, without asking Tailscale to validate it.

use super::{compute::compute, inventory};
use crate::{
    client::Result,
    policy::{self, CutOff, Effect, Inventory, Policy},
    tailnet::Tailnet,
};

/// The result of checking a new text offline.
#[derive(Debug, Clone, Default)]
pub(super) struct Judged {
    /// Errors: the text is refused.
    pub(super) errors: Vec<String>,
    /// Warnings.
    pub(super) warnings: Vec<String>,
    /// Results of the tests in the text.
    pub(super) tests: TestSummary,
    /// Who gains and loses which access, in words.
    pub(super) effects: Vec<String>,
    /// Whom the text would lock out: the caller, all devices, or this device.
    pub(super) lockouts: Vec<String>,
}

/// Results of the tests in a policy file.
#[derive(Debug, Clone, Default)]
pub(super) struct TestSummary {
    /// Number of tests that passed.
    pub(super) passed: usize,
    /// Tests that failed, and why.
    pub(super) failed: Vec<String>,
}

/// The maximum number of errors to show.
const ERRORS: usize = 10;
/// The maximum number of effects to show.
const EFFECTS: usize = 40;

/// Checks `new`, which is to replace `old`.
///
/// # Errors
///
/// [`Timeout`](crate::ErrorKind::Timeout) if that takes too long.
pub(super) async fn offline(tailnet: &Tailnet, old: &str, new: &str) -> Result<Judged> {
    let inventory = tailnet.policy_file().inventory().await;
    let (old, new) = (old.to_owned(), new.to_owned());
    compute(move || judge(&old, &new, inventory)).await
}

fn judge(old: &str, new: &str, inventory: Result<Inventory>) -> Judged {
    // Without the inventory, the file itself can still be checked. Tests are left out here:
    // Tailscale runs them, too, and its result decides.
    let checked = policy::check_untested(new, inventory.as_ref().ok());
    let more = checked.omitted;
    let mut judged = Judged {
        errors: checked.errors().take(ERRORS).map(ToString::to_string).collect(),
        warnings: checked.warnings().map(ToString::to_string).collect(),
        ..Judged::default()
    };
    judged.warnings.extend((more.warnings > 0).then(|| more.to_string()));
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
            let warning = format!("the live policy file cannot be parsed: {error}");
            judged.warnings.push(warning);
            return;
        }
    };
    let before = old.compile(inventory);
    let effect = Effect::between(&before, &after);
    judged.effects = effect.first_lines(EFFECTS);
    if effect.is_equal() {
        judged.effects.push("no access is gained or lost".to_owned());
    }
    let mut cut = CutOff::between(&before, &after);
    let here = inventory::this_device(inventory);
    cut.extend(here.and_then(|it| CutOff::of_device(&before, &after, it)));
    judged.lockouts = cut.iter().map(ToString::to_string).collect();
}

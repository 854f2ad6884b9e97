//! Validates `tests` and `sshTests` as far as they fail in every tailnet.

use std::ops::Range;

use super::Check;
use crate::{
    TESTS_FAILED,
    assertions::{always_failing, always_failing_ssh},
};

impl Check<'_, '_> {
    pub(super) fn tests(&mut self) {
        for (index, test) in self.model.tests.iter().enumerate() {
            for (text, wrong) in always_failing(test) {
                self.failing(&text.at, format!("tests[{index}]"), &text.value, &wrong);
            }
        }
        for (index, test) in self.model.ssh_tests.iter().enumerate() {
            for (text, wrong) in always_failing_ssh(test) {
                self.failing(&text.at, format!("sshTests[{index}]"), &text.value, &wrong);
            }
        }
    }

    fn failing(&mut self, at: &Range<usize>, path: String, text: &str, wrong: &str) {
        let right = Some(format!("{text:?}: {wrong}"));
        self.error(at, path, TESTS_FAILED.to_owned(), right);
    }
}

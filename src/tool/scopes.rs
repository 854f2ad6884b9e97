//! The OAuth scopes that a tool needs, and whether a credential has them.

use std::collections::BTreeSet;

use super::ToolDef;
use crate::Operation;

impl ToolDef {
    /// The OAuth scopes of all operations that a call may use.
    pub fn scopes(&self) -> BTreeSet<&'static str> {
        if !self.scopes.is_empty() {
            return self.scopes.iter().copied().collect();
        }
        self.operations.iter().flat_map(|it| it.scopes()).copied().collect()
    }

    /// Whether a credential with these scopes can use the tool at all. Scopes that depend on the arguments
    /// are assumed to be granted.
    pub fn is_covered_by(&self, granted: &[String]) -> bool {
        let has = |scope: &str| has(granted, scope);
        if !self.scopes.is_empty() {
            return self.scopes.iter().all(|it| has(it));
        }
        let any = |it: &Operation| it.scopes().is_empty() || it.scopes().iter().any(|it| has(it));
        self.operations.iter().all(any)
    }
}

/// Whether one of the `granted` scopes covers `scope`.
fn has(granted: &[String], scope: &str) -> bool {
    granted.iter().any(|it| covers(it, scope))
}

/// Whether the scope `granted` covers `scope`. Write access includes read access.
fn covers(granted: &str, scope: &str) -> bool {
    let reads = scope.strip_suffix(":read");
    granted == scope
        || granted == "all"
        || reads.is_some_and(|write| granted == write || granted == "all:read")
}

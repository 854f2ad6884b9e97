//! Why a tool is not offered to a caller.

use super::{Offer, selection::toolset_of};
use crate::{risk::Risk, tool::ToolDef, words::counted};

impl Offer {
    /// What is missing for `tool` in the administrator's own offer: access level, toolset, scopes.
    pub(crate) fn missing_of_server(&self, tool: &ToolDef) -> Vec<String> {
        let mut missing = Vec::new();
        if tool.risk > self.access() {
            missing.push(format!(
                "this server allows `{}` access, but the tool needs `{}` (--access, --read-only)",
                self.access(),
                tool.risk
            ));
        }
        if !self.is_selected(tool) {
            missing.push(format!(
                "this server does not offer the tool, which is in the toolset `{}` (--toolsets, --tools, \
                 --exclude-tools)",
                toolset_of(tool)
            ));
        }
        if !self.is_covered(tool) {
            missing
                .push("this server's credential lacks the scopes that the tool needs".to_owned());
        }
        missing
    }

    /// What each entry of the caller's grants lacks for `tool` at this risk; empty if one of them allows it,
    /// or if the caller is not limited by grants.
    pub(crate) fn missing_of_grants(&self, tool: &ToolDef, risk: Risk) -> Vec<String> {
        if self.is_granted(tool.name, risk) {
            return Vec::new();
        }
        let mut covering = Vec::new();
        let all = self.allowances().unwrap_or_default();
        for entry in all.iter().filter(|it| it.covers(tool.name)) {
            let tailnets = match &entry.tailnets {
                Some(names) if names.is_empty() => " on no tailnet".to_owned(),
                Some(names) => format!(" on {}", names.join(", ")),
                None => String::new(),
            };
            covering.push(format!(
                "{} allows the tool with `{}` access{tailnets}, but it needs `{risk}`",
                entry.from, entry.access
            ));
        }
        if covering.is_empty() {
            let entries = counted(all.len(), "entry", "entries");
            covering.push(format!(
                "none of your {entries} includes the tool or its toolset `{}`",
                toolset_of(tool)
            ));
        }
        covering
    }
}

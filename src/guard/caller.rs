//! What callers find out about themselves: who they are to this server, and what is missing for a tool.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Caller, Guard, Principal};
use crate::{
    Tailnet,
    catalogue::{self, Offer},
    change::AboutCaller,
    client::Result,
    tailnet::tailnets::title_of,
    tool::ToolDef,
};

/// A caller on one tailnet, for the tools `whoami` and `why_not`.
pub(super) struct Mirror {
    principal: Principal,
    offer: Offer,
    /// What the administrator offers.
    offered: Offer,
}

impl Caller {
    /// The same caller, limited to what is allowed on this tailnet.
    pub(crate) fn on(&self, tailnet: &Tailnet) -> Self {
        Self { offer: self.offer.on(&title_of(tailnet)), ..self.clone() }
    }

    pub(super) fn mirror(&self, guard: &Guard) -> Arc<dyn AboutCaller> {
        let (principal, offer) = (self.principal.clone(), self.offer.clone());
        Arc::new(Mirror { principal, offer, offered: guard.offer().clone() })
    }
}

impl Mirror {
    /// What the principal itself is limited to, apart from grants.
    fn missing_of_token(&self, tool: &ToolDef) -> Vec<String> {
        let mut missing = Vec::new();
        if self.principal.read_only && tool.is_edit() {
            missing.push("your token is read-only (read_only)".to_owned());
        }
        if let Some(names) = &self.principal.toolsets {
            let sets = catalogue::toolsets().filter(|set| names.iter().any(|it| it == set.name));
            if !sets.flat_map(|it| it.tools).any(|it| it.name == tool.name) {
                missing.push(format!("your token is limited to the toolsets {}", names.join(", ")));
            }
        }
        missing
    }
}

impl AboutCaller for Mirror {
    fn who(&self) -> Value {
        let mut who = json!({
            "name": &*self.principal.name,
            "identity": self.principal.identity,
            "access": self.offer.access(),
            "tools": self.offer.tools().count(),
        });
        let mut put = |name: &str, value: Value| {
            if let Some(who) = who.as_object_mut() {
                who.insert(name.to_owned(), value);
            }
        };
        if let Some(allowances) = &self.principal.allowances {
            put("allowed_by", json!(&**allowances));
        }
        if let Some(toolsets) = &self.principal.toolsets {
            put("toolsets", json!(toolsets));
        }
        if self.principal.read_only {
            put("read_only", true.into());
        }
        who
    }

    fn why_not(&self, tool: &str) -> Result<Value> {
        let tool = catalogue::named(tool)?;
        let offered = self.offer.takes(tool);
        let mut missing = self.offered.missing_of_server(tool);
        missing.extend(self.missing_of_token(tool));
        missing.extend(self.offer.missing_of_grants(tool, tool.risk));
        if missing.is_empty() && !offered {
            missing.push("a header of this request (X-Tailsteward-…) excludes it".to_owned());
        }
        let mut answer = json!({ "tool": tool.name, "needs": tool.risk, "allowed": offered });
        let Some(fields) = answer.as_object_mut() else { return Ok(answer) };
        if !offered {
            fields.insert("missing".to_owned(), json!(missing));
        } else if self.offer.allow_risk(tool.name, tool.worst).is_err() {
            let note = format!(
                "plans that need `{}` access are refused, because you have less for this tool",
                tool.worst
            );
            fields.insert("note".to_owned(), note.into());
        }
        Ok(answer)
    }
}

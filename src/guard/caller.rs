//! What callers find out about themselves: who they are to this server, and what is missing for a tool.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Caller, ConfirmMode, Guard, Principal, rails::may_confirm_own};
use crate::{
    Tailnet,
    catalogue::{self, Offer},
    change::AboutCaller,
    client::Result,
    guardrails::{Guardrails, Window},
    tailnet::tailnets::title_of,
    tool::ToolDef,
    words::to_the_second,
};

/// A caller on one tailnet, for the tools `whoami` and `why_not`.
pub(super) struct Mirror {
    principal: Principal,
    offer: Offer,
    /// What the administrator offers.
    offered: Offer,
    mode: ConfirmMode,
    rails: Arc<Guardrails>,
    /// The names of the tailnets that are managed.
    served: Vec<String>,
}

impl Caller {
    /// The same caller, limited to what is allowed on this tailnet.
    pub(crate) fn on(&self, tailnet: &Tailnet) -> Self {
        Self { offer: self.offer.on(&title_of(tailnet)), ..self.clone() }
    }

    pub(super) fn mirror(&self, guard: &Guard) -> Arc<dyn AboutCaller> {
        let (principal, offer) = (self.principal.clone(), self.offer.clone());
        Arc::new(Mirror {
            principal,
            offer,
            offered: guard.offer().clone(),
            mode: guard.mode(),
            rails: guard.rails(),
            served: guard.tailnets().all().map(title_of).collect(),
        })
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

impl Mirror {
    /// The entries that have no effect, because none of their tailnets is managed here.
    fn without_effect(&self) -> Vec<String> {
        let all = self.principal.allowances.as_deref().unwrap_or_default();
        let elsewhere = all.iter().filter_map(|entry| {
            let names = entry.tailnets.as_ref()?;
            let is_served = names.iter().any(|name| self.served.contains(name));
            (!is_served).then(|| match names.as_slice() {
                [] => format!("{} is for no tailnet", entry.from),
                names => format!(
                    "{} is for {}, but this server manages {}",
                    entry.from,
                    names.join(", "),
                    self.served.join(", ")
                ),
            })
        });
        elsewhere.collect()
    }

    /// What applies to calls of a tool that is allowed.
    fn conditions(&self, tool: &ToolDef) -> Vec<String> {
        let mut conditions = Vec::new();
        if let Some(limit) = self.principal.limits.get(tool.name) {
            conditions.push(format!("your token is limited to {limit} of this tool"));
        }
        if !self.principal.hours.is_empty() {
            let hours = Window::all(&self.principal.hours);
            conditions.push(format!("your token may only be used during {hours}"));
        }
        if let Some(expires) = self.principal.expires {
            conditions.push(format!("your token expires at {}", to_the_second(expires)));
        }
        if tool.is_edit() {
            conditions.extend(self.approval());
            if !self.rails.windows.is_empty() {
                let windows = Window::all(&self.rails.windows);
                conditions.push(format!("changes are only made during {windows}"));
            }
            if let Some(most) = self.rails.changes_per_hour {
                conditions.push(format!("at most {most} changes an hour, of all callers together"));
            }
        }
        conditions
    }

    /// Which plans need whose approval.
    fn approval(&self) -> Vec<String> {
        let mut needed = Vec::new();
        match self.mode {
            ConfirmMode::Person => {
                needed.push("plans of the class danger must be confirmed by a person".to_owned());
            }
            ConfirmMode::Other => needed.push(
                "plans of the class danger must be approved by another person than you".to_owned(),
            ),
            ConfirmMode::Auto => {}
        }
        if !self.rails.approval.is_empty() {
            let who = if may_confirm_own(&self.rails, &self.principal) {
                "a person"
            } else {
                "one of the approvers"
            };
            needed.push(format!(
                "changes of what the guardrails list under `approval` need the approval of {who}"
            ));
        }
        if !self.rails.never.is_empty() {
            needed.push("what the guardrails list under `never` is not changed".to_owned());
        }
        needed
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
        let without_effect = self.without_effect();
        if !without_effect.is_empty() {
            put("without_effect", json!(without_effect));
        }
        let Principal { limits, hours, expires, .. } = &self.principal;
        if !limits.is_empty() {
            let limits =
                limits.iter().map(|(tool, limit)| (tool.clone(), limit.to_string().into()));
            put("limits", Value::Object(limits.collect()));
        }
        if !hours.is_empty() {
            put("hours", hours.iter().map(ToString::to_string).collect());
        }
        if let Some(expires) = expires {
            put("expires", to_the_second(*expires).into());
        }
        let approval = self.approval();
        if !approval.is_empty() && self.offer.tools().any(ToolDef::is_edit) {
            put("changes", json!(approval));
        }
        who
    }

    fn why_not(&self, tool: &str) -> Result<Value> {
        let tool = catalogue::named(tool)?;
        let offered = self.offer.takes(tool);
        let mut missing = self.offered.missing_of_server(tool);
        missing.extend(self.missing_of_token(tool));
        missing.extend(self.offer.missing_of_grants(tool, tool.risk));
        if !offered {
            missing.extend(self.without_effect());
        }
        if missing.is_empty() && !offered {
            missing.push("a header of this request (X-Tailsteward-…) excludes it".to_owned());
        }
        let mut answer = json!({ "tool": tool.name, "needs": tool.risk, "allowed": offered });
        let Some(fields) = answer.as_object_mut() else { return Ok(answer) };
        let conditions = if offered { self.conditions(tool) } else { Vec::new() };
        if !conditions.is_empty() {
            fields.insert("conditions".to_owned(), json!(conditions));
        }
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

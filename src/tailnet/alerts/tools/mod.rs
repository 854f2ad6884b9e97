//! Alert tools.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use self::active::{GetActiveAlerts, GetAlertHistory};
use super::{Origin, Ready, Rule, defaults};
use crate::{
    Error, Operation, Tailnet,
    change::Plan,
    client::Result,
    tailnet::devices::tools::duration,
    tool::{Edit, List, Page, PageSize, Part, Risk, Toolset, edit, list},
};

mod active;
mod steps;

pub(crate) const TOOLSET: Toolset = Toolset {
    name: "alerts",
    about: "Alerts: what fires, acknowledge, mute, and change rules.",
    instructions: "Alerts need a history and a running watcher: `serve --watch` or `watch`.",
    default: false,
    tools: &[
        list::<GetActiveAlerts>(),
        list::<GetAlertHistory>(),
        list::<ListAlertRules>(),
        edit::<SetAlertRules>(),
        edit::<AcknowledgeAlert>(),
        edit::<MuteAlerts>(),
    ],
};

/// List the alert rules: what each looks for, and where it comes from.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ListAlertRules {
    /// Only the rule of this name, with the reason for its numbers.
    rule: Option<String>,
}

/// The rules, the receivers and what is muted.
#[derive(Serialize)]
pub(crate) struct Rules {
    #[serde(flatten)]
    page: Page,
    receivers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mutes: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl List for ListAlertRules {
    const NAME: &'static str = "list_alert_rules";
    const OPERATIONS: &'static [Operation] = &[];
    const PAGE: PageSize = PageSize { usual: 50, max: 200 };
    type Output = Rules;

    async fn list(self, tailnet: &Tailnet, part: Part) -> Result<Rules> {
        let (mut rules, broken) = tailnet.alerts().rules().await?;
        rules.retain(|it| self.rule.as_ref().is_none_or(|name| it.rule.name == *name));
        let reasons = defaults::built_in();
        let row = |it: &Ready| {
            let mut row = serde_json::to_value(&it.rule).unwrap_or_default();
            if let Some(fields) = row.as_object_mut() {
                fields.insert("from".to_owned(), json!(it.origin));
                let why = reasons.iter().find(|why| why.rule.name == it.rule.name);
                if let Some(why) =
                    why.filter(|_| self.rule.is_some() && it.origin == Origin::BuiltIn)
                {
                    fields.insert("why".to_owned(), why.why.into());
                }
            }
            Ok(row)
        };
        let page = Page::keyed("rules", &rules, &part, |it| &it.rule.name, row)?;
        let receivers = tailnet.alert_setup().map(|it| it.receivers.clone()).unwrap_or_default();
        let mutes = match tailnet.history() {
            Some(_) => tailnet.alerts().mutes(Timestamp::now()).await?,
            None => Vec::new(),
        };
        let mutes = mutes.iter().map(|it| {
            let mut row = json!(it);
            if let Some(fields) = row.as_object_mut() {
                fields.insert("id".to_owned(), it.id.clone().into());
            }
            row
        });
        let notes = broken.iter().map(|it| format!("`{}`: {}", it.name, it.why));
        Ok(Rules { page, receivers, mutes: mutes.collect(), notes: notes.collect() })
    }
}

/// Create, change or remove alert rules. `dry_run` previews what would fire now, and would have fired in the last 30
/// days.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct SetAlertRules {
    /// Rules to set; omitted fields of an existing rule keep their values.
    rules: Vec<Rule>,
    /// Rules to remove; only those set with this tool.
    remove: Vec<String>,
}

impl Edit for SetAlertRules {
    const NAME: &'static str = "set_alert_rules";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        if self.rules.is_empty() && self.remove.is_empty() {
            return Err(Error::invalid_input("rules", "and `remove` are empty; give one of them"));
        }
        tailnet.alerts().plan_rules(&self.rules, &self.remove).await
    }
}

/// Acknowledge an alert: no more reminders until it is resolved.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct AcknowledgeAlert {
    /// Alert ID; or use `rule`.
    alert: Option<String>,
    /// Acknowledge all firing alerts of this rule.
    rule: Option<String>,
    /// What is being done about the alert.
    note: String,
    /// How long, such as `8h`; default until resolved.
    #[serde(rename = "for")]
    length: Option<String>,
}

impl Edit for AcknowledgeAlert {
    const NAME: &'static str = "acknowledge_alert";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        let length = self.length.as_deref().map(|it| duration("for", it)).transpose()?;
        let (alert, rule) = (self.alert.as_deref(), self.rule.as_deref());
        tailnet.alerts().plan_acknowledge(alert, rule, &self.note, length).await
    }
}

/// Mute (silence) alert notifications for a rule, for devices or for all, for a limited time.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct MuteAlerts {
    /// Only alerts of this rule.
    rule: Option<String>,
    /// Only devices that match these `list_devices` filters.
    scope: Map<String, Value>,
    /// Reason, shown with muted alerts.
    reason: String,
    /// How long, such as `2h`; at most `90d`.
    #[serde(rename = "for")]
    length: Option<String>,
    /// ID of a mute to end.
    end: Option<String>,
}

impl Edit for MuteAlerts {
    const NAME: &'static str = "mute_alerts";
    const RISK: Risk = Risk::Change;
    const OPERATIONS: &'static [Operation] = &[];

    async fn plan(self, tailnet: &Tailnet) -> Result<Plan> {
        if let Some(end) = &self.end {
            let given = [
                ("rule", self.rule.is_some()),
                ("scope", !self.scope.is_empty()),
                ("reason", !self.reason.is_empty()),
                ("for", self.length.is_some()),
            ];
            if let Some((other, _)) = given.iter().find(|it| it.1) {
                return Err(Error::invalid_input(other, "does not apply together with `end`"));
            }
            return tailnet.alerts().plan_unmute(end).await;
        }
        let length = self.length.as_deref().ok_or_else(|| {
            Error::invalid_input("for", "is missing; a mute must end, such as after `2h`")
        })?;
        let length = duration("for", length)?;
        tailnet.alerts().plan_mute(self.rule.as_deref(), self.scope, &self.reason, length).await
    }
}

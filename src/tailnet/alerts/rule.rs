//! What a rule is: data, without expressions or templates. A model writes it, a person reads it.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::when::{PARAMETERS, When};
use crate::{
    Error,
    alerts::{Severity, Timing},
    checks,
    client::Result,
    history::{Seconds, Source},
    tailnet::devices::{
        Filter,
        tools::{duration, listing::filter_of},
    },
    tool::input,
};

/// The shortest time between two reminders, in seconds.
const SHORTEST_REPEAT: Seconds = 300;
/// The longest text of a rule.
const MAX_TEXT: usize = 500;
/// The most items of a list in a rule.
const MAX_ITEMS: usize = 50;

/// Which alerts share one message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// All of the rule.
    #[default]
    Rule,
    /// Each by itself.
    None,
}

/// What happens to an alert while it cannot be known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnknown {
    /// It stays as it is.
    #[default]
    Hold,
    /// It fires.
    Fire,
}

/// A rule as it is written. What is left out of a rule that exists stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Rule name, such as `router-offline`.
    pub name: String,
    /// Condition to look for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// How long the condition has lasted, such as `15m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longer_than: Option<String>,
    /// Time window, such as `14d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Least number of times, or of new devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Least share that went offline or was relayed, 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<u32>,
    /// Least number of connected devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u32>,
    /// More than this many bytes, such as `10GB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_than: Option<String>,
    /// More than this many minor versions behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minors: Option<u32>,
    /// Kinds of keys: `auth`, `api`, `client`, `federated`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// ID of a check of the audit, such as `D4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// API name of a tailnet setting, such as `devicesApprovalOn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// Value of `setting` to alert on, such as `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Audit log events: `TARGET.ACTION.PROPERTY`, with `*` for any and `=VALUE` for a new value; or an actor type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// Only devices that match these `list_devices` filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Map<String, Value>>,
    /// How long it must be true before it fires, such as `10m`.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// How long it must be false before it is resolved; default `2m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<String>,
    /// Severity; default `warning`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Default `rule`: one message for all alerts of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub group: Option<Group>,
    /// Receivers to notify, by their names in the config file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Vec<String>>,
    /// Remind after this time: default `24h`; or `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// What happens while it cannot be known; default `hold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub unknown: Option<WhenUnknown>,
    /// Whether the rule is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    /// Advice to show with the alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Where a rule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It is there from the start.
    BuiltIn,
    /// The config file.
    Config,
    /// Somebody set it.
    Set,
}

/// A rule that can be judged: checked, with its lengths in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Ready {
    /// As it is written.
    pub rule: Rule,
    /// What it looks for.
    pub when: When,
    /// Where it comes from.
    pub origin: Origin,
    /// How long it must hold and be over.
    pub timing: Timing,
    /// After how long receivers are reminded; none for never.
    pub repeat: Option<Seconds>,
    /// The devices that it is about.
    pub scope: Filter,
    pub(super) longer_than: Seconds,
    pub(super) within: Seconds,
    /// Bytes.
    pub(super) more_than: u64,
}

impl Rule {
    /// This rule, with omitted fields taken from `before`; if `when` differs, without its parameters.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the two make no rule.
    pub fn over(&self, before: &Self) -> Result<Self> {
        let (mut fields, over) = (written(before)?, written(self)?);
        // Another condition takes other parameters.
        if self.when.is_some() && self.when != before.when {
            fields.retain(|name, _| !PARAMETERS.contains(&name.as_str()));
        }
        fields.extend(over);
        serde_json::from_value(Value::Object(fields))
            .map_err(|error| Error::invalid_input("rules", error.to_string()))
    }

    /// Checks the rule.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) that names the rule and the field, and what would be
    /// right.
    pub fn ready(&self, origin: Origin) -> Result<Ready> {
        self.check_name()?;
        let when =
            self.when.ok_or_else(|| self.wrong("when", "is missing; say what it looks for"))?;
        self.check_parameters(when)?;
        self.check_sizes()?;
        let length = |field: &str, text: &Option<String>, usual: &str| -> Result<Seconds> {
            let text = text.as_deref().unwrap_or(usual);
            let parsed = duration(field, text).map_err(|error| self.of(&error))?;
            Ok(parsed.as_secs())
        };
        let repeat = if self.repeat.as_deref() == Some("never") {
            None
        } else {
            Some(length("repeat", &self.repeat, "24h")?)
        };
        if repeat.is_some_and(|it| it < SHORTEST_REPEAT) {
            return Err(self.wrong("repeat", "must be at least `5m`, or `never`"));
        }
        let scope = self.scope.clone().unwrap_or_default();
        if self.scope.is_some() && !when.has_scope() {
            let should = format!("does not apply: `{}` is not about devices", when.name());
            return Err(self.wrong("scope", &should));
        }
        for shown in ["sort", "descending", "fields"] {
            if scope.contains_key(shown) {
                return Err(self.wrong("scope", &format!("cannot have `{shown}`: only filters")));
            }
        }
        let scope = filter_of(Value::Object(scope)).map_err(|error| self.of(&error))?;
        let usual = if when == When::NotWatched { "10m" } else { "0s" };
        let within = length("within", &self.within, "0s")?;
        Ok(Ready {
            when,
            origin,
            timing: Timing {
                hold: length("for", &self.hold, "0s")?,
                settle: length("settle", &self.settle, "2m")?,
            },
            repeat,
            scope,
            longer_than: length("longer_than", &self.longer_than, usual)?,
            within,
            more_than: self.check_traffic(when, within)?,
            rule: self.clone(),
        })
    }

    fn check_name(&self) -> Result<()> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_slug = (1..=60).contains(&self.name.len()) && self.name.chars().all(fits);
        if is_slug {
            return Ok(());
        }
        let should = "must be 1 to 60 lower-case letters, digits and `-`, such as `router-offline`";
        Err(Error::invalid_input("name", should))
    }

    fn check_parameters(&self, when: When) -> Result<()> {
        let fields = written(self)?;
        let (takes, needs) = when.parameters();
        let given = |name: &&&str| fields.contains_key(**name);
        if let Some(other) = PARAMETERS.iter().filter(given).find(|it| !takes.contains(it)) {
            let takes =
                if takes.is_empty() { "no parameters".to_owned() } else { takes.join(", ") };
            let should = format!("does not apply to `{}`, which takes {takes}", when.name());
            return Err(self.wrong(other, &should));
        }
        if let Some(missing) = needs.iter().find(|it| !given(it)) {
            let should = format!("is missing; `{}` needs it", when.name());
            return Err(self.wrong(missing, &should));
        }
        if let Some(setting) = &self.setting {
            let all = Source::all().into_iter().find(|it| it.name == "settings");
            let all = all.map_or(&[][..], |it| it.field_names());
            if !all.contains(&setting.as_str()) {
                let should = format!("is `{setting}`; settings are {}", all.join(", "));
                return Err(self.wrong("setting", &should));
            }
        }
        let is_event =
            |it: &str| (1..=3).contains(&it.split('.').filter(|it| !it.is_empty()).count());
        if let Some(event) = self.events.iter().find(|it| it.contains("..") || !is_event(it)) {
            let should =
                format!("has `{event}`; write `TARGET.ACTION.PROPERTY`, or a type of actor");
            return Err(self.wrong("events", &should));
        }
        if self.percent.is_some_and(|it| !(1..=100).contains(&it)) {
            return Err(self.wrong("percent", "must be 1 to 100"));
        }
        if [self.times, self.at_least].contains(&Some(0)) {
            let field = if self.times == Some(0) { "times" } else { "at_least" };
            return Err(self.wrong(field, "must be at least 1"));
        }
        if let Some(check) = &self.check
            && checks::find(check).is_none()
        {
            return Err(self.wrong("check", &format!("is `{check}`, which is no check")));
        }
        let kinds = ["auth", "api", "client", "federated"];
        if let Some(kind) = self.kinds.iter().find(|it| !kinds.contains(&it.as_str())) {
            let should = format!("has `{kind}`; kinds are {}", kinds.join(", "));
            return Err(self.wrong("kinds", &should));
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<()> {
        let long = |it: &str| it.chars().count() > MAX_TEXT;
        if self.note.as_deref().is_some_and(long) {
            return Err(self.wrong("note", &format!("must have at most {MAX_TEXT} characters")));
        }
        let lists = [("events", &self.events), ("kinds", &self.kinds)]
            .into_iter()
            .chain(self.notify.as_ref().map(|it| ("notify", it)));
        for (field, list) in lists {
            if list.len() > MAX_ITEMS || list.iter().any(|it| it.len() > 100) {
                let should = format!("must have at most {MAX_ITEMS} items of 100 characters");
                return Err(self.wrong(field, &should));
            }
        }
        let scope = self.scope.as_ref().map_or(0, |it| Value::Object(it.clone()).to_string().len());
        let texts =
            [&self.value, &self.setting, &self.hold, &self.settle, &self.repeat, &self.more_than];
        if scope > 4_000 || texts.into_iter().flatten().any(|it| long(it)) {
            return Err(self.wrong("scope", "is too long"));
        }
        Ok(())
    }

    pub(super) fn wrong(&self, field: &str, should: &str) -> Error {
        Error::invalid_input(field, format!("{should} (rule `{}`)", self.name))
    }

    /// An error about a field, with the name of the rule.
    fn of(&self, error: &Error) -> Error {
        let name = &self.name;
        Error::invalid_input("rules", format!("rule `{name}`: {error}"))
    }
}

impl Ready {
    /// Whether it is switched on.
    pub fn is_on(&self) -> bool {
        self.rule.on.unwrap_or(true)
    }

    /// The severity of its alerts.
    pub fn severity(&self) -> Severity {
        self.rule.severity.unwrap_or_default()
    }

    /// What to do first about its alerts: its note, or else what the condition suggests.
    pub fn first_step(&self) -> &str {
        self.rule.note.as_deref().unwrap_or_else(|| self.when.first_step())
    }

    /// The receivers that are notified.
    pub fn notify(&self) -> &[String] {
        self.rule.notify.as_deref().unwrap_or_default()
    }

    /// What it describes, in one text: if that is another one, its alerts begin anew.
    pub fn condition(&self) -> String {
        let mut fields = written(&self.rule).unwrap_or_default();
        for apart in ["name", "severity", "group", "notify", "repeat", "on", "note", "settle"] {
            fields.remove(apart);
        }
        Value::Object(fields).to_string()
    }

    pub(super) fn inside(&self) -> SignedDuration {
        SignedDuration::from_secs(self.within)
    }
}

/// The fields of a rule that are not left out.
fn written(rule: &Rule) -> Result<Map<String, Value>> {
    match serde_json::to_value(rule) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Error::invalid_input("rules", "cannot be written as JSON")),
    }
}

/// A rule from JSON.
///
/// # Errors
///
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) that names the field that does not fit.
pub fn read(rule: Value) -> Result<Rule> {
    input(rule)
}

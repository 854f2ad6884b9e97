//! Tailnet settings. The API requires a separate scope for each.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

mod fields;
#[cfg(feature = "server")]
pub(crate) mod tools;
mod update;

use self::fields::{FIELDS, Field, Shape};
pub use self::update::{JoinExternalTailnets, SettingsUpdate};
pub use crate::api::types::TailnetSettings;
use crate::{
    Error, ErrorKind, Operation,
    change::{Change, Compare, Fields, Plan, Risk, Subject, Write, Written},
    client::{
        Result,
        call::{self, Call},
    },
    tailnet::Tailnet,
};

/// The settings of a tailnet.
#[derive(Debug)]
pub struct SettingsOf<'a> {
    tailnet: &'a Tailnet,
}

impl<'a> SettingsOf<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Reads the settings (`GET /tailnet/{tailnet}/settings`). A setting that the credential's
    /// scopes do not cover is absent, whatever its value.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](crate::ErrorKind::Forbidden) if the credential's scopes cover no setting.
    pub async fn get(&self) -> Result<TailnetSettings> {
        Ok(self.tailnet.api()?.get_tailnet_settings().send().await?.into_inner())
    }

    /// Reads the settings under the names that this program uses: readable ones with their values,
    /// and the others with the scope that each needs.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get).
    pub async fn known(&self) -> Result<Known> {
        let call = Call::default();
        let now = self.tailnet.client().call(Operation::GetTailnetSettings, call).await?;
        let mut known = Known::default();
        for field in FIELDS {
            match field.value(&now) {
                Some(value) => drop(known.settings.insert(field.name.to_owned(), value)),
                None => drop(known.unknown.insert(field.name.to_owned(), json!(field.reads()))),
            }
        }
        let fields = now.as_object().into_iter().flatten();
        let others = fields.filter(|(name, _)| FIELDS.iter().all(|field| field.api != *name));
        known.other = others.map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(known)
    }

    /// Plans to change settings (`PATCH /tailnet/{tailnet}/settings`), with one request for each:
    /// if one fails, those before it are rolled back.
    ///
    /// ```no_run
    /// # async fn example(tailnet: &tailsteward::Tailnet) -> tailsteward::Result<()> {
    /// use tailsteward::tailnet::settings::SettingsUpdate;
    ///
    /// let mut update = SettingsUpdate::default();
    /// update.devices_approval_on = Some(true);
    /// let plan = tailnet.tailnet_settings().plan_update(&update).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an unknown setting or a value that is not
    /// allowed.
    pub async fn plan_update(&self, update: &SettingsUpdate) -> Result<Plan> {
        let wanted = update.named()?;
        let mut checked = Vec::new();
        for (name, value) in &wanted {
            let field = FIELDS.iter().find(|it| it.name == name);
            let field = field
                .ok_or_else(|| Error::invalid_input(name, "is not a setting of the tailnet"))?;
            field.check(value)?;
            checked.push((field, value));
        }
        if checked.is_empty() {
            return Err(Error::nothing_to_change("the settings"));
        }
        let now = self.known().await?;
        let mut warnings = Vec::new();
        let mut changes = Vec::new();
        for (field, to) in checked {
            let from = now.settings.get(field.name);
            if from.is_some_and(|from| same(from, to)) {
                continue;
            }
            warnings.extend(field.warning(from, to));
            let change = Change::new(field.name, from.cloned().unwrap_or_default(), to.clone());
            if from.is_none() {
                warnings.push(format!(
                    "the current value of `{}` cannot be read, so it cannot be restored",
                    field.name
                ));
            }
            // A value that cannot be read cannot be restored.
            changes.push(if from.is_none() { change.irreversible() } else { change });
        }
        // Irreversible changes come last, so that no later change can fail after them.
        changes.sort_by_key(|it| it.irreversible);
        Ok(of(changes).warned(warnings))
    }

    /// Plans to turn auto-updates of clients on or off (`PATCH /tailnet/{tailnet}/settings`). The
    /// setting is a default, which a device can override.
    ///
    /// # Errors
    ///
    /// Same as [`get`](Self::get).
    pub async fn plan_auto_updates(&self, on: bool) -> Result<Plan> {
        Ok(auto_updates(self.get().await?.devices_auto_updates_on, on))
    }
}

/// The settings under the names that this program uses.
#[derive(Debug, Clone, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Known {
    /// Values of the settings that the credential may read.
    pub settings: Map<String, Value>,
    /// Settings that the credential may not read, each with the scope it needs.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub unknown: Map<String, Value>,
    /// Fields of the API that this program does not know.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub other: Map<String, Value>,
}

/// Whether two values are equal; empty counts as absent.
fn same(a: &Value, b: &Value) -> bool {
    a == b || (call::is_empty(a) && call::is_empty(b))
}

pub(crate) fn auto_updates(is_on: Option<bool>, wanted: bool) -> Plan {
    let change = Change::new(fields::AUTO_UPDATES, is_on, wanted);
    of(match is_on {
        Some(is_on) if is_on == wanted => Vec::new(),
        Some(_) => vec![change],
        // A value that cannot be read cannot be restored.
        None => vec![change.irreversible()],
    })
}

/// Makes a plan of high risk, because settings apply to the entire tailnet.
fn of(changes: Vec<Change>) -> Plan {
    let mut plan = Plan::one(&Settings, "", "", changes);
    plan.least = Risk::Danger;
    plan
}

/// Changes of tailnet settings.
#[derive(Debug)]
pub(crate) struct Settings;

#[async_trait]
impl Subject for Settings {
    fn kind(&self) -> &'static str {
        "tailnet settings"
    }

    async fn read(&self, tailnet: &Tailnet, _: &str, fields: &[&str]) -> Result<Fields> {
        let mut now = tailnet.tailnet_settings().known().await?.settings;
        now.retain(|field, _| fields.contains(&field.as_str()));
        Ok(now)
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let Change { field, to, .. } = write.change;
        let known = FIELDS.iter().find(|it| it.name == field);
        let known: &Field =
            known.ok_or_else(|| Error::invalid_input(field, "is not a known setting"))?;
        // The API would ignore null, so send an empty link.
        let to = if known.shape == Shape::Link && to.is_null() { json!("") } else { to.clone() };
        known.check(&to)?;
        let body = json!({ known.api: to });
        let call = Call::default().with(&body);
        let answer = tailnet.client().call(Operation::UpdateTailnetSettings, call).await;
        answer.map_err(|error| match error.kind() {
            ErrorKind::Forbidden => error.with_remedy(format!(
                "`{field}` needs the OAuth scope `{}`; add it to the client and get a new token",
                known.scope
            )),
            _ => error,
        })?;
        Ok(Written::default())
    }

    fn compare(&self) -> &dyn Compare {
        self
    }
}

impl Compare for Settings {
    fn reached(&self, change: &Change, now: &Value) -> bool {
        same(now, &change.to)
    }
}

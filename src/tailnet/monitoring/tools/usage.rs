//! `get_usage_analytics`: trends by day.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Operation, Tailnet,
    client::Result,
    tailnet::{
        devices::tools::duration,
        monitoring::usage::{USUAL, Usage, UsageNow, UsageRow},
    },
    tool::Query,
    words::counted,
};

/// How many versions are shown of now.
const VERSIONS: usize = 5;

/// Show trends by day: devices online, new and gone, client versions, users, traffic, and how much of each is
/// known.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct GetUsageAnalytics {
    /// How far back, up to `366d`; default `30d`. Above 60 days, by week.
    window: Option<String>,
}

/// The result of `get_usage_analytics`: a table, so that each name is written once.
#[derive(Debug, Serialize)]
pub(crate) struct Trends {
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    watched: Value,
    now: Value,
    /// The names of what is in a row. Null is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rows: Vec<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
    notes: Vec<String>,
}

impl Query for GetUsageAnalytics {
    const NAME: &'static str = "get_usage_analytics";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices, Operation::ListUsers];
    const SCOPES: &'static [&'static str] = &["devices:core:read"];
    type Output = Trends;

    async fn call(self, tailnet: &Tailnet) -> Result<Trends> {
        let window = self.window.as_deref().map(|it| duration("window", it)).transpose()?;
        let usage = tailnet.monitoring().usage(window.unwrap_or(USUAL), Timestamp::now()).await?;
        Ok(shown(usage))
    }
}

fn shown(usage: Usage) -> Trends {
    let by = json!(usage.by);
    let by = by.as_str().unwrap_or_default();
    let (columns, rows) = table(&usage, by);
    let mut notes = usage.notes;
    if usage.watched.is_none() {
        notes.push("`serve --watch` or `tailsteward watch` keeps a history".to_owned());
    }
    if !rows.is_empty() {
        let meaning = "own devices that are not ephemeral, UTC. Percent: watched, flows, relayed. online is an \
                       average; connected and users: at some time; devices and versions: at the end. null: \
                       unknown, or less than half of it is known";
        notes.push(meaning.to_owned());
    }
    let unknown = usage.unknown;
    Trends {
        from: usage.from,
        to: usage.to,
        watched: json!(usage.watched),
        now: now(&usage.now),
        columns,
        rows,
        unknown: (unknown > 0).then(|| {
            let rows = counted(unknown, by, &format!("{by}s"));
            format!("{rows} without a row: nobody watched")
        }),
        notes,
    }
}

fn now(state: &UsageNow) -> Value {
    let mut versions: Map<String, Value> =
        state.versions.iter().take(VERSIONS).map(|it| (it.0.clone(), json!(it.1))).collect();
    let others: usize = state.versions.iter().skip(VERSIONS).map(|it| it.1).sum();
    if others > 0 {
        versions.insert("other".to_owned(), json!(others));
    }
    let mut now = json!(state);
    if let Some(fields) = now.as_object_mut() {
        fields.insert("versions".to_owned(), json!(versions));
    }
    now
}

/// A column: its name, and its value in a row.
type Column<'a> = (String, Box<dyn Fn(&UsageRow) -> Value + 'a>);

/// The columns of which something is known, and the rows.
fn table(usage: &Usage, by: &str) -> (Vec<String>, Vec<Vec<Value>>) {
    let mut columns: Vec<Column<'_>> = vec![
        (by.to_owned(), Box::new(|it| json!(it.day))),
        ("watched".to_owned(), Box::new(|it| number(it.watched))),
        ("online".to_owned(), Box::new(|it| it.online.map_or(Value::Null, number))),
        ("connected".to_owned(), Box::new(|it| json!(it.connected))),
        ("devices".to_owned(), Box::new(|it| json!(it.devices))),
        ("new".to_owned(), Box::new(|it| json!(it.new))),
        ("gone".to_owned(), Box::new(|it| json!(it.gone))),
        ("users".to_owned(), Box::new(|it| json!(it.users))),
    ];
    let others = std::iter::once("other".to_owned());
    for (at, version) in usage.versions.iter().cloned().chain(others).enumerate() {
        let count = move |it: &UsageRow| json!(it.versions.as_ref().and_then(|it| it.get(at)));
        columns.push((version, Box::new(count)));
    }
    let traffic: [Column<'_>; 3] = [
        ("bytes".to_owned(), Box::new(|it| json!(it.bytes))),
        ("relayed".to_owned(), Box::new(|it| json!(it.relayed))),
        ("flows".to_owned(), Box::new(|it| it.flows.map_or(Value::Null, number))),
    ];
    columns.extend(traffic);
    columns.retain(|(_, value)| usage.rows.iter().any(|it| !value(it).is_null()));
    let row = |it: &UsageRow| columns.iter().map(|(_, value)| value(it)).collect();
    let rows = usage.rows.iter().map(row).collect();
    (columns.into_iter().map(|it| it.0).collect(), rows)
}

/// A number without decimal places that say nothing.
#[expect(clippy::cast_possible_truncation, reason = "numbers of devices and percent are small")]
fn number(number: f64) -> Value {
    if number.fract() == 0.0 { json!(number as i64) } else { json!(number) }
}

//! Exports the devices as CSV or JSON lines, record by record, so that a long list needs little memory.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    io::{self, Write},
};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Device, Devices, Filter};
use crate::{
    Error, ErrorKind, Operation,
    client::{
        Result,
        call::{Call, typed},
    },
    visible::{visible, visible_json},
};

/// Fields of a device, as the API names them.
pub(crate) const FIELDS: [&str; 30] = [
    "addresses",
    "advertisedRoutes",
    "authorized",
    "blocksIncomingConnections",
    "clientConnectivity",
    "clientVersion",
    "connectedToControl",
    "created",
    "distro",
    "enabledRoutes",
    "expires",
    "hostname",
    "id",
    "isEphemeral",
    "isExternal",
    "keyExpiryDisabled",
    "lastSeen",
    "machineKey",
    "multipleConnections",
    "name",
    "nodeId",
    "nodeKey",
    "os",
    "postureIdentity",
    "sshEnabled",
    "tags",
    "tailnetLockError",
    "tailnetLockKey",
    "updateAvailable",
    "user",
];

/// The columns of an export that names none.
const USUAL: [&str; 16] = [
    "nodeId",
    "name",
    "hostname",
    "os",
    "clientVersion",
    "updateAvailable",
    "user",
    "tags",
    "addresses",
    "authorized",
    "connectedToControl",
    "lastSeen",
    "created",
    "expires",
    "keyExpiryDisabled",
    "isExternal",
];

/// The word for all fields.
const ALL: &str = "all";

/// The format of an export.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    serde::Deserialize,
    schemars::JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// CSV, RFC 4180.
    #[default]
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// What is exported, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Export {
    pub(crate) format: Format,
    /// Fields in the order of the columns, or `all`; empty for the usual ones.
    pub(crate) fields: Vec<String>,
    pub(crate) filter: Filter,
    /// Whether texts are written as they are, though a spreadsheet may take them for formulas.
    pub(crate) raw: bool,
    /// The most bytes.
    pub(crate) limit: Option<usize>,
}

/// What was exported.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Exported {
    pub(crate) devices: usize,
    pub(crate) bytes: usize,
}

impl Devices<'_> {
    /// Writes the devices that meet the filter to `out`, in the order of the API
    /// (`GET /tailnet/{tailnet}/devices`).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a field that no device has and for a filter that none can
    /// meet; [`TooLarge`](ErrorKind::TooLarge) above the limit; [`Config`](ErrorKind::Config) if `out` cannot
    /// be written; [`Forbidden`](ErrorKind::Forbidden) without the scope `devices:core:read`.
    pub(crate) async fn export(
        &self,
        export: &Export,
        out: &mut (dyn Write + Send),
    ) -> Result<Exported> {
        let mut rows = Rows::new(export, out);
        rows.begin()?;
        let query = [("fields".to_owned(), ALL.to_owned())];
        let call = Call { query: &query, ..Call::default() };
        let client = self.tailnet().client();
        let mut each = |record: &[u8]| rows.take(record);
        client.each_record(Operation::ListTailnetDevices, call, "devices", &mut each).await?;
        rows.end()
    }
}

/// Writes the rows.
struct Rows<'a> {
    export: &'a Export,
    out: &'a mut (dyn Write + Send),
    now: Timestamp,
    done: Exported,
    /// Fields that are not in the API's document and that no device had yet.
    unknown: BTreeSet<&'a str>,
    /// What the filter names of the devices so far: without any match, it may be misspelt.
    there: There,
}

/// The values of devices that a filter can name.
#[derive(Default)]
struct There {
    systems: BTreeSet<String>,
    users: BTreeSet<String>,
    tags: BTreeSet<String>,
}

impl There {
    fn add(&mut self, filter: &Filter, device: Device) {
        if filter.os.is_some() {
            self.systems.extend(device.os);
        }
        if filter.user.is_some() {
            self.users.extend(device.user);
        }
        if !filter.all_tags.is_empty() || !filter.any_tags.is_empty() {
            self.tags.extend(device.tags.unwrap_or_default());
        }
    }

    /// Devices that have these values, for [`Filter::check`].
    fn devices(self) -> Vec<Device> {
        let of_system = |os| Device { os: Some(os), ..Device::default() };
        let of_user = |user| Device { user: Some(user), ..Device::default() };
        let tagged = Device { tags: Some(self.tags.into_iter().collect()), ..Device::default() };
        let systems = self.systems.into_iter().map(of_system);
        systems.chain(self.users.into_iter().map(of_user)).chain([tagged]).collect()
    }
}

impl<'a> Rows<'a> {
    fn new(export: &'a Export, out: &'a mut (dyn Write + Send)) -> Self {
        let known = |field: &&str| *field == ALL || FIELDS.contains(field);
        let unknown = export.fields.iter().map(String::as_str).filter(|it| !known(it)).collect();
        let (now, done, there) = (Timestamp::now(), Exported::default(), There::default());
        Self { export, out, now, done, unknown, there }
    }

    /// The columns; none for the entire record.
    fn columns(&self) -> Vec<&'a str> {
        let is_all = self.export.fields.iter().any(|it| it == ALL);
        match self.export.format {
            Format::Jsonl if is_all => Vec::new(),
            Format::Csv if is_all => FIELDS.to_vec(),
            _ if self.export.fields.is_empty() => USUAL.to_vec(),
            _ => self.export.fields.iter().map(String::as_str).collect(),
        }
    }

    fn begin(&mut self) -> Result<()> {
        self.export.filter.check_texts()?;
        // A field that no documented one resembles may be one that the API has since then.
        for field in &self.unknown {
            let alike = |it: &&&str| {
                it.eq_ignore_ascii_case(field.trim()) || strsim::jaro_winkler(it, field) > 0.85
            };
            if let Some(meant) = FIELDS.iter().find(alike) {
                let problem = format!("has `{field}`; did you mean `{meant}`?");
                return Err(Error::invalid_input("fields", problem));
            }
        }
        if self.export.format == Format::Csv {
            return self.line(&self.columns());
        }
        Ok(())
    }

    fn take(&mut self, record: &[u8]) -> Result<()> {
        let value: Value = serde_json::from_slice(record).map_err(|error| {
            Error::new(ErrorKind::NotJson, format!("the response is not JSON: {error}"))
                .for_operation(Operation::ListTailnetDevices, None)
        })?;
        // In a list, null stands for no record. Anything else that is not an object is kept as one.
        let fields = match value {
            Value::Null => return Ok(()),
            Value::Object(fields) => fields,
            odd => Map::from_iter([("unreadable".to_owned(), odd)]),
        };
        self.unknown.retain(|field| !fields.contains_key(*field));
        if !self.export.filter.is_empty() {
            let value = Value::Object(fields);
            let device: Device = typed(Operation::ListTailnetDevices, &value)?;
            if !self.export.filter.takes(&device, self.now) {
                if self.done.devices == 0 {
                    self.there.add(&self.export.filter, device);
                }
                return Ok(());
            }
            let Value::Object(fields) = value else { return Ok(()) };
            return self.row(fields);
        }
        self.row(fields)
    }

    fn row(&mut self, mut fields: Map<String, Value>) -> Result<()> {
        self.done.devices += 1;
        self.there = There::default();
        let columns = self.columns();
        if self.export.format == Format::Csv {
            let raw = self.export.raw;
            let cell = |name: &&str| fields.get(*name).map(|it| cell(it, raw)).unwrap_or_default();
            let cells: Vec<String> = columns.iter().map(cell).collect();
            return self.line(&cells);
        }
        if !columns.is_empty() {
            fields.retain(|name, _| columns.contains(&name.as_str()));
        }
        let text = Value::Object(fields).to_string();
        let text = if self.export.raw { Cow::Borrowed(&*text) } else { visible_json(&text) };
        self.write(format!("{text}\n").as_bytes())
    }

    /// A line of CSV.
    fn line(&mut self, cells: &[impl AsRef<[u8]>]) -> Result<()> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::with_capacity(256));
        let written = writer.write_record(cells).map_err(io::Error::other);
        let line =
            written.and_then(|()| writer.into_inner().map_err(csv::IntoInnerError::into_error));
        self.write(&line.map_err(|error| unwritable(&error))?)
    }

    fn write(&mut self, line: &[u8]) -> Result<()> {
        self.done.bytes += line.len();
        if let Some(limit) = self.export.limit.filter(|it| self.done.bytes > *it) {
            let why = format!("the export is larger than {limit} bytes");
            return Err(Error::new(ErrorKind::TooLarge, why).with_remedy(
                "export fewer devices or fields, or export to a file on the terminal",
            ));
        }
        self.out.write_all(line).map_err(|error| unwritable(&error))
    }

    fn end(self) -> Result<Exported> {
        self.out.flush().map_err(|error| unwritable(&error))?;
        if self.done.devices == 0 {
            self.export.filter.check(&self.there.devices())?;
            return Ok(self.done);
        }
        match self.unknown.first() {
            Some(field) => Err(Error::invalid_input(
                "fields",
                format!(
                    "has the unknown field `{field}`; known fields: {}, all",
                    FIELDS.join(", ")
                ),
            )),
            None => Ok(self.done),
        }
    }
}

fn unwritable(error: &io::Error) -> Error {
    Error::config(format!("cannot write the export: {error}"), "write it to another place")
}

/// A value as a cell: lists of texts with spaces between them, other lists and objects as JSON.
fn cell(value: &Value, raw: bool) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::Bool(_) | Value::Number(_) => return value.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    if raw { text } else { harmless(&text) }
}

/// The text, so that a spreadsheet takes it for text: what begins like a formula gets a `'` in front.
/// Hidden characters are escaped, but for those that CSV can hold.
fn harmless(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let is_kept = |c: char| matches!(c, '\t' | '\r' | '\n');
    let mut shown = String::with_capacity(text.len() + 1);
    shown.extend(is_formula.then_some('\''));
    for part in text.split_inclusive(is_kept) {
        let end = part.trim_end_matches(is_kept);
        shown.push_str(&visible(end));
        shown.push_str(part.get(end.len()..).unwrap_or_default());
    }
    shown
}

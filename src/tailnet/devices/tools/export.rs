//! `device_export`, and the resource that has the file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::form_urlencoded::{self, Serializer};

use super::duration;
use crate::{
    Error, Operation, Tailnet,
    client::Result,
    tailnet::{
        devices::{
            Filter,
            export::{Export, Format},
            name::with_prefix,
        },
        tailnets::TAILNET,
    },
    tool::{Link, Query},
};

/// The start of the resource's URI.
pub(crate) const EXPORT: &str = "tailnet://export/";
/// The largest file: hosts read a resource at once.
const MAX_BYTES: usize = 8 << 20;
/// The longest URI.
const MAX_URI_BYTES: usize = 512;

/// Export devices as a CSV or JSON lines file, which the answer links to.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct DeviceExport {
    format: Format,
    /// API fields in order, or `all`.
    fields: Vec<String>,
    /// Part of the device name.
    name: Option<String>,
    /// Operating system, such as `linux`.
    os: Option<String>,
    /// Part of the owner's login name.
    user: Option<String>,
    /// Devices with all of these tags.
    tags: Vec<String>,
    /// Only devices not seen for this long, such as `30d`.
    silent_for: Option<String>,
}

/// The result of `device_export`.
#[derive(Debug, Serialize)]
pub(crate) struct Linked {
    #[serde(flatten)]
    link: Link,
    /// Number of exported devices.
    devices: usize,
}

impl Query for DeviceExport {
    const NAME: &'static str = "device_export";
    const OPERATIONS: &'static [Operation] = &[Operation::ListTailnetDevices];
    const LINKS: bool = true;
    type Output = Linked;

    async fn call(self, tailnet: &Tailnet) -> Result<Linked> {
        let uri = self.uri(tailnet.name());
        if uri.len() > MAX_URI_BYTES {
            let should = "are too many for a link; use `all`, or fewer filters";
            return Err(Error::invalid_input("fields", should));
        }
        // The file is made when it is read. This finds out its size, and whether it can be made.
        let export = self.export()?;
        let done = tailnet.devices().export(&export, &mut std::io::sink()).await?;
        let (name, mime_type) = (self.file().to_owned(), self.mime_type().to_owned());
        let link = Link { uri, name, mime_type, bytes: done.bytes };
        Ok(Linked { link, devices: done.devices })
    }
}

impl DeviceExport {
    fn export(&self) -> Result<Export> {
        let silent_for = self.silent_for.as_ref().map(|it| duration("silent_for", it));
        let filter = Filter {
            name: self.name.clone(),
            os: self.os.clone(),
            user: self.user.clone(),
            all_tags: self.tags.iter().map(|tag| with_prefix(tag)).collect(),
            silent_for: silent_for.transpose()?,
            ..Filter::default()
        };
        let fields = self.fields.clone();
        Ok(Export { format: self.format, fields, filter, raw: false, limit: Some(MAX_BYTES) })
    }

    fn file(&self) -> &'static str {
        match self.format {
            Format::Csv => "devices.csv",
            Format::Jsonl => "devices.jsonl",
        }
    }

    /// The MIME type of the file.
    pub(crate) fn mime_type(&self) -> &'static str {
        match self.format {
            Format::Csv => "text/csv",
            Format::Jsonl => "application/jsonl",
        }
    }

    /// The URI that says what is exported, so that any replica of the server can make the file.
    fn uri(&self, tailnet: Option<&str>) -> String {
        let mut query = Serializer::new(String::new());
        let one = [
            (TAILNET, tailnet),
            ("name", self.name.as_deref()),
            ("os", self.os.as_deref()),
            ("user", self.user.as_deref()),
            ("silent_for", self.silent_for.as_deref()),
        ];
        let lists = [("field", &self.fields), ("tag", &self.tags)];
        query.extend_pairs(one.into_iter().filter_map(|(name, value)| Some((name, value?))));
        for (name, values) in lists {
            query.extend_pairs(values.iter().map(|value| (name, value)));
        }
        let query = query.finish();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{EXPORT}{}{mark}{query}", self.file())
    }

    /// What a URI says, and the name of the tailnet; `None` if it is of no export.
    pub(crate) fn of(uri: &str) -> Option<(Self, Option<String>)> {
        let rest = uri.strip_prefix(EXPORT)?;
        let (file, query) = rest.split_once('?').unwrap_or((rest, ""));
        let format = match file {
            "devices.csv" => Format::Csv,
            "devices.jsonl" => Format::Jsonl,
            _ => return None,
        };
        let mut export = Self { format, ..Self::default() };
        let mut tailnet = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                TAILNET => tailnet = Some(value),
                "name" => export.name = Some(value),
                "os" => export.os = Some(value),
                "user" => export.user = Some(value),
                "silent_for" => export.silent_for = Some(value),
                "field" => export.fields.push(value),
                "tag" => export.tags.push(value),
                _ => return None,
            }
        }
        Some((export, tailnet))
    }

    /// The file.
    pub(crate) async fn file_of(&self, tailnet: &Tailnet) -> Result<String> {
        let mut file = Vec::new();
        tailnet.devices().export(&self.export()?, &mut file).await?;
        Ok(String::from_utf8_lossy(&file).into_owned())
    }
}

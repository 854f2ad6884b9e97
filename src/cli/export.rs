//! `tailsteward export`: writes the devices to a file or to stdout.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{complain, shown::progress::watched};
use crate::{
    Error, Tailnet,
    change::Risk,
    client::Result,
    guard::OpenAudit,
    mcp::Setup,
    tailnet::devices::{
        export::{Export, Exported, Format},
        tools::listing,
    },
    words::counted,
};

/// The devices to export, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArguments {
    /// Format of the file
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// API fields in the order of the columns, separated by commas, or `all`
    #[arg(long, value_delimiter = ',', value_name = "FIELDS")]
    fields: Vec<String>,
    /// File to write; without it, stdout. It is replaced only when the export is complete
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write texts as they are. Otherwise cells that a spreadsheet would take for formulas get a `'` in
    /// front, and hidden characters are escaped
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    filters: Filters,
}

/// The filters of `list_devices`, by the same names.
#[derive(Debug, clap::Args, Serialize)]
#[command(next_help_heading = "Filters")]
struct Filters {
    /// Part of the device name
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Only connected devices; `false` for disconnected
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    online: Option<bool>,
    /// Only approved devices; `false` for unapproved
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    authorized: Option<bool>,
    /// Operating system, such as `linux`
    #[arg(long)]
    os: Option<String>,
    /// Part of the owner's login name
    #[arg(long)]
    user: Option<String>,
    /// Devices with all of these tags, separated by commas
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
    /// Devices with at least one of these tags, separated by commas
    #[arg(long, value_delimiter = ',')]
    tags_any: Vec<String>,
    /// Only clients of this version or later
    #[arg(long, value_name = "VERSION")]
    version_from: Option<String>,
    /// Only clients older than this version
    #[arg(long, value_name = "VERSION")]
    version_below: Option<String>,
    /// Only subnet routers; `false` for others
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    subnet_router: Option<bool>,
    /// Only exit nodes, advertised or approved
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    exit_node: Option<bool>,
    /// Only shared-in devices; `false` for others
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    external: Option<bool>,
    /// Only ephemeral devices; `false` for others
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    ephemeral: Option<bool>,
    /// Only devices with an available update; `false` for others
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    update_available: Option<bool>,
    /// Only devices whose key expires within this time, such as `7d`, or has expired
    #[arg(long, value_name = "TIME")]
    key_expires_within: Option<String>,
    /// Only devices not seen for this long, such as `30d`
    #[arg(long, value_name = "TIME")]
    silent_for: Option<String>,
    /// Only devices added within this time, such as `7d`
    #[arg(long, value_name = "TIME")]
    joined_within: Option<String>,
    /// Only devices whose key expiry is disabled, or enabled
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    key_expiry_disabled: Option<bool>,
    /// Only devices behind hard NAT, or not
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    hard_nat: Option<bool>,
    /// Only tagged devices, or only those of users
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    tagged: Option<bool>,
}

/// Exports the devices of `tailnet`, and records that in the audit log.
pub(super) async fn run(
    arguments: &ExportArguments,
    tailnet: &Tailnet,
    setup: &Setup,
) -> Result<()> {
    let filters = serde_json::to_value(&arguments.filters)
        .map_err(|error| Error::invalid_input("filters", error.to_string()))?;
    let export = Export {
        format: arguments.format,
        fields: arguments.fields.clone(),
        filter: listing::filter_of(filters)?,
        raw: arguments.raw,
        limit: None,
    };
    let mut audit =
        OpenAudit::begin(&setup.store, &setup.local, "export", Risk::Read, String::new());
    audit.about(&tailnet.label());
    let done = match &arguments.out {
        Some(path) => watched(to_file(&export, tailnet, path)).await,
        None => to_stdout(&export, tailnet).await,
    };
    audit.end(done.as_ref().map_or_else(|error| error.kind().as_str(), |_| "ok"), None);
    setup.store.flush().await;
    if let Some(done) = done? {
        complain(&format!("{} exported", counted(done.devices, "device", "devices")));
    }
    Ok(())
}

/// Writes beside the file first, so that a failure leaves the old one as it was.
async fn to_file(export: &Export, tailnet: &Tailnet, path: &Path) -> Result<Option<Exported>> {
    let wrong = |error: &io::Error| {
        let why = format!("cannot write {}: {error}", path.display());
        Error::config(why, "choose a file in a folder that can be written")
    };
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
    let mut file = io::BufWriter::new(file.map_err(|error| wrong(&error))?);
    let done = tailnet.devices().export(export, &mut file).await?;
    let file = file.into_inner().map_err(|error| wrong(error.error()))?;
    file.persist(path).map_err(|error| wrong(&error.error))?;
    Ok(Some(done))
}

/// Writes to stdout. It is not an error if the reader has closed the pipe.
async fn to_stdout(export: &Export, tailnet: &Tailnet) -> Result<Option<Exported>> {
    let mut out = Pipe { out: io::BufWriter::new(io::stdout()), is_closed: false };
    match tailnet.devices().export(export, &mut out).await {
        Err(_) if out.is_closed => Ok(None),
        done => done.map(Some),
    }
}

struct Pipe {
    out: io::BufWriter<io::Stdout>,
    is_closed: bool,
}

impl Pipe {
    fn noted<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        let is_pipe = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        self.is_closed |= done.as_ref().is_err_and(is_pipe);
        done
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.out.write(bytes);
        self.noted(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.out.flush();
        self.noted(done)
    }
}

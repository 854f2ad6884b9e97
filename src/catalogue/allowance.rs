//! What a caller is allowed by a grant of the tailnet's policy file, or by the scopes of an access token.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{named, selection::toolsets_named};
use crate::{Error, ErrorKind, client::Result, risk::Risk, visible::visible_up_to};

/// The most entries that a caller may have. Grants that give more are refused, not cut.
const MAX_ENTRIES: usize = 1000;

/// All toolsets, in an entry.
const EVERY: &str = "*";

/// One entry of a grant: these tools, up to this access level, on these tailnets.
///
/// A call is allowed if one entry allows its tool, its risk and its tailnet. Entries are never merged: two
/// entries that each allow a part of a call do not allow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Allowance {
    /// Where it is from, such as `entry 1 of example.com/cap/tailsteward`.
    pub from: String,
    /// The highest risk.
    pub access: Risk,
    /// The toolsets, as written; `*` for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub toolsets: Vec<String>,
    /// Single tools, as written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The tailnets; `None` for all that are served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tailnets: Option<Vec<String>>,
    /// Whether `/metrics`, `/metrics/tailnet` and the details of readiness may be read.
    pub metrics: bool,
    /// The tools of both kinds.
    #[serde(skip)]
    covered: Covered,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Covered {
    Every,
    These(BTreeSet<&'static str>),
}

/// An entry as it is written. An unknown member may be a restriction that a newer version knows, so it is
/// refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    access: Option<String>,
    #[serde(default)]
    toolsets: Vec<String>,
    #[serde(default)]
    tools: Vec<String>,
    tailnets: Option<Vec<String>>,
    #[serde(default)]
    metrics: bool,
}

impl Allowance {
    /// The entries that grants give a caller under the name `capability`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if one of them is malformed, with its number and the
    /// field: then none of them counts.
    pub fn read_all(capability: &str, entries: &[Value]) -> Result<Vec<Self>> {
        if entries.len() > MAX_ENTRIES {
            let why = format!("grants give {} entries; at most {MAX_ENTRIES} are", entries.len());
            return Err(Error::new(ErrorKind::InvalidInput, format!("{why} accepted")));
        }
        let numbered = entries.iter().enumerate();
        numbered
            .map(|(index, entry)| {
                let from = format!("entry {} of {capability}", index + 1);
                Self::read(&from, entry).map_err(|why| {
                    Error::new(ErrorKind::InvalidInput, format!("{from} is malformed: {why}"))
                })
            })
            .collect()
    }

    fn read(from: &str, entry: &Value) -> Result<Self, String> {
        let members = entry.as_object().ok_or("it is not an object")?;
        if let Some((name, _)) = members.iter().find(|it| it.1.is_null()) {
            return Err(format!("`{}` is null", visible_up_to(name, MAX_SHOWN)));
        }
        let written: Written = serde_path_to_error::deserialize(entry).map_err(|error| {
            let (field, why) = (error.path().to_string(), error.inner().to_string());
            let at = if field == "." { String::new() } else { format!("`{field}`: ") };
            visible_up_to(&format!("{at}{why}"), 2 * MAX_SHOWN).into_owned()
        })?;
        let access = match &written.access {
            None => Risk::Read,
            Some(word) => word.parse().map_err(|why| {
                format!("`access` is `{}`; {why}", visible_up_to(word, MAX_SHOWN))
            })?,
        };
        let covered = covered(&written.toolsets, &written.tools).map_err(|it| it.to_string())?;
        let Written { toolsets, tools, tailnets, metrics, .. } = written;
        Ok(Self { from: from.to_owned(), access, toolsets, tools, tailnets, metrics, covered })
    }

    /// All tools up to `access` on all tailnets: what a scope of an access token allows.
    pub fn of_scope(scope: &str, access: Risk) -> Self {
        Self {
            from: format!("scope {scope}"),
            access,
            toolsets: vec![EVERY.to_owned()],
            tools: Vec::new(),
            tailnets: None,
            metrics: false,
            covered: Covered::Every,
        }
    }

    /// The metrics and no tool.
    pub fn of_metrics(scope: &str) -> Self {
        let covered = Covered::These(BTreeSet::new());
        let toolsets = Vec::new();
        Self { metrics: true, toolsets, covered, ..Self::of_scope(scope, Risk::Read) }
    }

    /// Whether it allows the tool at all, whatever its risk.
    pub(super) fn covers(&self, tool: &str) -> bool {
        match &self.covered {
            Covered::Every => true,
            Covered::These(tools) => tools.contains(tool),
        }
    }

    /// Whether it allows any tool.
    pub fn has_tools(&self) -> bool {
        let is_somewhere = self.tailnets.as_ref().is_none_or(|it| !it.is_empty());
        is_somewhere && !matches!(&self.covered, Covered::These(tools) if tools.is_empty())
    }

    /// Whether it is for the tailnet with this name.
    pub(super) fn is_for(&self, tailnet: &str) -> bool {
        self.tailnets.as_ref().is_none_or(|names| names.iter().any(|it| it == tailnet))
    }
}

/// The most characters of a name in an error.
const MAX_SHOWN: usize = 100;

fn covered(toolsets: &[String], tools: &[String]) -> Result<Covered> {
    let mut found = BTreeSet::new();
    for name in toolsets.iter().filter(|it| *it != EVERY) {
        found.extend(toolsets_named(name)?.flat_map(|set| set.tools).map(|it| it.name));
    }
    for name in tools {
        found.insert(named(name)?.name);
    }
    let is_every = toolsets.iter().any(|it| it == EVERY);
    Ok(if is_every { Covered::Every } else { Covered::These(found) })
}

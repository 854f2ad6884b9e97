//! Tags: audits their use and owners, and changes the tags of many devices at once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

#[cfg(feature = "server")]
pub(crate) mod tools;

use crate::{
    Error, ErrorKind,
    change::{Item, OnFailure, Plan, Risk},
    client::Result,
    policy::Policy,
    tailnet::{
        Tailnet,
        devices::{Device, DeviceSelector, change, name::full_tags, preflight},
    },
};

/// The maximum number of device names shown for one tag.
const NAMED: usize = 5;

/// The tags of a tailnet.
#[derive(Debug, Clone, Copy)]
pub struct Tags<'a> {
    tailnet: &'a Tailnet,
}

/// A change of the tags of each selected device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retag {
    /// Add these tags.
    Add(Vec<String>),
    /// Remove these tags.
    Remove(Vec<String>),
    /// Replace all tags with these.
    Replace(Vec<String>),
}

/// A tag and its use.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Row {
    /// Name of the tag.
    pub tag: String,
    /// Number of devices that have the tag.
    pub devices: usize,
    /// Names of some of those devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub such_as: Vec<String>,
    /// Owners of the tag, from `tagOwners` in the policy file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// What is wrong with the tag.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// The result of a tag audit.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Audit {
    /// Number of tags, on devices or in the policy file.
    pub tags: usize,
    /// Number of devices without tags.
    pub untagged: usize,
    /// Number of tags with problems.
    pub with_problems: usize,
    /// All tags, those with problems first.
    pub rows: Vec<Row>,
    /// What could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl<'a> Tags<'a> {
    pub(crate) fn new(tailnet: &'a Tailnet) -> Self {
        Self { tailnet }
    }

    /// Lists all tags on devices (`GET /tailnet/{tailnet}/devices`) and in the policy file
    /// (`GET /tailnet/{tailnet}/acl`) with their problems: used but not declared, without owners,
    /// unused, or without one of `prefixes`. If `prefixes` is empty, any name is allowed.
    ///
    /// # Errors
    ///
    /// [`Forbidden`](ErrorKind::Forbidden) if devices may not be read. If the policy file may not
    /// be read, a note says what was not checked.
    pub async fn audit(&self, prefixes: &[String]) -> Result<Audit> {
        let devices = self.tailnet.devices().list().await?;
        let own: Vec<&Device> = devices.iter().filter(|it| !it.is_shared_in()).collect();
        let mut in_use: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for device in &own {
            for tag in device.tags() {
                in_use.entry(tag).or_default().push(device.short_name());
            }
        }
        let mut notes = Vec::new();
        let declared = match self.declared().await {
            Ok(declared) => Some(declared),
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                notes.push(
                    "the credential may not read the policy file: owners and declarations were not \
                     checked"
                        .to_owned(),
                );
                None
            }
            Err(error) => return Err(error),
        };
        let names: BTreeSet<&str> = in_use
            .keys()
            .copied()
            .chain(declared.iter().flat_map(|it| it.owners.keys().map(String::as_str)))
            .collect();
        let mut rows: Vec<Row> = names
            .into_iter()
            .map(|tag| row(tag, in_use.get(tag), declared.as_ref(), prefixes))
            .collect();
        rows.sort_by_key(|it| it.problems.is_empty());
        Ok(Audit {
            tags: rows.len(),
            untagged: own.iter().filter(|it| it.tags().is_empty()).count(),
            with_problems: rows.iter().filter(|it| !it.problems.is_empty()).count(),
            rows,
            notes,
        })
    }

    /// Plans to change the tags of several devices (`POST /device/{deviceId}/tags` for each).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an invalid tag or too many devices;
    /// [`Refused`](ErrorKind::Refused) for a tag that the policy file does not declare, and for a
    /// device that would lose its last tag, which the API does not allow.
    pub async fn plan(
        &self,
        which: &DeviceSelector,
        retag: &Retag,
        on_failure: OnFailure,
    ) -> Result<Plan> {
        let retag = retag.full()?;
        if retag.tags().is_empty() {
            return Err(Error::invalid_input("tags", "are required, such as `tag:name`"));
        }
        let list = self.tailnet.devices().list().await?;
        let (devices, mut notes) = which.of(&list)?;
        let mut items = Vec::new();
        let (mut bare, mut first) = (Vec::new(), 0);
        for device in devices {
            let from: BTreeSet<String> = device.tags().iter().cloned().collect();
            let to = retag.of(&from);
            if to.is_empty() && !from.is_empty() {
                bare.push(device.short_name());
            }
            first += usize::from(from.is_empty() && !to.is_empty());
            let is_new = from != to;
            let change = change::tags(from.into_iter().collect(), to.into_iter().collect());
            let changes = if is_new { vec![change] } else { Vec::new() };
            items.push(Item::new(&change::Devices, device.key(), device.short_name(), changes));
        }
        if !bare.is_empty() {
            return Err(Error::refused(
                format!("devices that would lose their last tag: {}", bare.join(", ")),
                "keep at least one tag on each, or leave these devices out; to make one a user's \
                 device again, log in on it",
            ));
        }
        let warnings = match &retag {
            Retag::Remove(_) => Vec::new(),
            Retag::Add(tags) | Retag::Replace(tags) => {
                preflight::declared(self.tailnet, tags).await?
            }
        };
        let mut plan = Plan::new(items).warned(warnings);
        if first > 0 {
            plan.warnings.push(format!(
                "devices that no longer belong to a user: {first}; rules for users no longer apply \
                 to them, and this is irreversible"
            ));
        }
        plan.notes.append(&mut notes);
        plan.on_failure = on_failure;
        plan.least = Risk::Change;
        Ok(plan)
    }

    async fn declared(&self) -> Result<Declared> {
        let text = self.tailnet.policy_file().get().await?.text;
        let policy = Policy::parse(&text).map_err(|error| {
            Error::new(
                ErrorKind::NotJson,
                format!("the policy file cannot be parsed: {}", error.message),
            )
        })?;
        let owners = policy.model().tag_owners.iter().map(|it| {
            (it.name.value.clone(), it.value.iter().map(|it| it.value.clone()).collect())
        });
        Ok(Declared { owners: owners.collect(), text })
    }
}

/// The tags that the policy file declares.
struct Declared {
    owners: BTreeMap<String, Vec<String>>,
    text: String,
}

impl Declared {
    /// How often the policy file names a tag, including its declaration.
    fn mentions(&self, tag: &str) -> usize {
        self.text.matches(&format!("\"{tag}\"")).count()
            + self.text.matches(&format!("\"{tag}:")).count()
    }
}

fn row(
    tag: &str,
    in_use: Option<&Vec<&str>>,
    declared: Option<&Declared>,
    prefixes: &[String],
) -> Row {
    let devices = in_use.map_or(0, Vec::len);
    let mut problems = Vec::new();
    if let Some(declared) = declared {
        match declared.owners.get(tag) {
            None => problems.push("not declared in tagOwners".to_owned()),
            Some(owners) if owners.is_empty() => problems.push("has no owners".to_owned()),
            Some(_) => {}
        }
        if devices == 0 {
            let used = declared.mentions(tag) > 1;
            let problem = if used { "on no device" } else { "not used" };
            problems.push(problem.to_owned());
        }
    }
    if tag.chars().any(|it| it.is_ascii_uppercase()) {
        problems.push("has uppercase letters".to_owned());
    }
    if !prefixes.is_empty() && !prefixes.iter().any(|it| tag.starts_with(it.as_str())) {
        problems.push(format!("starts with none of {}", prefixes.join(", ")));
    }
    Row {
        tag: tag.to_owned(),
        devices,
        such_as: in_use
            .iter()
            .flat_map(|it| it.iter())
            .take(NAMED)
            .map(|it| (*it).to_owned())
            .collect(),
        owners: declared.and_then(|it| it.owners.get(tag).cloned()).unwrap_or_default(),
        problems,
    }
}

impl Retag {
    fn tags(&self) -> &[String] {
        match self {
            Self::Add(tags) | Self::Remove(tags) | Self::Replace(tags) => tags,
        }
    }

    /// The same change, with all tags as `tag:name`.
    fn full(&self) -> Result<Self> {
        Ok(match self {
            Self::Add(tags) => Self::Add(full_tags(tags)?),
            Self::Remove(tags) => Self::Remove(full_tags(tags)?),
            Self::Replace(tags) => Self::Replace(full_tags(tags)?),
        })
    }

    /// The new tags of a device that has the tags `from`.
    fn of(&self, from: &BTreeSet<String>) -> BTreeSet<String> {
        let mut to = from.clone();
        match self {
            Self::Add(tags) => to.extend(tags.iter().cloned()),
            Self::Remove(tags) => to.retain(|it| !tags.contains(it)),
            Self::Replace(tags) => to = tags.iter().cloned().collect(),
        }
        to
    }
}

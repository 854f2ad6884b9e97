//! Devices that are probably the same machine: re-installed, cloned, or renamed because a name was taken.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Device, Devices, Filter, device::relative, stale::Silent};
use crate::{client::Result, wire};

/// How much later than the creation of its successor a device may have been seen.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// Why devices are taken for the same machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Duplication {
    /// Same hostname, system and owner; all but the newest are silent since it came.
    Reinstalled,
    /// Several machines use one node key at the same time.
    ClonedKey,
    /// It has a number after its name because another device has the name.
    Renamed,
}

/// Devices that are probably the same machine.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Duplicates {
    /// Why they are taken for the same machine.
    pub why: Duplication,
    /// The hostname that the machine gives itself.
    pub hostname: String,
    /// The device that stays: the newest connected one.
    pub keep: Twin,
    /// Devices that could be removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Twin>,
    /// What to do, and which name could be given back.
    pub advice: String,
}

/// One of several devices that are probably the same machine.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Twin {
    /// Short name.
    pub name: String,
    /// ID of the device.
    pub id: String,
    /// Login name of the owner, or the tags.
    pub owner: String,
    /// When it was last seen.
    pub seen: String,
    /// The day on which it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Why it should not be removed lightly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub serves: Vec<String>,
}

/// The groups of duplicates, and what could not be read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DuplicateList {
    /// The groups, by hostname.
    pub groups: Vec<Duplicates>,
    /// What could not be read.
    pub notes: Vec<String>,
}

impl Devices<'_> {
    /// Lists groups of devices that are probably the same machine, among those that meet `filter`. Ephemeral
    /// and shared-in devices are left out.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a filter that no device can meet;
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `devices:core:read`.
    pub async fn duplicates(&self, filter: &Filter) -> Result<DuplicateList> {
        let now = Timestamp::now();
        let list = self.list().await?;
        filter.check(&list)?;
        let own: Vec<&Device> = list.iter().filter(|it| !it.is_shared_in()).collect();
        let is_lasting = |it: &&&Device| !it.is_ephemeral.unwrap_or_default();
        let devices: Vec<&Device> =
            own.iter().filter(is_lasting).filter(|it| filter.takes(it, now)).copied().collect();
        let reinstalled = reinstalled(&devices);
        let mut groups: Vec<Group<'_>> = devices.iter().copied().filter_map(cloned).collect();
        groups.extend(renamed(&devices, &own, &reinstalled));
        groups.extend(reinstalled);
        if groups.is_empty() {
            return Ok(DuplicateList { groups: Vec::new(), notes: Vec::new() });
        }
        let hosts = self.hosts().await?;
        groups.sort_by_key(|it| (hostname(it.keep), it.why, it.keep.key()));
        let twin = |it: &Device| Twin::of(it, hosts.roles(it), now);
        let group = |it: Group<'_>| Duplicates {
            why: it.why,
            hostname: hostname(it.keep),
            keep: twin(it.keep),
            others: it.others.iter().map(|other| twin(other)).collect(),
            advice: it.advice,
        };
        let notes = hosts.note.clone().into_iter().collect();
        Ok(DuplicateList { groups: groups.into_iter().map(group).collect(), notes })
    }
}

struct Group<'d> {
    why: Duplication,
    keep: &'d Device,
    others: Vec<&'d Device>,
    advice: String,
}

fn hostname(device: &Device) -> String {
    let own = device.hostname.as_deref().filter(|it| !it.is_empty());
    own.unwrap_or(device.short_name()).to_lowercase()
}

/// The tags, or the user.
fn owner(device: &Device) -> String {
    let mut tags = device.tags().to_vec();
    tags.sort();
    if tags.is_empty() { device.user.clone().unwrap_or_default() } else { tags.join(" ") }
}

fn created(device: &Device) -> Option<Timestamp> {
    device.created.as_ref().and_then(wire::Timestamp::instant)
}

/// The number after the name, if the name is the hostname with one: `web-1` of a machine that is called `web`.
fn numbered(device: &Device) -> Option<String> {
    let (name, host) = (device.short_name().to_lowercase(), hostname(device));
    let number = name.strip_prefix(&host)?.strip_prefix('-')?;
    (!number.is_empty() && number.chars().all(|c| c.is_ascii_digit())).then_some(host)
}

fn cloned(device: &Device) -> Option<Group<'_>> {
    device.multiple_connections.unwrap_or_default().then(|| Group {
        why: Duplication::ClonedKey,
        keep: device,
        others: Vec::new(),
        advice:
            "several machines use its node key: delete the client's state on the copies and log \
                 in there again, or expire its key so that all must"
                .to_owned(),
    })
}

fn reinstalled<'d>(devices: &[&'d Device]) -> Vec<Group<'d>> {
    let mut same: BTreeMap<(String, String, String), Vec<&'d Device>> = BTreeMap::new();
    for device in devices {
        let (os, owner) = (device.os.as_deref().unwrap_or_default(), owner(device));
        // Of whom it is unknown whose or what they are, it is unknown whether they are the same.
        let is_known = !os.is_empty() && !owner.is_empty() && created(device).is_some();
        if is_known {
            let key = (hostname(device), os.to_lowercase(), owner.to_lowercase());
            same.entry(key).or_default().push(device);
        }
    }
    same.into_values().filter_map(one_machine).collect()
}

/// The group, if all but the newest connected device are silent since that one came.
fn one_machine(mut devices: Vec<&Device>) -> Option<Group<'_>> {
    let now = Timestamp::now();
    devices.sort_by_key(|it| (it.is_online(), it.seen(now), created(it), it.key().to_owned()));
    let keep = devices.pop()?;
    let came = created(keep)?;
    let is_before = |it: &&Device| {
        let ended = match Silent::of(it) {
            Silent::No | Silent::Unknown => return false,
            Silent::Since(seen) => seen,
            Silent::NeverSince(created) => created,
        };
        // Two machines that ran at one time are two.
        created(it) <= Some(came) && ended.duration_since(came) <= OVERLAP
    };
    let others: Vec<&Device> = devices.into_iter().filter(is_before).collect();
    if others.is_empty() {
        return None;
    }
    let host = numbered(keep);
    let holder = host
        .as_ref()
        .and_then(|host| others.iter().find(|it| it.short_name().eq_ignore_ascii_case(host)));
    let back = match (holder, host) {
        (Some(holder), Some(host)) => format!(
            "; after {} is removed, {} can be named {host} again",
            holder.key(),
            keep.short_name()
        ),
        _ => String::new(),
    };
    let names: Vec<&str> = others.iter().map(|it| it.short_name()).collect();
    let advice = format!("remove {} if it is the same machine{back}", names.join(", "));
    Some(Group { why: Duplication::Reinstalled, keep, others, advice })
}

/// Devices with a number after their hostname that are in no group of re-installed machines.
fn renamed<'d>(devices: &[&'d Device], own: &[&'d Device], groups: &[Group<'d>]) -> Vec<Group<'d>> {
    let is_grouped = |device: &Device| {
        groups.iter().any(|it| {
            it.keep.key() == device.key() || it.others.iter().any(|it| it.key() == device.key())
        })
    };
    let group = |device: &&'d Device| {
        let host = numbered(device)?;
        let name = device.short_name();
        let holder = own.iter().find(|it| it.short_name().eq_ignore_ascii_case(&host));
        let (others, advice) = match holder {
            None => {
                (Vec::new(), format!("nobody has the name {host}: {name} can be given it back"))
            }
            Some(holder) if holder.is_online() => return None,
            Some(holder) => {
                let advice = format!(
                    "{} has the name {host} and is not connected; if it is removed or renamed, {name} \
                     can be named {host}",
                    holder.key()
                );
                (vec![*holder], advice)
            }
        };
        Some(Group { why: Duplication::Renamed, keep: device, others, advice })
    };
    devices.iter().filter(|it| !is_grouped(it)).filter_map(group).collect()
}

impl Twin {
    fn of(device: &Device, serves: Vec<String>, now: Timestamp) -> Self {
        let seen = match Silent::of(device) {
            Silent::No => "online".to_owned(),
            Silent::Since(then) => relative(then, now),
            Silent::NeverSince(_) => "never connected".to_owned(),
            Silent::Unknown => "unknown".to_owned(),
        };
        Self {
            name: device.short_name().to_owned(),
            id: device.key().to_owned(),
            owner: owner(device),
            seen,
            created: created(device).map(|it| it.strftime("%Y-%m-%d").to_string()),
            serves,
        }
    }
}

//! Finds the device that a user names.

use std::net::IpAddr;

use super::Device;
use crate::{
    Error, ErrorKind, Operation,
    client::{Action, Result},
};

/// The maximum number of candidates in an error message.
const CANDIDATES: usize = 10;

/// Finds a device by node ID, legacy ID, address, full name, short name, or an unambiguous
/// beginning of the short name. An exact match wins over a beginning.
///
/// # Errors
///
/// [`Ambiguous`](ErrorKind::Ambiguous) with the candidates, or [`NotFound`](ErrorKind::NotFound).
pub fn find<'a>(devices: &'a [Device], wanted: &str) -> Result<&'a Device> {
    let wanted = wanted.trim().trim_end_matches('.');
    if wanted.is_empty() {
        return Err(Error::invalid_input(
            "device",
            "is empty; give a name, an ID or an IP address",
        ));
    }
    let address: Option<IpAddr> = wanted.parse().ok();
    let lower = wanted.to_lowercase();
    let same = |text: Option<&str>| text.is_some_and(|it| it.eq_ignore_ascii_case(wanted));
    let ways: [&dyn Fn(&Device) -> bool; 5] = [
        &|it| it.node_id.as_deref() == Some(wanted) || it.id.as_deref() == Some(wanted),
        &|it| address.is_some_and(|address| it.has_address(address)),
        &|it| same(it.name.as_deref().map(|name| name.trim_end_matches('.'))),
        &|it| same(Some(it.short_name())),
        &|it| it.short_name().to_lowercase().starts_with(&lower),
    ];
    for way in ways {
        let mut found = devices.iter().filter(|it| way(it));
        if let Some(device) = found.next() {
            let others: Vec<&Device> = found.collect();
            if others.is_empty() {
                return Ok(device);
            }
            return Err(ambiguous(wanted, device, &others));
        }
    }
    Err(unknown(devices, wanted, &lower))
}

/// Finds a device by its full name, ID or address. For irreversible changes: once a device is
/// removed, the beginning of its name may match another.
///
/// # Errors
///
/// Same as [`find`]; [`Refused`](ErrorKind::Refused), with the full name, if `wanted` is only a beginning.
pub fn find_exact<'a>(devices: &'a [Device], wanted: &str) -> Result<&'a Device> {
    let device = find(devices, wanted)?;
    if is_whole(device, wanted) {
        return Ok(device);
    }
    let full = device.short_name();
    Err(Error::refused(
        format!("no device is called `{wanted}`; it is only the start of `{full}`"),
        format!("if you mean that device, give its full name: `{full}`"),
    ))
}

/// Whether `wanted` is the full name, an ID or an address of the device.
pub(super) fn is_whole(device: &Device, wanted: &str) -> bool {
    let wanted = wanted.trim().trim_end_matches('.');
    let names = [device.node_id.as_deref(), device.id.as_deref(), Some(device.short_name())];
    let full = device.name.as_deref().map(|it| it.trim_end_matches('.'));
    wanted.parse().is_ok_and(|address| device.has_address(address))
        || names.into_iter().chain([full]).flatten().any(|it| it.eq_ignore_ascii_case(wanted))
}

fn ambiguous(wanted: &str, first: &Device, others: &[&Device]) -> Error {
    let mut candidates: Vec<String> = std::iter::once(&first)
        .chain(others)
        .take(CANDIDATES)
        .map(|it| format!("{} ({})", it.short_name(), it.key()))
        .collect();
    if others.len() >= CANDIDATES {
        candidates.push(format!("and {} more", others.len() + 1 - CANDIDATES));
    }
    Error::ambiguous(wanted, candidates)
}

fn unknown(devices: &[Device], wanted: &str, lower: &str) -> Error {
    let similar: Vec<&str> = devices
        .iter()
        .map(Device::short_name)
        .filter(|name| name.to_lowercase().contains(lower) || close(&name.to_lowercase(), lower))
        .take(CANDIDATES)
        .collect();
    let error = Error::new(ErrorKind::NotFound, format!("no device is called `{wanted}`"));
    if similar.is_empty() {
        error
            .with_remedy("list the devices; part of a name is enough to find one")
            .with_action(Action::Call(Operation::ListTailnetDevices))
    } else {
        error.with_remedy(format!("did you mean {}?", similar.join(", ")))
    }
}

/// Whether two texts differ in at most one place, as with a typing error.
fn close(a: &str, b: &str) -> bool {
    let front = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let back = a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b).count();
    let longer = a.chars().count().max(b.chars().count());
    longer > 3 && front + back + 1 >= longer
}

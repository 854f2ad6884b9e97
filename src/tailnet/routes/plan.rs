//! Plans changes to routes. Planning only reads; [`Tailnet::apply`](crate::Tailnet::apply) makes
//! the changes.
//!
//! The API replaces all enabled routes of a device at once, so each plan sends the routes that are
//! enabled now with only the requested ones added or removed.

use std::{collections::BTreeSet, sync::Arc};

use ipnet::IpNet;

use super::{EXIT, Routes, advertises, approvers::Approvers, check, enables, served, subnets};
use crate::{
    Error,
    change::{Plan, Risk},
    client::Result,
    tailnet::devices::{Device, change, find, plan, preflight},
};

impl Routes<'_> {
    /// Plans to enable subnet routes of a device: the given ones, or all that it advertises
    /// (`POST /device/{deviceId}/routes`). Its other routes stay enabled.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid prefix;
    /// [`Refused`](crate::ErrorKind::Refused) if no route is given and the device advertises none.
    pub async fn plan_enable(&self, device: &str, routes: &[String]) -> Result<Plan> {
        let mut wanted = check::routes(routes)?;
        let (list, device) = self.own(device).await?;
        if wanted.is_empty() {
            wanted = subnets(device.advertised_routes.as_deref(), |_| true).into_iter().collect();
        }
        if wanted.is_empty() {
            return Err(Error::refused(
                format!("`{}` advertises no subnet routes", device.short_name()),
                "give `routes`, or run `tailscale set --advertise-routes=…` on the device",
            ));
        }
        let new: Vec<String> = wanted.into_iter().filter(|it| !enables(&device, it)).collect();
        let mut warnings = Vec::new();
        let gone: Vec<&str> =
            new.iter().map(String::as_str).filter(|it| !advertises(&device, it)).collect();
        if !gone.is_empty() {
            warnings.push(format!(
                "it does not advertise {}: no traffic goes that way until it does",
                gone.join(", ")
            ));
        }
        let mut notes = overlaps(&list, &device, &new);
        let approvers = Approvers::of(self.tailnet()).await?;
        notes.extend(approvers.unknown());
        let mut judge = approvers.judge();
        let manual: Vec<&str> =
            new.iter().map(String::as_str).filter(|it| judge.of(&device, it).is_none()).collect();
        if judge.knows() && !manual.is_empty() {
            warnings.push(format!(
                "no autoApprover of the policy file covers {}: if the device is re-added, it must \
                 be approved again",
                manual.join(", ")
            ));
        }
        Ok(added(&device, &new, warnings, notes))
    }

    /// Plans to disable subnet routes of a device: the given ones, or all
    /// (`POST /device/{deviceId}/routes`). Its other routes stay enabled.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid prefix, and for a route that
    /// the device does not have.
    pub async fn plan_disable(&self, device: &str, routes: &[String]) -> Result<Plan> {
        let mut wanted = check::routes(routes)?;
        let (list, device) = self.own(device).await?;
        if wanted.is_empty() {
            wanted = subnets(device.enabled_routes.as_deref(), |_| true).into_iter().collect();
        }
        let unknown = |it: &&String| !enables(&device, it) && !advertises(&device, it);
        if let Some(odd) = wanted.iter().find(unknown) {
            let there = subnets(device.enabled_routes.as_deref(), |_| true).join(", ");
            let should =
                format!("has `{odd}`, which the device does not route; its routes: {there}");
            return Err(Error::invalid_input("routes", should));
        }
        let old: Vec<String> = wanted.into_iter().filter(|it| enables(&device, it)).collect();
        let mut warnings = Vec::new();
        let mut cuts_off = false;
        let serves = |it: &&String| device.is_online() && advertises(&device, it);
        for route in old.iter().filter(serves) {
            if !is_served_elsewhere(&list, &device, route) {
                cuts_off = true;
                warnings
                    .push(format!("{route} becomes unreachable: no other online router serves it"));
            }
        }
        let approvers = Approvers::of(self.tailnet()).await?;
        let mut judge = approvers.judge();
        for route in &old {
            if let Some(place) = judge.of(&device, route) {
                warnings.push(format!(
                    "{place} auto-approves {route} when the device advertises it again"
                ));
            }
        }
        let mut plan = removed(&device, &old, warnings);
        plan.notes.extend(approvers.unknown());
        if cuts_off {
            plan.least = Risk::Danger;
        }
        Ok(plan)
    }

    /// Plans to approve a device as an exit node for IPv4 and IPv6, or to withdraw the approval
    /// (`POST /device/{deviceId}/routes`). Its subnet routes stay as they are.
    ///
    /// # Errors
    ///
    /// Same as [`Devices::get`](crate::tailnet::devices::Devices::get).
    pub async fn plan_exit_node(&self, device: &str, on: bool) -> Result<Plan> {
        let (_, device) = self.own(device).await?;
        let moving = EXIT.iter().filter(|it| enables(&device, it) != on);
        let moving: Vec<String> = moving.map(|it| (*it).to_owned()).collect();
        let is_offered = EXIT.iter().any(|it| advertises(&device, it));
        let mut warnings = Vec::new();
        if !on {
            let is_used = device.is_online() && is_offered && !moving.is_empty();
            if is_used {
                warnings.push(
                    "devices that use it as their exit node lose internet access until they choose \
                     another"
                        .to_owned(),
                );
            }
            let mut plan = removed(&device, &moving, warnings);
            if is_used {
                plan.least = Risk::Danger;
            }
            return Ok(plan);
        }
        if !is_offered {
            warnings.push(
                "it does not advertise itself as an exit node: run `tailscale set \
                 --advertise-exit-node` on it"
                    .to_owned(),
            );
        }
        let approvers = Approvers::of(self.tailnet()).await?;
        let mut judge = approvers.judge();
        let is_approved = EXIT.iter().all(|it| judge.of(&device, it).is_some());
        if judge.knows() && !is_approved {
            warnings.push(
                "autoApprovers.exitNode of the policy file does not cover it: if the device is \
                 re-added, it must be approved again"
                    .to_owned(),
            );
        }
        Ok(added(&device, &moving, warnings, approvers.unknown().into_iter().collect()))
    }

    /// All devices, and the current state of the named one; an error if it is shared in.
    async fn own(&self, device: &str) -> Result<(Arc<Vec<Device>>, Device)> {
        let devices = self.tailnet().devices();
        let list = devices.list().await?;
        let id = find::find(&list, device)?.key();
        let device = preflight::own(devices.read(id).await?)?;
        Ok((list, device))
    }
}

fn enabled(device: &Device) -> BTreeSet<String> {
    device.enabled_routes.iter().flatten().cloned().collect()
}

fn added(device: &Device, new: &[String], warnings: Vec<String>, notes: Vec<String>) -> Plan {
    let from = enabled(device);
    let mut to = from.clone();
    to.extend(new.iter().cloned());
    let mut plan = moved(device, from, to, warnings);
    if !plan.is_empty() {
        plan.notes.extend(notes);
    }
    plan
}

fn removed(device: &Device, old: &[String], warnings: Vec<String>) -> Plan {
    let from = enabled(device);
    let to = from.iter().filter(|it| !old.contains(it)).cloned().collect();
    moved(device, from, to, warnings)
}

/// Plans to replace the enabled routes; without a difference, the plan is empty and has no warnings.
fn moved(
    device: &Device,
    from: BTreeSet<String>,
    to: BTreeSet<String>,
    warnings: Vec<String>,
) -> Plan {
    if from == to {
        return plan::of(device, Vec::new());
    }
    let change = change::enabled_routes(from.into_iter().collect(), to.into_iter().collect());
    plan::of(device, vec![change]).warned(warnings)
}

/// Whether another device that is online serves the route or a wider one.
fn is_served_elsewhere(list: &[Device], device: &Device, route: &str) -> bool {
    let Ok(route) = route.parse::<IpNet>() else { return false };
    let others = list.iter().filter(|it| it.is_online() && it.key() != device.key());
    others.flat_map(served).any(|it| it.contains(&route))
}

/// Notes on overlaps between the new routes and those of other devices.
fn overlaps(list: &[Device], device: &Device, new: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    let new: Vec<IpNet> = new.iter().filter_map(|it| it.parse().ok()).collect();
    for other in list.iter().filter(|it| it.key() != device.key()) {
        for there in served(other) {
            let name = other.short_name();
            for net in &new {
                if *net == there {
                    notes.push(format!(
                        "{name} also serves {net}: one takes over if the other fails"
                    ));
                } else if there.contains(net) {
                    notes.push(format!("{net} takes precedence over {there} of {name}"));
                } else if net.contains(&there) {
                    notes.push(format!("{there} of {name} takes precedence over {net}"));
                }
            }
        }
    }
    notes
}

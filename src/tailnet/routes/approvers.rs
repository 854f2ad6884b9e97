//! Which routes the policy file auto-approves.

use std::collections::HashMap;

use ipnet::IpNet;

use crate::{
    ErrorKind, Tailnet,
    client::Result,
    policy::{AutoApprovals, Inventory, Policy},
    tailnet::devices::Device,
};

/// The policy file with the devices and users it applies to, or why they could not be read.
pub(super) enum Approvers {
    Known(Box<(Policy, Inventory)>),
    Unknown(String),
}

impl Approvers {
    pub(super) async fn of(tailnet: &Tailnet) -> Result<Self> {
        let file = tailnet.policy_file();
        let read = async { Ok((file.get().await?, file.inventory().await?)) };
        let (file, inventory) = match read.await {
            Ok(read) => read,
            Err(error) if ErrorKind::Forbidden == crate::Error::kind(&error) => {
                return Ok(Self::Unknown(format!(
                    "it is not known whether the policy file auto-approves routes: {error}"
                )));
            }
            Err(error) => return Err(error),
        };
        Ok(match Policy::parse(&file.text) {
            Ok(policy) => Self::Known(Box::new((policy, inventory))),
            Err(error) => Self::Unknown(format!("the policy file cannot be parsed: {error}")),
        })
    }

    /// Why the policy file could not be read; `None` if it was.
    pub(super) fn unknown(&self) -> Option<String> {
        if let Self::Unknown(why) = self { Some(why.clone()) } else { None }
    }

    pub(super) fn judge(&self) -> Judge<'_> {
        let Self::Known(known) = self else { return Judge(None) };
        let (policy, inventory) = &**known;
        let places =
            inventory.devices.iter().enumerate().map(|(place, it)| (it.id.as_str(), place));
        Judge(Some((policy.auto_approvals(inventory), places.collect())))
    }
}

/// Looks up which routes of which devices are auto-approved.
pub(super) struct Judge<'a>(Option<(AutoApprovals<'a>, HashMap<&'a str, usize>)>);

impl Judge<'_> {
    /// Where the policy file auto-approves the route of the device; `None` if it does not, or if it
    /// could not be read.
    pub(super) fn of(&mut self, device: &Device, route: &str) -> Option<String> {
        let (approvals, places) = self.0.as_mut()?;
        approvals.of_route(*places.get(device.key())?, &route.parse::<IpNet>().ok()?)
    }

    /// Whether the policy file could be read.
    pub(super) fn knows(&self) -> bool {
        self.0.is_some()
    }
}

//! What the policy file approves by itself, as far as it can be read.

use std::collections::HashMap;

use ipnet::IpNet;

use crate::{
    ErrorKind, Tailnet,
    client::Result,
    policy::{AutoApprovals, Inventory, Policy},
    tailnet::devices::Device,
};

/// The policy file and the tailnet that it is for, or why they are not known.
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
                    "whether the policy file approves routes by itself is not known: {error}"
                )));
            }
            Err(error) => return Err(error),
        };
        Ok(match Policy::parse(&file.text) {
            Ok(policy) => Self::Known(Box::new((policy, inventory))),
            Err(error) => Self::Unknown(format!("the policy file cannot be read: {error}")),
        })
    }

    /// Why nothing is known.
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

/// Says what is approved without anybody, device by device.
pub(super) struct Judge<'a>(Option<(AutoApprovals<'a>, HashMap<&'a str, usize>)>);

impl Judge<'_> {
    /// The place in the policy file that approves the route of the device; none if there is none,
    /// or if it is not known.
    pub(super) fn of(&mut self, device: &Device, route: &str) -> Option<String> {
        let (approvals, places) = self.0.as_mut()?;
        approvals.of_route(*places.get(device.key())?, &route.parse::<IpNet>().ok()?)
    }

    /// Whether anything is known.
    pub(super) fn knows(&self) -> bool {
        self.0.is_some()
    }
}

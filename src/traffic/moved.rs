//! How much each device moved in a window, and how much of it through relays.

use std::collections::HashMap;

use super::{
    row::{Sort, once},
    totals::{End, Totals},
};

/// How much a device moved in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Bytes with other devices, with subnets and through exit nodes, also as their router.
    pub(crate) bytes: u64,
    /// Bytes that took a direct path.
    pub(crate) direct: u64,
    /// Bytes that went through DERP relays.
    pub(crate) relayed: u64,
}

/// How much each device moved in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MovedByDevice {
    /// By node ID. Devices that moved nothing are not among them.
    pub(crate) devices: HashMap<String, Moved>,
    /// What was added up, because there are so many pairs. It may be anybody's.
    pub(crate) others: Moved,
}

impl Moved {
    fn add(&mut self, sort: Sort, bytes: u64) {
        let sum = match sort {
            Sort::Direct => &mut self.direct,
            Sort::Relayed => &mut self.relayed,
            _ => &mut self.bytes,
        };
        *sum = sum.saturating_add(bytes);
    }
}

impl MovedByDevice {
    pub(crate) fn of(totals: &Totals) -> Self {
        let mut moved = Self::default();
        for (row, one, other, numbers) in totals.rows() {
            let (ahead, back) = once(row.sort, numbers);
            let bytes = match row.sort {
                Sort::Virtual | Sort::Subnet | Sort::Exit | Sort::Carried => {
                    ahead.saturating_add(back)
                }
                // Beside the bytes of a path are its connections.
                Sort::Direct | Sort::Relayed => ahead,
                Sort::Refused | Sort::Service | Sort::SubnetService => continue,
            };
            if one.is_others() || other.is_others() {
                moved.others.add(row.sort, bytes);
                continue;
            }
            for end in [one, other] {
                moved.add(end, row.sort, bytes);
            }
        }
        moved
    }

    /// Hosts in subnets, and addresses without a node, are no devices.
    fn add(&mut self, end: &End, sort: Sort, bytes: u64) {
        if !end.is_node() || bytes == 0 {
            return;
        }
        match self.devices.get_mut(&end.id) {
            Some(device) => device.add(sort, bytes),
            None => self.devices.entry(end.id.clone()).or_default().add(sort, bytes),
        }
    }
}

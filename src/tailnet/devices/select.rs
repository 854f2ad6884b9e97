//! Selects the devices of one change: by name, or by filter.

use jiff::Timestamp;

use super::{Device, Filter, find, preflight};
use crate::{
    Error, ErrorKind, Operation,
    client::{Action, Result},
};

/// The maximum number of devices in one change.
const MAX_DEVICES: usize = 1_000;

/// Selects devices: either the named ones, or those that match a filter.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct DeviceSelector {
    /// Names, IDs or addresses.
    pub devices: Vec<String>,
    /// The filter to use if no device is named.
    pub filter: Option<Filter>,
}

impl DeviceSelector {
    /// The named devices, or those that match the filter. A filter without conditions counts as none.
    pub fn new(devices: Vec<String>, filter: Filter) -> Self {
        Self { devices, filter: Some(filter).filter(|it| !it.is_empty()) }
    }

    /// The selected devices, and notes about devices left out. A device may be named by the start of its
    /// name.
    pub(crate) fn of<'d>(&self, list: &'d [Device]) -> Result<(Vec<&'d Device>, Vec<String>)> {
        self.found(list, find::find)
    }

    /// The selected devices, each named in full: for changes that would hit another device later.
    pub(crate) fn exactly<'d>(&self, list: &'d [Device]) -> Result<(Vec<&'d Device>, Vec<String>)> {
        self.found(list, find::find_exact)
    }

    fn found<'d>(
        &self,
        list: &'d [Device],
        find: fn(&'d [Device], &str) -> Result<&'d Device>,
    ) -> Result<(Vec<&'d Device>, Vec<String>)> {
        let mut chosen: Vec<&Device> = Vec::new();
        for wanted in &self.devices {
            let device = find(list, wanted)?;
            if device.is_shared_in() {
                preflight::own(device.clone())?;
            }
            if chosen.iter().all(|it| it.key() != device.key()) {
                chosen.push(device);
            }
        }
        let mut notes = Vec::new();
        match (&self.filter, self.devices.is_empty()) {
            (None, true) => {
                let problem = "are required: give devices, or filters";
                return Err(Error::invalid_input("devices", problem));
            }
            (Some(_), false) => {
                let problem = "cannot be given together with filters";
                return Err(Error::invalid_input("devices", problem));
            }
            (Some(filter), true) => {
                filter.check(list)?;
                let now = Timestamp::now();
                chosen = list.iter().filter(|it| filter.takes(it, now)).collect();
                let before = chosen.len();
                chosen.retain(|it| !it.is_shared_in());
                if chosen.len() < before {
                    let more = before - chosen.len();
                    notes.push(format!("shared-in devices left out: {more}"));
                }
            }
            (None, false) => {}
        }
        if chosen.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "no device matches the filters")
                .with_remedy("list the devices with the same filters")
                .with_action(Action::Call(Operation::ListTailnetDevices)));
        }
        if chosen.len() > MAX_DEVICES {
            let problem = format!("are {}; a change can have at most {MAX_DEVICES}", chosen.len());
            return Err(Error::invalid_input("devices", problem));
        }
        Ok((chosen, notes))
    }
}

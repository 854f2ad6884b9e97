//! What devices are called in flow logs, and why there are none.

use crate::{Error, ErrorKind, Tailnet, tailnet::devices::Device, traffic::KnownDevice};

/// A device, as its list has it.
pub(crate) fn known(device: &Device) -> KnownDevice {
    let addresses = device.addresses().iter().filter_map(|it| it.parse().ok()).collect();
    let mut known = KnownDevice::new(device.key(), device.short_name(), addresses);
    known.tags = device.tags().to_vec();
    known.is_exit_node = device.is_exit_node();
    known
}

/// Why there are no flow logs: off, not in the plan, or not for this credential, as far as the API tells. The
/// settings are asked first; a credential that may not read flow logs does not see that setting either.
pub(crate) async fn unavailable(tailnet: &Tailnet, error: Error) -> Error {
    const KNOWN: &str = "without flow logs the API knows no bytes; connections, latencies and NAT of devices are \
                         known";
    if !matches!(error.kind(), ErrorKind::PlanLimit | ErrorKind::Forbidden) {
        return error;
    }
    let Ok(settings) = tailnet.tailnet_settings().get().await else { return error };
    match settings.network_flow_logging_on {
        Some(true) => error,
        Some(false) => Error::new(ErrorKind::PlanLimit, "network flow logs are off").with_remedy(format!(
            "turn network flow logging on in the settings, if the plan has it (Premium or Enterprise); {KNOWN}"
        )),
        None => {
            let remedy = format!("give the credential the scope `logs:network:read`; {KNOWN}");
            Error::new(ErrorKind::Forbidden, "the credential may not read network flow logs")
                .with_remedy(remedy)
        }
    }
}

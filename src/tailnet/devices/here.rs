//! Which of the devices this program runs on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// Tailscale's own resolver, which only a device of a tailnet has a way to.
pub(crate) const RESOLVER: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(100, 100, 100, 100)), 53);

/// The address from which this machine would ask Tailscale's own resolver: if a device has it, this
/// machine is that device. Nothing is sent: the system only says which address it would send from.
pub(crate) fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(RESOLVER).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

//! Finds out which device of the tailnet this machine is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// Tailscale's resolver (Quad100), reachable only from a device of a tailnet.
pub(crate) const RESOLVER: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(100, 100, 100, 100)), 53);

/// The local address that packets to 100.100.100.100 would leave from. If a device has that
/// address, this machine is that device. Nothing is sent: connecting a UDP socket only looks up the
/// route.
pub(crate) fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(RESOLVER).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

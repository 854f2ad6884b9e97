//! Which addresses servers other than the API may have: a name server, web server or receiver of alerts that
//! somebody configured must not make this process talk to its own machine or its own network.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether `address` is on this machine or in a private network: loopback, link-local, RFC 1918, unique
/// local, unspecified, multicast. Addresses of a tailnet are not.
pub(crate) fn is_private(address: IpAddr) -> bool {
    const TAILNET: [u16; 3] = [0xfd7a, 0x115c, 0xa1e0];
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.octets()[0] == 0
        }
        IpAddr::V6(v6) => {
            let is_tailnet = v6.segments().starts_with(&TAILNET);
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || (v6.is_unique_local() && !is_tailnet)
        }
    }
}

/// Resolves names to public addresses only.
#[derive(Debug)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            Ok(Box::new(public_addresses(name.as_str(), 0).await?.into_iter()) as Addrs)
        })
    }
}

/// The public addresses of `host`, which may be an address itself.
///
/// # Errors
///
/// If the name cannot be resolved, or has only private addresses.
pub(crate) async fn public_addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (public, private): (Vec<_>, Vec<_>) =
        tokio::net::lookup_host((host, port)).await?.partition(|at| !is_private(at.ip()));
    if public.is_empty() && !private.is_empty() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, PRIVATE));
    }
    Ok(public)
}

/// Why a server is not contacted.
pub(crate) const PRIVATE: &str = "its address is on this machine or in a private network";

/// Whether the host of `url` is a private address, written as such.
pub(super) fn names_private_address(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => is_private(address.into()),
        Some(url::Host::Ipv6(address)) => is_private(address.into()),
        Some(url::Host::Domain(_)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn own_and_private_networks_are_private_and_tailnets_are_not() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "224.0.0.1",
        ] {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "100.100.1.2", "2606:4700::1111", "fd7a:115c:a1e0::1"] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}

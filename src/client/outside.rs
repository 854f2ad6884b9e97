//! Which addresses servers other than the API may have: a name server or web server that somebody configured
//! in the tailnet must not make this process talk to its own machine or its own network.

use std::net::{IpAddr, SocketAddr};

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
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|at| !is_private(at.ip())).collect();
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

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

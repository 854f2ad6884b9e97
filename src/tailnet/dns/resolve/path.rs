//! Decides where a name is looked up.

use std::net::{IpAddr, SocketAddr};

use super::{
    Own, ResolverOptions,
    known::{Host, Known},
};
use crate::{
    client::is_private,
    tailnet::dns::{Configuration, Resolver},
};

/// A place to look up a name.
#[derive(Debug, Clone)]
pub(super) enum Path<'a> {
    /// The resolver of this machine's Tailscale client.
    Own(SocketAddr),
    /// The lists of devices and services.
    List(Host<'a>),
    /// A configured resolver, with its split DNS domain if it has one.
    Direct(SocketAddr, Option<&'a str>),
    /// A configured DNS-over-HTTPS resolver, with its split DNS domain if it has one.
    Https(&'a str, Option<&'a str>),
    /// No resolver, and why.
    Nobody(String),
}

impl Path<'_> {
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Own(_) => "Tailscale's resolver on this machine, as on every device",
            Self::List(_) => "from the list of devices: only a device can ask for these names",
            Self::Direct(..) => "the configured resolver, asked from this machine",
            Self::Https(..) => "the configured resolver, asked from this machine over HTTPS",
            Self::Nobody(_) => "none",
        }
    }

    pub(super) fn resolver(&self) -> Option<String> {
        match self {
            Self::Own(at) | Self::Direct(at, _) => Some(at.to_string()),
            Self::Https(url, _) => Some((*url).to_owned()),
            Self::List(_) | Self::Nobody(_) => None,
        }
    }

    pub(super) fn domain(&self) -> Option<&str> {
        match self {
            Self::Direct(_, domain) | Self::Https(_, domain) => *domain,
            Self::Own(_) | Self::List(_) | Self::Nobody(_) => None,
        }
    }
}

/// What decides where names are looked up.
pub(super) struct Paths<'a> {
    pub(super) now: &'a Configuration,
    pub(super) known: &'a Known,
    pub(super) way: &'a ResolverOptions,
}

impl<'a> Paths<'a> {
    /// The full names that `name` may stand for, in order. A name without dots is tried in the
    /// tailnet's domain (with MagicDNS) and in the search domains, and then as it is.
    pub(super) fn names(&self, name: &str, is_full: bool) -> Vec<String> {
        let mut names = Vec::new();
        if !is_full && !name.contains('.') {
            let own = self.known.suffix.as_ref().filter(|_| self.now.preferences.magic_dns);
            for domain in own.into_iter().chain(&self.now.search_paths) {
                names.push(format!("{name}.{}", domain.trim_matches('.').to_ascii_lowercase()));
            }
        }
        names.push(name.to_owned());
        names
    }

    /// The places to look up one full name, in order.
    pub(super) fn of(&self, name: &str) -> Vec<Path<'a>> {
        let mut paths = Vec::new();
        match self.way.own {
            Own::At(at) => paths.push(Path::Own(at)),
            Own::Detect if self.known.is_here() => {
                paths.push(Path::Own(crate::tailnet::devices::here::RESOLVER));
            }
            Own::Detect | Own::None => {}
        }
        let (split, suffix) = (self.split(name), self.suffix(name));
        if self.now.preferences.magic_dns {
            if let Some(host) = self.known.host(name) {
                paths.push(Path::List(host));
                return paths;
            }
            // If both the tailnet's domain and a split DNS domain match, the longer one counts.
            if suffix.is_some_and(|it| split.is_none_or(|(domain, _)| domain.len() < it.len())) {
                paths.push(Path::List(Host::None));
                return paths;
            }
        }
        let (domain, resolvers) = match split {
            Some((domain, list)) => (Some(domain), list),
            None => (None, self.now.nameservers.as_slice()),
        };
        if resolvers.is_empty() {
            let why = "the tailnet has no nameserver: devices use their local network's resolvers";
            paths.push(Path::Nobody(why.to_owned()));
        }
        paths.extend(resolvers.iter().map(|it| self.direct(it, domain)));
        paths
    }

    fn direct(&self, resolver: &'a Resolver, domain: Option<&'a str>) -> Path<'a> {
        let address = resolver.address.as_str();
        match address.parse::<IpAddr>() {
            Ok(address) if !self.way.private && is_private(address) => Path::Nobody(format!(
                "{address} is on this machine or in a private network; the administrator of this \
                 server can allow private resolvers"
            )),
            Ok(address) => Path::Direct(SocketAddr::new(address, self.way.port), domain),
            Err(_) if address.starts_with("https://") => Path::Https(address, domain),
            Err(_) => Path::Nobody(format!("{address} is neither an IP address nor an https URL")),
        }
    }

    /// The longest split DNS domain that contains the name, with its resolvers.
    pub(super) fn split(&self, name: &str) -> Option<(&'a str, &'a [Resolver])> {
        let all = self.now.split.iter().filter(|(domain, _)| is_in(name, domain));
        let longest = all.max_by_key(|(domain, _)| domain.len());
        longest.map(|(domain, list)| (domain.as_str(), list.as_slice()))
    }

    /// The tailnet's domain, if it contains the name.
    pub(super) fn suffix(&self, name: &str) -> Option<&'a str> {
        self.known.suffix.as_deref().filter(|it| is_in(name, it))
    }
}

fn is_in(name: &str, domain: &str) -> bool {
    let domain = domain.trim_matches('.').to_ascii_lowercase();
    name == domain || name.strip_suffix(&domain).is_some_and(|it| it.ends_with('.'))
}

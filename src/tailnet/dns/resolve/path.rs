//! Where a name is asked for.

use std::net::{IpAddr, SocketAddr};

use super::{
    Own, ResolverOptions,
    known::{Host, Known},
};
use crate::tailnet::dns::{Configuration, Resolver};

/// A place where a name is asked for.
#[derive(Debug, Clone)]
pub(super) enum Path<'a> {
    /// This machine's own Tailscale client.
    Own(SocketAddr),
    /// The list of devices.
    List(Host<'a>),
    /// A resolver that the configuration names, maybe that of a domain.
    Direct(SocketAddr, Option<&'a str>),
    /// One that is asked over HTTPS.
    Https(&'a str, Option<&'a str>),
    /// Nobody, and why.
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

/// What decides where names are asked for.
pub(super) struct Paths<'a> {
    pub(super) now: &'a Configuration,
    pub(super) known: &'a Known,
    pub(super) way: &'a ResolverOptions,
}

impl<'a> Paths<'a> {
    /// The full names that `name` may mean, in order. One without dots is looked for in the
    /// tailnet's own domain and in the search paths before it is taken as it is.
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

    /// The places for one name, in order.
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
            // Of the tailnet's domain and one with its own resolvers, the longer one counts.
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
            let why =
                "the tailnet has no nameserver: devices ask whatever their network gives them";
            paths.push(Path::Nobody(why.to_owned()));
        }
        paths.extend(resolvers.iter().map(|it| self.direct(it, domain)));
        paths
    }

    fn direct(&self, resolver: &'a Resolver, domain: Option<&'a str>) -> Path<'a> {
        let address = resolver.address.as_str();
        match address.parse::<IpAddr>() {
            Ok(address) => Path::Direct(SocketAddr::new(address, self.way.port), domain),
            Err(_) if address.starts_with("https://") => Path::Https(address, domain),
            Err(_) => Path::Nobody(format!("{address} is neither an IP address nor an https URL")),
        }
    }

    /// The longest domain with resolvers of its own that the name is in.
    pub(super) fn split(&self, name: &str) -> Option<(&'a str, &'a [Resolver])> {
        let all = self.now.split.iter().filter(|(domain, _)| is_in(name, domain));
        let longest = all.max_by_key(|(domain, _)| domain.len());
        longest.map(|(domain, list)| (domain.as_str(), list.as_slice()))
    }

    /// The tailnet's domain, if the name is in it.
    pub(super) fn suffix(&self, name: &str) -> Option<&'a str> {
        self.known.suffix.as_deref().filter(|it| is_in(name, it))
    }
}

fn is_in(name: &str, domain: &str) -> bool {
    let domain = domain.trim_matches('.').to_ascii_lowercase();
    name == domain || name.strip_suffix(&domain).is_some_and(|it| it.ends_with('.'))
}

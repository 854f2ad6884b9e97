//! Plans changes to DNS. Planning only reads; [`Tailnet::apply`](crate::Tailnet::apply) makes the
//! changes.

use std::collections::BTreeMap;

use super::{Configuration, DnsOf, Resolver, change, check};
use crate::{
    Error, ErrorKind,
    change::{Plan, Risk},
    client::Result,
};

/// The warning about MagicDNS without a nameserver. Tailscale documents that it refuses this, but its
/// own clients do it.
const NO_NAMESERVER: &str = "there is no nameserver: Tailscale may refuse to turn MagicDNS on, and \
     other names go to the resolvers of a device's local network";

/// What [`DnsOf::plan_configuration`] is to change. `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wanted {
    /// Global nameservers, for names that match no split DNS domain, in order.
    pub nameservers: Option<Vec<String>>,
    /// Whether devices use the nameservers instead of those of their local network.
    pub override_local_dns: Option<bool>,
    /// Whether MagicDNS is on.
    pub magic_dns: Option<bool>,
    /// Search domains, in order.
    pub search_paths: Option<Vec<String>>,
    /// Split DNS: the resolvers of each domain. Domains that are not listed are removed.
    pub split: Option<BTreeMap<String, Vec<String>>>,
    /// Addresses of the resolvers that devices also use while they use an exit node.
    pub with_exit_node: Option<Vec<String>>,
}

impl DnsOf<'_> {
    /// Plans to change several parts of the configuration at once
    /// (`POST /tailnet/{tailnet}/dns/configuration`).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an invalid address or domain.
    pub async fn plan_configuration(&self, wanted: &Wanted) -> Result<Plan> {
        let wanted = wanted.checked()?;
        let from = self.current().await?;
        let mut to = from.clone();
        wanted.put_in(&mut to)?;
        let mut plan = change::plan(vec![change::configuration(&from, &to)]);
        if to.preferences.magic_dns && to.nameservers.is_empty() {
            plan.warnings.push(NO_NAMESERVER.to_owned());
        }
        if to.preferences.override_local_dns && to.nameservers.is_empty() {
            let warning = "override_local_dns has no effect without a nameserver";
            plan.warnings.push(warning.to_owned());
        }
        let gone: Vec<&str> = from
            .split
            .keys()
            .filter(|it| !to.split.contains_key(*it))
            .map(String::as_str)
            .collect();
        if !gone.is_empty() {
            let warning = format!("these domains lose their split DNS: {}", gone.join(", "));
            plan.warnings.push(warning);
        }
        plan.least = Risk::Danger;
        Ok(plan)
    }

    /// Plans to replace the global nameservers (`POST /tailnet/{tailnet}/dns/nameservers`). An
    /// empty list also turns MagicDNS off, as a second change in the plan.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an invalid resolver address.
    pub async fn plan_nameservers(&self, nameservers: &[String]) -> Result<Plan> {
        let wanted = check::resolvers("nameservers", nameservers)?;
        let now = self.current().await?;
        let to = known(&now.nameservers, wanted);
        let mut changes = Vec::new();
        // The API would turn MagicDNS off by itself; as a change in the plan, it can be undone.
        if to.is_empty() && !now.nameservers.is_empty() && now.preferences.magic_dns {
            changes.push(change::magic_dns(true, false));
        }
        changes.push(change::nameservers(&now.nameservers, &to));
        let mut plan = change::plan(changes);
        plan.least = Risk::Danger;
        Ok(plan)
    }

    /// Plans to turn MagicDNS on or off (`POST /tailnet/{tailnet}/dns/preferences`). The plan warns if
    /// MagicDNS would be on without a nameserver.
    ///
    /// # Errors
    ///
    /// Same as [`configuration`](Self::configuration); [`Unsupported`](ErrorKind::Unsupported) if a
    /// part of the configuration cannot be read.
    pub async fn plan_magic_dns(&self, on: bool) -> Result<Plan> {
        let now = self.current().await?;
        let mut plan = change::plan(vec![change::magic_dns(now.preferences.magic_dns, on)]);
        if on && now.nameservers.is_empty() && !plan.is_empty() {
            plan.warnings.push(NO_NAMESERVER.to_owned());
        }
        if !on {
            plan.least = Risk::Danger;
        }
        Ok(plan)
    }

    /// Plans to replace the search domains (`POST /tailnet/{tailnet}/dns/searchpaths`).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an invalid domain.
    pub async fn plan_search_paths(&self, paths: &[String]) -> Result<Plan> {
        let to = check::domains("search_paths", paths)?;
        let now = self.current().await?;
        Ok(change::plan(vec![change::search_paths(&now.search_paths, &to)]))
    }

    /// Plans to set the split DNS resolvers of a domain, replacing any it has
    /// (`PATCH /tailnet/{tailnet}/dns/split-dns`). Other domains stay as they are.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an invalid domain or resolver address.
    pub async fn plan_route(&self, domain: &str, nameservers: &[String]) -> Result<Plan> {
        let domain = check::domain("domain", domain)?;
        let wanted = check::some_resolvers("nameservers", nameservers)?;
        let now = self.current().await?;
        let from = now.split_of(&domain);
        let to = known(from.unwrap_or_default(), wanted);
        let mut plan = change::plan(vec![change::split(&domain, from, Some(&to))]);
        if from.is_some() {
            plan.least = Risk::Danger;
        }
        Ok(plan)
    }

    /// Plans to remove the split DNS resolvers of a domain
    /// (`PATCH /tailnet/{tailnet}/dns/split-dns`). Other domains stay as they are.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if the domain has no split DNS resolvers.
    pub async fn plan_delete_route(&self, domain: &str) -> Result<Plan> {
        let domain = check::domain("domain", domain)?;
        let now = self.current().await?;
        let Some(from) = now.split_of(&domain) else {
            let message = format!("`{domain}` has no split DNS nameservers");
            let there: Vec<&str> = now.split.keys().map(String::as_str).collect();
            let remedy = match there.as_slice() {
                [] => "no domain has any".to_owned(),
                there => format!("domains with split DNS: {}", there.join(", ")),
            };
            return Err(Error::new(ErrorKind::NotFound, message).with_remedy(remedy));
        };
        let mut plan = change::plan(vec![change::split(&domain, Some(from), None)]);
        plan.least = Risk::Danger;
        Ok(plan)
    }
}

impl Wanted {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks all addresses and domains, and returns them in the form that the API stores.
    fn checked(&self) -> Result<Self> {
        let resolvers = |field, list: &Option<Vec<String>>| {
            list.as_ref().map(|list| check::resolvers(field, list)).transpose()
        };
        let mut wanted = self.clone();
        wanted.nameservers = resolvers("nameservers", &self.nameservers)?;
        wanted.with_exit_node = resolvers("with_exit_node", &self.with_exit_node)?;
        let paths = self.search_paths.as_ref();
        wanted.search_paths = paths.map(|list| check::domains("search_paths", list)).transpose()?;
        let Some(split) = &self.split else { return Ok(wanted) };
        let mut checked = BTreeMap::new();
        for (domain, list) in split {
            let domain = check::domain("split_dns", domain)?;
            let list = check::some_resolvers("split_dns", list)?;
            if checked.insert(domain.clone(), list).is_some() {
                return Err(Error::invalid_input("split_dns", format!("has `{domain}` twice")));
            }
        }
        wanted.split = Some(checked);
        Ok(wanted)
    }

    fn put_in(self, to: &mut Configuration) -> Result<()> {
        if let Some(list) = self.nameservers {
            to.nameservers = known(&to.nameservers, list);
        }
        if let Some(split) = self.split {
            let was = std::mem::take(&mut to.split);
            let of = |domain: &str| was.get(domain).map(Vec::as_slice).unwrap_or_default();
            let own = split.into_iter().map(|(domain, list)| {
                let list = known(of(&domain), list);
                (domain, list)
            });
            to.split = own.collect();
        }
        if let Some(paths) = self.search_paths {
            to.search_paths = paths;
        }
        if let Some(on) = self.override_local_dns {
            to.preferences.override_local_dns = on;
        }
        if let Some(on) = self.magic_dns {
            to.preferences.magic_dns = on;
        }
        self.with_exit_node.map_or(Ok(()), |list| mark(&list, to))
    }
}

/// Sets `use_with_exit_node` on the resolvers with these addresses, and clears it on all others.
fn mark(addresses: &[String], to: &mut Configuration) -> Result<()> {
    let mut there = Vec::new();
    for resolver in to.nameservers.iter_mut().chain(to.split.values_mut().flatten()) {
        resolver.use_with_exit_node = addresses.contains(&resolver.address);
        there.push(resolver.address.as_str());
    }
    match addresses.iter().find(|it| !there.contains(&it.as_str())) {
        None => Ok(()),
        Some(odd) => Err(Error::invalid_input(
            "with_exit_node",
            format!("has `{odd}`, which is not one of the resolvers"),
        )),
    }
}

/// Makes resolvers from addresses; a resolver that exists keeps its other fields.
fn known(now: &[Resolver], addresses: Vec<String>) -> Vec<Resolver> {
    let of = |address: String| {
        let known = now.iter().find(|it| it.address == address).cloned();
        known.unwrap_or_else(|| Resolver::new(address))
    };
    addresses.into_iter().map(of).collect()
}

//! Plans changes of this node's preferences. The daemon checks next to nothing, so everything is checked here.

use ipnet::IpNet;
use serde_json::Value;

use super::{
    ThisNode,
    change::{ACCEPT_ROUTES, ADVERTISED, ALLOW_LAN, EXIT_NODE, Preferences, exit_node},
    peer,
};
use crate::{
    Error, ErrorKind,
    change::{Change, Compare as _, Item, OnFailure, Plan, Risk},
    client::Result,
    local::{Prefs, Status},
    tailnet::{devices::find, routes::EXIT},
};

/// The most routes of a node.
const MAX_ROUTES: usize = 500;

impl ThisNode<'_> {
    /// Plans to use an exit node on this machine, or none. With `allow_lan`, the local network stays
    /// reachable; if it is absent, that stays as it is.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if this node knows no such peer; [`Refused`](ErrorKind::Refused) if
    /// it cannot be used as an exit node, or is not connected: then this machine would lose its internet
    /// access.
    pub async fn plan_exit_node(
        &self,
        name: Option<&str>,
        allow_lan: Option<bool>,
    ) -> Result<Plan> {
        let (status, prefs) = self.now().await?;
        let to = match name {
            None if allow_lan.is_some() => {
                return Err(Error::invalid_input(
                    "allow_lan_access",
                    "does not apply without an exit node",
                ));
            }
            None => Value::Null,
            Some(name) => {
                let peer = peer(&status, "exit_node", name)?;
                let called = peer.short_name();
                if !peer.exit_node_option {
                    return Err(Error::refused(
                        format!("`{called}` is not an exit node that this machine can use"),
                        "it must be advertised and approved, and the policy file must let this machine reach \
                         autogroup:internet",
                    ));
                }
                if !peer.online {
                    return Err(Error::refused(
                        format!("the exit node `{called}` is not connected"),
                        "choose another exit node; with this one, the machine would have no internet access",
                    ));
                }
                exit_node(&peer.id, &status)
            }
        };
        let mut changes = vec![Change::new(EXIT_NODE, exit_node(&prefs.exit_node_id, &status), to)];
        if let Some(allow) = allow_lan {
            changes.push(Change::new(ALLOW_LAN, prefs.allow_lan, allow));
        }
        let mut plan = of(&status, changes);
        if name.is_some() && !plan.is_empty() {
            plan.warnings.push(
                "all internet traffic of this machine, including this program's, uses the exit node".to_owned(),
            );
            if !allow_lan.unwrap_or(prefs.allow_lan) {
                plan.warnings.push(
                    "the local network is not reachable while the exit node is in use".to_owned(),
                );
            }
        }
        Ok(plan)
    }

    /// Plans to advertise exactly these subnet routes; an advertised exit node stays advertised. If the
    /// credential may approve routes of this device, the plan also approves the new ones.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a route that is not a network; the message suggests the
    /// network that was probably meant.
    pub async fn plan_advertise_routes(&self, routes: &[String]) -> Result<Plan> {
        let routes = subnets(routes)?;
        let (status, prefs) = self.now().await?;
        let exit = prefs.advertise_routes.iter().filter(|it| EXIT.contains(&it.as_str()));
        let to: Vec<String> = exit.cloned().chain(routes.iter().cloned()).collect();
        let new: Vec<String> =
            routes.into_iter().filter(|it| !prefs.advertise_routes.contains(it)).collect();
        self.plan_offer(&status, &prefs, to, &new).await
    }

    /// Plans to advertise this machine as an exit node, or to stop that. If the credential may approve it, the
    /// plan also approves it.
    ///
    /// # Errors
    ///
    /// The same as [`Daemon::status`](crate::local::Daemon::status).
    pub async fn plan_advertise_exit_node(&self, on: bool) -> Result<Plan> {
        let (status, prefs) = self.now().await?;
        let others = prefs.advertise_routes.iter().filter(|it| !EXIT.contains(&it.as_str()));
        let offered: &[&str] = if on { &EXIT } else { &[] };
        let to: Vec<String> =
            others.cloned().chain(offered.iter().map(|it| (*it).to_owned())).collect();
        let new: Vec<String> = offered
            .iter()
            .filter(|it| !prefs.advertise_routes.iter().any(|route| route == *it))
            .map(|it| (*it).to_owned())
            .collect();
        self.plan_offer(&status, &prefs, to, &new).await
    }

    /// Plans to approve a device as an exit node. If it is this machine and not advertised as one, the plan also
    /// advertises it. If the daemon does not answer, only the approval is planned.
    ///
    /// # Errors
    ///
    /// The same as [`Routes::plan_exit_node`](crate::tailnet::routes::Routes::plan_exit_node).
    pub async fn plan_enable_exit_node(&self, device: &str) -> Result<Plan> {
        let tailnet = self.tailnet();
        let approval = tailnet.routes().plan_exit_node(device, true).await?;
        let list = tailnet.devices().list().await?;
        let device = find::find(&list, device)?;
        let offers =
            device.advertised_routes.iter().flatten().any(|it| EXIT.contains(&it.as_str()));
        if offers {
            return Ok(approval);
        }
        match self.daemon().own_status().await {
            Ok(status) if status.is_running() && status.id() == device.key() => {
                self.plan_advertise_exit_node(true).await
            }
            _ => Ok(approval),
        }
    }

    /// Plans whether this machine uses the subnet routes of others.
    ///
    /// # Errors
    ///
    /// The same as [`Daemon::status`](crate::local::Daemon::status).
    pub async fn plan_accept_routes(&self, on: bool) -> Result<Plan> {
        let (status, prefs) = self.now().await?;
        let plan = of(&status, vec![Change::new(ACCEPT_ROUTES, prefs.accept_routes, on)]);
        let routed = status.peers.values().flat_map(|it| &it.primary_routes);
        let mut routed: Vec<&str> = routed.map(String::as_str).collect();
        routed.sort_unstable();
        if routed.is_empty() || plan.is_empty() {
            return Ok(plan);
        }
        let verb = if on { "goes" } else { "no longer goes" };
        let shown = routed.iter().take(10).copied().collect::<Vec<_>>().join(", ");
        let warning = format!(
            "this machine's traffic to {shown} {verb} through subnet routers of the tailnet"
        );
        Ok(plan.warned(vec![warning]))
    }

    /// The status and the preferences of this node, which must be in its tailnet.
    async fn now(self) -> Result<(Status, Prefs)> {
        let status = self.daemon().status().await?.running()?;
        Ok((status, self.daemon().prefs().await?))
    }

    /// Plans to advertise exactly `to`, and to approve `new`.
    async fn plan_offer(
        self,
        status: &Status,
        prefs: &Prefs,
        to: Vec<String>,
        new: &[String],
    ) -> Result<Plan> {
        let withdrawn: Vec<&str> = prefs
            .advertise_routes
            .iter()
            .filter(|it| !to.contains(it))
            .map(String::as_str)
            .collect();
        let mut plan =
            of(status, vec![Change::new(ADVERTISED, prefs.advertise_routes.clone(), to.clone())]);
        if plan.is_empty() {
            return Ok(plan);
        }
        if !withdrawn.is_empty() {
            let list = withdrawn.join(", ");
            plan.warnings
                .push(format!("other devices no longer reach {list} through this machine"));
            plan.least = Risk::Danger;
        }
        if !new.is_empty() {
            match self.daemon().forwarding_problem().await {
                Ok(problem) if problem.is_empty() => {}
                Ok(problem) => plan.warnings.push(format!(
                    "this machine does not forward IP packets yet: {}",
                    crate::visible::visible_up_to(&problem, 300)
                )),
                Err(error) => {
                    plan.notes.push(format!(
                        "IP forwarding on this machine could not be checked: {error}"
                    ));
                }
            }
            self.approve(status, &mut plan, new).await?;
        }
        Ok(plan)
    }

    /// Adds the approval of `new` routes to `plan`, before this node offers them: so an auto-approver cannot
    /// come in between. What the credential cannot do is a note.
    async fn approve(self, status: &Status, plan: &mut Plan, new: &[String]) -> Result<()> {
        let routes = self.tailnet().routes();
        let is_exit = new.iter().any(|it| EXIT.contains(&it.as_str()));
        let approval = if is_exit {
            routes.plan_exit_node(status.id(), true).await
        } else {
            routes.plan_enable(status.id(), new).await
        };
        let approval = match approval {
            Ok(approval) => approval,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                plan.notes.push(
                    "this machine is not in the tailnet that this server manages, so an admin of its own tailnet \
                     must approve the routes"
                        .to_owned(),
                );
                return Ok(());
            }
            Err(error) => {
                plan.notes.push(format!(
                    "an admin must approve the routes, because this credential cannot: {error}"
                ));
                return Ok(());
            }
        };
        if approval.is_empty() {
            plan.notes.push("the routes are already approved".to_owned());
            return Ok(());
        }
        // What it warns of first is that the device does not offer it yet.
        let is_about_offer = |it: &String| it.contains("does not advertise");
        plan.warnings.extend(approval.warnings.iter().filter(|it| !is_about_offer(it)).cloned());
        plan.notes.extend(approval.notes.iter().cloned());
        let mut items: Vec<Item> = approval.items;
        items.append(&mut plan.items);
        plan.items = items;
        plan.on_failure = OnFailure::Undo;
        Ok(())
    }
}

/// A plan for this node, without what is as wanted already.
fn of(status: &Status, changes: Vec<Change>) -> Plan {
    let moves = |it: &Change| !Preferences.is_same(&it.field, &it.from, &it.to);
    let changes = changes.into_iter().filter(moves).collect();
    Plan::one(&Preferences, status.id(), status.machine(), changes)
}

/// Networks, each once; an error names what would be right.
fn subnets(routes: &[String]) -> Result<Vec<String>> {
    if routes.len() > MAX_ROUTES {
        return Err(Error::invalid_input(
            "routes",
            format!("must have at most {MAX_ROUTES} entries"),
        ));
    }
    let mut checked: Vec<String> = Vec::new();
    for route in routes {
        let wrong = |should: String| Err(Error::invalid_input("routes", should));
        let Ok(net) = route.trim().parse::<IpNet>() else {
            return wrong(format!(
                "contains `{route}`, which is not a network such as 10.20.0.0/16"
            ));
        };
        if net.trunc() != net {
            return wrong(format!(
                "contains `{route}`, which is not the start of a network; did you mean `{}`?",
                net.trunc()
            ));
        }
        if net.prefix_len() == 0 {
            return wrong(format!(
                "contains `{route}`, which is for exit nodes; advertise an exit node instead"
            ));
        }
        if !checked.contains(&net.to_string()) {
            checked.push(net.to_string());
        }
    }
    Ok(checked)
}

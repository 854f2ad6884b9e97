//! Plans changes to services. Planning only reads; [`Tailnet::apply`](crate::Tailnet::apply) makes
//! the changes.

use serde_json::{Map, Value, json};

use super::{Services, change, check};
use crate::{
    Error, ErrorKind,
    change::{Plan, Risk, Secrets, Subject as _, same},
    client::{Result, call},
    tailnet::devices::{find, name::full_tags, preflight::declared},
};

/// The definition of a new service.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Definition {
    /// Ports: `tcp:443`, `443`, `8000-8010` or `do-not-validate`.
    pub ports: Vec<String>,
    /// Tags of the service, such as `tag:web`.
    pub tags: Vec<String>,
    /// Comment, free text.
    pub comment: String,
    /// Name shown to people.
    pub display_name: String,
    /// IPv4 address; the API chooses one if absent.
    pub ipv4: Option<String>,
}

/// What [`Services::plan_update`] is to change. `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Update {
    /// Ports that replace all others.
    pub ports: Option<Vec<String>>,
    /// Tags that replace all others.
    pub tags: Option<Vec<String>>,
    /// Comment, free text; empty removes it.
    pub comment: Option<String>,
    /// Name shown to people; empty removes it.
    pub display_name: Option<String>,
    /// The new IPv4 address.
    pub ipv4: Option<String>,
}

impl Update {
    /// Whether the update changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Services<'_> {
    /// Plans to create a service (`PUT /tailnet/{tailnet}/services/{serviceName}`).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) names the invalid field;
    /// [`Refused`](ErrorKind::Refused) if a service of that name exists.
    pub async fn plan_create(&self, service: &str, definition: &Definition) -> Result<Plan> {
        let name = check::name("service", service)?;
        let Definition { ports, tags, comment, display_name, ipv4 } = definition;
        let ports = check::ports(ports)?;
        let tags = &full_tags(tags)?;
        check::display_name(display_name)?;
        let addresses: Vec<String> =
            ipv4.iter().map(|it| check::ipv4(it)).collect::<Result<_>>()?;
        match change::SERVICE.get(self.tailnet(), &name).await {
            Ok(_) => {
                return Err(Error::refused(
                    format!("a service `{name}` already exists"),
                    "change that service, or choose another name",
                ));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let warnings = declared(self.tailnet(), tags).await?;
        let to = json!({
            "name": name, "ports": ports, "tags": tags, "comment": comment,
            "displayName": display_name, "addrs": addresses,
        });
        let mut plan = change::SERVICE.plan_make(&name, &name, &to, Secrets::new());
        plan.notes.push(
            "next: run `tailscale serve --service` on a device, then approve that host".to_owned(),
        );
        Ok(plan.warned(warnings))
    }

    /// Plans to change a service (`PUT /tailnet/{tailnet}/services/{serviceName}`). All other
    /// fields stay as they are, including those that this program does not know.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) names the invalid field;
    /// [`NotFound`](ErrorKind::NotFound) if there is no such service.
    pub async fn plan_update(&self, service: &str, update: &Update) -> Result<Plan> {
        let name = check::name("service", service)?;
        let Update { ports, tags, comment, display_name, ipv4 } = update;
        let ports = ports.as_ref().map(|it| check::ports(it)).transpose()?;
        let tags = tags.as_deref().map(full_tags).transpose()?;
        check::display_name(display_name.as_deref().unwrap_or_default())?;
        let ipv4 = ipv4.as_ref().map(|it| check::ipv4(it)).transpose()?;
        let now = change::SERVICE.get(self.tailnet(), &name).await?;
        let addresses = addresses(&now, ipv4.as_deref())?;
        let mut wanted = Map::new();
        let fields = [
            ("ports", ports.map(|it| json!(it))),
            ("tags", tags.as_ref().map(|it| json!(it))),
            ("comment", comment.as_ref().map(|it| json!(it))),
            ("displayName", display_name.as_ref().map(|it| json!(it))),
            ("addrs", Some(addresses)),
        ];
        for (field, value) in fields {
            wanted.extend(value.map(|it| (field.to_owned(), it)));
        }
        let mut warnings = declared(self.tailnet(), tags.as_deref().unwrap_or_default()).await?;
        if ipv4.is_some_and(|it| first_address(&now) != Some(&*it)) {
            warnings.push("connections to the old address break".to_owned());
        }
        let had = call::member(&now, "tags").cloned().unwrap_or_else(|| json!([]));
        if tags.as_ref().is_some_and(|it| !same(&json!(it), &had)) {
            warnings.push("rules and approvals for its old tags no longer apply".to_owned());
        }
        let plan = change::SERVICE.plan_change(&name, &name, &now, &wanted, Secrets::new());
        if plan.is_empty() { Ok(plan) } else { Ok(plan.warned(warnings)) }
    }

    /// Plans to delete a service (`DELETE /tailnet/{tailnet}/services/{serviceName}`).
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if there is no such service.
    pub async fn plan_delete(&self, service: &str) -> Result<Plan> {
        let name = check::name("service", service)?;
        let now = change::SERVICE.get(self.tailnet(), &name).await?;
        let plan = change::SERVICE.plan_delete(&name, &name, &now);
        let hosts = self.hosts_of(&name).await?.len();
        let mut warnings = vec![
            "its name and its address stop working; approvals of its hosts are lost".to_owned(),
        ];
        if hosts > 0 {
            warnings.push(format!("current hosts: {hosts}"));
        }
        Ok(plan.warned(warnings))
    }

    /// Plans to approve or reject a device as a host of a service
    /// (`POST /tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved`).
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) if there is no such service or device.
    pub async fn plan_approval(&self, service: &str, device: &str, to: bool) -> Result<Plan> {
        let name = check::name("service", service)?;
        let devices = self.tailnet().devices().list().await?;
        let device = find::find(&devices, device)?;
        let id = change::host_id(&name, device.key());
        let (from, is_automatic) = change::approval(self.tailnet(), &id).await?;
        let change = change::approved(from, to);
        let checked = change::Hosts.checks().check(self.tailnet(), &id, &change).await?;
        let title = format!("{} of {name}", device.short_name());
        let changes = if from == to { Vec::new() } else { vec![change] };
        let mut plan = Plan::one(&change::Hosts, &id, &title, changes);
        if plan.is_empty() {
            return Ok(plan);
        }
        let hosts = self.hosts_of(&name).await?;
        let is_it = |it: &&super::Host| it.stable_node_id.as_deref() == Some(device.key());
        let approved = |it: &&super::Host| {
            it.approval_level.as_ref().is_some_and(|it| it.to_string().starts_with("approved"))
        };
        let mut warnings = Vec::new();
        if to && !hosts.iter().any(|it| is_it(&it)) {
            warnings.push(
                "the device does not host it yet; the approval applies once it does".to_owned(),
            );
        }
        if !to && is_automatic {
            warnings.push("the policy file auto-approves it; this overrides that".to_owned());
        }
        if !to && hosts.iter().any(|it| is_it(&it)) {
            let others = hosts.iter().filter(|it| !is_it(it) && approved(it)).count();
            if others == 0 {
                warnings.push(
                    "it is the last approved host: the service becomes unreachable".to_owned(),
                );
                plan.least = Risk::Danger;
            }
        }
        Ok(plan.checked(checked).warned(warnings))
    }
}

fn first_address(service: &Value) -> Option<&str> {
    call::member(service, "addrs")?.get(0)?.as_str()
}

/// The two addresses to send with a change; only the first (IPv4) can be changed.
fn addresses(now: &Value, ipv4: Option<&str>) -> Result<Value> {
    let list = call::member(now, "addrs").and_then(Value::as_array);
    let Some([first, second]) = list.map(Vec::as_slice) else {
        return Err(Error::refused(
            "the service does not have the two addresses that every change must include",
            "change it in the admin console",
        ));
    };
    Ok(json!([ipv4.map_or_else(|| first.clone(), |it| json!(it)), second]))
}

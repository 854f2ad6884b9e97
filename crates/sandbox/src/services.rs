//! Tailscale Services: an address of their own, and the devices that host them.
//!
//! In a real tailnet, a device declares which services it hosts. Here, the devices that have one of the
//! service's tags host it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::audit::{Event, Target};
use super::devices::{Device, is_assignable};
use super::http::{Call, Failure, Outcome, Reply};
use super::policy::tags_refused;
use super::state::null_as_default;

/// The maximum length of a display name, in characters.
const MAX_DISPLAY_NAME_LENGTH: usize = 64;

/// All services, by name.
pub(crate) type Services = BTreeMap<String, Service>;

/// A Tailscale Service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Service {
    ipv4: Ipv4Addr,
    ipv6: Ipv6Addr,
    fields: Fields,
    /// Manual approvals and rejections of hosts, by node ID.
    approvals: BTreeMap<String, bool>,
}

/// The fields that a request can set. The API documentation lacks `annotations`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Fields {
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "String::is_empty")]
    pub(crate) comment: String,
    #[serde(deserialize_with = "null_as_default")]
    pub(crate) ports: Vec<String>,
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "null_as_default", skip_serializing_if = "String::is_empty")]
    pub(crate) display_name: String,
}

impl Service {
    pub(crate) fn new(ipv4: Ipv4Addr, fields: Fields) -> Self {
        let [a, b, c, d] = ipv4.octets().map(u16::from);
        let ipv6 = Ipv6Addr::new(0xfd7a, 0x115c, 0xa1e0, 0, 0, 1, (a << 8) | b, (c << 8) | d);
        Self { ipv4, ipv6, fields, approvals: BTreeMap::new() }
    }

    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        vec![self.ipv4.into(), self.ipv6.into()]
    }

    fn wire(&self, name: &str) -> Value {
        let mut value = json!(self.fields);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("name".to_owned(), json!(name));
            fields.insert("addrs".to_owned(), json!([self.ipv4.to_string(), self.ipv6]));
        }
        value
    }

    fn is_hosted_by(&self, device: &Device) -> bool {
        !device.is_external && device.tags.iter().any(|tag| self.fields.tags.contains(tag))
    }
}

impl Call<'_> {
    fn service(&self) -> Result<(String, &Service), Failure> {
        let name = self.param("serviceName");
        let found = self.state.services.get(&name);
        found.map(|service| (name, service)).ok_or_else(|| Failure::not_found("service not found"))
    }

    /// Whether a device is approved as a host, manually or by the policy file.
    fn approval(&self, name: &str, service: &Service, device: &Device) -> Approval {
        match service.approvals.get(&device.node_id) {
            Some(true) => Approval::Manual,
            Some(false) => Approval::None,
            None => {
                let policy = &self.state.policy;
                let approves = |key: &str| policy.approves_service(key, &device.tags);
                let by_tag = service.fields.tags.iter().any(|tag| approves(tag));
                if approves(name) || by_tag { Approval::Automatic } else { Approval::None }
            }
        }
    }

    fn tell_of_service(&mut self, action: &'static str, old: Value, new: Value) {
        let event = Event::new(action, Target::tailnet(&self.state.identity));
        self.record(event.property("FEATURE", old, new));
    }

    fn address_is_free(&self, address: Ipv4Addr) -> bool {
        let taken = self.state.services.values().any(|service| service.ipv4 == address);
        !taken && self.state.devices.address_is_free(address)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Approval {
    None,
    Automatic,
    Manual,
}

/// `GET /tailnet/{tailnet}/services`.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let all = call.state.services.iter();
    let all: Vec<Value> = all.map(|(name, service)| service.wire(name)).collect();
    Reply::json(&json!({ "vipServices": all }))
}

/// `GET /tailnet/{tailnet}/services/{serviceName}`.
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let (name, service) = call.service()?;
    Reply::json(&service.wire(&name))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default, deserialize_with = "null_as_default")]
    name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    addrs: Vec<String>,
    #[serde(flatten)]
    fields: Fields,
}

/// `PUT /tailnet/{tailnet}/services/{serviceName}`: creates or replaces a service. Another name in the body
/// renames it.
pub(crate) fn set(call: &mut Call<'_>) -> Outcome {
    let old_name = call.param("serviceName");
    let Wanted { name, addrs, mut fields } = call.json()?;
    let name = if name.is_empty() { old_name.clone() } else { name };
    let old = call.state.services.get(&old_name).cloned();
    check_name(&old_name)?;
    check_name(&name)?;
    check_ports(&fields.ports)?;
    if fields.display_name.chars().count() > MAX_DISPLAY_NAME_LENGTH {
        return Err(Failure::bad_request("displayName must be 64 characters or less"));
    }
    if name != old_name && (old.is_none() || call.state.services.contains_key(&name)) {
        let message = format!("cannot rename {old_name:?} to {name:?}");
        return Err(Failure::bad_request(message));
    }
    fields.tags.sort();
    fields.tags.dedup();
    let policy = &call.state.policy;
    let undeclared = fields.tags.iter().filter(|tag| !policy.declares_tag(tag));
    let undeclared: Vec<String> = undeclared.cloned().collect();
    if !undeclared.is_empty() {
        return Err(tags_refused(&undeclared));
    }
    let new = match &old {
        None => Service::new(first_address(call, &addrs)?, fields),
        Some(old) => Service { ipv4: next_address(call, old, &addrs)?, fields, ..old.clone() },
    };
    let action = if old.is_some() { "UPDATE" } else { "CREATE" };
    let (old, reply) = (old.map(|old| old.wire(&old_name)), new.wire(&name));
    call.state.services.remove(&old_name);
    call.state.services.insert(name, new);
    if old.as_ref() != Some(&reply) {
        call.tell_of_service(action, old.unwrap_or_default(), reply.clone());
    }
    Reply::json(&reply)
}

/// The IPv4 address of a new service: the requested one, or a free one.
fn first_address(call: &mut Call<'_>, addrs: &[String]) -> Result<Ipv4Addr, Failure> {
    const REFUSED: &str =
        "when creating a new service, addrs must be empty or contain 1 IPv4 address";
    if let [wanted] = addrs {
        let wanted = wanted.parse().map_err(|_| Failure::bad_request(REFUSED))?;
        return check_free(call, wanted);
    }
    if !addrs.is_empty() {
        return Err(Failure::bad_request(REFUSED));
    }
    loop {
        // There are four million addresses, so a random one is almost always free.
        let address = Ipv4Addr::from(0x6440_0000 | call.state.rng.u32(..1 << 22));
        if is_assignable(address) && call.address_is_free(address) {
            return Ok(address);
        }
    }
}

/// The IPv4 address of an updated service. It may change; the IPv6 address must not.
fn next_address(call: &Call<'_>, old: &Service, addrs: &[String]) -> Result<Ipv4Addr, Failure> {
    let [ipv4, ipv6] = addrs else {
        let message = "when updating a service, addrs must contain 2 elements";
        return Err(Failure::bad_request(message));
    };
    let parsed = ipv4.parse::<Ipv4Addr>().ok().zip(ipv6.parse::<Ipv6Addr>().ok());
    let (ipv4, ipv6) =
        parsed.ok_or_else(|| Failure::bad_request("addrs must be an IPv4 and an IPv6 address"))?;
    if ipv6 != old.ipv6 {
        return Err(Failure::bad_request("the IPv6 address of a service cannot change"));
    }
    if ipv4 == old.ipv4 { Ok(ipv4) } else { check_free(call, ipv4) }
}

fn check_free(call: &Call<'_>, address: Ipv4Addr) -> Result<Ipv4Addr, Failure> {
    if !is_assignable(address) {
        let message = format!("{address} is not in the range of addresses of this tailnet");
        return Err(Failure::bad_request(message));
    }
    if !call.address_is_free(address) {
        return Err(Failure::bad_request(format!("{address} is already in use")));
    }
    Ok(address)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let label = name.strip_prefix("svc:").unwrap_or_default();
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_label = (1..=63).contains(&label.len())
        && label.chars().all(|letter| allowed(letter) || letter == '-')
        && !label.starts_with('-')
        && !label.ends_with('-');
    if is_label {
        return Ok(());
    }
    Err(Failure::bad_request(format!(
        "invalid service name {name:?}: must be svc: and a DNS label"
    )))
}

/// Checks ports: `tcp:443` or, as the Kubernetes operator writes them, `443`; also ranges of both.
fn check_ports(ports: &[String]) -> Result<(), Failure> {
    if ports.is_empty() {
        let message = "ports are empty, use \"do-not-validate\" to opt out of port validation";
        return Err(Failure::bad_request(message));
    }
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let is_port = |text: &&String| {
        if *text == "do-not-validate" {
            return true;
        }
        let range = text.strip_prefix("tcp:").unwrap_or(text);
        match range.split_once('-') {
            Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
            None => number(range).is_some(),
        }
    };
    match ports.iter().find(|port| !is_port(port)) {
        None => Ok(()),
        Some(bad) => Err(Failure::bad_request(format!("invalid port {bad:?}"))),
    }
}

/// `DELETE /tailnet/{tailnet}/services/{serviceName}`.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let (name, service) = call.service()?;
    let old = service.wire(&name);
    call.state.services.remove(&name);
    call.tell_of_service("DELETE", old, Value::Null);
    Ok(Reply::empty())
}

/// `GET /tailnet/{tailnet}/services/{serviceName}/devices`.
pub(crate) fn hosts(call: &mut Call<'_>) -> Outcome {
    let (name, service) = call.service()?;
    let hosts = call.state.devices.iter().filter(|device| service.is_hosted_by(device));
    let wire = |device: &Device| {
        let level = match call.approval(&name, service, device) {
            Approval::None => "not-approved",
            Approval::Automatic => "approved:auto",
            Approval::Manual => "approved:manual",
        };
        let configured = if device.is_connected(call.now) { "ready" } else { "offline" };
        json!({
            "stableNodeID": device.node_id, "approvalLevel": level, "configured": configured,
        })
    };
    let hosts: Vec<Value> = hosts.map(wire).collect();
    Reply::json(&json!({ "hosts": hosts }))
}

/// `GET /tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved`.
pub(crate) fn get_approval(call: &mut Call<'_>) -> Outcome {
    let (name, service) = call.service()?;
    let approval = call.approval(&name, service, call.device()?);
    Reply::json(&json!({
        "approved": approval != Approval::None,
        "autoApproved": approval == Approval::Automatic,
    }))
}

#[derive(Deserialize)]
struct WantedApproval {
    approved: Option<bool>,
}

/// `POST /tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved`: works even before the
/// device hosts the service.
pub(crate) fn set_approval(call: &mut Call<'_>) -> Outcome {
    let (name, _) = call.service()?;
    let device = call.device()?;
    if device.is_external {
        return Err(Failure::not_found("no manageable device matching this ID found"));
    }
    let id = device.node_id.clone();
    let WantedApproval { approved } = call.json()?;
    let approved = approved.ok_or_else(|| Failure::bad_request("approved is required"))?;
    let service = call.state.services.get_mut(&name);
    let old = service.and_then(|service| service.approvals.insert(id.clone(), approved));
    if old != Some(approved) {
        let action = if approved { "APPROVE" } else { "REVOKE" };
        let new = json!({ "service": name, "device": id });
        call.tell_of_service(action, Value::Null, new);
    }
    get_approval(call)
}

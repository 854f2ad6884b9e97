//! The fields of services that plans can change, and the API calls that change them.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::{
    Error, Operation, Tailnet,
    change::{Change, Checked, Checks, Fields, Subject, Write, Written},
    client::{
        Result,
        call::{self, Call},
    },
    tailnet::resource::ResourceSpec,
};

/// How to read, write and delete services. Undoing a deletion creates the service again under its name.
pub(crate) static SERVICE: ResourceSpec = ResourceSpec {
    make: Some(Operation::UpdateService),
    change: Some(Operation::UpdateService),
    remove: Some(Operation::DeleteService),
    returns: true,
    leaves: Some("its hosts' approvals and its IPv6 address are not restored"),
    makes_from: Some(with_one_address),
    // An empty list means all fields: a replacement must include fields the OpenAPI document lacks.
    ..ResourceSpec::new("service", "serviceName", "name", Operation::GetService, &[])
};

/// Keeps only the IPv4 address: a new service cannot be given its IPv6 address.
fn with_one_address(mut service: Value) -> Value {
    let is_ipv4 = |it: &Value| it.as_str().is_some_and(|it| !it.contains(':'));
    if let Some(addresses) = service.get_mut("addrs").and_then(Value::as_array_mut) {
        addresses.retain(is_ipv4);
    }
    service
}

const APPROVED: &str = "approved";

/// The ID of a service host in plans and in the journal: `{service}/{device ID}`.
pub(super) fn host_id(service: &str, device: &str) -> String {
    format!("{service}/{device}")
}

/// Approves a device as a host of a service, or rejects it.
pub(super) fn approved(from: bool, to: bool) -> Change {
    Change::new(APPROVED, from, to)
}

/// Changes of the approval of service hosts.
#[derive(Debug)]
pub(crate) struct Hosts;

#[async_trait]
impl Subject for Hosts {
    fn kind(&self) -> &'static str {
        "service host"
    }

    async fn read(&self, tailnet: &Tailnet, id: &str, _: &[&str]) -> Result<Fields> {
        let approved = json!(approval(tailnet, id).await?.0);
        Ok([(APPROVED.to_owned(), approved)].into_iter().collect())
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        let change = write.change;
        if change.field != APPROVED || !change.to.is_boolean() {
            let should = "is not a writable field of a host";
            return Err(Error::invalid_input(&change.field, should));
        }
        let body = json!({ "approved": change.to });
        let call = Call { body: Some(&body), ..Call::default() };
        let path = parts(write.id)?;
        let call = Call { path: &path, ..call };
        tailnet.client().call(Operation::UpdateServiceDeviceApproval, call).await?;
        Ok(Written::default())
    }

    fn checks(&self) -> &dyn Checks {
        self
    }
}

#[async_trait]
impl Checks for Hosts {
    async fn check(&self, _: &Tailnet, _: &str, change: &Change) -> Result<Checked> {
        let mut checked = Checked::default();
        if change.to == json!(false) {
            checked.notes.push(REJECTION_IS_FINAL.to_owned());
        }
        async { Ok(checked) }.await
    }
}

/// The note on a plan that rejects a host.
const REJECTION_IS_FINAL: &str = "the device is then rejected, even if the policy file \
                                  auto-approves it; the API cannot make it undecided again";

/// Whether a host is approved, and whether the policy file auto-approved it
/// (`GET /tailnet/{tailnet}/services/{serviceName}/device/{deviceId}/approved`).
pub(super) async fn approval(tailnet: &Tailnet, id: &str) -> Result<(bool, bool)> {
    let path = parts(id)?;
    let operation = Operation::GetServiceDeviceApproval;
    let answer = tailnet.client().call(operation, Call::on(&path)).await?;
    let is = |name| call::member(&answer, name).and_then(Value::as_bool).unwrap_or_default();
    Ok((is("approved"), is("autoApproved")))
}

/// Splits the ID of a service host into service and device, as path parameters.
fn parts(id: &str) -> Result<[(&str, &str); 2]> {
    let (service, device) = id
        .split_once('/')
        .ok_or_else(|| Error::invalid_input("id", "must be a service and a device"))?;
    Ok([("serviceName", service), ("deviceId", device)])
}

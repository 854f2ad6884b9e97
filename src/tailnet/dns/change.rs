//! The parts of the DNS configuration that plans can change, and the API calls that change them.

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Configuration, Resolver, brief};
use crate::{
    Error, Operation, Tailnet,
    change::{Change, Checked, Checks, Compare, Fields, Plan, Subject, Write, Written},
    client::{Result, call::Call},
};

const NAMESERVERS: &str = "nameservers";
const MAGIC_DNS: &str = "magic_dns";
const SEARCH_PATHS: &str = "search_paths";
const CONFIGURATION: &str = "configuration";
/// The prefix of a field that holds the split DNS resolvers of a domain.
const SPLIT: &str = "split_dns:";

/// Changes the global nameservers.
pub(super) fn nameservers(from: &[Resolver], to: &[Resolver]) -> Change {
    Change::new(NAMESERVERS, brief(from), brief(to))
}

/// Turns MagicDNS on or off.
pub(super) fn magic_dns(from: bool, to: bool) -> Change {
    Change::new(MAGIC_DNS, from, to)
}

/// Changes the search domains.
pub(super) fn search_paths(from: &[String], to: &[String]) -> Change {
    Change::new(SEARCH_PATHS, from.to_vec(), to.to_vec())
}

/// Changes the split DNS resolvers of a domain; `None` stands for no split DNS.
pub(super) fn split(domain: &str, from: Option<&[Resolver]>, to: Option<&[Resolver]>) -> Change {
    let of = |list: Option<&[Resolver]>| list.map(brief).unwrap_or_default();
    Change::new(&format!("{SPLIT}{domain}"), of(from), of(to))
}

/// Changes the entire DNS configuration.
pub(super) fn configuration(from: &Configuration, to: &Configuration) -> Change {
    Change::new(CONFIGURATION, json!(from), json!(to))
}

/// Makes a plan of the changes that have an effect, with warnings about side effects.
pub(super) fn plan(changes: Vec<Change>) -> Plan {
    let changes: Vec<Change> = changes.into_iter().filter(|it| it.from != it.to).collect();
    let warnings = changes.iter().flat_map(implied).collect();
    Plan::one(&Dns, "", "", changes).warned(warnings)
}

/// Changes of a tailnet's DNS configuration.
#[derive(Debug)]
pub(crate) struct Dns;

#[async_trait]
impl Subject for Dns {
    fn kind(&self) -> &'static str {
        "dns"
    }

    async fn read(&self, tailnet: &Tailnet, _: &str, fields: &[&str]) -> Result<Fields> {
        let now = tailnet.dns().configuration().await?;
        Ok(fields.iter().map(|field| ((*field).to_owned(), seen(&now, field))).collect())
    }

    async fn write(&self, tailnet: &Tailnet, write: Write<'_>) -> Result<Written> {
        send(tailnet, write.change).await?;
        Ok(Written::default())
    }

    fn compare(&self) -> &dyn Compare {
        self
    }

    fn checks(&self) -> &dyn Checks {
        self
    }
}

impl Compare for Dns {
    /// Compares order, too: resolvers and search domains are tried in order.
    fn is_same(&self, _: &str, a: &Value, b: &Value) -> bool {
        a == b
    }
}

#[async_trait]
impl Checks for Dns {
    async fn check(&self, _: &Tailnet, _: &str, change: &Change) -> Result<Checked> {
        Ok(Checked { warnings: implied(change), ..Checked::default() })
    }
}

fn seen(now: &Configuration, field: &str) -> Value {
    match field {
        NAMESERVERS => brief(&now.nameservers),
        MAGIC_DNS => json!(now.preferences.magic_dns),
        SEARCH_PATHS => json!(now.search_paths),
        CONFIGURATION => json!(now),
        _ => {
            let own = field.strip_prefix(SPLIT).and_then(|domain| now.split_of(domain));
            own.map(brief).unwrap_or_default()
        }
    }
}

async fn send(tailnet: &Tailnet, change: &Change) -> Result<()> {
    let field = change.field.as_str();
    let (operation, body) = match field {
        NAMESERVERS => {
            let list = resolvers(change)?;
            if !list.iter().all(Resolver::is_plain) {
                return rewrite(tailnet, |now| now.nameservers = list).await;
            }
            (Operation::SetDnsNameservers, json!({ "dns": addresses(&list) }))
        }
        MAGIC_DNS if change.to.is_boolean() => {
            (Operation::SetDnsPreferences, json!({ "magicDNS": change.to }))
        }
        SEARCH_PATHS if change.to.is_array() => {
            (Operation::SetDnsSearchPaths, json!({ "searchPaths": change.to }))
        }
        CONFIGURATION if change.to.is_object() => {
            (Operation::SetDnsConfiguration, change.to.clone())
        }
        _ => {
            let Some(domain) = field.strip_prefix(SPLIT).filter(|it| !it.is_empty()) else {
                return Err(Error::invalid_input(field, "is not a writable DNS field"));
            };
            let list = resolvers(change)?;
            if !list.iter().all(Resolver::is_plain) {
                return rewrite(tailnet, |now| {
                    now.split.insert(domain.to_owned(), list);
                })
                .await;
            }
            // The API removes a domain whose value is null, and keeps domains that are not in the body.
            let to = if list.is_empty() { Value::Null } else { json!(addresses(&list)) };
            let body: Map<String, Value> = [(domain.to_owned(), to)].into_iter().collect();
            (Operation::UpdateSplitDns, body.into())
        }
    };
    tailnet.client().call(operation, Call::default().with(&body)).await.map(|_| ())
}

/// Sends the entire configuration: only that call keeps resolver fields other than the address.
async fn rewrite(tailnet: &Tailnet, change: impl FnOnce(&mut Configuration)) -> Result<()> {
    let mut now = tailnet.dns().current().await?;
    change(&mut now);
    let (operation, body) = (Operation::SetDnsConfiguration, json!(now));
    tailnet.client().call(operation, Call::default().with(&body)).await.map(|_| ())
}

/// The resolvers in the new value of a change. The value may come from a journal.
fn resolvers(change: &Change) -> Result<Vec<Resolver>> {
    let items = match &change.to {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        _ => return Err(Error::invalid_input(&change.field, "is not a list of resolvers")),
    };
    let of = |item: &Value| match item {
        Value::String(address) => Ok(Resolver::new(address.as_str())),
        other => serde_json::from_value(other.clone()).map_err(|error| {
            Error::invalid_input(&change.field, format!("has an invalid value: {error}"))
        }),
    };
    items.iter().map(of).collect()
}

fn addresses(list: &[Resolver]) -> Vec<&str> {
    list.iter().map(|it| it.address.as_str()).collect()
}

/// Warnings about side effects of a change.
fn implied(change: &Change) -> Vec<String> {
    let mut warnings = Vec::new();
    let (mut was, mut is) = (None, None);
    match change.field.as_str() {
        MAGIC_DNS => (was, is) = (change.from.as_bool(), change.to.as_bool()),
        NAMESERVERS if change.to == json!([]) => {
            warnings.push(
                "without nameservers, devices use their local network's resolvers, and MagicDNS \
                 is turned off"
                    .to_owned(),
            );
        }
        CONFIGURATION => {
            let of = |it: &Value| it.pointer("/preferences/magicDNS").and_then(Value::as_bool);
            (was, is) = (of(&change.from), of(&change.to));
        }
        field if field.starts_with(SPLIT) && change.to.is_null() => {
            let domain = field.trim_start_matches(SPLIT);
            warnings.push(format!("names under {domain} go to the global nameservers"));
        }
        _ => {}
    }
    if (was, is) == (Some(true), Some(false)) {
        warnings.push(
            "device and service names stop resolving, and HTTPS certificates of the tailnet can no \
             longer be issued or renewed: both need MagicDNS"
                .to_owned(),
        );
    }
    warnings
}

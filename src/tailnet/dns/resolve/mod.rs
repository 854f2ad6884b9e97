//! Resolves a name from this machine as the devices of the tailnet would.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use self::{
    ask::Asked,
    known::Known,
    path::{Path, Paths},
};
use super::{DnsOf, check};
use crate::{
    Error, ErrorKind,
    client::{Client, Result},
};

mod advice;
pub(crate) mod ask;
mod https;
mod known;
mod path;

/// Records of what type are asked for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the types of DNS go by their names")]
pub enum Kind {
    #[default]
    A,
    Aaaa,
    Caa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Soa,
    Srv,
    Txt,
}

/// A name to resolve, and the record type.
#[derive(Debug, Clone)]
pub struct Question {
    name: String,
    kind: Kind,
}

impl Question {
    /// A question for `name`. A name without dots is tried in the search domains, unless it ends
    /// with a dot; an IP address is looked up in reverse.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// How resolvers are reached from this machine.
#[derive(Debug, Clone)]
pub struct ResolverOptions {
    /// The port of the resolvers in the DNS configuration.
    pub port: u16,
    /// Where the resolver of this machine's Tailscale client is.
    pub own: Own,
    /// Timeout for each of the two queries that a resolver gets.
    pub patience: Duration,
    /// Whether resolvers on this machine or in a private network are asked.
    pub private: bool,
}

/// Where the resolver of this machine's Tailscale client is.
#[derive(Debug, Clone, Copy)]
pub enum Own {
    /// At 100.100.100.100, if this machine is a device of the tailnet.
    Detect,
    /// At this address.
    At(SocketAddr),
    /// Do not use it.
    None,
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self { port: 53, own: Own::Detect, patience: Duration::from_secs(2), private: false }
    }
}

/// The result of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The answer has records.
    Answered,
    /// The name does not exist (NXDOMAIN).
    NoSuchName,
    /// The name exists, but has no records of that type.
    NoSuchRecords,
    /// The resolver refused the query (REFUSED).
    Refused,
    /// The resolver failed, or its answer could not be read.
    Failed,
    /// The resolver did not answer in time.
    Timeout,
    /// The resolver could not be reached.
    Unreachable,
    /// There was no resolver to ask.
    NotAsked,
}

impl Found {
    /// Whether the answer is conclusive, so that no other resolver has to be asked.
    fn is_final(self) -> bool {
        matches!(self, Self::Answered | Self::NoSuchName | Self::NoSuchRecords)
    }
}

/// A DNS record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Record {
    /// Record type, such as `A`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Record data, such as an address.
    pub value: String,
    /// Time to live in seconds; absent if the record comes from the device list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
}

/// One lookup of one name.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// The full name that was looked up.
    pub name: String,
    /// The result of the lookup.
    pub result: Found,
    /// How the name was looked up.
    pub way: &'static str,
    /// The address or URL of the resolver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolver: Option<String>,
    /// The split DNS domain that the resolver belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_dns: Option<String>,
    /// The records of the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
    /// How long the lookup took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Why it failed, as reported by the resolver or the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The result of resolving a name, and how it was resolved.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Resolution {
    /// The most conclusive lookup.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The record type that was asked for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The other lookups, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Attempt>,
    /// Remarks, for example on why devices may get another answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to do next if the name did not resolve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub try_next: Option<String>,
}

impl DnsOf<'_> {
    /// Resolves a name from this machine: through its Tailscale client if it is a device of the
    /// tailnet, otherwise with the resolver that the DNS configuration selects, over HTTPS if it is
    /// configured so (`GET /tailnet/{tailnet}/dns/configuration`). MagicDNS names, which only
    /// devices can resolve, are answered from the lists of devices and services.
    ///
    /// # Errors
    ///
    /// Same as [`configuration`](DnsOf::configuration). A name that does not resolve is not an error.
    pub async fn resolve(&self, question: &Question, way: &ResolverOptions) -> Result<Resolution> {
        let (name, kind) = full(question)?;
        let now = self.configuration().await?;
        let known = Known::of(self.tailnet).await;
        let paths = Paths { now: &now, known: &known, way };
        let mut attempts = Vec::new();
        for name in paths.names(&name, question.name.trim().ends_with('.')) {
            let last = attempt(self.tailnet.client(), &paths, &name, kind, &mut attempts).await;
            if last == Some(Found::Answered) {
                break;
            }
        }
        resolution(&paths, kind, attempts)
    }
}

/// The full name to look up, and the record type; an address becomes its reverse name.
fn full(question: &Question) -> Result<(String, Kind)> {
    match question.name.trim().parse::<IpAddr>() {
        Ok(address) => Ok((ask::reverse(address), Kind::Ptr)),
        Err(_) => Ok((check::domain("name", &question.name)?, question.kind)),
    }
}

/// Looks up one name with each resolver in turn until one gives a conclusive answer.
async fn attempt(
    client: &Client,
    paths: &Paths<'_>,
    name: &str,
    kind: Kind,
    attempts: &mut Vec<Attempt>,
) -> Option<Found> {
    let mut last = None;
    for path in paths.of(name) {
        let resolver = path.resolver();
        let Asked { found, records, took, reason } = match &path {
            Path::List(host) => known::answer(*host, kind),
            Path::Nobody(why) => Asked::nobody(why),
            // Skip a resolver that timed out or was unreachable for an earlier name.
            _ if resolver.as_deref().is_some_and(|it| is_silent(attempts, it)) => continue,
            Path::Own(at) | Path::Direct(at, _) => {
                ask::ask(*at, name, kind, paths.way.patience).await
            }
            Path::Https(url, _) => https::ask(client, url, name, kind, paths.way.patience).await,
        };
        attempts.push(Attempt {
            name: name.to_owned(),
            result: found,
            way: path.words(),
            resolver,
            split_dns: path.domain().map(str::to_owned),
            records,
            took_ms: took.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX)),
            reason,
        });
        last = Some(found);
        if found.is_final() {
            break;
        }
    }
    last
}

fn is_silent(attempts: &[Attempt], resolver: &str) -> bool {
    let lost = |it: &&Attempt| matches!(it.result, Found::Timeout | Found::Unreachable);
    attempts.iter().filter(lost).any(|it| it.resolver.as_deref() == Some(resolver))
}

/// Picks the most conclusive lookup, and adds notes and advice.
fn resolution(paths: &Paths<'_>, kind: Kind, mut attempts: Vec<Attempt>) -> Result<Resolution> {
    let at = |fits: &dyn Fn(Found) -> bool| attempts.iter().rposition(|it| fits(it.result));
    let best = at(&|it| it == Found::Answered)
        .or_else(|| at(&|it| it == Found::NoSuchRecords))
        .or_else(|| attempts.iter().position(|it| !it.result.is_final()))
        .unwrap_or(attempts.len().saturating_sub(1));
    if attempts.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, "there is no resolver to ask"));
    }
    let attempt = attempts.remove(best);
    let notes = advice::notes(paths, &attempt, &attempts);
    let try_next = advice::next(paths, &attempt, kind);
    Ok(Resolution { attempt, kind, tried: attempts, notes, try_next })
}

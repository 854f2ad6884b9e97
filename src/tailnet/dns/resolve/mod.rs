//! What becomes of a name: resolved from here, the way the devices of the tailnet would.

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
mod ask;
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

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question {
    name: String,
    kind: Kind,
}

impl Question {
    /// A question for `name`. A name without dots is looked for in the search paths, unless a dot
    /// ends it; an address asks for its name.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// How resolvers are reached from here.
#[derive(Debug, Clone)]
pub struct ResolverOptions {
    /// The port of the resolvers that the configuration names.
    pub port: u16,
    /// The resolver of this machine's own Tailscale client.
    pub own: Own,
    /// Timeout for each of the two queries that a resolver gets.
    pub patience: Duration,
}

/// Where the resolver of this machine's own Tailscale client is.
#[derive(Debug, Clone, Copy)]
pub enum Own {
    /// At 100.100.100.100, if this machine is a device of the tailnet.
    Detect,
    /// There.
    At(SocketAddr),
    /// Nowhere.
    None,
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self { port: 53, own: Own::Detect, patience: Duration::from_secs(2) }
    }
}

/// What a question came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// There are records.
    Answered,
    /// There is no such name (NXDOMAIN).
    NoSuchName,
    /// There is such a name, without records of that type.
    NoSuchRecords,
    /// The resolver does not answer that, or not to us.
    Refused,
    /// The resolver tried, and failed.
    Failed,
    /// No answer came in time.
    Timeout,
    /// There is no way to the resolver.
    Unreachable,
    /// Nobody could be asked.
    NotAsked,
}

impl Found {
    /// Whether another resolver would say the same.
    fn is_final(self) -> bool {
        matches!(self, Self::Answered | Self::NoSuchName | Self::NoSuchRecords)
    }
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Record {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it says.
    pub value: String,
    /// For how many seconds it may be kept; absent if nobody was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
}

/// One name, asked at one place.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// The full name.
    pub name: String,
    /// What came of it.
    pub result: Found,
    /// The way that was taken.
    pub way: &'static str,
    /// Who was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolver: Option<String>,
    /// The domain whose own resolver it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_dns: Option<String>,
    /// What was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Why it failed, in the words of the resolver or the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a name, and how.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Resolution {
    /// The attempt that says most.
    #[serde(flatten)]
    pub attempt: Attempt,
    /// The type that was asked for.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The other attempts, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Attempt>,
    /// What else is worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub try_next: Option<String>,
}

impl DnsOf<'_> {
    /// Resolves a name from here: through this machine's own Tailscale client if it has one, or else
    /// by the resolver that the configuration selects, over HTTPS where that is how it is named
    /// (`GET /tailnet/{tailnet}/dns/configuration`). Names that only devices can ask for are
    /// answered from the list of devices.
    ///
    /// # Errors
    ///
    /// As [`configuration`](DnsOf::configuration). That a name does not resolve is no error.
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

/// The name that is asked for, and of what type.
fn full(question: &Question) -> Result<(String, Kind)> {
    match question.name.trim().parse::<IpAddr>() {
        Ok(address) => Ok((ask::reverse(address), Kind::Ptr)),
        Err(_) => Ok((check::domain("name", &question.name)?, question.kind)),
    }
}

/// Asks for one name, wherever the paths lead, until somebody knows.
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
            // Who did not answer a moment ago does not answer now.
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

/// The attempt that says most, with advice.
fn resolution(paths: &Paths<'_>, kind: Kind, mut attempts: Vec<Attempt>) -> Result<Resolution> {
    let at = |fits: &dyn Fn(Found) -> bool| attempts.iter().rposition(|it| fits(it.result));
    let best = at(&|it| it == Found::Answered)
        .or_else(|| at(&|it| it == Found::NoSuchRecords))
        .or_else(|| attempts.iter().position(|it| !it.result.is_final()))
        .unwrap_or(attempts.len().saturating_sub(1));
    if attempts.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, "there was nobody to ask"));
    }
    let attempt = attempts.remove(best);
    let notes = advice::notes(paths, &attempt, &attempts);
    let try_next = advice::next(paths, &attempt, kind);
    Ok(Resolution { attempt, kind, tried: attempts, notes, try_next })
}

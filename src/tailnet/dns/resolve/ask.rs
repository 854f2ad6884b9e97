//! Queries one resolver over UDP and TCP.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use hickory_resolver::{
    Resolver,
    config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        self,
        op::ResponseCode,
        rr::{Name, RecordType},
    },
};

use super::{Found, Kind, Record};

/// The result of one query.
pub(super) struct Asked {
    pub(super) found: Found,
    pub(super) records: Vec<Record>,
    pub(super) took: Option<Duration>,
    pub(super) reason: Option<String>,
}

impl Asked {
    pub(super) fn of(found: Found) -> Self {
        Self { found, records: Vec::new(), took: None, reason: None }
    }

    pub(super) fn nobody(why: &str) -> Self {
        Self { reason: Some(why.to_owned()), ..Self::of(Found::NotAsked) }
    }
}

/// Queries the resolver at `at`, at most twice.
pub(super) async fn ask(at: SocketAddr, name: &str, kind: Kind, patience: Duration) -> Asked {
    let resolver = match resolver(at, patience) {
        Ok(resolver) => resolver,
        Err(error) => return failed(&error),
    };
    let started = Instant::now();
    // The final dot keeps this machine's search domains from being appended.
    let lookup = resolver.lookup(format!("{name}."), record_type(kind));
    let limit = patience * 2 + Duration::from_millis(500);
    let answer = tokio::time::timeout(limit, lookup).await;
    let took = Some(started.elapsed());
    let asked = match answer {
        Err(_) => Asked::of(Found::Timeout),
        Ok(Err(error)) => failed(&error),
        Ok(Ok(lookup)) => {
            let records = lookup.answers().iter().map(record).collect();
            Asked { records, ..Asked::of(Found::Answered) }
        }
    };
    Asked { took, ..asked }
}

/// The addresses that the resolver at `at` has for a name. Empty if it has none, or does not answer.
pub(crate) async fn addresses(at: SocketAddr, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for kind in [Kind::A, Kind::Aaaa] {
        let asked = ask(at, name, kind, Duration::from_secs(2)).await;
        found.extend(asked.records.iter().filter_map(|it| it.value.parse::<IpAddr>().ok()));
    }
    found
}

pub(super) fn record(it: &proto::rr::Record) -> Record {
    Record { kind: it.record_type().to_string(), value: it.data.to_string(), ttl: Some(it.ttl) }
}

/// What an answer without records means.
pub(super) fn without_records(code: ResponseCode) -> Found {
    match code {
        ResponseCode::NXDomain => Found::NoSuchName,
        ResponseCode::Refused => Found::Refused,
        ResponseCode::NoError => Found::NoSuchRecords,
        _ => Found::Failed,
    }
}

/// The reverse DNS name of an address (`….in-addr.arpa` or `….ip6.arpa`).
pub(super) fn reverse(address: IpAddr) -> String {
    Name::from(address).to_ascii().trim_end_matches('.').to_ascii_lowercase()
}

fn resolver(
    at: SocketAddr,
    patience: Duration,
) -> Result<Resolver<TokioRuntimeProvider>, NetError> {
    let mut server = NameServerConfig::udp_and_tcp(at.ip());
    for connection in &mut server.connections {
        connection.port = at.port();
    }
    let mut options = ResolverOpts::default();
    options.timeout = patience;
    options.attempts = 1;
    options.cache_size = 0;
    options.num_concurrent_reqs = 1;
    options.use_hosts_file = ResolveHosts::Never;
    let config = ResolverConfig::from_name_servers(vec![server]);
    Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
}

fn failed(error: &NetError) -> Asked {
    let found = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => without_records(none.response_code),
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => Found::Refused,
        NetError::Timeout => Found::Timeout,
        NetError::Io(_) | NetError::NoConnections => Found::Unreachable,
        _ => Found::Failed,
    };
    let reason = matches!(found, Found::Failed | Found::Unreachable).then(|| error.to_string());
    Asked { reason, ..Asked::of(found) }
}

pub(super) fn record_type(kind: Kind) -> RecordType {
    match kind {
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
        Kind::Caa => RecordType::CAA,
        Kind::Cname => RecordType::CNAME,
        Kind::Mx => RecordType::MX,
        Kind::Ns => RecordType::NS,
        Kind::Ptr => RecordType::PTR,
        Kind::Soa => RecordType::SOA,
        Kind::Srv => RecordType::SRV,
        Kind::Txt => RecordType::TXT,
    }
}

//! Adds up records while they arrive.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv4Addr},
};

use jiff::Timestamp;

use super::{
    Kind, KnownDevice, Seconds,
    ends::{Ends, NONE, OTHERS, Place},
    record::{self, Entry, Record},
    row::{Numbers, Sort, add, once, weight},
    totals::{End, Row, Totals},
};

/// The protocol with which a node says that it refused a connection.
const TSMP: u8 = 99;
/// What stands for a relay in the destination of physical traffic; its port is the region.
const RELAY: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 3, 3, 40));
/// Above this many rows, only the largest half is kept apart.
const MOST_ROWS: usize = 60_000;
/// The most rows of a total.
const MOST_OF_TOTAL: usize = 20_000;
/// How many records are remembered, so that none counts twice: 24 hours of 20 busy devices are half of it.
const REMEMBERED: usize = 400_000;
/// Records are remembered by the ten minutes in which they start.
const SLOT: Seconds = 600;

/// The device that sums are only about.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct About {
    /// Its node ID.
    pub id: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Whether each connection is kept apart, with the port of its client.
    pub by_connection: bool,
}

impl About {
    /// Sums about the node with this ID and these addresses.
    pub fn new(id: &str, addresses: Vec<IpAddr>) -> Self {
        Self { id: id.to_owned(), addresses, by_connection: false }
    }
}

/// A row that keeps services apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Detail {
    sort: Sort,
    one: Place,
    other: Place,
    protocol: u8,
    port: u16,
    /// The other end's port, if each connection is kept apart.
    client: u16,
    /// At which end the port is.
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum At {
    None,
    One,
    Other,
}

impl Detail {
    fn new(sort: Sort, one: Place, other: Place) -> Self {
        Self { sort, one, other, protocol: 0, port: 0, client: 0, at: At::None }
    }

    /// The same row with its ends in order.
    fn ordered(self, numbers: Numbers) -> (Self, Numbers) {
        if !self.sort.has_two_ends() || self.one <= self.other {
            return (self, numbers);
        }
        let at = match self.at {
            At::None => At::None,
            At::One => At::Other,
            At::Other => At::One,
        };
        let [a, b, c, d] = numbers;
        (Self { one: self.other, other: self.one, at, ..self }, [d, c, b, a])
    }
}

/// Traffic with one service of one peer, from the side of the device that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flow {
    /// How it went.
    pub kind: Kind,
    /// The peer; with an empty ID if nobody says who it is.
    pub peer: End,
    /// The IANA number; 0 if it is not known.
    pub protocol: u8,
    /// The port of the service.
    pub port: Option<u16>,
    /// The port of the client, if each connection is kept apart.
    pub from_port: Option<u16>,
    /// Whether the service is at the device.
    pub inbound: bool,
    /// Bytes that the device sent.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
}

/// The sums of the records so far. Memory is bounded: of very many connections, the largest are kept apart.
#[derive(Debug, Default)]
pub struct Sums {
    ends: Ends,
    rows: HashMap<Detail, Numbers>,
    about: Option<About>,
    /// Records that were counted, by the time when they start.
    seen: BTreeMap<Seconds, HashSet<u64>>,
    remembered: usize,
    hasher: RandomState,
    records: u64,
    unreadable_records: u64,
    unreadable_entries: u64,
}

impl Sums {
    /// Sums of all traffic.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sums of the traffic of one device.
    pub fn about(device: About) -> Self {
        Self { about: Some(device), ..Self::default() }
    }

    /// Counts a record, as JSON, that starts from `from` on and before `to`. The same record counts once.
    pub fn add(&mut self, bytes: &[u8], (from, to): (Seconds, Seconds)) {
        let taken = record::read(bytes, |record, unreadable| {
            let id = record.node_id.as_ref().map(|it| &*it.0).filter(|it| !it.is_empty());
            let start = record.start.as_ref().and_then(|it| it.0.parse::<Timestamp>().ok());
            let (Some(id), Some(start)) = (id, start) else { return false };
            let start = start.as_second();
            if (from..to).contains(&start) && self.is_new(record, start) {
                self.records += 1;
                self.unreadable_entries += unreadable;
                self.take(id, record);
            }
            true
        });
        // `null` is no record.
        if !matches!(taken, Ok(None | Some(true))) {
            self.unreadable_records += 1;
        }
        if self.rows.len() > MOST_ROWS {
            self.shrink();
        }
    }

    /// How many records, and entries of others, could not be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable_records + self.unreadable_entries
    }

    fn is_new(&mut self, record: &Record<'_>, start: Seconds) -> bool {
        let text = |it: &Option<record::Text<'_>>| it.as_ref().map_or("", |it| &it.0).to_owned();
        let key = [&record.node_id, &record.start, &record.end].map(text);
        let hash = self.hasher.hash_one(key);
        let slot = start.div_euclid(SLOT);
        let is_new = self.seen.entry(slot).or_default().insert(hash);
        self.remembered += usize::from(is_new);
        if self.remembered > REMEMBERED
            && let Some((_, forgotten)) = self.seen.pop_first()
        {
            self.remembered -= forgotten.len();
        }
        is_new
    }

    fn take(&mut self, id: &str, record: &Record<'_>) {
        let nodes = record.src_node.iter().filter(|it| {
            // Only its own ID is verified.
            it.id.as_ref().is_some_and(|it| it.0 == id)
        });
        for node in nodes.chain(record.dst_nodes.iter().flatten()) {
            self.ends.learn(node);
        }
        for entry in record.virtual_traffic.iter().flatten().flatten() {
            self.take_inside(id, entry, Sort::Virtual);
        }
        for entry in record.subnet_traffic.iter().flatten().flatten() {
            self.take_inside(id, entry, Sort::Subnet);
        }
        if self.about.as_ref().is_none_or(|it| it.id == id) {
            for entry in record.exit_traffic.iter().flatten().flatten() {
                let row = Detail::new(Sort::Exit, self.ends.node(id), NONE);
                self.count(row, entry.bytes());
            }
        }
        if self.about.is_none() {
            for entry in record.physical_traffic.iter().flatten().flatten() {
                self.take_path(id, entry);
            }
        }
    }

    /// Counts an entry of which the source is the reporter, or a host that it is the router of.
    fn take_inside(&mut self, id: &str, entry: &Entry<'_>, sort: Sort) {
        let Some((src, dst)) = entry.ends() else {
            self.unreadable_entries += 1;
            return;
        };
        let is_carried = sort == Sort::Subnet && !is_of_tailnet(src.0);
        if sort == Sort::Virtual {
            self.ends.owns(src.0, id);
        }
        let about = self.about.as_ref().map(|it| (it.id == id, &it.addresses));
        let is_router = match about {
            Some((own, addresses)) => {
                let is_end = addresses.contains(&src.0) || addresses.contains(&dst.0);
                if !is_end && !own {
                    return;
                }
                own && !is_end
            }
            None => false,
        };
        let from = if is_router { self.ends.node(id) } else { self.ends.address(src.0) };
        let to = self.ends.address(dst.0);
        if is_carried && self.about.is_none() {
            let router = Detail::new(Sort::Carried, self.ends.node(id), NONE);
            self.count(router, entry.bytes());
        }
        if entry.protocol() == TSMP {
            return self.count(Detail::new(Sort::Refused, from, to), entry.packets());
        }
        let (at, port, client) = service(src.1, dst.1);
        let by_connection = self.about.as_ref().is_some_and(|it| it.by_connection);
        let client = if by_connection { client } else { 0 };
        let row = Detail::new(sort, from, to);
        self.count(Detail { protocol: entry.protocol(), port, client, at, ..row }, entry.bytes());
    }

    /// Counts a path to a peer. Its source is the peer, and its destination where the peer was reached.
    fn take_path(&mut self, id: &str, entry: &Entry<'_>) {
        let Some((peer, path)) = entry.ends() else {
            self.unreadable_entries += 1;
            return;
        };
        let sort = if path.0 == RELAY { Sort::Relayed } else { Sort::Direct };
        let (own, peer) = (self.ends.node(id), self.ends.address(peer.0));
        let (sent, received) = entry.bytes();
        self.count(Detail::new(sort, own, peer), (sent.saturating_add(received), 1));
    }

    /// Adds to a row what its first end reports.
    fn count(&mut self, row: Detail, (first, second): (u64, u64)) {
        let (row, numbers) = row.ordered([first, second, 0, 0]);
        add(self.rows.entry(row).or_default(), numbers);
    }

    /// Keeps the largest half of the rows apart: the others count for their pair, and if there are too many
    /// pairs, for all others.
    fn shrink(&mut self) {
        let largest = |rows: &HashMap<Detail, Numbers>| {
            let mut all: Vec<(u64, Detail)> =
                rows.iter().map(|(row, it)| (weight(row.sort, *it), *row)).collect();
            all.sort_unstable_by(|a, b| b.cmp(a));
            all
        };
        for (_, row) in largest(&self.rows).drain(MOST_ROWS / 2..) {
            if row.at != At::None || row.protocol != 0 {
                let numbers = self.rows.remove(&row).unwrap_or_default();
                let pair = Detail::new(row.sort, row.one, row.other);
                add(self.rows.entry(pair).or_default(), numbers);
            }
        }
        if self.rows.len() > MOST_ROWS * 3 / 4 {
            for (_, row) in largest(&self.rows).drain(MOST_ROWS / 2..) {
                let numbers = self.rows.remove(&row).unwrap_or_default();
                let (ahead, back) = once(row.sort, numbers);
                let other = if row.sort.has_two_ends() { OTHERS } else { NONE };
                let others = Detail::new(row.sort, OTHERS, other);
                add(self.rows.entry(others).or_default(), [ahead, back, 0, 0]);
            }
        }
        if self.ends.len() > 2 * MOST_ROWS {
            let used = self.rows.keys().flat_map(|it| [it.one, it.other]).collect();
            let moved = self.ends.retain(&used);
            let place = |it: Place| moved.get(&it).copied().unwrap_or(OTHERS);
            let rows = std::mem::take(&mut self.rows).into_iter().map(|(row, numbers)| {
                Detail { one: place(row.one), other: place(row.other), ..row }.ordered(numbers)
            });
            self.rows = rows.collect();
        }
    }

    /// The rows between resolved ends.
    fn resolved(&self, known: &[KnownDevice]) -> (Totals, BTreeMap<Detail, Numbers>) {
        let mut totals = Totals::default();
        let ends = self.ends.resolved(known);
        let places: Vec<Place> = ends.iter().map(|it| totals.place(it)).collect();
        let place = |it: Place| {
            usize::try_from(it).ok().and_then(|it| places.get(it)).copied().unwrap_or(OTHERS)
        };
        let mut rows: BTreeMap<Detail, Numbers> = BTreeMap::new();
        for (row, numbers) in &self.rows {
            let moved = Detail { one: place(row.one), other: place(row.other), ..*row };
            let (row, numbers) = moved.ordered(*numbers);
            add(rows.entry(row).or_default(), numbers);
        }
        (totals, rows)
    }

    /// The totals, with names from the records and from the list of devices.
    pub fn totals(&self, known: &[KnownDevice]) -> Totals {
        let (mut totals, rows) = self.resolved(known);
        for (row, numbers) in rows {
            let Detail { sort, one, other, protocol, port, at, .. } = row;
            totals.add(Row { sort, one, other, protocol: 0, port: 0 }, numbers);
            let service = match sort {
                Sort::Virtual => Sort::Service,
                Sort::Subnet => Sort::SubnetService,
                _ => continue,
            };
            let (ahead, back) = once(sort, numbers);
            let (server, to, from) = match at {
                At::None => (NONE, ahead, back),
                At::One => (one, back, ahead),
                At::Other => (other, ahead, back),
            };
            let row = Row { sort: service, one: server, other: NONE, protocol, port };
            totals.add(row, [to, from, 0, 0]);
        }
        totals.records = self.records;
        totals.unreadable_records = self.unreadable_records;
        totals.unreadable_entries = self.unreadable_entries;
        totals.keep_largest(MOST_OF_TOTAL);
        totals
    }

    /// The traffic of the device that the sums are about, by peer and service, the most first.
    pub fn flows(&self, known: &[KnownDevice]) -> Vec<Flow> {
        let Some(about) = &self.about else { return Vec::new() };
        let (totals, rows) = self.resolved(known);
        let end = |place| totals.end(place).cloned().unwrap_or_default();
        let flow = |(row, numbers): (Detail, Numbers)| {
            let kind = match row.sort {
                Sort::Virtual => Kind::Virtual,
                Sort::Subnet => Kind::Subnet,
                Sort::Exit => Kind::Exit,
                _ => return None,
            };
            let is_one = row.sort == Sort::Exit || end(row.one).id == about.id;
            let (ahead, back) = once(row.sort, numbers);
            let (sent, received) = if is_one { (ahead, back) } else { (back, ahead) };
            let inbound = row.at == if is_one { At::One } else { At::Other };
            Some(Flow {
                kind,
                peer: end(if is_one { row.other } else { row.one }),
                protocol: row.protocol,
                port: Some(row.port).filter(|it| *it > 0),
                from_port: Some(row.client).filter(|it| *it > 0),
                inbound,
                sent,
                received,
            })
        };
        let mut flows: Vec<Flow> = rows.into_iter().filter_map(flow).collect();
        flows.sort_by_key(|it| std::cmp::Reverse(it.sent.saturating_add(it.received)));
        flows
    }
}

/// At which end the service is, its port, and the port of its client: of two ports, the lower one is that of
/// the service. Port 0 is none.
fn service(from: u16, to: u16) -> (At, u16, u16) {
    match (from, to) {
        (0, 0) => (At::None, 0, 0),
        (from, to) if to == 0 || (from != 0 && from < to) => (At::One, from, to),
        (from, to) => (At::Other, to, from),
    }
}

/// Whether an address is one that Tailscale gives to nodes and services.
fn is_of_tailnet(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => it.octets()[0] == 100 && it.octets()[1] & 0xc0 == 64,
        // Within that prefix, `b1a` is for hosts behind 4via6 routers.
        IpAddr::V6(it) => match it.segments() {
            [0xfd7a, 0x115c, 0xa1e0, site, ..] => site != 0xb1a,
            _ => false,
        },
    }
}

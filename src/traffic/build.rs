//! Makes what is shown of totals.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{
    Kind,
    ends::KnownDevice,
    report::{
        Amount, Coverage, DeviceTraffic, ExitTraffic, PairTraffic, PathTraffic, Refusal, Relayed,
        ServiceTraffic, TagMatrix, TagPair, TagTraffic, Traffic, TrafficTotals, Unreadable, called,
        protocol_name,
    },
    row::{Numbers, Sort, once},
    totals::{End, Row, Totals},
};

/// What is asked of totals.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Question {
    /// Only the traffic of the device with this node ID.
    pub device: Option<String>,
    /// Only traffic that went this way.
    pub kind: Option<Kind>,
}

impl Question {
    /// Whether a row is about what is asked.
    fn takes(&self, row: Row, one: &End, other: &End) -> bool {
        let kind = match row.sort {
            Sort::Virtual | Sort::Service | Sort::Refused => Some(Kind::Virtual),
            Sort::Subnet | Sort::Carried | Sort::SubnetService => Some(Kind::Subnet),
            Sort::Exit => Some(Kind::Exit),
            // A path carries everything.
            Sort::Direct | Sort::Relayed => None,
        };
        let is_kind = self.kind.is_none_or(|it| kind.is_none_or(|kind| kind == it));
        let device = self.device.as_ref();
        is_kind && device.is_none_or(|it| one.id == *it || other.id == *it)
    }
}

/// Bytes and connections that went through relays, and all.
#[derive(Debug, Clone, Copy, Default)]
struct Paths {
    relayed: (u64, u64),
    all: (u64, u64),
}

impl Paths {
    fn add(&mut self, sort: Sort, (bytes, connections): (u64, u64)) {
        let more = |sum: &mut (u64, u64)| {
            sum.0 = sum.0.saturating_add(bytes);
            sum.1 = sum.1.saturating_add(connections);
        };
        more(&mut self.all);
        if sort == Sort::Relayed {
            more(&mut self.relayed);
        }
    }

    fn relayed(self) -> Option<Relayed> {
        (self.all.1 > 0).then(|| Relayed {
            bytes: self.relayed.0,
            bytes_percent: percent(self.relayed.0, self.all.0),
            connections: self.relayed.1,
            connections_percent: percent(self.relayed.1, self.all.1),
        })
    }
}

/// A part in percent, with two decimal places.
#[expect(clippy::cast_precision_loss, reason = "percent need no more than 52 bits")]
pub(crate) fn percent(part: u64, all: u64) -> f64 {
    if all == 0 {
        return 0.0;
    }
    (10_000.0 * part as f64 / all as f64).round() / 100.0
}

/// What is known of one device so far.
#[derive(Debug, Default)]
struct Device {
    amount: Amount,
    carried: u64,
    exit: u64,
    paths: Paths,
    peers: HashSet<String>,
}

/// What is collected while going through the rows.
#[derive(Default)]
struct Builder<'a> {
    devices: BTreeMap<&'a str, (&'a End, Device)>,
    pairs: BTreeMap<(&'a str, &'a str), ([&'a End; 2], Paths)>,
    reporters: BTreeSet<&'a str>,
    all: Paths,
    totals: TrafficTotals,
    exit: [u64; 2],
    found: Vec<PairTraffic>,
    services: Vec<ServiceTraffic>,
    exit_nodes: Vec<ExitTraffic>,
    refusals: Vec<Refusal>,
    tagged: u64,
    tags: BTreeMap<&'a str, Amount>,
    tag_pairs: BTreeMap<(&'a str, &'a str), u64>,
}

impl Traffic {
    /// What `totals` say of a window, as far as it was asked for. `from` and `to` are its ends, RFC 3339.
    pub fn of(
        totals: &Totals,
        (from, to): (String, String),
        mut coverage: Coverage,
        known: &[KnownDevice],
        question: &Question,
    ) -> Self {
        let exit_nodes: HashSet<&str> =
            known.iter().filter(|it| it.is_exit_node).map(|it| &*it.id).collect();
        let mut builder = Builder::default();
        let rows = || totals.rows().filter(|(row, one, other, _)| question.takes(*row, one, other));
        // The paths first: each pair says how it went.
        for (row, one, other, numbers) in rows().filter(|it| is_path(it.0.sort)) {
            builder.path(row.sort, one, other, numbers);
        }
        for (row, one, other, numbers) in rows().filter(|it| !is_path(it.0.sort)) {
            builder.reported(row.sort, one, other, numbers);
            match row.sort {
                Sort::Virtual | Sort::Subnet => builder.pair(row.sort, one, other, numbers),
                Sort::Exit => builder.exit(one, numbers, exit_nodes.contains(&*one.id)),
                Sort::Refused => builder.refused(one, other, numbers),
                Sort::Carried => {
                    let bytes = numbers[0].saturating_add(numbers[1]);
                    builder.device(one).carried += bytes;
                }
                _ => builder.service(row, one, numbers),
            }
        }
        coverage.records = totals.records;
        coverage.reporters = builder.reporters.len();
        let mut traffic = builder.done();
        (traffic.from, traffic.to, traffic.coverage) = (from, to, coverage);
        traffic.unreadable =
            Unreadable { records: totals.unreadable_records, entries: totals.unreadable_entries };
        traffic
    }
}

fn is_path(sort: Sort) -> bool {
    matches!(sort, Sort::Direct | Sort::Relayed)
}

/// How two ends reached each other. None if one of them stands for many.
fn path([one, other]: [&End; 2], paths: Paths) -> Option<PathTraffic> {
    if one.is_others() || other.is_others() {
        return None;
    }
    Some(PathTraffic {
        between: [called(one), called(other)],
        ids: [one.id.clone(), other.id.clone()],
        bytes: paths.all.0,
        connections: paths.all.1,
        relayed: paths.relayed()?,
    })
}

/// Both IDs in order.
fn both<'a>(one: &'a End, other: &'a End) -> (&'a str, &'a str) {
    if one.id <= other.id { (&one.id, &other.id) } else { (&other.id, &one.id) }
}

impl<'a> Builder<'a> {
    fn device(&mut self, end: &'a End) -> &mut Device {
        &mut self.devices.entry(&end.id).or_insert_with(|| (end, Device::default())).1
    }

    fn reported(&mut self, sort: Sort, one: &'a End, other: &'a End, [a, b, c, d]: Numbers) {
        if matches!(sort, Sort::Service | Sort::SubnetService) {
            return;
        }
        let sides = [(one, a | b), (other, c | d)];
        self.reporters
            .extend(sides.iter().filter(|it| it.1 > 0 && it.0.is_node()).map(|it| &*it.0.id));
    }

    fn path(&mut self, sort: Sort, one: &'a End, other: &'a End, numbers: Numbers) {
        let amount = once(sort, numbers);
        self.all.add(sort, amount);
        let ends = [one, other];
        self.pairs
            .entry(both(one, other))
            .or_insert_with(|| (ends, Paths::default()))
            .1
            .add(sort, amount);
        for end in [one, other].into_iter().filter(|it| it.is_node()) {
            self.device(end).paths.add(sort, amount);
        }
        self.reported(sort, one, other, numbers);
    }

    fn pair(&mut self, sort: Sort, one: &'a End, other: &'a End, numbers: Numbers) {
        let (ahead, back) = once(sort, numbers);
        let bytes = ahead.saturating_add(back);
        let (sum, kind) = match sort {
            Sort::Virtual => (&mut self.totals.inside, Kind::Virtual),
            _ => (&mut self.totals.subnet, Kind::Subnet),
        };
        *sum = sum.saturating_add(bytes);
        if one.is_others() || other.is_others() {
            self.totals.other_pairs = self.totals.other_pairs.saturating_add(bytes);
            return;
        }
        if bytes == 0 {
            return;
        }
        for (end, peer, sent, received) in [(one, other, ahead, back), (other, one, back, ahead)] {
            // Hosts in subnets are no devices.
            if sort == Sort::Virtual || end.is_node() {
                let device = self.device(end);
                device.amount.add(sent, received);
                device.peers.insert(peer.id.clone());
            }
        }
        if sort == Sort::Virtual {
            self.tags(one, other, ahead);
            self.tags(other, one, back);
        }
        let relayed = self.pairs.get(&both(one, other)).and_then(|it| it.1.relayed());
        let [a, b, c, d] = numbers;
        let reported = [a.saturating_add(b), c.saturating_add(d)];
        let row = |from: &End, to: &End, sent, received, reported| PairTraffic {
            from: called(from),
            to: called(to),
            ids: [from.id.clone(), to.id.clone()],
            kind,
            sent,
            received,
            reported,
            relayed_percent: relayed.map(|it| it.bytes_percent),
        };
        self.found.push(if ahead >= back {
            row(one, other, ahead, back, reported)
        } else {
            row(other, one, back, ahead, [reported[1], reported[0]])
        });
    }

    fn tags(&mut self, from: &'a End, to: &'a End, bytes: u64) {
        if bytes == 0 {
            return;
        }
        for tag in &from.tags {
            self.tags.entry(tag).or_default().add(bytes, 0);
        }
        for tag in &to.tags {
            self.tags.entry(tag).or_default().add(0, bytes);
        }
        if from.tags.is_empty() || to.tags.is_empty() {
            return;
        }
        self.tagged = self.tagged.saturating_add(bytes);
        for from in &from.tags {
            for to in &to.tags {
                let sum = self.tag_pairs.entry((from, to)).or_default();
                *sum = sum.saturating_add(bytes);
            }
        }
    }

    fn exit(&mut self, reporter: &'a End, [sent, received, ..]: Numbers, is_exit_node: bool) {
        let bytes = sent.saturating_add(received);
        let [nodes, users] = &mut self.exit;
        let sum = if is_exit_node { nodes } else { users };
        *sum = sum.saturating_add(bytes);
        if reporter.is_others() {
            return;
        }
        self.device(reporter).exit += bytes;
        self.exit_nodes.push(ExitTraffic {
            device: called(reporter),
            id: reporter.id.clone(),
            is_exit_node,
            amount: Amount { sent, received },
        });
    }

    fn refused(&mut self, one: &End, other: &End, numbers: Numbers) {
        let (by_one, by_other) = once(Sort::Refused, numbers);
        for (by, to, times) in [(one, other, by_one), (other, one, by_other)] {
            if times > 0 {
                let ids = [by.id.clone(), to.id.clone()];
                self.refusals.push(Refusal { by: called(by), to: called(to), ids, times });
            }
        }
    }

    fn service(&mut self, row: Row, server: &End, [received, sent, ..]: Numbers) {
        let others = server.is_others() || (row.protocol == 0 && row.port == 0);
        let protocol = if others { "other".to_owned() } else { protocol_name(row.protocol) };
        self.services.push(ServiceTraffic {
            at: if server.is_others() { String::new() } else { called(server) },
            id: server.id.clone(),
            protocol,
            port: Some(row.port).filter(|it| *it > 0),
            kind: if row.sort == Sort::Service { Kind::Virtual } else { Kind::Subnet },
            received,
            sent,
        });
    }

    fn done(mut self) -> Traffic {
        let device = |(end, it): (&End, Device)| DeviceTraffic {
            device: called(end),
            id: end.id.clone(),
            tags: end.tags.clone(),
            amount: it.amount,
            peers: it.peers.len(),
            carried: it.carried,
            exit: it.exit,
            relayed: it.paths.relayed(),
        };
        let mut devices: Vec<DeviceTraffic> = self.devices.into_values().map(device).collect();
        devices.retain(|it| it.amount.bytes() + it.carried + it.exit > 0);
        devices.sort_by(|a, b| b.moved().cmp(&a.moved()).then_with(|| a.id.cmp(&b.id)));
        self.found.sort_by_key(|it| std::cmp::Reverse(it.sent.saturating_add(it.received)));
        self.services.sort_by_key(|it| std::cmp::Reverse(it.sent.saturating_add(it.received)));
        self.exit_nodes.sort_by_key(|it| std::cmp::Reverse(it.amount.bytes()));
        self.refusals.sort_by_key(|it| std::cmp::Reverse(it.times));
        let mut paths: Vec<PathTraffic> =
            self.pairs.values().filter_map(|(ends, paths)| path(*ends, *paths)).collect();
        let relayed = |it: &PathTraffic| (it.relayed.bytes, it.relayed.connections);
        paths.sort_by(|a, b| relayed(b).cmp(&relayed(a)).then_with(|| a.ids.cmp(&b.ids)));
        let tag = |(tag, amount): (&str, Amount)| TagTraffic { tag: tag.to_owned(), amount };
        let mut tags: Vec<TagTraffic> = self.tags.into_iter().map(tag).collect();
        tags.sort_by_key(|it| std::cmp::Reverse(it.amount.bytes()));
        let pair = |((from, to), bytes): ((&str, &str), u64)| TagPair {
            from: from.to_owned(),
            to: to.to_owned(),
            bytes,
        };
        let mut tag_pairs: Vec<TagPair> = self.tag_pairs.into_iter().map(pair).collect();
        tag_pairs.sort_by_key(|it| std::cmp::Reverse(it.bytes));
        let mut totals = self.totals;
        totals.exit = self.exit[0].max(self.exit[1]);
        totals.bytes = totals.inside.saturating_add(totals.subnet).saturating_add(totals.exit);
        totals.devices = devices.len();
        totals.pairs = self.found.len();
        Traffic {
            from: String::new(),
            to: String::new(),
            coverage: Coverage::default(),
            relayed: self.all.relayed(),
            devices,
            pairs: self.found,
            paths,
            services: self.services,
            exit_nodes: self.exit_nodes,
            tags: TagMatrix {
                covers_percent: percent(self.tagged, totals.inside),
                tags,
                pairs: tag_pairs,
            },
            refusals: self.refusals,
            unreadable: Unreadable::default(),
            notes: Vec::new(),
            totals,
        }
    }
}

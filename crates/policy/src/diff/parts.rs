//! Splits ranges of ports.

use std::collections::BTreeSet;

use crate::ports::{ICMP, Ports, TCP, UDP, has_ports};

/// The protocols of a rule that names none.
const USUAL: [u8; 3] = [TCP, UDP, ICMP];

/// One range for each protocol: the usual ones if `ports` names none, and all ports for a protocol that has
/// no ports.
pub(super) fn each_protocol(ports: Ports) -> Vec<Ports> {
    let of = |protocol: u8| {
        let ports = if has_ports(protocol) { ports } else { Ports::ALL };
        Ports { protocol: Some(protocol), ..ports }
    };
    ports.protocol.map_or_else(|| USUAL.map(of).to_vec(), |it| vec![of(it)])
}

/// Splits a range of ports wherever one of the others begins or ends.
pub(super) fn split<'p>(ports: Ports, others: impl Iterator<Item = &'p Ports>) -> Vec<Ports> {
    if ports.protocol.is_some_and(|it| !has_ports(it)) {
        return vec![ports];
    }
    let mut starts = BTreeSet::from([ports.first]);
    for other in others {
        if other.protocol.is_some_and(|it| Some(it) != ports.protocol) {
            continue;
        }
        let inside = |it: &u16| ports.first < *it && *it <= ports.last;
        starts.extend(Some(other.first).filter(inside));
        starts.extend(other.last.checked_add(1).filter(inside));
    }
    let starts: Vec<u16> = starts.into_iter().collect();
    let ends = starts.iter().skip(1).map(|it| it - 1).chain([ports.last]);
    starts.iter().zip(ends).map(|(first, last)| Ports { first: *first, last, ..ports }).collect()
}

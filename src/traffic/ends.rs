//! Who talks: nodes, and addresses of which no node is known yet.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use super::{
    record::{Node, Text},
    totals::End,
};

/// The place of an end in a list of ends.
pub(super) type Place = u32;

/// No end.
pub(super) const NONE: Place = 0;
/// All ends that are not kept apart.
pub(super) const OTHERS: Place = 1;

/// The most nodes whose names are kept.
const MOST_NODES: usize = 50_000;
/// The most characters of a name, and the most tags and addresses of a node.
const LONGEST: usize = 255;
const MOST: usize = 32;

/// A device, as the list of devices has it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct KnownDevice {
    /// Its node ID.
    pub id: String,
    /// Its short name.
    pub name: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its addresses in the tailnet.
    pub addresses: Vec<IpAddr>,
    /// Whether it is an exit node.
    pub is_exit_node: bool,
}

impl KnownDevice {
    /// A device with this node ID and these addresses.
    pub fn new(id: &str, name: &str, addresses: Vec<IpAddr>) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), addresses, ..Self::default() }
    }
}

/// What the records say of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Reported {
    name: Box<str>,
    tags: Vec<Box<str>>,
    addresses: Vec<Box<str>>,
}

impl Reported {
    fn is(&self, node: &Node<'_>) -> bool {
        let same = |kept: &[Box<str>], now: Option<&Vec<Text<'_>>>| {
            let now = now.map(Vec::as_slice).unwrap_or_default();
            kept.iter().map(|it| &**it).eq(now.iter().take(MOST).map(|it| &*it.0))
        };
        same(&self.addresses, node.addresses.as_ref())
            && same(&self.tags, node.tags.as_ref())
            && node.name.as_ref().map_or("", |it| short(&it.0)) == &*self.name
    }

    fn of(node: &Node<'_>) -> Self {
        let all = |texts: Option<&Vec<Text<'_>>>| {
            let texts = texts.into_iter().flatten().take(MOST);
            texts.map(|it| (&*it.0).into()).collect()
        };
        Self {
            name: node.name.as_ref().map_or("", |it| short(&it.0)).into(),
            tags: all(node.tags.as_ref()),
            addresses: all(node.addresses.as_ref()),
        }
    }
}

/// The first part of a DNS name.
pub(super) fn short(name: &str) -> &str {
    let first = name.split('.').next().unwrap_or(name);
    first.char_indices().nth(LONGEST).map_or(first, |(end, _)| first.get(..end).unwrap_or(first))
}

/// An end as the records name it.
#[derive(Debug, Clone)]
enum Named {
    None,
    Others,
    Node(Box<str>),
    Address(IpAddr),
}

/// The ends of rows, each with its place.
#[derive(Debug)]
pub(super) struct Ends {
    list: Vec<Named>,
    nodes: HashMap<Box<str>, Place>,
    addresses: HashMap<IpAddr, Place>,
    reported: HashMap<Box<str>, Reported>,
    /// Whose address it is, by the records.
    owners: HashMap<IpAddr, Box<str>>,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            list: vec![Named::None, Named::Others],
            nodes: HashMap::new(),
            addresses: HashMap::new(),
            reported: HashMap::new(),
            owners: HashMap::new(),
        }
    }
}

impl Ends {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The place of a node.
    pub(super) fn node(&mut self, id: &str) -> Place {
        if let Some(place) = self.nodes.get(id) {
            return *place;
        }
        let place = self.push(Named::Node(id.into()));
        self.nodes.insert(id.into(), place);
        place
    }

    /// The place of an address.
    pub(super) fn address(&mut self, address: IpAddr) -> Place {
        if let Some(place) = self.addresses.get(&address) {
            return *place;
        }
        let place = self.push(Named::Address(address));
        self.addresses.insert(address, place);
        place
    }

    fn push(&mut self, end: Named) -> Place {
        let place = Place::try_from(self.list.len()).unwrap_or(OTHERS);
        self.list.push(end);
        place
    }

    /// Takes over what a record says of a node.
    pub(super) fn learn(&mut self, node: &Node<'_>) {
        let Some(id) = node.id.as_ref().map(|it| &*it.0).filter(|it| !it.is_empty()) else {
            return;
        };
        match self.reported.get(id) {
            Some(reported) if reported.is(node) => return,
            None if self.reported.len() >= MOST_NODES => return,
            _ => {}
        }
        let reported = Reported::of(node);
        for address in &reported.addresses {
            if let Ok(address) = address.parse() {
                self.owns(address, id);
            }
        }
        self.reported.insert(id.into(), reported);
    }

    /// Takes over that a node reported traffic of its own from this address.
    pub(super) fn owns(&mut self, address: IpAddr, id: &str) {
        if self.owners.len() < 2 * MOST_NODES && !self.owners.contains_key(&address) {
            self.owners.insert(address, id.into());
        }
    }

    /// Forgets the addresses that are not among `used`, and says where the others went.
    pub(super) fn retain(&mut self, used: &HashSet<Place>) -> HashMap<Place, Place> {
        let old = std::mem::take(self);
        (self.reported, self.owners) = (old.reported, old.owners);
        let mut moved = HashMap::from([(NONE, NONE), (OTHERS, OTHERS)]);
        for (at, end) in old.list.into_iter().enumerate() {
            let at = Place::try_from(at).unwrap_or_default();
            if !used.contains(&at) {
                continue;
            }
            let place = match end {
                Named::None | Named::Others => continue,
                Named::Node(id) => self.node(&id),
                Named::Address(address) => self.address(address),
            };
            moved.insert(at, place);
        }
        moved
    }

    /// Each end, by its place: the node that has the address, and what it is called. The list of devices says
    /// whose an address is, and the records say what a node was called then.
    pub(super) fn resolved(&self, known: &[KnownDevice]) -> Vec<End> {
        let listed: HashMap<IpAddr, &KnownDevice> =
            known.iter().flat_map(|it| it.addresses.iter().map(move |at| (*at, it))).collect();
        let by_id: HashMap<&str, &KnownDevice> = known.iter().map(|it| (&*it.id, it)).collect();
        let node = |id: &str| {
            let reported = self.reported.get(id).filter(|it| !it.name.is_empty());
            let device = by_id.get(id);
            let name = reported.map(|it| it.name.to_string());
            let tags = |it: &Reported| it.tags.iter().map(ToString::to_string).collect();
            End {
                id: id.to_owned(),
                name: name.or_else(|| device.map(|it| it.name.clone())).unwrap_or_default(),
                tags: match (reported, device) {
                    (Some(reported), _) => tags(reported),
                    (None, Some(device)) => device.tags.clone(),
                    (None, None) => Vec::new(),
                },
            }
        };
        let end = |it: &Named| match it {
            Named::None => End::none(),
            Named::Others => End::others(),
            Named::Node(id) => node(id),
            Named::Address(at) => match (listed.get(at), self.owners.get(at)) {
                (Some(device), _) => node(&device.id),
                (None, Some(id)) => node(id),
                (None, None) => End::address(&at.to_string()),
            },
        };
        self.list.iter().map(end).collect()
    }
}

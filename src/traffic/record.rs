//! One record of the flow logs, as far as it can be read.

use std::{borrow::Cow, fmt, net::IpAddr};

use serde::{Deserialize, Deserializer, de, de::Visitor};
use serde_json::{Map, Value};

/// The lists of a record, as the API names them.
const LISTS: [&str; 4] = ["virtualTraffic", "subnetTraffic", "exitTraffic", "physicalTraffic"];

/// A text of the record. As a type of its own, so that serde borrows it within an option.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// What one node saw in some seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    pub(super) node_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) start: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) end: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) src_node: Option<Node<'a>>,
    #[serde(borrow)]
    pub(super) dst_nodes: Option<Vec<Node<'a>>>,
    #[serde(borrow)]
    pub(super) virtual_traffic: Option<Vec<Option<Entry<'a>>>>,
    #[serde(borrow)]
    pub(super) subnet_traffic: Option<Vec<Option<Entry<'a>>>>,
    #[serde(borrow)]
    pub(super) exit_traffic: Option<Vec<Option<Entry<'a>>>>,
    #[serde(borrow)]
    pub(super) physical_traffic: Option<Vec<Option<Entry<'a>>>>,
}

/// What a record says of a node.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Node<'a> {
    #[serde(borrow, rename = "nodeId")]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) addresses: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(super) tags: Option<Vec<Text<'a>>>,
}

/// The counters of one connection.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Entry<'a> {
    proto: Option<Protocol>,
    #[serde(borrow)]
    src: Option<Text<'a>>,
    #[serde(borrow)]
    dst: Option<Text<'a>>,
    tx_pkts: Option<Count>,
    tx_bytes: Option<Count>,
    rx_pkts: Option<Count>,
    rx_bytes: Option<Count>,
}

impl Entry<'_> {
    /// The IANA number; 0 for none.
    pub(super) fn protocol(&self) -> u8 {
        self.proto.unwrap_or_default().0
    }

    /// Both ends; none if one cannot be read.
    pub(super) fn ends(&self) -> Option<(Place, Place)> {
        Some((place(&self.src.as_ref()?.0)?, place(&self.dst.as_ref()?.0)?))
    }

    /// Bytes sent and received.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (number(self.tx_bytes), number(self.rx_bytes))
    }

    /// Packets sent and received: at least one where there are bytes.
    pub(super) fn packets(&self) -> (u64, u64) {
        let (sent, received) = self.bytes();
        let at_least = |packets: Option<Count>, bytes: u64| number(packets).max(bytes.min(1));
        (at_least(self.tx_pkts, sent), at_least(self.rx_pkts, received))
    }
}

fn number(count: Option<Count>) -> u64 {
    count.unwrap_or_default().0
}

/// An address, and a port; 0 is none.
pub(super) type Place = (IpAddr, u16);

/// The address and the port in `100.64.0.1:443`, `[fd7a::1]:443`, or only an address.
fn place(text: &str) -> Option<Place> {
    if let Ok(address) = text.parse() {
        return Some((address, 0));
    }
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    Some((host.parse().ok()?, port.parse().ok()?))
}

/// A protocol, which the API sends as a number or by its name.
#[derive(Debug, Clone, Copy, Default)]
struct Protocol(u8);

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Numbers).map(|it| Self(u8::try_from(it).unwrap_or_default()))
    }
}

/// A number of bytes or packets.
#[derive(Debug, Clone, Copy, Default)]
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Numbers).map(Self)
    }
}

/// Numbers as numbers or texts, and the names of protocols.
struct Numbers;

impl Visitor<'_> for Numbers {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number that is not negative")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(E::custom)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is not negative, and a fraction of a byte is none"
    )]
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<u64, E> {
        if number >= 0.0 { Ok(number as u64) } else { Err(E::custom("is negative")) }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        match text {
            "" => Ok(0),
            "icmp" => Ok(1),
            "tcp" => Ok(6),
            "udp" => Ok(17),
            "ipv6-icmp" | "icmpv6" => Ok(58),
            "sctp" => Ok(132),
            "tsmp" => Ok(99),
            other => other.parse().map_err(E::custom),
        }
    }
}

/// Reads a record, and hands it out with how many of its entries cannot be read. None if nothing can.
pub(super) fn read<T>(
    bytes: &[u8],
    take: impl FnOnce(&Record<'_>, u64) -> T,
) -> Result<Option<T>, Unreadable> {
    if let Ok(record) = serde_json::from_slice::<Option<Record<'_>>>(bytes) {
        return Ok(record.map(|it| take(&it, 0)));
    }
    let text = String::from_utf8_lossy(bytes);
    let Ok(Value::Object(mut fields)) = serde_json::from_str(&text) else {
        return Err(Unreadable);
    };
    let unreadable = repair(&mut fields);
    let text = Value::Object(fields).to_string();
    let record = serde_json::from_str::<Record<'_>>(&text).map_err(|_| Unreadable)?;
    Ok(Some(take(&record, unreadable)))
}

/// A record that cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable;

/// Removes what does not fit, and counts the entries that are lost with it.
fn repair(fields: &mut Map<String, Value>) -> u64 {
    let mut lost = 0;
    for name in LISTS {
        match fields.get_mut(name) {
            Some(Value::Array(entries)) => {
                let before = entries.len();
                entries.retain(|it| Option::<Entry<'_>>::deserialize(it).is_ok());
                lost += u64::try_from(before - entries.len()).unwrap_or_default();
            }
            Some(Value::Null) | None => {}
            Some(_) => {
                fields.remove(name);
                lost += 1;
            }
        }
    }
    if let Some(Value::Object(node)) = fields.get_mut("srcNode") {
        repair_node(node);
    }
    if let Some(Value::Array(nodes)) = fields.get_mut("dstNodes") {
        nodes.iter_mut().filter_map(Value::as_object_mut).for_each(repair_node);
        nodes.retain(Value::is_object);
    }
    fields.retain(|name, value| serde_json::from_str::<Record<'_>>(&alone(name, value)).is_ok());
    lost
}

fn repair_node(node: &mut Map<String, Value>) {
    node.retain(|name, value| serde_json::from_str::<Node<'_>>(&alone(name, value)).is_ok());
}

/// An object with this field only.
fn alone(name: &str, value: &Value) -> String {
    Value::Object([(name.to_owned(), value.clone())].into_iter().collect()).to_string()
}

//! What clients last reported of their networks, and what a relay between two of them would cost.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::tailnet::devices::{Device, stale::Silent, status::Status};

/// What a client last reported of its network. A report has no time, and stays when the device disconnects.
/// What is absent is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClientReport {
    /// Short name of the device.
    pub name: String,
    /// Its node ID.
    #[serde(skip)]
    pub id: String,
    /// When it was last connected, in words: `connected`, `3 h ago`, `never`, `unknown`.
    pub seen: String,
    /// The DERP region that it prefers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// The round trip to DERP regions in milliseconds, the nearest first.
    #[serde(skip_serializing_if = "Latencies::is_empty")]
    pub latency_ms: Latencies,
    /// Whether UDP works; without it, everything is relayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub udp: Option<bool>,
    /// Whether IPv6 works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<bool>,
    /// Whether the NAT maps each destination to another port, which makes direct connections hard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_nat: Option<bool>,
    /// Whether the router supports port mapping (`UPnP`, NAT-PMP or PCP).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_mapping: Option<bool>,
    /// Why nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<&'static str>,
}

/// Milliseconds to regions, in an order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latencies(pub Vec<(String, f64)>);

impl Latencies {
    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The milliseconds to a region.
    pub fn to(&self, region: &str) -> Option<f64> {
        self.0.iter().find(|it| it.0 == region).map(|it| it.1)
    }
}

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (region, latency) in &self.0 {
            map.serialize_entry(region, &tenths(*latency))?;
        }
        map.end()
    }
}

impl ClientReport {
    /// What `device` last reported.
    pub fn of(device: &Device, now: Timestamp) -> Self {
        let status = Status::of(device, now);
        let unknown = status.network.is_none().then(|| unknown(device));
        let network = status.network.unwrap_or_default();
        // No measurement takes no time.
        let measured = status.latency_ms.into_iter().filter(|it| it.1.is_finite() && it.1 > 0.0);
        let mut latency_ms: Vec<(String, f64)> = measured.collect();
        latency_ms.sort_by(|a, b| a.1.total_cmp(&b.1));
        Self {
            name: status.device,
            id: status.id,
            seen: Silent::of(device).in_words(now),
            home: status.preferred_region,
            latency_ms: Latencies(latency_ms),
            udp: network.udp,
            ipv6: network.ipv6,
            hard_nat: network.hard_nat,
            port_mapping: network.port_mapping,
            unknown,
        }
    }
}

/// Why a device has no report.
fn unknown(device: &Device) -> &'static str {
    if device.client_connectivity.is_some() {
        "its report cannot be read"
    } else if device.is_shared_in() {
        "the API shows no reports of devices that are shared in"
    } else {
        "there is no report of its client"
    }
}

/// What a relay would cost: an estimate from what both ends measured. A relayed connection goes through the
/// home region of one of its ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RelayEstimate {
    /// The round trip in milliseconds, by the region that relays: what both ends measured to it, added up.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub round_trip_ms: BTreeMap<String, f64>,
    /// Which figure there is not, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
}

impl RelayEstimate {
    /// What a relay between the two would cost.
    pub fn between(one: &ClientReport, other: &ClientReport) -> Self {
        let mut estimate = Self::default();
        for end in [one, other] {
            let Some(region) = &end.home else {
                estimate.withheld.push(format!("the home region of {} is unknown", end.name));
                continue;
            };
            if estimate.round_trip_ms.contains_key(region) {
                continue;
            }
            match (one.latency_ms.to(region), other.latency_ms.to(region)) {
                (Some(a), Some(b)) => {
                    estimate.round_trip_ms.insert(region.clone(), tenths(a + b));
                }
                (None, _) => estimate.withheld(region, one),
                (_, None) => estimate.withheld(region, other),
            }
        }
        estimate
    }

    /// The smaller figure.
    pub fn least(&self) -> Option<f64> {
        self.round_trip_ms.values().copied().min_by(f64::total_cmp)
    }

    fn withheld(&mut self, region: &str, end: &ClientReport) {
        let why = format!("through {region}: {} reported no latency to it", end.name);
        if !self.withheld.contains(&why) {
            self.withheld.push(why);
        }
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

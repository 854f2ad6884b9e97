//! The parts of a report about routes and about what clients report of their networks. Pure.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{Gathered, ROWS, cut, first};
use crate::{
    checks::Known,
    report::{Connectivity, ExitNode, Part, Region, Route, Router, Routes},
    tailnet::{
        devices::{Device, device::is_exit_route},
        monitoring::connection::ClientReport,
    },
};

/// How many regions are listed.
const REGIONS: usize = 12;

impl Gathered {
    pub(super) fn routes(&self) -> Known<Routes> {
        let own = self.own()?;
        let mut routes: BTreeMap<&str, Vec<Router>> = BTreeMap::new();
        let mut exit_nodes = Vec::new();
        for device in own {
            let advertised: BTreeSet<&str> = texts(device.advertised_routes.as_ref());
            let enabled: BTreeSet<&str> = texts(device.enabled_routes.as_ref());
            for route in advertised.union(&enabled).filter(|it| !is_exit_route(it)) {
                routes.entry(route).or_default().push(Router {
                    name: cut(device.short_name()),
                    online: device.is_online(),
                    approved: enabled.contains(route),
                    advertised: advertised.contains(route),
                });
            }
            if device.is_exit_node() {
                exit_nodes.push(self.exit_node(device, enabled.iter().any(|it| is_exit_route(it))));
            }
        }
        let routes =
            routes.into_iter().map(|(route, routers)| Route { route: cut(route), routers });
        let mut routes: Vec<Route> = routes.collect();
        routes.sort_by_key(Route::serving);
        exit_nodes.sort_by_key(|it| (it.online, it.name.clone()));
        let (routes, more_routes) = first(routes, 2 * ROWS);
        let (exit_nodes, more_nodes) = first(exit_nodes, ROWS);
        Ok(Routes { routes, exit_nodes, more: more_routes + more_nodes })
    }

    fn exit_node(&self, device: &Device, approved: bool) -> ExitNode {
        let report = ClientReport::of(device, self.now);
        let region = report.home.unwrap_or_default();
        let latency_ms = report.latency_ms.to(&region);
        ExitNode {
            name: cut(device.short_name()),
            online: device.is_online(),
            approved,
            region: cut(&region),
            latency_ms,
        }
    }

    pub(super) fn connectivity(&self) -> Known<Connectivity> {
        let (mut devices, mut reported) = (0, 0);
        let (mut hard_nat, mut no_udp) = (Vec::new(), Vec::new());
        let mut regions: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
        for device in self.own()? {
            devices += 1;
            let report = ClientReport::of(device, self.now);
            if report.unknown.is_some() {
                continue;
            }
            reported += 1;
            if report.hard_nat == Some(true) {
                hard_nat.push(cut(device.short_name()));
            }
            if report.udp == Some(false) {
                no_udp.push(cut(device.short_name()));
            }
            if let Some(region) = report.home {
                let latency = report.latency_ms.to(&region);
                regions.entry(region).or_default().push(latency);
            }
        }
        let mut regions: Vec<Region> = regions.into_iter().map(region).collect();
        regions.sort_by_key(|it| Reverse(it.devices));
        let (hard_nat, more_hard_nat) = first(hard_nat, ROWS);
        let (no_udp, more_no_udp) = first(no_udp, ROWS);
        Ok(Connectivity {
            devices,
            reported,
            hard_nat,
            more_hard_nat,
            no_udp,
            more_no_udp,
            regions: first(regions, REGIONS).0,
            relayed: match self.traffic.as_ref().map(|it| it.relayed) {
                Ok(Some(relayed)) => Part::Known(relayed),
                Ok(None) => Part::Unknown("no paths were reported".to_owned()),
                Err(why) => Part::Unknown(why.clone()),
            },
        })
    }

    fn own(&self) -> Known<impl Iterator<Item = &Device>> {
        let all = self.devices.as_ref().map_err(Clone::clone)?;
        Ok(all.iter().filter(|it| !it.is_shared_in()))
    }
}

fn texts(list: Option<&Vec<String>>) -> BTreeSet<&str> {
    list.into_iter().flatten().map(String::as_str).collect()
}

fn region((name, latencies): (String, Vec<Option<f64>>)) -> Region {
    let devices = latencies.len();
    let mut latencies: Vec<f64> = latencies.into_iter().flatten().collect();
    latencies.sort_by(f64::total_cmp);
    let median_ms = latencies.get(latencies.len() / 2).copied();
    Region { name: cut(&name), devices, median_ms }
}

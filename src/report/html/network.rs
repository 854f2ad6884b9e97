//! Connections over time, expiry, routes, connectivity, traffic.

use maud::{Markup, html};

use super::{minute, more, part, percent, table};
use crate::report::{Connectivity, ExitNode, Expiry, Online, Route, Routes, Strip, svg};
use crate::words::counted;

pub(super) fn online(it: &Online) -> Markup {
    let hours = html! {
        @for it in &it.days {
            tr {
                th scope="row" { (it.day) }
                @for percent in &it.percent {
                    td.n { @match percent { Some(it) => (it), None => "?" } }
                }
            }
        }
    };
    let titles: Vec<String> = (0..24).map(|hour| format!("#{hour}")).collect();
    let titles: Vec<&str> =
        std::iter::once("Day").chain(titles.iter().map(String::as_str)).collect();
    let servers = html! { @for it in &it.servers { (server(it)) } };
    html! {
        h3 { "Share of devices connected, by day and hour" }
        (svg::hours(&it.days))
        details {
            summary { "Show as a table" }
            (table("Percent of own devices connected, by day and hour (UTC); ? is not known", &titles, &hours))
        }
        @if it.servers.is_empty() {
            p { "There is no server: no own device is tagged, a subnet router or an exit node." }
        } @else {
            (table(
                "Servers, the least uptime first",
                &["Server", "Timeline", "#Uptime", "#Known", "#Disconnects", "Longest outage"],
                &servers
            ))
            (svg::key(&[("up", "connected"), ("down", "not connected"), ("lx", "not known")]))
            (more(it.more, "servers"))
        }
    }
}

fn server(it: &Strip) -> Markup {
    html! {
        tr {
            th scope="row" { (it.name) }
            td { (svg::strip(it)) }
            td.n data-v=[it.up_percent.map(|it| it.to_string())] {
                @match it.up_percent { Some(it) => (percent(it)), None => "withheld" }
            }
            td.n { (percent(it.known_percent)) }
            td.n { @match it.disconnects { Some(it) => (it), None => "withheld" } }
            td { @match &it.longest_outage { Some(it) => (it), None => "none known" } }
        }
    }
}

pub(super) fn expiry(it: &Expiry) -> Markup {
    let weeks = html! {
        @for it in &it.weeks {
            tr {
                th scope="row" { (it.from) }
                td.n { (it.tagged) }
                td.n { (it.others) }
                td.n { (it.credentials) }
            }
        }
    };
    let next = html! {
        @for it in &it.next {
            tr {
                th scope="row" { (it.name) }
                td { (it.kind) }
                td { (minute(&it.at)) }
                td.n { (it.days) " d" }
            }
        }
    };
    html! {
        p {
            (counted(it.expired, "device key has expired", "device keys have expired")) ", " (it.never) " never expire"
            @if it.unknown > 0 { "; for " (it.unknown) " the API gives no expiry" }
            "."
        }
        @if let Some(why) = &it.without_credentials {
            p.why { "Credentials are not in it: " (why) }
        }
        h3 { "The next 180 days, by week" }
        (svg::weeks(&it.weeks))
        (svg::key(&[
            ("m1", "tagged devices (unattended)"),
            ("m2", "other devices"),
            ("m3", "credentials"),
        ]))
        details {
            summary { "Show as a table" }
            (table(
                "What expires, by week",
                &["Week from", "#Tagged devices", "#Other devices", "#Credentials"],
                &weeks
            ))
        }
        @if it.next.is_empty() {
            p { "Nothing expires in the next 180 days." }
        } @else {
            (table("What expires next", &["Name", "Kind", "When (UTC)", "#In"], &next))
            (more(it.more, "expire in the next 180 days"))
        }
    }
}

pub(super) fn routes(it: &Routes) -> Markup {
    html! {
        @if it.routes.is_empty() {
            p { "There is no subnet route." }
        } @else {
            (svg::routes(&it.routes))
            (table(
                "Subnet routes, those without a router first",
                &["Route", "#Routers that serve it", "Routers"],
                &html! { @for it in &it.routes { (route(it)) } }
            ))
        }
        @if it.exit_nodes.is_empty() {
            p { "There is no exit node." }
        } @else {
            (table(
                "Exit nodes",
                &["Exit node", "Connected", "Approved", "Home region", "#Round trip"],
                &html! { @for it in &it.exit_nodes { (exit_node(it)) } }
            ))
        }
        (more(it.more, "routes and exit nodes"))
    }
}

fn route(it: &Route) -> Markup {
    html! {
        tr {
            th scope="row" { (it.route) }
            td.n {
                @match it.serving() {
                    0 if it.is_down() => strong { "none" },
                    0 => "none: not approved",
                    1 => "1, no standby",
                    more => (more),
                }
            }
            td.long {
                @for (at, it) in it.routers.iter().enumerate() {
                    @if at > 0 { br; }
                    (it.name)
                    " (" @if it.online { "connected" } @else { "not connected" }
                    @if !it.approved { ", not approved" }
                    @if !it.advertised { ", does not advertise it" }
                    ")"
                }
            }
        }
    }
}

fn exit_node(it: &ExitNode) -> Markup {
    html! {
        tr {
            th scope="row" { (it.name) }
            td { @if it.online { "yes" } @else { strong { "no" } } }
            td { @if it.approved { "yes" } @else { strong { "no" } } }
            td { @if it.region.is_empty() { "unknown" } @else { (it.region) } }
            td.n { (milliseconds(it.latency_ms)) }
        }
    }
}

fn milliseconds(it: Option<f64>) -> String {
    it.map_or_else(|| "unknown".to_owned(), |it| format!("{it:.0} ms"))
}

pub(super) fn connectivity(it: &Connectivity) -> Markup {
    let names = |title: &str, names: &[String], and: usize| {
        html! {
            h3 { (title) ": " (names.len() + and) }
            @if !names.is_empty() { p { (names.join(", ")) } (more(and, "devices")) }
        }
    };
    let rows = html! {
        @for it in &it.regions {
            tr {
                th scope="row" { (it.name) }
                td.n { (it.devices) }
                td.n { (milliseconds(it.median_ms)) }
            }
        }
    };
    html! {
        p {
            (it.reported) " of " (it.devices) " own devices have reported network details. They carry no time, and \
            stay after a device disconnects."
        }
        (names("NAT that makes direct connections hard", &it.hard_nat, it.more_hard_nat))
        (names("UDP blocked, so all traffic is relayed", &it.no_udp, it.more_no_udp))
        @if !it.regions.is_empty() {
            (table("Home regions", &["DERP region", "#Devices", "#Median round trip"], &rows))
        }
        h3 { "Relayed share of traffic" }
        (part(&it.relayed, |it| html! {
            p {
                (percent(it.bytes_percent)) " of bytes, and " (percent(it.connections_percent)) " of connections."
            }
        }))
    }
}

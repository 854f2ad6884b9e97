//! What judging a policy file offline costs: 10,000 devices and 1,000 rules, on one core.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    clippy::allow_attributes,
    reason = "a benchmark"
)]

use std::{
    fmt::Write as _,
    hint::black_box,
    net::{Ipv4Addr, Ipv6Addr},
};

use criterion::{Criterion, criterion_group, criterion_main};
use tailsteward::policy::{
    Effect, Inventory, Policy, check,
    inventory::{Device, User},
};

const DEVICES: u32 = 10_000;
const RULES: usize = 1_000;
const USERS: usize = 2_000;
const TAGS: usize = 200;
const GROUPS: usize = 100;

fn login(user: usize) -> String {
    format!("u{}@example.com", user % USERS)
}

/// Half of the devices are tagged, the others belong to people; twenty are routers.
fn inventory() -> Inventory {
    let mut inventory = Inventory::named("example.com");
    inventory.users = (0..USERS)
        .map(|it| User::new(login(it), if it == 0 { "owner" } else { "member" }))
        .collect();
    for number in 0..DEVICES {
        let v4 = Ipv4Addr::from_bits(0x6440_0001 + number);
        let v6 = Ipv6Addr::from_bits((0xfd7a_115c_a1e0 << 80) + u128::from(number) + 1);
        let mut device = Device::new(format!("d{number}"), vec![v4.into(), v6.into()]);
        let at = usize::try_from(number).unwrap();
        if number % 2 == 0 {
            device.tags = vec![format!("tag:t{}", at % TAGS)];
        } else {
            device.user = login(at / 2);
        }
        if number % 500 == 0 {
            let net: ipnet::IpNet = format!("10.{}.0.0/16", number / 500).parse().unwrap();
            device.advertised_routes.push(net);
            device.enabled_routes.push(net);
        }
        inventory.devices.push(device);
    }
    inventory
}

/// A file of `RULES` grants and `more`.
fn text(more: &str) -> String {
    let mut text = String::from("{\"groups\": {");
    for group in 0..GROUPS {
        let members: Vec<String> =
            (0..60).map(|it| format!("{:?}", login(group * 17 + it * 31))).collect();
        let _ = write!(text, "\"group:g{group}\": [{}],", members.join(","));
    }
    text.push_str("}, \"tagOwners\": {");
    for tag in 0..TAGS {
        let _ = write!(text, "\"tag:t{tag}\": [\"group:g{}\"],", tag % GROUPS);
    }
    text.push_str("}, \"grants\": [\n");
    text.push_str(
        "{\"src\": [\"autogroup:member\"], \"dst\": [\"autogroup:self\"], \"ip\": [\"*\"]},\n",
    );
    for rule in 1..RULES {
        let _ = writeln!(
            text,
            "{{\"src\": [\"group:g{}\", \"tag:t{}\"], \"dst\": [\"tag:t{}\", \"10.{}.0.0/16\"], \
             \"ip\": [\"tcp:{}\", \"udp:53\"]}},",
            rule % GROUPS,
            rule * 2 % TAGS,
            (rule * 6 + 2) % TAGS,
            rule % 20,
            1 + rule * 37 % 2_000,
        );
    }
    text.push_str(more);
    text.push_str("]}");
    text
}

fn policy(criterion: &mut Criterion) {
    let inventory = inventory();
    let base = text("");
    let policy = Policy::parse(&base).unwrap();
    let mut group = criterion.benchmark_group("policy");
    group.sample_size(20);
    group.bench_function("check", |bencher| {
        bencher.iter(|| check(black_box(&base), None).is_accepted());
    });
    group.bench_function("compile", |bencher| {
        bencher.iter(|| policy.compile(black_box(&inventory)).ssh_rules(0).len());
    });
    let compiled = policy.compile(&inventory);
    group.bench_function("packet filter of a device", |bencher| {
        bencher.iter(|| compiled.packet_filter(black_box(1_002)).len());
    });
    group.bench_function("can A reach B", |bencher| {
        bencher.iter(|| compiled.ask(black_box("d7"), black_box("d4"), None, 443).unwrap().allowed);
    });
    let edited = Policy::parse(&text(
        "{\"src\": [\"group:g1\"], \"dst\": [\"*\"], \"ip\": [\"*\"]},\
         {\"src\": [\"*\"], \"dst\": [\"tag:t0\"], \"ip\": [\"tcp:22\"]},",
    ))
    .unwrap();
    let after = edited.compile(&inventory);
    group.bench_function("effect of two more rules", |bencher| {
        bencher.iter(|| Effect::between(black_box(&compiled), &after).gained.len());
    });
    let open =
        Policy::parse("{\"grants\": [{\"src\": [\"*\"], \"dst\": [\"*\"], \"ip\": [\"*\"]}]}")
            .unwrap();
    let all = open.compile(&inventory);
    group.bench_function("effect of opening everything", |bencher| {
        bencher.iter(|| Effect::between(black_box(&compiled), &all).gained.len());
    });
    group.bench_function("findings", |bencher| {
        bencher.iter(|| compiled.findings().len());
    });
    group.finish();
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|it| it.starts_with("VmHWM"));
        println!("peak memory: {}", peak.unwrap_or_default());
    }
}

criterion_group!(benches, policy);
criterion_main!(benches);

//! What a list of devices costs: reading it, and answering a question from it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_docs,
    clippy::allow_attributes,
    reason = "a benchmark"
)]

use std::{fs, hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tailsteward::{
    Credential, Settings, Tailnet, catalogue,
    sandbox::{Options, Sandbox},
    tailnet::devices::Device,
};
use tokio::runtime::Runtime;

const SIZES: [usize; 2] = [1_000, 10_000];

/// The answer of the API, as the client reads it.
#[derive(Deserialize)]
struct List {
    devices: Vec<Device>,
}

#[derive(Serialize)]
struct Answer<'a> {
    devices: &'a [Device],
}

fn sandbox(runtime: &Runtime, devices: usize, cache_for: Duration) -> (Sandbox, Tailnet) {
    let options = Options { devices, ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    settings.rate = 1e6;
    settings.cache_for = cache_for;
    settings.max_body = 1 << 30;
    (sandbox, Tailnet::new(settings))
}

/// The API's answer with so many devices.
fn answer(runtime: &Runtime, size: usize) -> Vec<u8> {
    let (_sandbox, tailnet) = sandbox(runtime, size, Duration::ZERO);
    let devices = runtime.block_on(tailnet.devices().list()).unwrap();
    serde_json::to_vec(&Answer { devices: &devices }).unwrap()
}

/// As the client decodes it.
fn list(body: &[u8]) -> List {
    serde_json::from_str(std::str::from_utf8(body).unwrap()).unwrap()
}

fn decode(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("decode");
    group.sample_size(20);
    for size in [1_000, 10_000, 100_000] {
        let body = answer(&runtime, size);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &body, |bencher, body| {
            bencher.iter(|| list(black_box(body)).devices.len());
        });
    }
}

/// Resident memory in kB. Linux only; elsewhere nothing is printed.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|it| it.starts_with("VmRSS"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// What the list of 100,000 devices weighs in memory: a second one, since the first fills what others left.
/// At the end, because what it leaves makes allocations slower.
fn weight(_: &mut Criterion) {
    const SIZE: usize = 100_000;
    let runtime = Runtime::new().unwrap();
    let body = answer(&runtime, SIZE);
    let first = list(&body);
    let before = resident();
    let second = list(&body);
    if let (Some(before), Some(after)) = (before, resident()) {
        let bytes = (after - before) * 1024 / SIZE as u64;
        eprintln!(
            "memory of a device in a list of {SIZE}: {bytes} bytes; its JSON: {}",
            body.len() / SIZE
        );
    }
    assert_eq!(black_box(first).devices.len(), black_box(second).devices.len());
}

/// A filtered and sorted page out of a list that is in memory: what the server adds to the API.
fn page(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let tool = catalogue::named("list_devices").unwrap();
    let mut group = criterion.benchmark_group("page");
    for size in SIZES {
        let (_sandbox, tailnet) = sandbox(&runtime, size, Duration::from_hours(1));
        runtime.block_on(tailnet.devices().list()).unwrap();
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                let arguments = json!({ "online": false, "os": "linux", "sort": "last_seen" });
                runtime.block_on(tool.ask(arguments, &tailnet)).ok().unwrap()
            });
        });
    }
}

/// The same from the sandbox each time, over HTTP.
fn end_to_end(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let tool = catalogue::named("list_devices").unwrap();
    let mut group = criterion.benchmark_group("end_to_end");
    group.sample_size(20);
    for size in [100, 1_000, 10_000] {
        let (_sandbox, tailnet) = sandbox(&runtime, size, Duration::ZERO);
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                runtime.block_on(tool.ask(json!({ "online": false }), &tailnet)).ok().unwrap()
            });
        });
    }
}

criterion_group!(benches, decode, page, end_to_end, weight);
criterion_main!(benches);

//! What a list of devices costs: reading it, and answering a question from it.
#![allow(clippy::unwrap_used, missing_docs, clippy::allow_attributes, reason = "a benchmark")]

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;
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

fn sandbox(runtime: &Runtime, devices: usize, cache_for: Duration) -> (Sandbox, Tailnet) {
    let options = Options { devices, ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    settings.rate = 1e6;
    settings.cache_for = cache_for;
    (sandbox, Tailnet::new(settings))
}

fn decode(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("decode");
    for size in SIZES {
        let (_sandbox, tailnet) = sandbox(&runtime, size, Duration::ZERO);
        let devices = runtime.block_on(tailnet.devices().list()).unwrap();
        let body = serde_json::to_vec(&json!({ "devices": *devices })).unwrap();
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &body, |bencher, body| {
            bencher.iter(|| serde_json::from_slice::<List>(black_box(body)).unwrap().devices.len());
        });
    }
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

criterion_group!(benches, decode, page, end_to_end);
criterion_main!(benches);

//! How long a sandbox takes to make its tailnet, and what a device weighs.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_docs,
    clippy::allow_attributes,
    reason = "a benchmark"
)]

use std::{fs, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tailsteward::sandbox::{Options, Sandbox};
use tokio::runtime::Runtime;

fn start(runtime: &Runtime, devices: usize) -> Sandbox {
    runtime.block_on(Sandbox::start(Options { devices, ..Options::default() })).unwrap()
}

/// Resident memory in kB. Linux only; elsewhere the weight is not told.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|it| it.starts_with("VmRSS"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn sandbox(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    // The first is weighed, before anything was freed that could be used again.
    let before = resident();
    let heavy = start(&runtime, 100_000);
    if let (Some(before), Some(after)) = (before, resident()) {
        eprintln!("100,000 devices: {} bytes each", (after - before) * 1024 / 100_000);
    }
    let place = std::env::temp_dir().join("sandbox-bench.json");
    let mut group = criterion.benchmark_group("sandbox");
    group.sample_size(10).measurement_time(Duration::from_secs(5));
    group.bench_function("save 100,000", |bencher| bencher.iter(|| heavy.save(&place).unwrap()));
    eprintln!("100,000 devices: a file of {} MB", fs::metadata(&place).unwrap().len() >> 20);
    group.bench_function("load 100,000", |bencher| bencher.iter(|| heavy.load(&place).unwrap()));
    fs::remove_file(&place).unwrap();
    drop(heavy);
    for devices in [100, 10_000, 100_000] {
        group.bench_with_input(BenchmarkId::new("start", devices), &devices, |bencher, devices| {
            bencher.iter(|| start(&runtime, *devices));
        });
    }
}

criterion_group!(benches, sandbox);
criterion_main!(benches);

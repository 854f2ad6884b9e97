//! What drawing a report as a page costs, after a month in which somebody watched; and how large the page is.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::cast_possible_wrap,
    missing_docs,
    clippy::allow_attributes,
    reason = "a benchmark"
)]

use std::{hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};
use tailsteward::{
    Credential, Settings, Tailnet,
    history::{History, Source},
    report::Report,
    sandbox::{Options, Sandbox},
};
use tokio::runtime::Runtime;

const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many seconds there are between two looks at the devices.
const EVERY: u64 = 12 * 3_600;

fn page(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("page of a report");
    group.sample_size(20);
    for devices in [100, 1_000] {
        let report = runtime.block_on(after_a_month(devices));
        eprintln!("{devices} devices: a page of {} kB", report.to_html().len() / 1_000);
        group.bench_function(BenchmarkId::from_parameter(devices), |bencher| {
            bencher.iter(|| black_box(&report).to_html().len());
        });
    }
    group.finish();
}

/// A report about a tailnet whose devices came and went for a month.
async fn after_a_month(devices: usize) -> Report {
    let now = Timestamp::now();
    let start = now - MONTH;
    let options = Options { devices, now: Some(start), devices_move: true, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    settings.rate = 10_000.0;
    let tailnet = Tailnet::new(settings).with_history(History::in_memory());
    let mut poller = tailnet.watch("bench").await.unwrap().unwrap();
    let mut source = Source::devices();
    source.interval = EVERY as i64;
    let mut at = start.as_second();
    while at <= now.as_second() {
        poller.look(&source, at).await.unwrap();
        at += source.interval;
        sandbox.advance(Duration::from_secs(EVERY));
    }
    let report = tailnet.reports().make(MONTH).await.unwrap();
    assert!(report.online.known().is_some_and(|it| !it.servers.is_empty()), "nothing was seen");
    report
}

criterion_group!(benches, page);
criterion_main!(benches);

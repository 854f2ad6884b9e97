//! What judging costs: 20 rules about 100,000 devices, after each look.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_docs,
    clippy::allow_attributes,
    reason = "a benchmark"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde_json::json;
use tailsteward::{
    Credential, Settings, Tailnet,
    history::{History, Known, Source},
    sandbox::{Options, Sandbox},
    tailnet::alerts::{
        Circumstances, Facts, Origin, Ready, Rule, TrafficWindows, Working, defaults::built_in,
    },
};
use tokio::runtime::Runtime;

/// The rules from the start, and as many more as make 20.
fn rules() -> Vec<Ready> {
    let more = [
        json!({ "name": "a", "when": "silent", "longer_than": "1h", "scope": { "tags": ["tag:prod"] } }),
        json!({ "name": "b", "when": "behind", "minors": 4 }),
        json!({ "name": "c", "when": "too_few", "at_least": 2, "scope": { "tags": ["tag:web"] } }),
        json!({ "name": "d", "when": "udp_blocked", "scope": { "os": "linux" } }),
        json!({ "name": "e", "when": "route_single" }),
    ];
    let more = more.into_iter().map(|it| serde_json::from_value::<Rule>(it).unwrap());
    let all = built_in().into_iter().map(|it| it.rule).chain(more);
    all.map(|it| it.ready(Origin::Config).unwrap()).collect()
}

fn judge(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let rules = rules();
    assert_eq!(rules.len(), 20);
    let mut group = criterion.benchmark_group("20 rules");
    group.sample_size(20);
    for size in [1_000, 100_000] {
        let known = runtime.block_on(known(size));
        let now = known.looked_at().unwrap();
        let lost = std::collections::HashMap::new();
        let facts = Facts {
            now,
            known: [("devices", &known)].into_iter().collect(),
            looks: &[],
            events: &[],
            audit: None,
            lost: &lost,
            traffic: &TrafficWindows::default(),
            credential: "",
        };
        let by = Circumstances {
            label: "bench",
            tailnet: "bench",
            rules: &rules,
            acknowledged: &[],
            mutes: &[],
        };
        // As in a watcher: what fires already goes on.
        let mut working = Working::default();
        working.evaluate(by, &facts);
        eprintln!("{size} devices: {} alerts", working.all().count());
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| black_box(working.evaluate(by, black_box(&facts))).changed.len());
        });
    }
}

/// What a look at so many devices remembers.
async fn known(devices: usize) -> Known {
    let sandbox = Sandbox::start(Options { devices, ..Options::default() }).await.unwrap();
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    settings.max_body = 1 << 30;
    let history = History::in_memory();
    let tailnet = Tailnet::new(settings).with_history(history.clone());
    let mut poller = tailnet.watch("bench").await.unwrap().unwrap();
    let now = jiff::Timestamp::now().as_second();
    poller.look(&Source::devices(), now).await.unwrap();
    history.last_seen(&tailnet.label(), &Source::devices()).await.unwrap().unwrap()
}

criterion_group!(benches, judge);
criterion_main!(benches);

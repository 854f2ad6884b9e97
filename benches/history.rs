//! What remembering costs: a poll, a question about a month, and the space of a year.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_wrap,
    missing_docs,
    clippy::allow_attributes,
    reason = "a benchmark"
)]

use std::{hint::black_box, path::Path, sync::Arc, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use tailsteward::{
    Credential, Settings, Tailnet,
    history::{
        Connection, Diff, Held, History, Known, Lease, Look, Place, Seconds, Sighting, Source,
        diff::diff, uptime::uptime,
    },
    sandbox::{Options, Sandbox},
};
use tokio::runtime::Runtime;

const DAY: Seconds = 86_400;
/// Any moment: the start of a day.
const START: Seconds = 20_400 * DAY;

fn runtime() -> Runtime {
    Runtime::new().unwrap()
}

/// The API's answer of `devices` devices, with all fields or the usual ones.
fn body(runtime: &Runtime, devices: usize, all_fields: bool) -> Vec<u8> {
    let options = Options { devices, ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    let list = runtime.block_on(Tailnet::new(settings).devices().list()).unwrap();
    let mut list = serde_json::to_value(&*list).unwrap();
    if !all_fields {
        for device in list.as_array_mut().unwrap() {
            let fields = device.as_object_mut().unwrap();
            for left_out in [
                "enabledRoutes",
                "advertisedRoutes",
                "clientConnectivity",
                "distro",
                "postureIdentity",
                "sshEnabled",
                "multipleConnections",
            ] {
                fields.remove(left_out);
            }
        }
    }
    serde_json::to_vec(&json!({ "devices": list })).unwrap()
}

struct Kept {
    history: Arc<History>,
    lease: Lease,
    source: Source,
    known: Known,
}

impl Kept {
    async fn new(path: &Path) -> Self {
        let history = Arc::new(History::new(Place::File(path.into())));
        let lease = history.take_lease("bench", "bench").await.unwrap().unwrap();
        Self { history, lease, source: Source::devices(), known: Known::default() }
    }

    async fn record(&mut self, diff: &Diff, now: Seconds) {
        let record =
            self.history.record(&self.lease, &self.source, diff, &mut self.known, now).await;
        assert_eq!(record.unwrap(), Held::Yes);
    }

    async fn look(&mut self, look: &Look<'_>, now: Seconds) {
        let diff = diff(&self.known, look, now).unwrap();
        self.record(&diff, now).await;
    }
}

/// A poll, from the last byte of the answer to what is committed, where one device of a hundred came or went.
fn poll(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("poll");
    group.sample_size(10).measurement_time(Duration::from_secs(20));
    for (size, all_fields) in [(1_000, true), (10_000, true), (100_000, false), (100_000, true)] {
        let body = body(&runtime, size, all_fields);
        let folder = tempfile::tempdir().unwrap();
        let mut kept = runtime.block_on(Kept::new(&folder.path().join("history.db")));
        let mut now = START;
        let first = std::time::Instant::now();
        let look = Look::devices(&body, all_fields).unwrap();
        runtime.block_on(kept.look(&look, now));
        println!("first poll of {size}: {:?}", first.elapsed());
        drop(look);
        let name = format!("{size}, {} fields", if all_fields { "all" } else { "usual" });
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                now += 60;
                let mut look = Look::devices(black_box(&body), all_fields).unwrap();
                for seen in look.seen.iter_mut().step_by(100) {
                    let is_up = (now / 60) % 2 == 0;
                    let down = (Connection::Down, Some(now - 30));
                    seen.connection = Some(if is_up { (Connection::Up, None) } else { down });
                }
                runtime.block_on(kept.look(&look, now));
            });
        });
    }
}

/// The devices of a company at `now`: half of them servers that fail every ten days for an hour, half of them
/// computers of people that come and go twice a day.
fn company(devices: usize, now: Seconds) -> Look<'static> {
    let sighting = |number: usize| {
        let offset = (number as Seconds * 7_919) % DAY;
        let (period, up) = if number.is_multiple_of(2) {
            (10 * DAY, 10 * DAY - 3_600)
        } else {
            (DAY / 2, DAY / 4)
        };
        let into = (now + offset).rem_euclid(period);
        let down = (Connection::Down, Some(now - (into - up)));
        let connection = if into < up { (Connection::Up, None) } else { down };
        Sighting {
            key: format!("n{number:07}CNTRL").into(),
            name: format!("device-{number}.tail1234.ts.net").into(),
            created: Some(START - 100 * DAY),
            connection: Some(connection),
            values: Vec::new(),
        }
    };
    let seen = (0..devices).map(sighting).collect();
    Look { seen, has_all_fields: true, ..Look::default() }
}

/// Uptime of 1,000 devices over 30 days, from the database.
fn month(criterion: &mut Criterion) {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut kept = runtime.block_on(Kept::new(&path));
    kept.source.interval = 3_600;
    for hour in 0..=30 * 24 {
        let now = START + hour * 3_600;
        runtime.block_on(kept.look(&company(1_000, now), now));
    }
    let window = (START, START + 30 * DAY);
    criterion.bench_function("uptime of 1,000 devices over 30 days", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                runtime.block_on(async {
                    let spans =
                        kept.history.spans("bench", window.0, window.1).await.unwrap().unwrap();
                    let seen = kept.history.devices("bench", window.0, None).await.unwrap();
                    let up =
                        seen.iter().map(|it| uptime(&it.states, &spans, window, it.created).up);
                    black_box(up.sum::<Seconds>())
                })
            },
            BatchSize::PerIteration,
        );
    });
}

/// The size of the file after a year of 1,000 devices, summed up and pruned once a day.
fn year(_: &mut Criterion) {
    if !std::env::args().any(|it| it.contains("year")) {
        return println!("the size of a year: `cargo bench --bench history -- year`");
    }
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    runtime.block_on(async {
        let mut kept = Kept::new(&path).await;
        kept.source.interval = 3_600;
        for hour in 0..=365 * 24 {
            let now = START + hour * 3_600;
            kept.look(&company(1_000, now), now).await;
            if hour % 24 == 0 {
                kept.history.sum_up(&kept.lease, "bench", now).await.unwrap();
                let keep = tailsteward::history::Kept::default();
                kept.history.prune(&kept.lease, keep, now).await.unwrap();
            }
        }
    });
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |it| it.len());
    println!(
        "a year of 1,000 devices: {} kB, and {} kB of log",
        size("history.db") / 1000,
        size("history.db-wal") / 1000
    );
}

criterion_group!(benches, poll, month, year);
criterion_main!(benches);

//! Prometheus metrics.

use std::{
    borrow::Cow,
    fmt,
    sync::atomic::AtomicU64,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

/// The media type of the metrics of a tailnet.
pub(super) const PLAIN_MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The media type of [`Metrics::text`].
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    path: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tool {
    tool: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    tool: Cow<'static, str>,
    outcome: &'static str,
}

type Durations = Family<Tool, Histogram, fn() -> Histogram>;

/// The metrics. Labels have a fixed set of values, so clients cannot create new time series.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    refused: Family<Reason, Counter>,
    calls: Family<Call, Counter>,
    durations: Durations,
    sessions: Gauge,
    under_way: Gauge,
    pub(super) connections: Gauge,
    memory: Gauge,
    files: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut all = Registry::default();
        let registry = all.sub_registry_with_prefix("tailsteward");
        // From 1 ms to 65 s, each bucket twice the previous.
        let durations =
            Durations::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 17)));
        let (requests, refused, calls) = <(Family<_, _>, Family<_, _>, Family<_, _>)>::default();
        let (sessions, under_way, connections) = <(Gauge, Gauge, Gauge)>::default();
        let (memory, files) = <(Gauge, Gauge)>::default();
        registry.register("http_requests", "HTTP requests answered", requests.clone());
        registry.register("refused", "Rejected requests, by reason", refused.clone());
        registry.register("tool_calls", "Tool calls, by outcome", calls.clone());
        registry.register_with_unit(
            "tool_call_duration",
            "Duration of tool calls",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("sessions", "Open sessions", sessions.clone());
        registry.register("requests_under_way", "Requests being answered", under_way.clone());
        registry.register("connections", "Open connections", connections.clone());
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Version of the server", version);
        // Standard metric names for processes.
        let process = all.sub_registry_with_prefix("process");
        process.register_with_unit(
            "resident_memory",
            "Resident memory",
            Unit::Bytes,
            memory.clone(),
        );
        process.register("open_fds", "Open file descriptors", files.clone());
        let started = Gauge::<f64, AtomicU64>::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        started.set(now.as_secs_f64());
        process.register_with_unit(
            "start_time",
            "Start time of the process",
            Unit::Seconds,
            started,
        );
        Self {
            registry: all,
            requests,
            refused,
            calls,
            durations,
            sessions,
            under_way,
            connections,
            memory,
            files,
        }
    }

    pub(super) fn answered(&self, path: &'static str, status: u16) {
        self.requests.get_or_create(&Request { path, status }).inc();
    }

    pub(super) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a call of `tool`; `None` stands for an unknown tool.
    pub(super) fn called(&self, tool: Option<&str>, outcome: &'static str, time: Duration) {
        let tool: Cow<'static, str> = tool.map_or("unknown".into(), |it| it.to_owned().into());
        self.durations.get_or_create(&Tool { tool: tool.clone() }).observe(time.as_secs_f64());
        self.calls.get_or_create(&Call { tool, outcome }).inc();
    }

    /// All metrics in the `OpenMetrics` text format.
    pub(super) fn text(&self, sessions: usize, under_way: usize) -> String {
        let number = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
        self.sessions.set(number(sessions));
        self.under_way.set(number(under_way));
        if let Some((memory, files)) = process() {
            self.memory.set(memory);
            self.files.set(files);
        }
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

/// The resident memory in bytes and the number of open files, on systems that provide them.
fn process() -> Option<(i64, i64)> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.split_whitespace().next()?.parse().ok()?;
    let files = std::fs::read_dir("/proc/self/fd").ok()?.count();
    Some((kilobytes * 1024, i64::try_from(files).ok()?))
}

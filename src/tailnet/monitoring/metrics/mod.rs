//! What the watcher knows of tailnets, as metrics for other systems. The names and labels are those of the
//! exporter adinhodovic/tailscale-exporter, so that its dashboards work.
//!
//! All of it is read from memory and from the history, and nothing is asked of the API. A process that does
//! not watch a tailnet has no inventory of it, and tells only how it is watched.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::OwnedRwLockReadGuard;

mod exposition;
mod inventory;

use self::exposition::{Exposition, Labels};
use crate::{
    client::Result,
    history::{History, Known, LookedAt, Seconds, Source, Watching},
    tailnet::{Tailnet, Tailnets, alerts::AlertCount},
};

/// An audit that is older, in seconds, says nothing of now.
const AUDIT_LASTS: Seconds = 86_400;

/// The exporter's names of what is collected, and ours of the source.
const COLLECTORS: &[(&str, &str)] = &[
    ("devices", "devices"),
    ("users", "users"),
    ("keys", "keys"),
    ("tailnet_settings", "settings"),
    ("services", "services"),
];

type Guard = OwnedRwLockReadGuard<Known>;

/// What is known of one tailnet.
struct Seen {
    labels: Labels,
    /// None if the history cannot be read.
    watching: Option<Watching>,
    looks: Vec<LookedAt>,
    /// Checks of the last audit, and whether each fails.
    checks: Vec<(String, bool)>,
    alerts: Vec<AlertCount>,
    devices: Option<Guard>,
    users: Option<Guard>,
    keys: Option<Guard>,
    settings: Option<Guard>,
    services: Option<Guard>,
}

/// The metrics of all tailnets in the text format of Prometheus.
pub async fn text(tailnets: &Tailnets, now: Timestamp) -> String {
    let now = now.as_second();
    let mut all = Vec::new();
    for tailnet in tailnets.all() {
        all.push(Seen::of(tailnet, now).await);
    }
    // With thousands of devices it takes a moment, in which other calls are not to wait.
    let written = tokio::task::spawn_blocking(move || write(&all, now)).await;
    written.unwrap_or_default()
}

/// By tailnet, when somebody last looked at it: `{"NAME": {"seconds_ago": 12, "stale": false, …}}`.
pub async fn watch_state(tailnets: &Tailnets, now: Timestamp) -> Value {
    let now = now.as_second();
    let mut all = Map::new();
    for tailnet in tailnets.all() {
        let Some(history) = tailnet.history() else { continue };
        let state = match history.watching(&tailnet.label(), now).await {
            Ok(it) => {
                let ago = it.good_at.map(|at| (now - at).max(0));
                json!({ "seconds_ago": ago, "stale": it.is_stale, "watches": it.is_here })
            }
            Err(error) => json!({ "stale": true, "error": error.to_string() }),
        };
        all.insert(name(tailnet).to_owned(), state);
    }
    Value::Object(all)
}

/// What a tailnet is called in labels: the name of its profile, or as the settings name it.
fn name(tailnet: &Tailnet) -> &str {
    tailnet.name().unwrap_or(&tailnet.settings().tailnet)
}

impl Seen {
    async fn of(tailnet: &Tailnet, now: Seconds) -> Self {
        let mut seen = Self {
            labels: Labels::default().with("tailnet", name(tailnet)),
            watching: None,
            looks: Vec::new(),
            checks: Vec::new(),
            alerts: Vec::new(),
            devices: None,
            users: None,
            keys: None,
            settings: None,
            services: None,
        };
        let Some(history) = tailnet.history() else { return seen };
        if let Err(error) = seen.read(history, &tailnet.label(), now).await {
            tracing::debug!(%error, "the history cannot be read for metrics");
            seen.watching = None;
        }
        match tailnet.alerts().counts().await {
            Ok(counts) => seen.alerts = counts,
            Err(error) => tracing::debug!(%error, "alerts cannot be read for metrics"),
        }
        seen.remember(history, &tailnet.label()).await;
        seen
    }

    /// Reads what the database knows.
    async fn read(&mut self, history: &History, label: &str, now: Seconds) -> Result<()> {
        self.watching = Some(history.watching(label, now).await?);
        self.looks = history.looks(label).await?;
        let audit = history.last_audit(label).await?;
        let Some((_, result)) = audit.filter(|it| now - it.0 <= AUDIT_LASTS) else {
            return Ok(());
        };
        for (list, fails) in [("failing", true), ("passing", false)] {
            let checks = result.get(list).and_then(Value::as_array).into_iter().flatten();
            let checks = checks.filter_map(Value::as_str);
            self.checks.extend(checks.map(|check| (check.to_owned(), fails)));
        }
        Ok(())
    }

    /// Takes what this process remembers, if it watches.
    async fn remember(&mut self, history: &History, label: &str) {
        let Some(memory) = history.memory(label) else { return };
        for source in Source::all() {
            let place = match source.name {
                "devices" => &mut self.devices,
                "users" => &mut self.users,
                "keys" => &mut self.keys,
                "settings" => &mut self.settings,
                "services" => &mut self.services,
                _ => continue,
            };
            *place = memory.known(&source).await;
        }
    }
}

fn write(all: &[Seen], now: Seconds) -> String {
    let mut out = Exposition::default();
    watched(&mut out, all, now);
    inventory::devices(&mut out, all);
    inventory::users(&mut out, all);
    inventory::keys(&mut out, all);
    inventory::settings(&mut out, all);
    inventory::services(&mut out, all);
    out.family("tailscale_check", "Whether a check of the last audit fails");
    for seen in all {
        for (check, fails) in &seen.checks {
            out.sample(&seen.labels.with("id", check), u8::from(*fails));
        }
    }
    out.family("tailscale_alerts", "Alerts");
    for seen in all {
        for it in &seen.alerts {
            let rule = seen.labels.with("rule", &it.rule);
            let labels =
                rule.with("severity", it.severity.as_str()).with("state", it.state.as_str());
            out.sample(&labels, it.count);
        }
    }
    out.into_text()
}

/// How well the tailnets are watched.
fn watched(out: &mut Exposition, all: &[Seen], now: Seconds) {
    let up =
        "Whether the last look at the devices worked, by whichever process, and was not long ago";
    out.family("tailscale_up", up);
    for seen in all {
        let is_up = |it: &Watching| !it.is_stale && it.error.is_none();
        out.sample(&seen.labels, u8::from(seen.watching.as_ref().is_some_and(is_up)));
    }
    let here = "Whether this process watches the tailnet; only then it has its inventory";
    out.family("tailscale_watches", here);
    for seen in all {
        let is_here = seen.watching.as_ref().is_some_and(|it| it.is_here);
        out.sample(&seen.labels, u8::from(is_here));
    }
    let ago = "How long ago the devices were last looked at";
    out.family("tailscale_watched_seconds_ago", ago);
    for seen in all {
        if let Some(at) = seen.watching.as_ref().and_then(|it| it.good_at) {
            out.sample(&seen.labels, (now - at).max(0));
        }
    }
    let success = "Whether the last look at a source worked and was not long ago";
    out.family("tailscale_scrape_collector_success", success);
    for seen in all {
        for (collector, source) in COLLECTORS {
            if let Some(look) = seen.looks.iter().find(|it| it.source == *source) {
                let labels = seen.labels.with("collector", collector);
                out.sample(&labels, u8::from(is_good(look, seen, now)));
            }
        }
    }
}

fn is_good(look: &LookedAt, seen: &Seen, now: Seconds) -> bool {
    if look.error.is_some() {
        return false;
    }
    if look.source == "devices" {
        return seen.watching.as_ref().is_some_and(|it| !it.is_stale);
    }
    let source = Source::all().into_iter().find(|it| it.name == look.source);
    source.is_some_and(|source| look.good_at.is_some_and(|at| now - at <= source.longest_gap()))
}

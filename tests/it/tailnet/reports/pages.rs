//! The pages of a small, a large, an empty and a broken tailnet. They stay in the target folder, in `tmp/reports`,
//! where a real browser looks at them.

use std::{fs, path::Path, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tailsteward::{
    Tailnet,
    history::{History, Looked, Seconds, Source},
    report::{Part, Report},
    sandbox::{Options, Sandbox},
};

use super::{DAY, few_scopes, known, make};
use crate::support::tailnet::settings;

/// The longest page.
const MAX_BYTES: usize = 1_000_000;
const SECTIONS: [&str; 13] = [
    "Needs attention",
    "Since the last report",
    "What could not be read",
    "Fleet",
    "Online over time",
    "Key expiry",
    "Routes and exit nodes",
    "Connectivity",
    "Traffic",
    "Compliance",
    "Policy file",
    "People and credentials",
    "How this was made",
];

/// Keeps the page of a report where a browser finds it, and says what is true of every page.
fn keep(name: &str, report: &Report) -> String {
    let json = serde_json::to_string(report).unwrap();
    let read: Report = serde_json::from_str(&json).unwrap();
    let html = report.to_html();
    // The page is made of the report, and of nothing else.
    assert_eq!(html, read.to_html(), "{name}");
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["schema"], 1);
    assert!(html.len() <= MAX_BYTES, "{name}: {} bytes", html.len());
    let mut rest = html.as_str();
    for title in SECTIONS {
        let at = rest.find(&format!(">{title}</h2>")).unwrap_or_else(|| panic!("{name}: {title}"));
        rest = &rest[at..];
    }
    // Nothing is loaded from anywhere.
    assert!(html.contains("default-src 'none'"));
    for word in ["<img", "<script s", "url(http", "@import", "<link", "<iframe", "href=\"http"] {
        assert!(!html.contains(word), "{name}: {word}");
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.html")), &html).unwrap();
    html
}

/// A tailnet whose devices come and go, 30 days ago.
async fn a_month_ago(devices: usize) -> (Sandbox, Tailnet) {
    let options = Options {
        devices,
        now: Some(Timestamp::now() - DAY * 30),
        devices_move: true,
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.unwrap();
    let tailnet = tailnet_of(&sandbox, &History::in_memory());
    (sandbox, tailnet)
}

/// A client with nothing between: what it reads is hostile on purpose.
fn tailnet_of(sandbox: &Sandbox, history: &Arc<History>) -> Tailnet {
    let mut settings = settings(&sandbox.base_url());
    settings.base_url = sandbox.base_url();
    Tailnet::new(settings).with_history(Arc::clone(history))
}

/// Looks at the devices every so many hours for 30 days, but for two days in which nobody does.
async fn watched(sandbox: &Sandbox, tailnet: &Tailnet, hours: Seconds) {
    let mut poller = tailnet.watch("one").await.unwrap().unwrap();
    let mut source = Source::devices();
    source.interval = hours * 3_600;
    let end = Timestamp::now().as_second();
    let mut at = end - 30 * 24 * 3_600;
    while at <= end {
        let day = (end - at) / (24 * 3_600);
        if !(10..12).contains(&day) {
            let looked = poller.look(&source, at).await.unwrap();
            assert!(matches!(looked, Looked::Recorded { .. }), "{looked:?}");
        }
        at += source.interval;
        sandbox.advance(Duration::from_secs(u64::try_from(source.interval).unwrap()));
    }
}

#[tokio::test]
async fn a_small_tailnet_that_was_watched() {
    let (sandbox, tailnet) = a_month_ago(60).await;
    let before = make(&tailnet).await;
    watched(&sandbox, &tailnet, 1).await;
    rename_to_markup(&sandbox);
    sandbox.add_device("arrived").unwrap();
    // A client that has read nothing yet.
    let tailnet = tailnet_of(&sandbox, tailnet.history().unwrap());
    let report = make(&tailnet).await;
    let html = keep("small", &report);

    assert!(matches!(before.online, Part::Unknown(_)));
    let online = known(&report.online);
    let percent = report.head.watched.as_ref().unwrap().percent;
    assert!((90.0..97.0).contains(&percent), "{percent}");
    assert_eq!(online.days.len(), 31);
    let hours = online.days.iter().flat_map(|it| &it.percent);
    let unknown = hours.filter(|it| it.is_none()).count();
    assert!((48..100).contains(&unknown), "{unknown} hours are unknown");
    assert!(!online.servers.is_empty());
    for it in &online.servers {
        assert!(it.known_percent < 100.0 && it.up_percent.is_some(), "{it:?}");
    }
    assert!(online.servers.is_sorted_by(|a, b| a.up_percent <= b.up_percent));
    // What others wrote is text.
    assert!(html.contains("&lt;img src=x"), "{html}");
    assert!(!html.contains("<img"), "{html}");
    assert!(known(&report.changes).changes.iter().any(|it| it.what == "new device"));
    assert!(known(&report.traffic).bytes > 0);
    assert!(html.contains("From tag to tag: "), "{html}");
}

/// Names that want to be markup.
fn rename_to_markup(sandbox: &Sandbox) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.json");
    sandbox.save(&file).unwrap();
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let devices = &mut state["tailnets"][0]["devices"];
    let markup = "<img src=x onerror=alert(1)>";
    devices[0]["name"] = markup.into();
    devices[1]["hardware"]["os"] = markup.into();
    devices[2]["hardware"]["client_version"] = markup.into();
    fs::write(&file, state.to_string()).unwrap();
    sandbox.load(&file).unwrap();
}

#[tokio::test]
async fn a_large_tailnet_fits_into_a_megabyte() {
    let (sandbox, tailnet) = a_month_ago(1_000).await;
    watched(&sandbox, &tailnet, 12).await;
    let report = make(&tailnet).await;
    keep("large", &report);

    let fleet = known(&report.fleet);
    assert_eq!(fleet.devices.len(), 500);
    assert_eq!(fleet.total, fleet.devices.len() + fleet.more);
    assert_eq!(fleet.versions.iter().map(|it| it.count).sum::<usize>(), fleet.total);
    assert_eq!(known(&report.online).servers.len(), 100);
}

#[tokio::test]
async fn an_empty_tailnet_says_so() {
    let sandbox = Sandbox::start(Options { devices: 0, ..Options::default() }).await.unwrap();
    let tailnet = Tailnet::new(settings(&sandbox.base_url())).with_history(History::in_memory());
    let report = make(&tailnet).await;
    let html = keep("empty", &report);

    assert_eq!(known(&report.fleet).total, 0);
    assert!(html.contains("The tailnet has no device of its own."));
    assert!(html.contains("There is no subnet route.") && html.contains("There is no exit node."));
}

#[tokio::test]
async fn a_broken_tailnet_says_what_could_not_be_read() {
    let options = Options { devices: 25, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let report = make(&few_scopes(&sandbox)).await;
    let html = keep("broken", &report);

    assert!(report.head.unread.len() > 6, "{:?}", report.head.unread);
    for it in &report.head.unread {
        assert!(html.contains(&escaped(&it.what)), "{}", it.what);
    }
    assert!(html.contains("No history: this tailnet has never been watched."));
    let quiet = SignedDuration::from_hours(1);
    assert!(few_scopes(&sandbox).reports().make(quiet).await.is_ok());
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

//! `tailsteward doctor`: checks the setup, and says what to do about each problem.

use serde::Serialize;

use super::{Connected, Target};
use crate::{
    Error, ErrorKind, Operation, Tailnet,
    catalogue::{Offer, remedy},
    client::Result,
    tailnet::logging::Window,
    words::counted,
};

/// The largest acceptable clock skew; more breaks tokens and certificates.
const SKEW_SECONDS: i64 = 60;

/// The result of one check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Good,
    Limited,
    Bad,
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, state: State::Good, found: found.into(), remedy: None }
    }

    fn failed(name: &'static str, state: State, error: &Error) -> Self {
        Self { name, state, found: error.to_string(), remedy: remedy(error) }
    }
}

/// Runs all checks. Returns the report and whether the server would work.
pub(super) async fn examine(target: &Target, offer: &Offer, json: bool) -> (String, bool) {
    let mut checks = vec![versions(), offered(offer)];
    for connected in target.connect_each().await {
        match connected {
            Ok(connected) => {
                checks.push(credential(&connected));
                if reach(&connected.tailnet, &mut checks).await {
                    devices(&connected.tailnet, &mut checks).await;
                    scopes(&connected.tailnet, &mut checks).await;
                }
            }
            Err(error) => checks.push(Check::failed("credential", State::Bad, &error)),
        }
    }
    let healthy = checks.iter().all(|it| it.state != State::Bad);
    let text = if json {
        serde_json::json!({ "healthy": healthy, "checks": checks }).to_string()
    } else {
        checks.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    (text, healthy)
}

fn line(check: &Check) -> String {
    let mark = match check.state {
        State::Good => "ok  ",
        State::Limited => "note",
        State::Bad => "BAD ",
    };
    let remedy = check.remedy.as_ref().map(|it| format!("\n     → {it}")).unwrap_or_default();
    format!("{mark} {}: {}{remedy}", check.name, check.found)
}

fn versions() -> Check {
    Check::good(
        "versions",
        format!(
            "tailsteward {}, {} operations of the admin API v2",
            env!("CARGO_PKG_VERSION"),
            Operation::ALL.len()
        ),
    )
}

fn offered(offer: &Offer) -> Check {
    let count = counted(offer.tools().count(), "tool is", "tools are");
    Check::good("access", format!("{}: {count} offered", offer.access()))
}

fn credential(connected: &Connected) -> Check {
    let settings = connected.tailnet.settings();
    let kind = settings.credential.kind();
    Check::good(
        "credential",
        format!(
            "{kind} of {} for the tailnet `{}` at {}",
            connected.source, settings.tailnet, settings.base_url
        ),
    )
}

/// Checks that the API answers and accepts the credential, and the clock skew.
async fn reach(tailnet: &Tailnet, checks: &mut Vec<Check>) -> bool {
    let probe = match tailnet.probe().await {
        Ok(probe) => probe,
        Err(error) => {
            checks.push(Check::failed("reachability", State::Bad, &error));
            return false;
        }
    };
    let took = probe.round_trip.as_millis();
    checks.push(Check::good("reachability", format!("the API takes the credential ({took} ms)")));
    checks.push(match probe.clock_ahead.map(|it| it.as_secs()) {
        Some(ahead) if ahead.abs() > SKEW_SECONDS => Check {
            name: "clock",
            state: State::Bad,
            found: format!("{ahead} s ahead of the API's"),
            remedy: Some(
                "set this machine's clock: tokens and certificates depend on it".to_owned(),
            ),
        },
        Some(_) => Check::good("clock", format!("within {SKEW_SECONDS} s of the API's")),
        None => Check::good("clock", "the API does not say what time it is"),
    });
    true
}

async fn devices(tailnet: &Tailnet, checks: &mut Vec<Check>) {
    checks.push(match tailnet.devices().list().await {
        Ok(list) => {
            let own = list.iter().find(|it| !it.is_shared_in());
            let domain = own.and_then(|it| it.name.as_deref()?.split_once('.'));
            let domain = domain.map_or("no domain known", |(_, domain)| domain);
            let own: Vec<_> = list.iter().filter(|it| !it.is_shared_in()).collect();
            let online = own.iter().filter(|it| it.is_online()).count();
            let shared = match list.len() - own.len() {
                0 => String::new(),
                shared => format!(" + {shared} shared in"),
            };
            let count = counted(own.len(), "device", "devices");
            Check::good("tailnet", format!("{count}{shared}, {online} online ({domain})"))
        }
        Err(error) => Check::failed("tailnet", State::Bad, &error),
    });
}

/// Finds out what the credential may read, by trying.
async fn scopes(tailnet: &Tailnet, checks: &mut Vec<Check>) {
    let now = jiff::Timestamp::now();
    let Ok(minute) = Window::new(now - jiff::SignedDuration::from_mins(1), now) else { return };
    let logging = tailnet.logging();
    let list = tailnet.devices().list().await;
    let first = list.as_ref().ok().and_then(|it| it.first()).map(|it| it.key().to_owned());
    let attributes = match &first {
        Some(id) => tailnet.devices().attributes(id).await.map(drop),
        None => Ok(()),
    };
    let found = [
        ("devices:posture_attributes:read", attributes),
        ("feature_settings:read", tailnet.tailnet_settings().get().await.map(drop)),
        ("policy_file:read", tailnet.policy_file().get().await.map(drop)),
        ("logs:configuration:read", logging.configuration(minute, "").await.map(drop)),
        ("logs:network:read", logging.network(minute).await.map(drop)),
    ];
    checks.extend(found.into_iter().map(|(scope, read)| scope_check(scope, read)));
}

fn scope_check(scope: &'static str, read: Result<()>) -> Check {
    match read {
        Ok(()) => Check::good("scope", scope),
        Err(error) => {
            // Without this access some tools do not work, but the server does.
            let known = [ErrorKind::Forbidden, ErrorKind::PlanLimit, ErrorKind::NotFound];
            let state = if known.contains(&error.kind()) { State::Limited } else { State::Bad };
            let check = Check::failed("scope", state, &error);
            let missing = error.kind() == ErrorKind::Forbidden;
            let what = if missing { "is missing" } else { "is not known" };
            Check { found: format!("{scope} {what}: {}", check.found), ..check }
        }
    }
}

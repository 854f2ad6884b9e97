//! `tailsteward doctor`: checks the setup, and says what to do about each problem.

mod daemon;

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Connected, Target, server_options::Offered};
use crate::{
    Error, ErrorKind, Operation, Tailnet,
    catalogue::{Offer, remedy},
    change::{
        Journal as _,
        journal::Find,
        store::{Place, Store},
    },
    client::{Result, call::Call},
    guard::ConfirmMode,
    guardrails::Guardrails,
    tailnet::{logging::Window, users},
    tool::ToolDef,
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
pub(super) async fn examine(
    target: &Target,
    offer: &Offer,
    options: &Offered,
    json: bool,
) -> (String, bool) {
    let place = options.place(target.sandbox);
    let is_file = matches!(place, Ok(Place::File(_)));
    let mut checks = vec![versions(), offered(offer), confirm(options, is_file)];
    let rails = Offered::guardrails(target);
    checks.push(guardrails(rails.as_deref()));
    checks.push(journal(place).await);
    checks.extend(daemon::checks(&target.daemon(), offer).await);
    for connected in target.connect_each().await {
        match connected {
            Ok(connected) => {
                checks.push(credential(&connected));
                if reach(&connected.tailnet, &mut checks).await {
                    devices(&connected.tailnet, &mut checks).await;
                    if let Ok(rails) = &rails {
                        unknown_names(&connected.tailnet, rails, &mut checks).await;
                    }
                    scopes(&connected.tailnet, offer, &mut checks).await;
                }
            }
            // A config file that cannot be read is reported once.
            Err(error) if rails.as_ref().is_err_and(|it| it.to_string() == error.to_string()) => {}
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

fn confirm(options: &Offered, is_file: bool) -> Check {
    let mode = options.confirm();
    let who = match mode {
        ConfirmMode::Person => "a person, in a form, a terminal or on the page",
        ConfirmMode::Other => "another person than the one who asked",
        _ if options.assumes_yes() => "nobody: --yes",
        _ => "a person if the client can ask one, otherwise whoever calls again",
    };
    let found = format!("{}: {who}", mode.as_str());
    if mode != ConfirmMode::Other || !is_file {
        return Check::good("confirm", found);
    }
    Check {
        name: "confirm",
        state: State::Limited,
        found: format!("{found}; but only this user can open the store"),
        remedy: Some(
            "keep the store in Postgres (--store), so that others can approve; see docs/approval.md"
                .to_owned(),
        ),
    }
}

fn guardrails(rails: Result<&Guardrails, &Error>) -> Check {
    let rails = match rails {
        Ok(rails) if rails.is_empty() => return Check::good("guardrails", "none"),
        Ok(rails) => rails,
        Err(error) => return Check::failed("guardrails", State::Bad, error),
    };
    let mut words = Vec::new();
    for (when, protected) in [("never", &rails.never), ("only with approval", &rails.approval)] {
        let kinds = [
            counted(protected.devices.len(), "device", "devices"),
            counted(protected.tags.len(), "tag", "tags"),
            counted(protected.users.len(), "user", "users"),
            counted(protected.policy.len(), "section", "sections") + " of the policy file",
        ];
        let kinds: Vec<_> = kinds.into_iter().filter(|kind| !kind.starts_with("0 ")).collect();
        if !kinds.is_empty() {
            words.push(format!("{when} changed: {}", kinds.join(", ")));
        }
    }
    words.extend(rails.windows.iter().map(|window| format!("changes {window}")));
    words.extend(rails.changes_per_hour.map(|most| format!("{most} changes an hour")));
    if !rails.approvers.is_empty() {
        words.push(format!("approved by {}", rails.approvers.join(", ")));
    }
    Check::good("guardrails", words.join("; "))
}

/// Names in the guardrails that nothing has now: a misspelled one would protect nothing.
async fn unknown_names(tailnet: &Tailnet, rails: &Guardrails, checks: &mut Vec<Check>) {
    let protected = [&rails.never, &rails.approval];
    let mut unknown = Vec::new();
    if protected.iter().any(|it| !it.devices.is_empty())
        && let Ok(devices) = tailnet.devices().list().await
    {
        let is_known = |name: &String| {
            devices.iter().any(|it| {
                let names = [it.key(), it.short_name(), it.id.as_deref().unwrap_or_default()];
                let full = it.name.as_deref().unwrap_or_default();
                names.into_iter().chain([full]).any(|it| it.eq_ignore_ascii_case(name.trim()))
            })
        };
        unknown.extend(protected.iter().flat_map(|it| &it.devices).filter(|it| !is_known(it)));
    }
    if protected.iter().any(|it| !it.users.is_empty())
        && let Ok(users) = tailnet.users().everybody().await
    {
        let is_known = |name: &String| {
            let is_it = |it| [users::find::id(it), users::find::login(it)];
            users.iter().flat_map(is_it).any(|it| it.eq_ignore_ascii_case(name.trim()))
        };
        unknown.extend(protected.iter().flat_map(|it| &it.users).filter(|it| !is_known(it)));
    }
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.into_iter().map(String::as_str).collect();
        checks.push(Check {
            name: "guardrails",
            state: State::Limited,
            found: format!("nothing in this tailnet is called {}", names.join(", ")),
            remedy: Some("correct the names in the guardrails, or remove them".to_owned()),
        });
    }
}

/// Opens the journal, as a server would.
async fn journal(place: Result<Place>) -> Check {
    let place = match place {
        Ok(place) => place,
        Err(error) => return Check::failed("journal", State::Bad, &error),
    };
    let kept = match &place {
        Place::Memory => "in memory, until the program ends".to_owned(),
        Place::File(path) => path.display().to_string(),
        Place::Postgres(_) => "in Postgres".to_owned(),
    };
    let find = Find { limit: 1, ..Find::default() };
    match Store::new(place).list(&find).await {
        Ok((_, total)) => {
            let total = usize::try_from(total).unwrap_or(usize::MAX);
            Check::good("journal", format!("{kept}: {}", counted(total, "change", "changes")))
        }
        Err(error) => Check::failed("journal", State::Bad, &error),
    }
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

/// Finds out by trying which scopes of the offered tools the credential has.
async fn scopes(tailnet: &Tailnet, offer: &Offer, checks: &mut Vec<Check>) {
    // That devices can be read is known already.
    let needed: BTreeSet<&str> = offer.tools().flat_map(ToolDef::scopes).collect();
    let mut unchecked = Vec::new();
    for scope in needed.into_iter().filter(|it| *it != "devices:core:read") {
        match tried(tailnet, scope).await {
            Some(read) => checks.push(scope_check(scope, read)),
            None => unchecked.push(scope),
        }
    }
    if !unchecked.is_empty() {
        let unchecked = unchecked.join(", ");
        checks.push(Check::good(
            "scope",
            format!("not checked (only a write would show them): {unchecked}"),
        ));
    }
}

/// Reads what the scope is for. `None` if no read needs just this scope.
async fn tried(tailnet: &Tailnet, scope: &str) -> Option<Result<()>> {
    let now = jiff::Timestamp::now();
    let minute = Window::new(now - jiff::SignedDuration::from_mins(1), now);
    let logging = tailnet.logging();
    Some(match scope {
        "devices:posture_attributes:read" => {
            let list = tailnet.devices().list().await.ok()?;
            tailnet.devices().attributes(list.first()?.key()).await.map(drop)
        }
        "dns:read" => {
            let read = tailnet.client().call(Operation::GetDnsConfiguration, Call::default());
            read.await.map(drop)
        }
        "policy_file:read" => tailnet.policy_file().get().await.map(drop),
        "logs:configuration:read" => logging.configuration(minute.ok()?, "").await.map(drop),
        "logs:network:read" => logging.network(minute.ok()?).await.map(drop),
        scope => {
            let takes_nothing = |it: &Operation| {
                let input = it.input();
                let required = input.get("required").and_then(serde_json::Value::as_array);
                required.is_none_or(Vec::is_empty)
            };
            // Of scopes that do as well, the one that was used would not be known.
            let write = scope.strip_suffix(":read");
            let is_for = |it: &Operation| {
                it.scopes().contains(&scope)
                    && it.scopes().iter().all(|it| *it == scope || Some(*it) == write)
            };
            let fits = |it: &Operation| it.reads() && is_for(it) && takes_nothing(it);
            let operation = Operation::ALL.iter().copied().find(fits)?;
            tailnet.client().call(operation, Call::default()).await.map(drop)
        }
    })
}

fn scope_check(scope: &str, read: Result<()>) -> Check {
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

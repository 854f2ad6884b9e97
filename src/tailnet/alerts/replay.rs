//! What a rule would find now, and what it would have found before. Nothing is kept of it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    Alerts, Circumstances, Facts, Ready, TrafficWindows, When, Working, facts::longest_gap, other,
    recorded::Recorded, traffic,
};
use crate::{
    Error, ErrorKind,
    alerts::{Episode, State},
    client::Result,
    history::{History, Known, Replay, Seconds, Source},
};

/// How far back is looked.
const DAYS: Seconds = 30;
/// The shortest time between two judgements of the past, in seconds.
const STEP: Seconds = 600;
/// How many devices are judged in all.
const JUDGED: usize = 10_000_000;

/// What a rule would find.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Preview {
    /// What would fire now, and what does not hold for long enough yet.
    pub now: Vec<Episode>,
    /// How often it would have fired before; none where there is no history, or it does not tell.
    pub before: Option<Before>,
    /// What cannot be known, and why.
    pub notes: Vec<String>,
}

/// How often a rule would have fired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// How many alerts.
    pub alerts: usize,
    /// About how many things.
    pub subjects: usize,
    /// In how many days somebody looked.
    pub days: Seconds,
    /// How many seconds were between two judgements.
    pub step: Seconds,
}

/// Facts that are held here.
#[derive(Debug, Default)]
pub(crate) struct Held {
    known: HashMap<&'static str, Known>,
    recorded: Recorded,
}

impl Held {
    pub(crate) fn facts(&self, now: Seconds) -> Facts<'_> {
        let known = self.known.iter().map(|(name, known)| (*name, known)).collect();
        self.recorded.facts(now, known)
    }
}

/// The sources that these rules need.
fn sources(rules: &[Ready]) -> Vec<Source> {
    let mut names: Vec<&str> = rules.iter().map(|it| it.when.source()).collect();
    let has = |when: When| rules.iter().any(|it| it.when == when);
    if has(When::StreamFailing) {
        names.extend(other::STREAMS);
    }
    if has(When::WaitsForApproval) {
        names.push("users");
    }
    if has(When::OurCredential) || has(When::Traffic) || has(When::Relayed) {
        names.extend(["devices", "settings"]);
    }
    Source::all().into_iter().filter(|it| names.contains(&it.name)).collect()
}

impl Alerts<'_> {
    /// The facts that these rules need: as they were last seen, or by a look now if nobody watches.
    ///
    /// # Errors
    ///
    /// The API's, if nobody watches and it cannot be asked; otherwise
    /// [`History`](crate::ErrorKind::History).
    pub(crate) async fn facts(self, rules: &[Ready], now: Timestamp) -> Result<(Held, bool)> {
        let now = now.as_second();
        let sources = sources(rules);
        if let Some(history) = self.tailnet.history() {
            let looks = history.looks(&self.tailnet.label()).await?;
            let good_at = looks.iter().find(|it| it.source == "devices").and_then(|it| it.good_at);
            if good_at.is_some_and(|at| now - at <= longest_gap("devices")) {
                return Ok((self.held(history, &sources, rules, now).await?, true));
            }
        }
        let alone = History::in_memory();
        let tailnet = self.tailnet.with_history(alone.clone());
        let Some(mut poller) = tailnet.watch("a look").await? else {
            return Err(Error::new(ErrorKind::History, "nothing can be looked at"));
        };
        for source in &sources {
            poller.look(source, now).await?;
        }
        let alerts = Alerts::new(&tailnet);
        let held = alerts.held(&alone, &sources, rules, now).await?;
        let looks = &held.recorded.looks;
        let blind = looks.iter().find(|it| it.source == "devices" && it.error.is_some());
        if let Some(look) = blind {
            let why = look.error.clone().unwrap_or_default();
            return Err(Error::new(
                ErrorKind::Upstream,
                format!("the devices cannot be read: {why}"),
            ));
        }
        Ok((held, false))
    }

    async fn held(
        self,
        history: &History,
        sources: &[Source],
        rules: &[Ready],
        now: Seconds,
    ) -> Result<Held> {
        let label = self.tailnet.label();
        let recorded = self.recorded(history, rules, Arc::default(), now).await?;
        let mut held = Held { recorded, ..Held::default() };
        for source in sources {
            if let Some(known) = history.last_seen(&label, source).await? {
                held.known.insert(source.name, known);
            }
        }
        Ok(held)
    }

    /// The settings and the traffic that are kept.
    pub(super) async fn settings_and_traffic(self, rules: &[Ready], now: Seconds) -> Result<Held> {
        let settings: Vec<Source> =
            Source::all().into_iter().filter(|it| it.name == "settings").collect();
        self.held(self.history()?, &settings, rules, now).await
    }

    /// What rules would find now, and in the past as far as somebody looked.
    ///
    /// # Errors
    ///
    /// Those of a look at the API, or of the history.
    pub async fn preview(self, rules: &[Ready], now: Timestamp) -> Result<Vec<Preview>> {
        let (held, is_watched) = self.facts(rules, now).await?;
        let label = self.tailnet.label();
        let mut previews = Vec::new();
        for rule in rules {
            let mut preview = now_of(rule, &held.facts(now.as_second()));
            if !is_watched {
                preview.notes.push(
                    "no watcher is running, so this is a single poll, and `for` does not count"
                        .to_owned(),
                );
            }
            if rule.when.is_traffic() {
                let name = &rule.rule.name;
                let note = format!("`{name}`: only the last window is judged, not the past");
                preview.notes.push(note);
                previews.push(preview);
                continue;
            }
            let history = self.tailnet.history().filter(|_| is_watched);
            if let Some(history) = history
                && rule.when.has_scope()
            {
                let since = now.as_second() - DAYS * 86_400;
                let replay = history.replay(&label, &Source::devices(), since).await?;
                preview.before = match replay {
                    Some(replay) => {
                        Some(before_of(rule.clone(), replay, since, now.as_second()).await?)
                    }
                    None => None,
                };
            }
            previews.push(preview);
        }
        Ok(previews)
    }
}

/// What a rule finds in facts, as if it began to be judged now.
pub(crate) fn now_of(rule: &Ready, facts: &Facts<'_>) -> Preview {
    let mut on = rule.clone();
    on.rule.on = Some(true);
    let mut working = Working::default();
    let rules = [on];
    let by = Circumstances { label: "", tailnet: "", rules: &rules, acknowledged: &[], mutes: &[] };
    working.evaluate(by, facts);
    let mut now: Vec<Episode> = working.all().cloned().collect();
    now.sort_by_key(|it| (it.state == State::Pending, it.since, it.subject.clone()));
    let [rule] = rules;
    let mut notes = Vec::new();
    if super::judge::judge(&[&rule], facts).iter().any(|it| !it.unknown.is_empty()) {
        notes.push(format!("`{}` cannot be known now: {}", rule.rule.name, unknown(&rule, facts)));
    }
    Preview { now, before: None, notes }
}

/// Why nothing is known of what a rule is about.
fn unknown(rule: &Ready, facts: &Facts<'_>) -> String {
    if rule.when.is_traffic()
        && let Some(why) = traffic::unknown(rule, facts)
    {
        return why;
    }
    let source = rule.when.source();
    let look = facts.looks.iter().find(|it| it.source == source);
    match (rule.when, look.and_then(|it| it.error.clone())) {
        (When::Finding, _) => "no audit of the last day is kept".to_owned(),
        (_, Some(error)) => error,
        (When::SettingIs, None) => "the credential may not read this setting".to_owned(),
        _ => format!("the {source} were not looked at"),
    }
}

/// How often a rule would have fired. Runs where it does not keep other calls waiting.
async fn before_of(rule: Ready, replay: Replay, since: Seconds, now: Seconds) -> Result<Before> {
    let work = move || replayed(rule, replay, since, now);
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::new(ErrorKind::History, "the past could not be judged"))
}

fn replayed(mut rule: Ready, mut replay: Replay, since: Seconds, now: Seconds) -> Before {
    rule.rule.on = Some(true);
    let begun = replay.spans().iter().next().map_or(now, |it| it.0).max(since);
    let most = JUDGED / replay.len().max(1);
    let steps = Seconds::try_from(most).unwrap_or(Seconds::MAX).max(60);
    let step = ((now - begun) / steps).max(STEP);
    let flaps = (rule.when == When::Flapping).then_some(rule.within);
    let rules = [rule];
    let by = Circumstances { label: "", tailnet: "", rules: &rules, acknowledged: &[], mutes: &[] };
    let mut working = Working::default();
    let (mut fired, mut subjects) = (0, HashSet::new());
    let mut ends: HashSet<(Seconds, String)> = HashSet::new();
    let mut at = begun;
    while at <= now {
        let known = replay.at(at);
        let mut lost = HashMap::new();
        if let Some(within) = flaps {
            lost.insert(within, losses(known, &mut ends, at, within));
        }
        let facts = Facts {
            now: at,
            known: [("devices", known)].into_iter().collect(),
            looks: &[],
            events: &[],
            audit: None,
            lost: &lost,
            traffic: &TrafficWindows::default(),
            credential: "",
        };
        for it in working.evaluate(by, &facts).changed {
            if it.fired_at == Some(at) && it.reopened.is_empty() {
                fired += 1;
                subjects.insert(it.subject);
            }
        }
        at += step;
    }
    let days = (replay.spans().common(&crate::history::Spans::one(begun, now)).seconds() + 43_200)
        / 86_400;
    Before { alerts: fired, subjects: subjects.len(), days, step }
}

/// How often each device lost its connection `within`, as far as the states at the judgements tell.
fn losses(
    known: &Known,
    ends: &mut HashSet<(Seconds, String)>,
    at: Seconds,
    within: Seconds,
) -> HashMap<String, usize> {
    for thing in known.things() {
        if let Some((crate::history::Connection::Down, since)) = thing.connection() {
            ends.insert((since, thing.key().to_owned()));
        }
    }
    ends.retain(|it| at - it.0 <= within);
    let mut counts = HashMap::new();
    for (_, key) in ends.iter() {
        *counts.entry(key.clone()).or_default() += 1;
    }
    counts
}

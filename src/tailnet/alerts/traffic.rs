//! What rules find in traffic: how much each device moved in the last window, and how much of it was relayed. Only
//! what the history keeps of the flow logs is judged.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use jiff::Timestamp;

use super::{Alerts, Ready, When, facts::Facts, rule::Rule};
use crate::{
    alerts::Truth,
    client::Result,
    history::{Field, History, Seconds, TrafficMark},
    traffic::{Moved, MovedByDevice},
    words::{UNITS, bytes, to_the_second},
};

/// The shortest window: flow logs are kept in parts of ten minutes.
const SHORTEST: Seconds = 600;
/// The longest window. Until then, sums are kept by the hour.
const LONGEST: Seconds = 7 * 86_400;
/// How long ago the last window may have ended: ten minutes of the log, the two until they are read, and three
/// looks that failed.
const OLDEST: Seconds = 1_800;
/// How much a device must have moved for its share to count, if a rule does not say.
const FLOOR: &str = "10MB";
const HOUR: Seconds = 3_600;

/// What devices moved in the last windows, by their length in seconds.
#[derive(Debug, Default)]
pub struct TrafficWindows {
    /// Up to where the history was read.
    mark: Option<TrafficMark>,
    windows: HashMap<Seconds, TrafficWindow>,
}

/// What devices moved in the last window of a length.
#[derive(Debug)]
pub(super) struct TrafficWindow {
    from: Seconds,
    until: Seconds,
    /// How many seconds of it were read.
    read: Seconds,
    moved: MovedByDevice,
}

impl When {
    /// Whether it is about traffic.
    pub(super) fn is_traffic(self) -> bool {
        matches!(self, Self::Traffic | Self::Relayed)
    }
}

impl Rule {
    /// The bytes of `more_than`, and whether the window is one that is kept.
    pub(super) fn check_traffic(&self, when: When, within: Seconds) -> Result<u64> {
        if !when.is_traffic() {
            return Ok(0);
        }
        if !(SHORTEST..=LONGEST).contains(&within) {
            let should = format!("must be from `10m` to `7d` for `{}`", when.name());
            return Err(self.wrong("within", &should));
        }
        let text = self.more_than.as_deref().unwrap_or(FLOOR);
        let should = || format!("is `{text}`; write it as `500MB` or `10GB`");
        size(text).ok_or_else(|| self.wrong("more_than", &should()))
    }
}

/// A number of bytes, such as `1.5 GB`.
fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit = unit.trim();
    let unit = if unit.is_empty() { "B" } else { unit };
    let power = UNITS.iter().position(|it| it.eq_ignore_ascii_case(unit))?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || part.contains('.') {
        return None;
    }
    // Three decimal places are enough, and whole numbers need no rounding.
    let part = format!("{part:0<3}");
    let thousandths: u128 = format!("{whole}{}", part.get(..3)?).parse().ok()?;
    let unit = 1_000_u128.checked_pow(u32::try_from(power).ok()?)?;
    u64::try_from(thousandths.checked_mul(unit)? / 1_000).ok()
}

impl TrafficWindow {
    fn is_whole(&self) -> bool {
        self.read >= self.until - self.from
    }

    /// Its length and end, in words.
    fn words(&self) -> String {
        let until = Timestamp::from_second(self.until).unwrap_or_default();
        format!("in {}, until {}", length(self.until - self.from), to_the_second(until))
    }
}

fn length(seconds: Seconds) -> String {
    match seconds {
        it if it % HOUR == 0 => format!("{} h", it / HOUR),
        it => format!("{} min", it / 60),
    }
}

/// The window of a rule; or why nothing is known of it.
pub(super) fn window<'a>(
    rule: &Ready,
    facts: &Facts<'a>,
) -> std::result::Result<&'a TrafficWindow, String> {
    let settings = facts.things("settings").and_then(|it| it.things().next());
    let is_on = settings.map(|it| it.value(Field::FLOW_LOGGING));
    if is_on == Some("0") {
        return Err("flow logs are off".to_owned());
    }
    let window = facts.traffic.windows.get(&rule.within);
    if let Some(window) = window.filter(|it| facts.now - it.until <= OLDEST) {
        return Ok(window);
    }
    let look = facts.looks.iter().find(|it| it.source == "flow logs");
    Err(match look.and_then(|it| it.error.clone()) {
        Some(error) => format!("flow logs cannot be read: {error}"),
        None if is_on == Some("1") => "no flow logs of the last 30 min were read".to_owned(),
        None => "whether flow logs are on is not known".to_owned(),
    })
}

/// Why not all is known of what a rule is about; none if it is.
pub(super) fn unknown(rule: &Ready, facts: &Facts<'_>) -> Option<String> {
    match window(rule, facts) {
        Ok(window) if window.is_whole() => None,
        Ok(window) => {
            let (read, all) = (length(window.read), length(window.until - window.from));
            Some(format!("of the flow logs of the last {all}, {read} were read"))
        }
        Err(why) => Some(why),
    }
}

/// What is true of a device; none if what the rule describes does not hold.
pub(super) fn of_device(rule: &Ready, key: &str, window: &TrafficWindow) -> Option<Truth> {
    let it = window.moved.devices.get(key).copied().unwrap_or_default();
    let others = window.moved.others;
    let (holds, may_hold) = match rule.when {
        When::Traffic => {
            let more = it.bytes > rule.more_than;
            (more, it.bytes.saturating_add(others.bytes) > rule.more_than)
        }
        _ => relayed(rule, it, others, window.is_whole()),
    };
    if holds {
        return Some(Truth::holds(summary(rule, it, window)));
    }
    // What was not read may be anybody's, so nothing is known of all devices that are not found.
    (window.is_whole() && may_hold).then_some(Truth::Unknown)
}

/// Whether the share of a device is large, whosever the traffic is that is not kept apart; and whether it may be.
fn relayed(rule: &Ready, it: Moved, others: Moved, is_whole: bool) -> (bool, bool) {
    let percent = u128::from(rule.rule.percent.unwrap_or(100));
    let [relayed, direct, more_relayed, more_direct] =
        [it.relayed, it.direct, others.relayed, others.direct].map(u128::from);
    let (all, floor) = (relayed + direct, u128::from(rule.more_than));
    let most = relayed + more_relayed;
    let holds = all > floor && relayed * 100 >= percent * (all + more_direct);
    let may_hold =
        all + more_relayed + more_direct > floor && most * 100 >= percent * (most + direct);
    (is_whole && holds, may_hold)
}

fn summary(rule: &Ready, it: Moved, window: &TrafficWindow) -> String {
    if rule.when == When::Traffic {
        return format!("moved {} {}", bytes(it.bytes), window.words());
    }
    let all = it.relayed.saturating_add(it.direct);
    let percent = u128::from(it.relayed) * 100 / u128::from(all.max(1));
    format!("{percent} % of {} were relayed {}", bytes(all), window.words())
}

/// The windows that rules are about. What `before` has is read again only if more of the flow logs was read.
pub(super) async fn windows(
    history: &History,
    label: &str,
    rules: &[Ready],
    before: Arc<TrafficWindows>,
) -> Result<Arc<TrafficWindows>> {
    let rules: Vec<&Ready> = rules.iter().filter(|it| it.is_on() && it.when.is_traffic()).collect();
    if rules.is_empty() {
        return Ok(Arc::default());
    }
    let mark = history.traffic_mark(label).await?;
    if mark == before.mark && rules.iter().all(|it| before.windows.contains_key(&it.within)) {
        return Ok(before);
    }
    let mut windows = HashMap::new();
    for rule in rules {
        let Some(mark) = mark else { break };
        if let Entry::Vacant(entry) = windows.entry(rule.within) {
            let kept = history.traffic(label, mark.until - rule.within, mark.until).await?;
            let (from, until) = kept.window;
            let moved = MovedByDevice::of(&kept.totals);
            entry.insert(TrafficWindow { from, until, read: kept.read, moved });
        }
    }
    Ok(Arc::new(TrafficWindows { mark, windows }))
}

impl Alerts<'_> {
    /// Which of these rules are about traffic of which not all is known now, and why.
    ///
    /// # Errors
    ///
    /// [`History`](crate::ErrorKind::History) if the history cannot be read.
    pub(crate) async fn unknown_traffic(
        self,
        rules: &[Ready],
        now: Timestamp,
    ) -> Result<Vec<String>> {
        let is_wanted = |it: &&Ready| it.is_on() && it.when.is_traffic();
        let rules: Vec<Ready> = rules.iter().filter(is_wanted).cloned().collect();
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        let held = self.settings_and_traffic(&rules, now.as_second()).await?;
        let facts = held.facts(now.as_second());
        let unknown = rules.iter().filter_map(|rule| {
            let why = unknown(rule, &facts)?;
            Some(format!("`{}` cannot be known now: {why}", rule.rule.name))
        });
        Ok(unknown.collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tailnet::alerts::Origin;

    fn rule(rule: serde_json::Value) -> Ready {
        serde_json::from_value::<Rule>(rule).unwrap().ready(Origin::Config).unwrap()
    }

    fn window(device: Moved, others: Moved) -> TrafficWindow {
        let devices = [("n1".to_owned(), device)].into();
        let moved = MovedByDevice { devices, others };
        TrafficWindow { from: 0, until: 3_600, read: 3_600, moved }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("500MB", 500_000_000),
            ("1.5 GB", 1_500_000_000),
            ("2kb", 2_000),
            ("0.25TB", 250_000_000_000),
        ] {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in
            ["", "GB", "lots", "-1GB", "1,5GB", "10 GiB", "1.2.3GB", "1.2345.6GB", "99999999PB"]
        {
            assert_eq!(size(text), None, "{text}");
        }
    }

    /// Of many pairs, the small ones are added up: they may be this device's, or not.
    #[test]
    fn what_is_not_kept_apart_is_neither_held_against_a_device_nor_left_out() {
        let heavy = rule(json!({ "name": "a", "when": "traffic", "more_than": "1kB",
            "within": "1h" }));
        let bytes = |bytes| Moved { bytes, ..Moved::default() };
        let of = |own, others| of_device(&heavy, "n1", &window(bytes(own), bytes(others)));
        assert!(matches!(of(1_001, 0), Some(Truth::Holds { .. })));
        assert!(matches!(of(900, 101), Some(Truth::Unknown)));
        assert!(of(900, 100).is_none());

        let share = rule(json!({ "name": "b", "when": "relayed", "percent": 50,
            "more_than": "1kB", "within": "1h" }));
        let paths = |direct, relayed| Moved { direct, relayed, ..Moved::default() };
        let of = |own, others| of_device(&share, "n1", &window(own, others));
        assert!(matches!(of(paths(1_000, 1_000), paths(0, 0)), Some(Truth::Holds { .. })));
        assert!(matches!(of(paths(1_000, 1_000), paths(1, 0)), Some(Truth::Unknown)));
        assert!(matches!(of(paths(1_000, 900), paths(0, 100)), Some(Truth::Unknown)));
        assert!(of(paths(1_000, 900), paths(9_000, 99)).is_none());
        assert!(of(paths(0, 1_000), paths(0, 0)).is_none(), "too little to count");
    }
}

//! How long a device was connected, from what was seen and when somebody looked.

use super::{Connection, Seconds, Spans};

/// The least share of a window that must have been watched for a figure about it.
pub const LEAST_COVERAGE: f64 = 0.5;

/// When a device was connected, as far as somebody looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uptime {
    /// Length of the window in seconds, without the time before the device was added.
    pub window: Seconds,
    /// Seconds of it that are known.
    pub watched: Seconds,
    /// Seconds of these in which it was connected.
    pub up: Seconds,
    /// How often a connection ended.
    pub disconnects: usize,
    /// The longest time without a connection.
    pub longest_outage: Option<Outage>,
}

/// A time without a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// Its start, in seconds since 1970.
    pub from: Seconds,
    /// Its end.
    pub to: Seconds,
    /// Whether it may have been longer: it begins or ends where nobody looked.
    pub at_least: bool,
}

impl Uptime {
    /// Share of the window that is known, from 0 to 1.
    pub fn coverage(&self) -> f64 {
        share(self.watched, self.window)
    }

    /// Percent of the known time in which it was connected; none if less than half of the window is known.
    pub fn percent(&self) -> Option<f64> {
        let enough = self.watched > 0 && self.coverage() >= LEAST_COVERAGE;
        enough.then(|| 100.0 * share(self.up, self.watched))
    }
}

/// A part of a time; 0 of none.
#[expect(clippy::cast_precision_loss, reason = "seconds of some years are exact in a float")]
pub(crate) fn share(part: Seconds, whole: Seconds) -> f64 {
    if whole <= 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The connection of a device over time: its states in order, each since a time.
pub type States = Vec<(Seconds, Connection)>;

/// How long a device with these `states` was connected in `window`. `spans` are the times in which somebody
/// looked. The window begins when the device was `created` at the earliest.
///
/// The time at which a connection ended is known even if nobody looked then. So a device that was found
/// disconnected is known to have been so since then.
pub fn uptime(
    states: &[(Seconds, Connection)],
    spans: &Spans,
    window: (Seconds, Seconds),
    created: Option<Seconds>,
) -> Uptime {
    let from = created.map_or(window.0, |created| created.max(window.0).min(window.1));
    let window = Spans::one(from, window.1);
    let known = known(states, spans).common(&window);
    let (up, down) = split(states, &known);
    let ended = |it: &&(Seconds, Connection)| {
        matches!(it.1, Connection::Down | Connection::Undated)
            && (from..window_end(&window)).contains(&it.0)
    };
    Uptime {
        window: window.seconds(),
        watched: known.seconds(),
        up: up.seconds(),
        disconnects: states.iter().filter(ended).count(),
        longest_outage: longest(&down, &known, &window, states),
    }
}

/// When a device with these `states` is known to have been connected in `window`, and when not. `spans` are the
/// times in which somebody looked.
pub fn known_times(
    states: &[(Seconds, Connection)],
    spans: &Spans,
    window: (Seconds, Seconds),
) -> (Spans, Spans) {
    split(states, &known(states, spans).common(&Spans::one(window.0, window.1)))
}

/// The parts of known times in which a device was connected, and in which it was not.
fn split(states: &[(Seconds, Connection)], known: &Spans) -> (Spans, Spans) {
    let connected = connected(states);
    (connected.common(known), known.without(&connected))
}

fn window_end(window: &Spans) -> Seconds {
    window.iter().next_back().map_or(Seconds::MIN, |it| it.1)
}

/// When a connection was there, as far as the states say.
fn connected(states: &[(Seconds, Connection)]) -> Spans {
    let ends = states.iter().skip(1).map(|it| it.0).chain([Seconds::MAX]);
    let each = states.iter().zip(ends);
    each.filter(|(it, _)| it.1 == Connection::Up).map(|(it, end)| (it.0, end)).collect()
}

/// The times of which the state is known: when somebody looked, and before, back to the end of the last
/// connection of a device that was found disconnected.
fn known(states: &[(Seconds, Connection)], spans: &Spans) -> Spans {
    let first = states.first().map_or(Seconds::MAX, |it| it.0);
    let looked = spans.common(&Spans::one(first, Seconds::MAX));
    let ends = states.iter().skip(1).map(|it| it.0).chain([Seconds::MAX]);
    let dated = |it: &(Seconds, Connection)| matches!(it.1, Connection::Down | Connection::Never);
    let down = states.iter().zip(ends).filter(|(it, _)| dated(it));
    let filled = down.filter_map(|(it, end)| {
        // Somebody has to have seen it so: the last look before the state ended.
        let seen = spans.last_before(end)?;
        Some((it.0, seen.1.min(end)))
    });
    looked.and(filled.collect::<Vec<_>>())
}

fn longest(
    down: &Spans,
    known: &Spans,
    window: &Spans,
    states: &[(Seconds, Connection)],
) -> Option<Outage> {
    let (from, to) = down.iter().max_by_key(|(from, to)| to - from)?;
    let (first, last) = window.iter().next()?;
    let is = |at: Seconds, is: Connection| states.contains(&(at, is));
    let dark_before = from != first && known.iter().any(|it| it.0 == from);
    let dark_after = to != last && known.iter().any(|it| it.1 == to);
    let at_least = (dark_before && !is(from, Connection::Down) && !is(from, Connection::Never))
        || (dark_after && !is(to, Connection::Up));
    Some(Outage { from, to, at_least })
}

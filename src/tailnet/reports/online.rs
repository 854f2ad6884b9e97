//! The part of a report about connections over time. Pure, but for reading the history.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{Gathered, ROWS, cut, reason};
use crate::{
    history::{History, Seconds, Seen, Spans, uptime},
    report::{Hours, Online, Part, Run, Strip},
    tailnet::{
        Tailnet,
        devices::{Device, device::rough},
        monitoring::uptime::{is_server, rounded},
    },
    words::{day, to_the_second},
};

const HOUR: Seconds = 3_600;
const DAY: Seconds = 24 * HOUR;
/// How many servers have a strip.
const STRIPS: usize = 2 * ROWS;
/// How fine a strip is: the width of the window.
const WIDTH: Seconds = 1_000;

/// What was seen in the window.
pub(super) struct Past {
    from: Seconds,
    to: Seconds,
    /// When somebody first looked.
    first: Seconds,
    spans: Spans,
    seen: Vec<Seen>,
}

impl Past {
    /// Reads it; `Err` is why nothing is known.
    pub(super) async fn read(
        tailnet: &Tailnet,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, String> {
        let none = || reason(&History::not_watched("nobody has watched this tailnet"));
        let history = tailnet.history().ok_or_else(none)?;
        let label = tailnet.label();
        let (from, to) = (from.as_second(), to.as_second());
        let read = async {
            let Some(first) = history.watched_since(&label).await? else { return Ok(None) };
            let spans = history.spans(&label, 0, Seconds::MAX).await?.unwrap_or_default();
            let seen = history.devices(&label, from, None).await?;
            Ok(Some(Self { from, to, first, spans, seen }))
        };
        read.await.map_err(|error| reason(&error))?.ok_or_else(none)
    }

    pub(super) fn since(&self) -> String {
        to_the_second(Timestamp::from_second(self.first).unwrap_or_default())
    }

    /// Percent of the window in which somebody looked.
    pub(super) fn percent(&self) -> f64 {
        let looked = self.spans.common(&Spans::one(self.from, self.to)).seconds();
        rounded(100.0 * uptime::share(looked, self.to - self.from))
    }
}

impl Gathered {
    pub(super) fn online(&self) -> Part<Online> {
        let past = match &self.past {
            Ok(past) => past,
            Err(why) => return Part::Unknown(why.clone()),
        };
        let devices = match &self.devices {
            Ok(devices) => devices,
            Err(unknown) => return Part::Unknown(unknown.text.clone()),
        };
        let own = devices.iter().filter(|it| !it.is_shared_in());
        let own: HashMap<&str, &Device> = own.map(|it| (it.key(), it)).collect();
        let mut servers: Vec<(&Seen, uptime::Uptime)> = past
            .seen
            .iter()
            .filter(|seen| own.get(seen.key.as_str()).is_some_and(|it| is_server(it)))
            .map(|seen| (seen, past.uptime(seen)))
            .collect();
        servers.sort_by(|a, b| {
            let percent = |it: &uptime::Uptime| it.percent().unwrap_or(f64::MAX);
            percent(&a.1).total_cmp(&percent(&b.1)).then_with(|| a.0.name.cmp(&b.0.name))
        });
        let more = servers.len().saturating_sub(STRIPS);
        let strips = servers.iter().take(STRIPS).map(|(seen, sum)| past.strip(seen, sum));
        let servers = strips.collect();
        let own = past.seen.iter().filter(|it| own.contains_key(it.key.as_str()));
        Part::Known(Online { days: past.days(own), servers, more })
    }
}

impl Past {
    fn uptime(&self, seen: &Seen) -> uptime::Uptime {
        uptime::uptime(&seen.states, &self.spans, (self.from, self.to), seen.created)
    }

    fn strip(&self, seen: &Seen, sum: &uptime::Uptime) -> Strip {
        let percent = sum.percent();
        let outage = sum.longest_outage.map(|it| {
            let lasted = rough(SignedDuration::from_secs(it.to - it.from));
            if it.at_least { format!("at least {lasted}") } else { lasted }
        });
        Strip {
            name: cut(seen.name.split('.').next().unwrap_or(&seen.name)),
            up_percent: percent.map(rounded),
            known_percent: rounded(100.0 * sum.coverage()),
            disconnects: percent.and_then(|_| u64::try_from(sum.disconnects).ok()),
            longest_outage: outage,
            runs: self.runs(seen),
        }
    }

    /// When a device was connected and when not, as far as that is known.
    fn runs(&self, seen: &Seen) -> Vec<Run> {
        let window = (self.from, self.to);
        let (up, down) = uptime::known_times(&seen.states, &self.spans, window);
        let place = |at: Seconds| {
            let at = (at - self.from) * WIDTH / (self.to - self.from).max(1);
            u16::try_from(at.clamp(0, WIDTH)).unwrap_or_default()
        };
        let run = |up: bool| move |(from, to): (Seconds, Seconds)| (from, to, up);
        let mut all: Vec<(Seconds, Seconds, bool)> =
            up.iter().map(run(true)).chain(down.iter().map(run(false))).collect();
        all.sort_unstable();
        let mut runs: Vec<Run> = Vec::new();
        for (from, to, up) in all {
            let (from, to) = (place(from), place(to));
            match runs.last_mut() {
                Some(last) if last.up == up && last.to >= from => last.to = last.to.max(to),
                // What is too short to be drawn is drawn only if it is an outage.
                _ if from == to && up => {}
                _ => runs.push(Run { from, to: to.max(from + u16::from(from == to)), up }),
            }
        }
        runs
    }

    /// Percent of the known time in which devices were connected, hour by hour.
    fn days<'s>(&self, seen: impl Iterator<Item = &'s Seen>) -> Vec<Hours> {
        let first = self.from.div_euclid(DAY);
        let days = self.to.div_euclid(DAY) - first + 1;
        let hours = usize::try_from(days * 24).unwrap_or_default();
        let begin = first * DAY;
        let looked = self.spans.common(&Spans::one(self.from, self.to));
        // By hour: seconds known, and seconds connected, of all devices.
        let mut sums = vec![(0, 0); hours];
        for it in seen {
            let window = (it.created.unwrap_or(self.from).max(self.from), self.to);
            let (up, down) = uptime::known_times(&it.states, &looked, window);
            add(&mut sums, begin, &up, |sum, seconds| {
                sum.0 += seconds;
                sum.1 += seconds;
            });
            add(&mut sums, begin, &down, |sum, seconds| sum.0 += seconds);
        }
        let mut watched = vec![(0, 0); hours];
        add(&mut watched, begin, &looked, |sum, seconds| sum.0 += seconds);
        let percent = |(sum, watched): (&(Seconds, Seconds), &(Seconds, Seconds))| {
            let enough = watched.0 * 2 >= HOUR && sum.0 > 0;
            enough.then(|| u8::try_from(100 * sum.1 / sum.0).unwrap_or(100))
        };
        let percents: Vec<Option<u8>> = sums.iter().zip(&watched).map(percent).collect();
        let each = percents.chunks(24).zip(first..);
        each.map(|(hours, number)| {
            let at = Timestamp::from_second(number * DAY).unwrap_or_default();
            Hours { day: day(at), percent: hours.to_vec() }
        })
        .collect()
    }
}

/// Adds the seconds of `spans` to the hours that they are in.
fn add(
    sums: &mut [(Seconds, Seconds)],
    begin: Seconds,
    spans: &Spans,
    mut put: impl FnMut(&mut (Seconds, Seconds), Seconds),
) {
    for (from, to) in spans.iter() {
        let mut at = from.max(begin);
        while at < to {
            let hour = (at - begin).div_euclid(HOUR);
            let end = to.min(begin + (hour + 1) * HOUR);
            let Some(sum) = usize::try_from(hour).ok().and_then(|it| sums.get_mut(it)) else {
                break;
            };
            put(sum, end - at);
            at = end;
        }
    }
}

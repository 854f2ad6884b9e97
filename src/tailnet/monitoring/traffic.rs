//! How much traffic there was, from what is kept and from the flow logs themselves.

use jiff::{SignedDuration, Timestamp};

use super::{Monitoring, time};
use crate::{
    Error,
    client::{Action, Result},
    history::{KeptTraffic, Seconds, Spans},
    tailnet::{
        Tailnet,
        devices::find,
        logging::{
            Window,
            flows::{known, unavailable},
        },
    },
    traffic::{Coverage, Gap, Kind, KnownDevice, Question, Sums, Totals, Traffic, percent, read},
};

/// The longest window that is read from the flow logs for one answer.
pub const LONGEST_LIVE: SignedDuration = SignedDuration::from_hours(24);
/// The longest window at all: as long as sums by day are kept.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);
/// How long Tailscale keeps flow logs.
const LOGGED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The window if none is asked for.
pub const USUAL: SignedDuration = SignedDuration::from_hours(1);
/// By how much the ends of what is kept may lengthen a window: an hour at each end, in seconds.
const MARGIN: Seconds = 7_200;
/// Records may come this late.
const LATE: Seconds = 900;

/// Which traffic is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Which {
    /// Only that of one device: name, start of the name, ID or address.
    pub device: Option<String>,
    /// Only what went this way.
    pub kind: Option<Kind>,
    /// The longest window that is read from the flow logs; without it, [`LONGEST_LIVE`].
    pub live: Option<SignedDuration>,
}

impl Which {
    /// Now, and how long a window may be that is read from the flow logs.
    fn longest_live(&self, now: Timestamp) -> (Timestamp, Seconds) {
        (now, self.live.unwrap_or(LONGEST_LIVE).min(LONGEST_LIVE).as_secs())
    }
}

impl Monitoring<'_> {
    /// The traffic in `window`: from the history where it is kept, and from the flow logs otherwise
    /// (`GET /tailnet/{tailnet}/logging/network`), for up to 24 hours. Where it is kept by the hour or the day,
    /// the window begins with one.
    ///
    /// # Errors
    ///
    /// [`PlanLimit`](crate::ErrorKind::PlanLimit) if the plan has no flow logs, or if they are off;
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the scope `logs:network:read`;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the window is too long for what is kept.
    pub async fn traffic(&self, window: Window, which: &Which, now: Timestamp) -> Result<Traffic> {
        let (from, to) = (window.start().as_second(), window.end().min(now).as_second());
        if to <= from {
            return Err(Error::invalid_input(
                "until",
                "must be after `since`, and not in the future",
            ));
        }
        if window.end().duration_since(window.start()) > LONGEST {
            return Err(Error::invalid_input("since", "must be at most `366d` ago"));
        }
        let list = self.tailnet.devices().list().await?;
        let known: Vec<KnownDevice> = list.iter().map(known).collect();
        let device = which.device.as_ref().map(|it| find::find(&list, it)).transpose()?;
        let question = Question { device: device.map(|it| it.key().to_owned()), kind: which.kind };
        let kept = self.kept(from, to).await?;
        let (from, to) = kept.as_ref().map_or((from, to), |it| it.window);
        let read =
            read_all(self.tailnet, kept, (from, to), &known, which.longest_live(now)).await?;
        let mut traffic = Traffic::of(
            &read.totals.named(&known),
            (time(from), time(to)),
            read.coverage,
            &known,
            &question,
        );
        if to > now.as_second() - LATE {
            let late = "records come up to 15 min late: the last minutes may grow";
            traffic.notes.push(late.to_owned());
        }
        Ok(traffic)
    }

    /// What is kept of a window; none if nothing is.
    async fn kept(&self, from: Seconds, to: Seconds) -> Result<Option<KeptTraffic>> {
        let Some(history) = self.history() else { return Ok(None) };
        let kept = history.traffic(&self.tailnet.label(), from, to).await?;
        Ok(Some(kept).filter(|it| it.spans.seconds() > 0))
    }
}

/// What was read of a window.
struct Read {
    totals: Totals,
    coverage: Coverage,
}

/// Adds what is not kept, as far as it may be read.
async fn read_all(
    tailnet: &Tailnet,
    kept: Option<KeptTraffic>,
    window: (Seconds, Seconds),
    known: &[KnownDevice],
    (now, longest): (Timestamp, Seconds),
) -> Result<Read> {
    let (from, to) = window;
    let is_kept = kept.is_some();
    let KeptTraffic { mut totals, spans, read: kept_seconds, .. } = kept.unwrap_or_default();
    let oldest = (now - LOGGED).as_second();
    let (mut gaps, mut covered) = (Vec::new(), kept_seconds);
    let mut sums = Sums::new();
    let missing = Spans::one(from, to).without(&spans);
    // Of a long window, only its end is not kept yet.
    let may_read = |begin: Seconds, end: Seconds| {
        let margin = if is_kept { MARGIN } else { 0 };
        to - from <= longest + margin || (is_kept && end == to && end - begin <= USUAL.as_secs())
    };
    if !is_kept && !may_read(from, to) {
        return Err(too_long());
    }
    for (begin, end) in missing.iter() {
        let mut gap = |begin, end, why: String| gaps.push(Gap::new(time(begin), time(end), why));
        if end <= oldest {
            gap(begin, end, "flow logs are kept for 30 days".to_owned());
            continue;
        }
        if !may_read(begin, end) {
            gap(begin, end, "nobody watched, and so long a window is not read now".to_owned());
            continue;
        }
        let missed = match read::window(tailnet.client(), &mut sums, (begin, end)).await {
            Ok(missed) => missed,
            Err(error) if covered > 0 => {
                gap(begin, end, error.to_string());
                continue;
            }
            Err(error) => return Err(unavailable(tailnet, error).await),
        };
        covered += end - begin;
        for it in missed {
            covered -= it.to - it.from;
            gap(it.from, it.to, it.why.to_string());
        }
    }
    totals.absorb(&sums.totals(known));
    let coverage = Coverage {
        percent: share(covered, to - from),
        kept_percent: share(kept_seconds, to - from),
        gaps,
        ..Coverage::default()
    };
    Ok(Read { totals, coverage })
}

fn share(part: Seconds, all: Seconds) -> f64 {
    let number = |it: Seconds| u64::try_from(it).unwrap_or_default();
    percent(number(part), number(all))
}

fn too_long() -> Error {
    let why = "is too long ago: without a history of traffic, a window has at most 24 h";
    Error::invalid_input("since", why).with_action(Action::Watch)
}

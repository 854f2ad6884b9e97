//! Reads the flow logs again and again, and keeps what they add up to.

use super::{Field, Held, Looked, Poller, Seconds, Source};
use crate::{
    client::Result,
    traffic::{Sums, read},
};

/// The seconds of a slot, which is read at once, and replaced at once.
pub(super) const SLOT: Seconds = read::PART;
/// How long after a slot its records are there, but for those that come late.
const LAG: Seconds = 120;
/// How long after a slot no more records come.
pub(super) const FINAL: Seconds = 960;
/// How far back slots are read that nobody has read yet, in seconds.
pub(super) const CATCH_UP: Seconds = 6 * 3_600;
/// How many slots one look reads at the most.
const SLOTS: usize = 6;
/// How many rows of each sort are kept apart.
pub(super) const MOST_ROWS: usize = 2_000;

impl Poller {
    /// Whether, by the last look at the settings, flow logs are on.
    async fn logs_flows(&self) -> bool {
        let settings = Source::all().into_iter().find(|it| it.name == "settings");
        let Some(settings) = settings else { return false };
        let Some(known) = self.memory().known(&settings).await else { return false };
        known.things().any(|it| it.value(Field::FLOW_LOGGING) == "1")
    }

    /// Reads the slots that are due. Each is recorded at once, so nothing counts twice, and nothing is lost
    /// if the process ends in between.
    pub(super) async fn look_at_flow_logs(&self, source: &Source, now: Seconds) -> Result<Looked> {
        let (mut seen, mut rows) = (0, 0);
        if !self.logs_flows().await {
            return Ok(Looked::Recorded { seen: 0, facts: 0 });
        }
        let read = self.history().slots_read(self.lease(), now - CATCH_UP - SLOT).await?;
        for slot in due(&read, now).into_iter().take(SLOTS) {
            let mut sums = Sums::new();
            let missed = read::window(self.client(), &mut sums, (slot, slot + SLOT)).await?;
            if let Some(missed) = missed.into_iter().next() {
                return Ok(Looked::Not(missed.why.to_string()));
            }
            let mut totals = sums.totals(&[]);
            totals.keep_largest(MOST_ROWS);
            seen += usize::try_from(totals.records).unwrap_or_default();
            rows += totals.rows().count();
            let kept = self.history().record_slot(self.lease(), source, slot, &totals, now).await?;
            if kept == Held::No {
                return Ok(Looked::TakenOver);
            }
        }
        Ok(Looked::Recorded { seen, facts: rows })
    }
}

/// The slots that are over and were never read, or were read before their last records came; the newest first.
/// `read` has the slots that were read, and when; those that cannot be read again with the largest time.
pub(super) fn due(read: &[(Seconds, Seconds)], now: Seconds) -> Vec<Seconds> {
    let last = (now - LAG).div_euclid(SLOT) * SLOT - SLOT;
    let mut due = Vec::new();
    let mut slot = last;
    while slot >= (now - CATCH_UP).div_euclid(SLOT) * SLOT {
        let end = slot + SLOT + FINAL;
        let is_due = match read.iter().find(|it| it.0 == slot) {
            None => true,
            Some((_, read_at)) => *read_at < end && end <= now,
        };
        if is_due {
            due.push(slot);
        }
        slot -= SLOT;
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_is_read_twice_and_a_gap_is_filled() {
        let mut read: Vec<(Seconds, Seconds)> = Vec::new();
        let (mut reads, start) = (0, 1_700_000_000_i64.div_euclid(SLOT) * SLOT);
        for now in (start..start + 24 * 3_600).step_by(300) {
            for slot in due(&read, now) {
                read.retain(|it| it.0 != slot);
                read.push((slot, now));
                reads += 1;
            }
        }
        // 24 hours, twice but for the end, and what was before the start, once.
        assert!((2 * 6 * 24..2 * 6 * 24 + 6 * 6).contains(&reads), "{reads}");
        let later = start + 24 * 3_600 + 3 * 3_600;
        assert_eq!(due(&read, later).len(), 20, "what was missed, and what was not final");
    }
}

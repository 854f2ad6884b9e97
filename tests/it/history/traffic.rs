//! Sums of traffic in every database.

use std::sync::Arc;

use jiff::Timestamp;
use tailsteward::{
    history::{History, Looked, Seconds, Source},
    traffic::{Coverage, Question, Traffic},
};

use super::poll::places;
use crate::support::tailnet::sandbox_of;

const HOUR: Seconds = 3_600;
const DAY: Seconds = 86_400;

/// What is kept between two times, and how many seconds of them were read.
async fn kept(history: &History, tailnet: &str, from: Seconds, to: Seconds) -> (Seconds, Traffic) {
    let kept = history.traffic(tailnet, from, to).await.unwrap();
    let window = (String::new(), String::new());
    let question = Question::default();
    (kept.read, Traffic::of(&kept.totals, window, Coverage::default(), &[], &question))
}

#[tokio::test]
async fn slots_become_hours_and_hours_days_and_no_byte_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    for place in places(folder.path()) {
        let (_sandbox, tailnet) = sandbox_of(30).await;
        let history = Arc::new(History::new(place.clone()));
        let tailnet = tailnet.with_history(history.clone());
        let mut poller = tailnet.watch("one").await.unwrap().unwrap();
        let settings = Source::all().into_iter().find(|it| it.name == "settings").unwrap();
        let now = Timestamp::now().as_second();
        let start = (now - DAY).div_euclid(DAY) * DAY + 1;
        let looked = poller.look(&settings, now).await.unwrap();
        assert!(matches!(looked, Looked::Recorded { .. }), "{place:?}: {looked:?}");
        for at in (start..start + 3 * HOUR).step_by(600) {
            let looked = poller.look(&Source::flow_logs(), at).await.unwrap();
            assert!(matches!(looked, Looked::Recorded { .. }), "{place:?}: {looked:?}");
        }
        let (label, from, to) = (tailnet.label(), start - DAY, start + DAY - 10);
        let slots = kept(&history, &label, from, to).await;
        assert!(slots.0 >= 3 * HOUR && slots.1.totals.bytes > 0, "{place:?}: {}", slots.0);

        for later in [12 * HOUR, 20 * DAY] {
            poller.tidy(start + later).await.unwrap();
            let rolled = kept(&history, &label, from, to).await;
            assert_eq!(rolled.0, slots.0, "{place:?}: after {later} s");
            assert!(rolled.1.totals == slots.1.totals, "{place:?}: after {later} s");
            assert!(rolled.1.relayed == slots.1.relayed, "{place:?}: after {later} s");
        }
        poller.tidy(start + 400 * DAY).await.unwrap();
        assert_eq!(kept(&history, &label, from, to).await.0, 0, "{place:?}: a year is kept");
    }
}

/// A look that ends in the middle leaves the slots before it, and the next one goes on.
#[tokio::test]
async fn a_look_that_fails_halfway_loses_nothing_and_counts_nothing_twice() {
    use tailsteward::sandbox::{Fault, FaultKind};
    let (sandbox, tailnet) = sandbox_of(30).await;
    let tailnet = tailnet.with_history(History::in_memory());
    let mut poller = tailnet.watch("one").await.unwrap().unwrap();
    let settings = Source::all().into_iter().find(|it| it.name == "settings").unwrap();
    let now = Timestamp::now().as_second();
    poller.look(&settings, now).await.unwrap();
    let fault = Fault { after: 2, ..Fault::new(FaultKind::Status { status: 500 }) };
    sandbox.fail(fault.on("listNetworkFlowLogs").times(1));

    let flows = Source::flow_logs();
    let failed = poller.look(&flows, now - 3_000).await.unwrap();
    assert!(matches!(&failed, Looked::Not(why) if why.contains("500")), "{failed:?}");
    let history = tailnet.history().unwrap();
    let label = tailnet.label();
    assert_eq!(kept(history, &label, 0, now).await.0, 2 * 600);
    for at in 0..10 {
        poller.look(&flows, now - 2_999 + at).await.unwrap();
    }
    let all = kept(history, &label, 0, now).await;
    assert!((35 * 600..=37 * 600).contains(&all.0), "{}", all.0);
    assert!(history.looks(&label).await.unwrap().iter().all(|it| it.error.is_none()));
}

//! A year of the sandbox's clock: the uptimes are those that the schedule dictates.

use std::{collections::BTreeSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tailsteward::{
    Credential, Settings, Tailnet,
    history::{History, Looked, Seconds, Source, uptime::uptime},
    sandbox::{Options, Sandbox},
    tailnet::devices::Update,
};

const DAY: Seconds = 86_400;
const DAYS: Seconds = 365;

fn seconds(spans: &[(Timestamp, Timestamp)]) -> Seconds {
    spans.iter().map(|(from, to)| to.as_second() - from.as_second()).sum()
}

#[tokio::test]
async fn a_year_of_uptime_is_what_the_schedule_dictates() {
    let start: Timestamp = "2025-11-03T00:00:00Z".parse().unwrap();
    let end = start + SignedDuration::from_secs(DAYS * DAY);
    let options =
        Options { devices: 8, now: Some(start), devices_move: true, ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let mut settings = Settings::new(Credential::ApiKey(Sandbox::API_KEY.into()));
    settings.base_url = sandbox.base_url();
    settings.rate = 1e6;
    let history = History::in_memory();
    let tailnet = Tailnet::new(settings).with_history(history.clone());
    let devices = tailnet.devices().list().await.unwrap();
    let own: Vec<_> = devices.iter().filter(|it| !it.is_shared_in()).collect();
    // Only the schedule decides: no key expires in that year, and all devices are approved.
    for device in &own {
        let mut update = Update::default();
        update.key_expires = Some(false);
        let plan = tailnet.devices().plan_update(device.key(), &update).await.unwrap();
        tailnet.apply(&plan).await.unwrap();
        let plan = tailnet.devices().plan_authorized(device.key(), true).await.unwrap();
        tailnet.apply(&plan).await.unwrap();
    }

    // A look at each change, and at least one every six hours.
    let mut source = Source::devices();
    source.interval = 6 * 3_600;
    let mut moments: BTreeSet<Seconds> =
        (0..=DAYS * 4).map(|it| start.as_second() + it * 6 * 3_600).collect();
    for device in &own {
        for (from, to) in sandbox.scheduled(device.key(), start, end) {
            moments.extend([from.as_second(), to.as_second()]);
        }
    }
    let mut poller = tailnet.watch("one").await.unwrap().unwrap();
    let mut at = start.as_second();
    for moment in moments {
        sandbox.advance(Duration::from_secs(u64::try_from(moment - at).unwrap()));
        at = moment;
        let looked = poller.look(&source, moment).await.unwrap();
        assert!(matches!(looked, Looked::Recorded { .. }), "{looked:?}");
    }

    let (from, to) = (start.as_second(), end.as_second());
    let spans = history.spans(&tailnet.label(), from, to).await.unwrap().unwrap();
    let seen = history.devices(&tailnet.label(), from, None).await.unwrap();
    let mut moved = 0;
    for device in &own {
        let expected = sandbox.scheduled(device.key(), start, end);
        let seen = seen.iter().find(|it| it.key == device.key()).unwrap();
        let found = uptime(&seen.states, &spans, (from, to), None);
        assert_eq!(found.watched, DAYS * DAY, "{}", device.short_name());
        assert_eq!(found.up, seconds(&expected), "{}", device.short_name());
        moved += found.disconnects;
    }
    assert!(moved > 500, "only {moved} disconnects in a year");

    // The sums by day say the same, and stay when the transitions are deleted.
    while history.sum_up(poller.lease(), &tailnet.label(), to).await.unwrap() > 0 {}
    let kept = tailsteward::history::Kept::default();
    assert!(history.prune(poller.lease(), kept, to).await.unwrap() > 500);
    let days = (from.div_euclid(DAY), to.div_euclid(DAY));
    let sums = history.days(&tailnet.label(), days.0, days.1).await.unwrap();
    for device in &own {
        let expected = seconds(&sandbox.scheduled(device.key(), start, end));
        let found = sums.iter().find(|it| it.key == device.key()).unwrap();
        assert_eq!((found.watched, found.up), (DAYS * DAY, expected), "{}", device.short_name());
    }
    // And the last 30 days can still be told exactly.
    let month = to - 30 * DAY;
    let seen = history.devices(&tailnet.label(), month, None).await.unwrap();
    let since = Timestamp::from_second(month).unwrap();
    for device in &own {
        let expected = sandbox.scheduled(device.key(), since, end);
        let seen = seen.iter().find(|it| it.key == device.key()).unwrap();
        let found = uptime(&seen.states, &spans, (month, to), None);
        assert_eq!((found.watched, found.up), (30 * DAY, seconds(&expected)));
    }
}

//! Counts over all devices, on every database.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use tailsteward::{
    history::{Field, History, Seconds, Source},
    tailnet::devices::Device,
};

use super::poll::places;
use crate::support::tailnet::sandbox_of;

const DAY: Seconds = 86_400;

#[tokio::test]
async fn every_database_counts_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for place in places(folder.path()) {
        // Its port is part of its label: a shared database is no trouble.
        let (_sandbox, tailnet) = sandbox_of(40).await;
        let history = Arc::new(History::new(place.clone()));
        let tailnet = tailnet.with_history(history.clone());
        let list = tailnet.devices().list().await.unwrap();
        let mut poller = tailnet.watch("test").await.unwrap().unwrap();
        let mut source = Source::devices();
        source.interval = DAY / 4;
        let today = Timestamp::now().as_second().div_euclid(DAY);
        let (first, label) = (today - 3, tailnet.label());
        for at in 0..=12 {
            poller.look(&source, first * DAY + at * DAY / 4).await.unwrap();
        }
        while history.sum_up(poller.lease(), &label, today * DAY).await.unwrap() > 0 {}

        let days = history.counts_by_day(&label, first..today, 1).await.unwrap();
        let all = history.counts_by_day(&label, first..today, 3).await.unwrap();

        let own = |it: &&Device| !it.is_shared_in() && it.is_ephemeral != Some(true);
        let online: Vec<&Device> = list.iter().filter(own).filter(|it| it.is_online()).collect();
        let untagged = online.iter().filter(|it| it.tags().is_empty());
        let users: BTreeSet<_> = untagged.filter_map(|it| it.user.as_deref()).collect();
        let expected = (u64::try_from(online.len()).unwrap(), u64::try_from(users.len()).unwrap());
        let up = Seconds::try_from(online.len()).unwrap() * DAY;
        assert!(expected.1 > 0 && expected.1 < expected.0, "{expected:?}");
        assert_eq!(days.len(), 3, "{place:?}: {days:?}");
        for (at, day) in (first..).zip(&days) {
            assert_eq!((day.first, day.up), (at, up), "{place:?}");
            assert_eq!((day.connected, day.users), expected, "{place:?}");
        }
        assert_eq!(all.len(), 1, "{place:?}: {all:?}");
        assert_eq!((all[0].first, all[0].up), (first, 3 * up), "{place:?}");
        assert_eq!((all[0].connected, all[0].users), expected, "each once: {place:?}");

        let versions = history.values(&label, Field::CLIENT_VERSION, today * DAY).await.unwrap();
        let reported =
            list.iter().filter(|it| it.client_version.as_deref().is_some_and(|it| !it.is_empty()));
        assert_eq!(versions.len(), reported.count(), "the last one before: {place:?}");
        assert_eq!(history.summed_until(&label).await.unwrap(), today, "{place:?}");
        let none = history.counts_by_day("nobody", first..today, 1).await.unwrap();
        assert!(none.is_empty() && history.summed_until("nobody").await.unwrap() == 0);
    }
}

//! How fast requests leave, and what a 429 does.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant, SystemTime},
};

use serde_json::json;
use tailsteward::{ErrorKind, Tailnet};

use crate::support::{Reply, Server, millis, set_auto_updates};

const SETTINGS: &str = "/api/v2/tailnet/-/settings";

fn yes() -> Reply {
    Reply::json(&json!({}))
}

fn slow_down(retry_after: &str) -> Reply {
    Reply::new(429).header("retry-after", retry_after)
}

fn limited(server: &Server, rate: f64, burst: u32) -> Tailnet {
    let mut settings = server.settings();
    settings.rate = rate;
    settings.burst = NonZeroU32::new(burst).unwrap();
    settings.deadline = Duration::from_secs(3);
    Tailnet::new(settings)
}

/// Starts `count` equal reads.
fn reads(tailnet: &Tailnet, count: usize) -> Vec<tokio::task::JoinHandle<tailsteward::Result<()>>> {
    let read = |tailnet: Tailnet| async move { tailnet.tailnet_settings().get().await.map(drop) };
    (0..count).map(|_| tokio::spawn(read(tailnet.clone()))).collect()
}

#[tokio::test]
async fn calls_beyond_the_burst_wait_for_their_turn_and_do_not_fail() {
    let server = Server::says(vec![yes()]).await;
    let tailnet = limited(&server, 10.0, 2);
    let started = Instant::now();

    for read in reads(&tailnet, 5) {
        read.await.unwrap().unwrap();
    }

    assert!(started.elapsed() >= millis(280), "{:?}", started.elapsed());
    assert_eq!(server.seen().len(), 5);
}

#[tokio::test]
async fn a_call_whose_turn_comes_after_its_deadline_fails_unsent() {
    let server = Server::says(vec![yes()]).await;
    let mut settings = limited(&server, 0.01, 1).settings().clone();
    settings.deadline = millis(200);
    let tailnet = Tailnet::new(settings);
    tailnet.tailnet_settings().get().await.unwrap();

    let error = set_auto_updates(&tailnet, true).await;
    let again = tailnet.tailnet_settings().get().await.unwrap_err();

    // The write goes to an endpoint of its own.
    assert!(error.is_ok());
    assert_eq!(again.kind(), ErrorKind::Timeout);
    assert!(again.to_string().contains("nothing was sent"), "{again}");
    assert!(!again.may_have_had_effect());
    assert_eq!(server.methods("GET"), 1);
}

#[tokio::test]
async fn a_rate_that_is_no_number_is_one_a_second() {
    let server = Server::says(vec![yes()]).await;
    for rate in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
        limited(&server, rate, 1).tailnet_settings().get().await.unwrap();
    }
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed() {
    let server = Server::says(vec![yes().late(millis(50))]).await;
    let mut settings = server.settings();
    settings.in_flight = 3;

    for read in reads(&Tailnet::new(settings), 12) {
        read.await.unwrap().unwrap();
    }

    assert_eq!(server.most_at_once(), 3);
}

#[tokio::test]
async fn a_429_is_repeated_after_as_many_seconds_as_it_says() {
    let server = Server::says(vec![slow_down("1"), yes()]).await;
    let started = Instant::now();

    server.tailnet().tailnet_settings().get().await.unwrap();

    assert!(started.elapsed() >= millis(1000), "{:?}", started.elapsed());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_429_is_repeated_at_the_date_it_says() {
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3));
    let server = Server::says(vec![slow_down(&date), yes()]).await;
    let started = Instant::now();

    server.tailnet().tailnet_settings().get().await.unwrap();

    // The date has no fractions of a second.
    assert!(started.elapsed() >= millis(1500), "{:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_write_that_is_turned_away_with_429_is_sent_again() {
    let server = Server::says(vec![slow_down("1"), yes()]).await;

    set_auto_updates(&server.tailnet(), true).await.unwrap();

    assert_eq!(server.methods("PATCH"), 2);
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_told_and_not_waited_for() {
    let server = Server::says(vec![slow_down("86400")]).await;
    let tailnet = limited(&server, 1000.0, 100);
    let started = Instant::now();

    let first = tailnet.tailnet_settings().get().await.unwrap_err();
    let second = tailnet.tailnet_settings().get().await.unwrap_err();

    assert!(started.elapsed() < millis(20_000), "{:?}", started.elapsed());
    assert_eq!((first.kind(), first.status()), (ErrorKind::RateLimited, Some(429)));
    // Nobody can make us wait for a day.
    assert_eq!(first.retry_after(), Some(Duration::from_mins(5)));
    assert_eq!(first.remedy().unwrap(), "wait 300 s, then try again");
    assert_eq!(second.kind(), ErrorKind::RateLimited);
    assert!(second.retry_after().unwrap() > Duration::from_secs(290));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_pause_holds_its_own_endpoint_only() {
    let refusals = AtomicUsize::new(0);
    let server = Server::start(move |it| {
        let first = it.path() == SETTINGS && refusals.fetch_add(1, Ordering::SeqCst) == 0;
        if first { slow_down("5") } else { yes() }
    })
    .await;
    let mut settings = server.settings();
    // Whoever waits must not take the only place.
    settings.in_flight = 1;
    let tailnet = Tailnet::new(settings);
    let started = Instant::now();

    let held = reads(&tailnet, 1);
    tokio::time::sleep(millis(200)).await;
    tailnet.devices().list().await.unwrap();
    let other = started.elapsed();
    for read in held {
        read.await.unwrap().unwrap();
    }

    let all = started.elapsed();
    assert!(other + millis(500) < all, "{other:?} of {all:?}");
    assert!(all >= millis(5000), "{all:?}");
}

#[tokio::test]
async fn calls_that_queue_behind_a_429_wait_with_it() {
    let server = Server::says(vec![slow_down("1").late(millis(100)), yes()]).await;
    let mut settings = server.settings();
    settings.in_flight = 1;
    let tailnet = Tailnet::new(settings);

    let calls = reads(&tailnet, 4);
    tokio::time::sleep(millis(600)).await;
    assert_eq!(server.seen().len(), 1);
    for call in calls {
        call.await.unwrap().unwrap();
    }

    assert_eq!(server.seen().len(), 5);
}

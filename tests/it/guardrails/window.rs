//! Windows in time zones, over the days on which clocks are changed.

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use proptest::prelude::*;
use tailsteward::guardrails::{ToolLimit, Window};

fn window(text: &str) -> Window {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_window_is_open_by_the_clock_on_the_wall_there() {
    let office = "mon-fri 08:00-18:00 Europe/Berlin";
    let night = "fri 22:00-06:00 America/New_York";
    let week_end = "sat-mon 00:00-24:00 Pacific/Auckland";
    let early = "sun 02:30-03:30 Europe/Berlin";
    let table = [
        // Winter and summer time in Berlin: 07:00 and 06:00 UTC.
        (office, "2026-03-27T06:59:59Z", false),
        (office, "2026-03-27T07:00:00Z", true),
        (office, "2026-03-27T16:59:59Z", true),
        (office, "2026-03-27T17:00:00Z", false),
        (office, "2026-03-30T05:59:59Z", false),
        (office, "2026-03-30T06:00:00Z", true),
        (office, "2026-03-30T16:00:00Z", false),
        (office, "2026-03-28T10:00:00Z", false),
        // Friday night, until Saturday morning: the clocks of New York are put forward on the Sunday.
        (night, "2026-03-07T02:59:59Z", false),
        (night, "2026-03-07T03:00:00Z", true),
        (night, "2026-03-07T10:59:59Z", true),
        (night, "2026-03-07T11:00:00Z", false),
        (night, "2026-03-08T04:00:00Z", false),
        (night, "2026-03-14T02:00:00Z", true),
        // The other side of the date line.
        (week_end, "2026-11-27T10:59:59Z", false),
        (week_end, "2026-11-27T11:00:00Z", true),
        (week_end, "2026-11-30T10:59:59Z", true),
        (week_end, "2026-11-30T11:00:00Z", false),
        // 02:00 to 03:00 is left out in spring, and comes twice in autumn.
        (early, "2026-03-29T00:59:59Z", false),
        (early, "2026-03-29T01:00:00Z", true),
        (early, "2026-03-29T01:29:59Z", true),
        (early, "2026-03-29T01:30:00Z", false),
        (early, "2026-10-25T00:29:59Z", false),
        (early, "2026-10-25T00:30:00Z", true),
        (early, "2026-10-25T01:00:00Z", false),
        (early, "2026-10-25T01:30:00Z", true),
        (early, "2026-10-25T02:29:59Z", true),
    ];
    for (text, when, open) in table {
        assert_eq!(window(text).is_open(at(when)), open, "{text} at {when}");
    }
}

#[test]
fn the_next_opening_is_named() {
    let table = [
        ("mon-fri 08:00-18:00 Europe/Berlin", "2026-03-27T17:00:00Z", "2026-03-30T06:00:00Z"),
        ("mon 08:00-18:00 UTC", "2026-11-30T08:00:00Z", "2026-12-07T08:00:00Z"),
        ("sun 02:30-03:30 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        ("sun 22:00-02:00 UTC", "2026-11-29T21:00:00Z", "2026-11-29T22:00:00Z"),
    ];
    for (text, now, next) in table {
        assert_eq!(window(text).next_opening(at(now)), Some(at(next)), "{text} after {now}");
    }
}

#[test]
fn what_is_no_window_is_refused_with_an_example() {
    let long = format!("mon 08:00-18:00 {}", "x".repeat(300));
    for text in [
        "",
        "mon",
        "mon 08:00-18:00",
        "mon 8:00-18:00 UTC",
        "mon 08:00-08:00 UTC",
        "mon 24:00-08:00 UTC",
        "mon 08:00-24:01 UTC",
        "mon 08:60-09:00 UTC",
        "day 08:00-18:00 UTC",
        "mon- 08:00-18:00 UTC",
        "mon 08:00-18:00 Europe/Atlantis",
        "mon,,tue 08:00-18:00 UTC",
        "mon 08:00-18:00 UTC more",
        &long,
        "mon -1:00-18:00 UTC",
        "mon +8:00-18:00 UTC",
    ] {
        let why = text.parse::<Window>().unwrap_err();
        assert!(why.contains("mon-fri 08:00-18:00 Europe/Berlin"), "{text}: {why}");
    }
    for text in ["", "5", "5/week", "x/hour", "-1/hour", "5/"] {
        assert!(text.parse::<ToolLimit>().is_err(), "{text}");
    }
    assert_eq!("5/hour".parse::<ToolLimit>().unwrap().to_string(), "5/hour");
    assert_eq!(window("Mon,WED  08:00-18:00\tUTC").to_string(), "Mon,WED 08:00-18:00 UTC");
}

fn any_window() -> impl Strategy<Value = Window> {
    let days =
        prop::sample::select(vec!["mon", "mon-fri", "sat-sun", "fri-mon", "tue,thu", "mon-sun"]);
    let zones =
        vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"];
    let times = (0..24_u32, 0..60_u32, 0..24_u32, 0..60_u32);
    let times = times.prop_filter("they differ", |it| (it.0, it.1) != (it.2, it.3));
    (days, times, prop::sample::select(zones)).prop_map(|(days, (a, b, c, d), zone)| {
        window(&format!("{days} {a:02}:{b:02}-{c:02}:{d:02} {zone}"))
    })
}

proptest! {
    /// From any minute of a year on which it is closed, nothing is open until the opening that is named.
    #[test]
    fn it_stays_closed_until_the_next_opening(window in any_window(), minutes in 0..525_600_i64) {
        let now = at("2026-01-01T00:00:00Z") + minutes.minutes();
        let next = window.next_opening(now).unwrap();
        prop_assert!(next > now);
        if !window.is_open(now) {
            // Where clocks are put back, or a window ends on the day that has no such time, it may be closed.
            let step = SignedDuration::from_mins(7);
            let mut time = now;
            while time < next {
                let zoned_back = window.is_open(time);
                prop_assert!(!zoned_back || is_near_a_change_of_clocks(time), "{window} at {time}, {next}");
                time += step;
            }
            prop_assert!(window.is_open(next) || is_near_a_change_of_clocks(next), "{window} at {next}");
        }
    }
}

/// Whether one of the zones changes its clocks within a day.
fn is_near_a_change_of_clocks(when: Timestamp) -> bool {
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"].iter().any(|zone| {
        let zone = jiff::tz::TimeZone::get(zone).unwrap();
        let day = SignedDuration::from_hours(24);
        zone.to_offset(when - day) != zone.to_offset(when + day)
    })
}

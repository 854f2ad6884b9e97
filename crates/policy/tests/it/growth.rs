//! M4: what takes long for its size. A text that is four times as long may take four times as long and some
//! more, and not sixteen times as long.

use std::time::{Duration, Instant};

use tailsteward_policy::{Effect, Inventory, Policy, check, inventory::User};

use super::inventory::inventory;

/// What is faster than this is not compared.
const FAST: Duration = Duration::from_millis(150);

/// The time that this thread was running, so that what else the machine does is not counted. Where the
/// system does not tell it, the time that passed.
pub fn time_of(work: impl FnOnce()) -> Duration {
    let running = || {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    let (start, before) = (Instant::now(), running());
    work();
    before.and_then(|before| running()?.checked_sub(before)).unwrap_or_else(|| start.elapsed())
}

/// Fails if the work grows much faster than the size that it is given.
fn grows_with(size: usize, work: impl Fn(usize)) {
    let time = |size: usize| time_of(|| work(size));
    let (small, large) = (time(size), time(4 * size));
    println!("{size}: {small:?}, {}: {large:?}", 4 * size);
    assert!(large < FAST.max(small * 9), "{small:?}, then {large:?}");
}

fn repeat(size: usize, part: impl Fn(usize) -> String) -> String {
    (0..size).map(part).collect::<Vec<_>>().join(",")
}

/// As many users as are named `u0@example.com` and so on.
fn with_users(size: usize) -> Inventory {
    let mut inventory = inventory();
    let user = |at: usize| User::new(format!("u{at}@example.com"), "member");
    inventory.users.extend((0..size).map(user));
    inventory
}

#[test]
fn many_errors_are_counted_and_not_all_listed() {
    let inventory = inventory();
    let text = |size| format!("{{\"acls\":[{}]}}", repeat(size, |_| "{\"a\":1}".to_owned()));
    let checked = check(&text(10_000), Some(&inventory));
    assert_eq!(checked.problems.len(), 200, "100 errors and 100 warnings");
    assert_eq!((checked.error_count(), checked.warning_count()), (10_000, 10_000));
    let omitted = "and 9900 more errors and 9900 more warnings";
    assert_eq!(checked.omitted.to_string(), omitted);
    grows_with(5_000, |size| drop(check(&text(size), Some(&inventory))));
}

#[test]
fn errors_take_no_longer_if_names_are_many_or_long() {
    let inventory = inventory();
    grows_with(4_000, |size| {
        let sections = [
            ("groups", repeat(size, |at| format!("\"group:g{at}\":[\"nobody\"]"))),
            ("tagOwners", repeat(size, |at| format!("\"tag:t{at}\":[\"tag:u{at}\"]"))),
            ("hosts", repeat(size, |at| format!("\"h{at}\":\"nowhere\""))),
            ("ipsets", repeat(size, |at| format!("\"ipset:s{at}\":[\"h{at}0\"]"))),
            ("postures", repeat(size, |at| format!("\"posture:p{at}\":[\"x\"]"))),
        ];
        let sections = sections.map(|(name, entries)| format!("\"{name}\":{{{entries}}}"));
        drop(check(&format!("{{{}}}", sections.join(",")), Some(&inventory)));
    });
    grows_with(20_000, |size| {
        let (name, members) = ("x".repeat(8 * size), repeat(size, |_| "\"nobody\"".to_owned()));
        drop(check(&format!("{{\"groups\":{{\"{name}\":[{members}]}}}}"), Some(&inventory)));
    });
}

#[test]
fn ssh_rules_with_many_ends_take_no_longer() {
    let inventory = inventory();
    grows_with(4_000, |size| {
        let ends = repeat(size, |_| "\"ann@example.com\"".to_owned());
        let rule =
            format!(r#"{{"action":"accept","src":[{ends}],"dst":[{ends}],"users":["root"]}}"#);
        drop(check(&format!("{{\"ssh\":[{rule}]}}"), Some(&inventory)));
    });
}

/// Grants between groups, tags and users that are all different.
fn grants(size: usize) -> String {
    let groups = repeat(size, |at| format!("\"group:g{at}\":[\"u{at}@example.com\"]"));
    let grants = repeat(size, |at| {
        let src = ["group:g", "u"][at % 2];
        let src = if at % 2 == 0 { format!("{src}{at}") } else { format!("{src}{at}@example.com") };
        format!(
            "{{\"src\":[\"{src}\"],\"dst\":[\"tag:web\"],\"ip\":[\"tcp:{}\"]}}",
            at % 60_000 + 1
        )
    });
    format!("{{\"groups\":{{{groups}}},\"tagOwners\":{{\"tag:web\":[]}},\"grants\":[{grants}]}}")
}

#[test]
fn many_grants_are_compiled_asked_about_and_searched() {
    let inventory = with_users(8_000);
    grows_with(1_000, |size| {
        let policy = Policy::parse(&grants(size)).unwrap();
        let compiled = policy.compile(&inventory);
        let answer = compiled.ask("u1@example.com", "web-1", None, 60_001).unwrap();
        assert!(!answer.allowed);
        assert!(compiled.who_reaches("web-1").unwrap().is_empty(), "nobody has a device");
        assert!(!compiled.reached_by("u1@example.com").unwrap().is_empty());
        assert!(!compiled.rules_with_devices().is_empty());
        assert_eq!(compiled.packet_filter(3).len(), 0);
    });
}

#[test]
fn many_grants_are_looked_through_for_findings() {
    let inventory = with_users(8_000);
    grows_with(1_500, |size| {
        let policy = Policy::parse(&grants(size)).unwrap();
        assert!(!policy.compile(&inventory).findings().is_empty());
    });
    // Rules of which each has to be compared with each other.
    let grant = |at: usize| {
        format!(
            "{{\"src\":[\"*\"],\"dst\":[\"10.{}.{}.0/24\"],\"ip\":[\"*\"]}}",
            at / 256,
            at % 256
        )
    };
    let policy = Policy::parse(&format!("{{\"grants\":[{}]}}", repeat(4_000, grant))).unwrap();
    let time = time_of(|| {
        let found = policy.compile(&inventory).findings();
        assert!(found.iter().any(|it| it.kind == "not_compared"), "{}", found.len());
    });
    assert!(time < Duration::from_secs(30), "{time:?}");
}

#[test]
fn many_grants_are_compared() {
    let inventory = inventory();
    let file = |size: usize, first: usize| {
        let grant = |at: usize| {
            let src = ["bob@example.com", "tag:db", "tag:web", "ann@example.com"][at % 4];
            let port = at + first;
            format!("{{\"src\":[\"{src}\"],\"dst\":[\"tag:web\"],\"ip\":[\"tcp:{port}\"]}}")
        };
        Policy::parse(&format!("{{\"grants\":[{}]}}", repeat(size, grant))).unwrap()
    };
    let (before, after) = (file(4_000, 1), file(4_000, 3));
    let time = time_of(|| {
        let effect = Effect::between(&before.compile(&inventory), &after.compile(&inventory));
        assert!(!effect.is_equal());
    });
    println!("4000 and 4000 grants compared in {time:?}");
    assert!(time < Duration::from_secs(30), "{time:?}");
}

#[test]
fn deep_nesting_is_read_or_refused_at_once() {
    let inventory = inventory();
    for depth in [400, 500, 5_000, 100_000] {
        let text = format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let time = time_of(|| drop(check(&text, Some(&inventory))));
        assert!(time < Duration::from_secs(2), "{depth}: {time:?}");
    }
}

#[test]
fn many_tests_are_run() {
    let inventory = with_users(8_000);
    grows_with(1_500, |size| {
        let tests = repeat(size, |at| {
            format!("{{\"src\":\"u{at}@example.com\",\"deny\":[\"tag:web:22\"]}}")
        });
        let text =
            format!("{{\"tagOwners\":{{\"tag:web\":[]}},\"grants\":[],\"tests\":[{tests}]}}");
        assert!(check(&text, Some(&inventory)).is_accepted());
    });
}

#[test]
fn many_tests_of_many_grants_are_run() {
    let inventory = with_users(8_000);
    grows_with(700, |size| {
        let tests = repeat(size, |at| {
            format!("{{\"src\":\"u{at}@example.com\",\"deny\":[\"tag:web:60001\"]}}")
        });
        let text = grants(size);
        let text = format!("{},\"tests\":[{tests}]}}", text.strip_suffix('}').unwrap());
        assert!(check(&text, Some(&inventory)).is_accepted());
    });
}

#[test]
fn large_groups_are_asked_about() {
    let inventory = with_users(8_000);
    grows_with(400, |size| {
        let members = repeat(size, |at| format!("\"u{at}@example.com\""));
        let grant = "{\"src\":[\"group:g\"],\"dst\":[\"group:g\"],\"ip\":[\"*\"]}";
        let policy = Policy::parse(&format!(
            "{{\"groups\":{{\"group:g\":[{members}]}},\"grants\":[{grant}]}}"
        ))
        .unwrap();
        let compiled = policy.compile(&inventory);
        assert!(compiled.ask("group:g", "group:g", None, 22).unwrap().allowed);
    });
}

#[test]
fn grants_that_differ_in_every_way_are_compared_up_to_a_limit() {
    let inventory = inventory();
    let file = |size: usize, grant: &dyn Fn(usize) -> String| {
        Policy::parse(&format!("{{\"grants\":[{}]}}", repeat(size, grant))).unwrap()
    };
    let before = file(4_000, &|at| {
        format!(
            "{{\"src\":[\"bob@example.com\"],\"dst\":[\"tag:web\"],\"ip\":[\"tcp:{}\"]}}",
            2 * at + 1
        )
    });
    let after = file(4_000, &|at| {
        let src = format!("10.{}.{}.1", at / 256, at % 256);
        format!("{{\"src\":[\"{src}\"],\"dst\":[\"tag:web\"],\"ip\":[\"*\"]}}")
    });
    let time = time_of(|| {
        let effect = Effect::between(&before.compile(&inventory), &after.compile(&inventory));
        assert!(effect.is_cut);
        let says = |line: &String| line.starts_with("there are too many connections to compare");
        assert!(effect.lines().iter().any(says));
    });
    println!("4000 and 4000 different grants compared in {time:?}");
    assert!(time < Duration::from_mins(1), "{time:?}");
}

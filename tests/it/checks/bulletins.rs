//! The table of bulletins, and whom a bulletin is about.

use serde_json::{Value, json};
use tailsteward::{
    checks::{BULLETINS, Outcome, Severity, Verdict},
    tailnet::devices::Version,
};

use super::healthy::{after, device};

fn with(fields: Value) -> Outcome {
    after("D1", |it| it.devices.as_mut().unwrap().push(device("box", fields)))
}

#[test]
fn every_row_has_all_fields() {
    for it in BULLETINS {
        let number = it.id.strip_prefix("TS-").unwrap();
        let (year, rest) = number.split_once('-').unwrap();
        assert!(rest.len() == 3 && rest.parse::<u32>().is_ok(), "{}", it.id);
        assert!(it.date.starts_with(year), "{}: {}", it.id, it.date);
        assert!(it.date == year || it.date.parse::<jiff::civil::Date>().is_ok(), "{}", it.date);
        let link = format!("https://tailscale.com/security-bulletins/#{}", it.id.to_lowercase());
        assert_eq!(it.link, link);
        assert!(it.fixed > "1.0.0".parse::<Version>().unwrap(), "{}", it.id);
        assert!(it.since.is_none_or(|since| since < it.fixed), "{}", it.id);
        assert!(it.os.is_empty() || ["windows", "linux", "macOS"].contains(&it.os), "{}", it.os);
    }
    let mut ids: Vec<&str> = BULLETINS.iter().map(|it| it.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), BULLETINS.len());
    assert!(ids.is_sorted());
}

/// The console itself once took 1.100 for older than 1.98.
#[test]
fn versions_are_compared_as_numbers() {
    let ssh = |version: &str| with(json!({ "version": version, "ssh": true })).verdict;
    assert_eq!(ssh("1.98.9"), Verdict::Fail);
    assert_eq!(ssh("1.102.3"), Verdict::Ok);
    let router = |version: &str| {
        let routes = json!(["10.9.0.0/16"]);
        with(json!({ "version": version, "enabled": routes })).subjects
    };
    assert!(router("1.64.2")[0].evidence.contains("TS-2024-005"));
    let since = router("1.100.0");
    assert!(!since.iter().any(|it| it.severity == Severity::Critical), "{since:?}");
}

#[test]
fn who_meets_the_condition_is_vulnerable_and_who_may_meet_it_may_be_affected() {
    let old = json!({ "version": "1.98.8", "os": "windows" });
    let may = with(old.clone());
    assert_eq!(may.severity, Severity::High);
    assert!(may.subjects[0].evidence.contains("may be affected: TS-2026-005 if it uses Serve"));
    assert!(!may.subjects[0].evidence.contains("TS-2026-010"), "it does not run SSH");
    assert_eq!(may.note.as_deref(), Some("0 vulnerable, 1 may be affected"));
    let mut ssh = old;
    ssh["ssh"] = json!(true);
    let certain = with(ssh);
    assert_eq!(certain.severity, Severity::Critical);
    assert!(certain.subjects[0].evidence.contains("is vulnerable"), "{certain:?}");
    let via6 = json!({ "version": "1.102.2", "enabled": ["fd7a:115c:a1e0:b1a:0:7:a01:0/112"] });
    assert!(with(via6).subjects[0].evidence.contains("TS-2026-011"));
}

#[test]
fn a_bulletin_for_one_system_or_for_later_versions_concerns_no_others() {
    let of = |os: &str, version: &str| {
        let all = with(json!({ "os": os, "version": version })).subjects;
        all.iter().map(|it| it.evidence.clone()).collect::<String>()
    };
    assert!(of("windows", "1.30.0").contains("TS-2022-004"));
    assert!(!of("linux", "1.30.0").contains("TS-2022-004"));
    assert!(of("macOS", "1.90.8").contains("TS-2026-001"));
    assert!(!of("macOS", "1.82.0").contains("TS-2026-001"), "before it was introduced");
}

/// An old client without a known hole is outdated and not vulnerable.
#[test]
fn outdated_is_not_vulnerable() {
    let behind = |it: &mut tailsteward::checks::Facts| {
        let fields = json!({ "version": "1.102.5" });
        let all = it.devices.as_mut().unwrap();
        all.push(device("new", json!({ "version": "1.110.0" })));
        all.retain(|it| it.id == "new");
        all.push(device("box", fields));
    };
    assert_eq!(after("D1", behind).verdict, Verdict::Ok);
    assert_eq!(after("D2", behind).verdict, Verdict::Fail);
}

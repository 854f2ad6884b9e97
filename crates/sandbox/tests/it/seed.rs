//! The tailnet that every sandbox starts with.

use super::*;
use std::collections::HashSet;

#[tokio::test]
async fn the_same_seed_makes_the_same_tailnet() {
    let (one, two) = (Tailnet::new().await, Tailnet::new().await);
    assert_eq!(one.devices().await, two.devices().await);
    assert_eq!(one.audit("").await, two.audit("").await);
    let options = Options { seed: 2, now: Some(NOW.parse().unwrap()), ..Options::default() };
    let other = Tailnet::with(options).await;
    assert_ne!(one.devices().await, other.devices().await);
}

#[tokio::test]
async fn there_is_a_bit_of_everything() {
    let tailnet = Tailnet::new().await;
    let devices = tailnet.devices().await;
    let count = |fits: &dyn Fn(&Value) -> bool| devices.iter().filter(|d| fits(d)).count();
    let has = |list: &str, item: &str| {
        let (list, item) = (list.to_owned(), json!(item));
        move |d: &Value| d[&list].as_array().is_some_and(|all| all.contains(&item))
    };
    assert_eq!(devices.len(), 100);
    assert_eq!(count(&|d| d["isExternal"] == true), 2);
    assert!((55..85).contains(&count(&|d| d["connectedToControl"] == true)));
    assert!(count(&|d| d["authorized"] == false) >= 1);
    assert!(count(&|d| d["isEphemeral"] == true) >= 5);
    assert!(count(&|d| d["updateAvailable"] == true) >= 10);
    assert!(count(&|d| d["clientConnectivity"].is_object()) == 98);
    for tag in ["tag:prod", "tag:web", "tag:db", "tag:ci", "tag:k8s", "tag:router"] {
        assert!(count(&has("tags", tag)) > 0, "{tag}");
    }
    for os in ["linux", "macOS", "windows", "iOS", "android"] {
        assert!(count(&|d| d["os"] == os) > 0, "{os}");
    }
    let exit = has("advertisedRoutes", "0.0.0.0/0");
    let enabled = has("enabledRoutes", "0.0.0.0/0");
    assert!(count(&|d| exit(d) && enabled(d)) > 0);
    assert!(count(&|d| exit(d) && !enabled(d)) > 0);
    let keyed = |d: &Value| d["keyExpiryDisabled"] == false && d["isExternal"] == false;
    let expires = |d: &Value| text(&d["expires"]).parse::<jiff::Timestamp>().unwrap();
    let now: jiff::Timestamp = NOW.parse().unwrap();
    let soon = now + jiff::SignedDuration::from_hours(7 * 24);
    assert!(count(&|d| keyed(d) && expires(d) < now) > 0);
    assert!(count(&|d| keyed(d) && expires(d) > now && expires(d) < soon) > 0);
    assert!(count(&|d| d["tags"].is_null() && d["keyExpiryDisabled"] == true) > 0);
}

#[tokio::test]
async fn identities_are_unique_at_any_size() {
    for devices in [0, 1, 3, 20, 2000] {
        let options = Options { devices, ..Options::default() };
        let tailnet = Tailnet::with(options).await;
        let list = tailnet.devices().await;
        assert_eq!(list.len(), devices);
        for key in ["id", "nodeId", "name", "nodeKey"] {
            let unique: HashSet<_> = list.iter().map(|d| text(&d[key])).collect();
            assert_eq!(unique.len(), devices, "{key}");
        }
        let addresses = list.iter().flat_map(|d| d["addresses"].as_array().unwrap());
        let unique: HashSet<_> = addresses.map(text).collect();
        assert_eq!(unique.len(), devices * 2);
        let users = tailnet.get("/tailnet/-/users").await.ok();
        assert_eq!(users["users"].as_array().unwrap().len(), devices.div_ceil(4).max(1));
    }
}

#[tokio::test]
async fn the_policy_declares_the_tags_in_use_and_names_real_people() {
    let tailnet = Tailnet::new().await;
    let request = tailnet.bare("GET", "/tailnet/-/acl").bearer_auth(Sandbox::API_KEY);
    let policy = tailnet.send(request.header("accept", "application/json")).await.ok();
    for device in tailnet.devices().await {
        for tag in device["tags"].as_array().into_iter().flatten() {
            assert!(policy["tagOwners"].get(text(tag)).is_some(), "{tag}");
        }
    }
    let users = tailnet.get("/tailnet/-/users").await.ok();
    let logins: HashSet<_> =
        users["users"].as_array().unwrap().iter().map(|u| text(&u["loginName"])).collect();
    for members in policy["groups"].as_object().unwrap().values() {
        for member in members.as_array().unwrap() {
            assert!(logins.contains(text(member)), "{member}");
        }
    }
}

#[tokio::test]
async fn no_time_lies_in_the_future_that_should_not() {
    let tailnet = Tailnet::new().await;
    let now: jiff::Timestamp = NOW.parse().unwrap();
    for device in tailnet.devices().await.iter().filter(|d| d["isExternal"] == false) {
        let created: jiff::Timestamp = text(&device["created"]).parse().unwrap();
        assert!(created <= now, "{device}");
        assert_eq!(device["connectedToControl"] == true, device.get("lastSeen").is_none());
        if let Some(seen) = device["lastSeen"].as_str() {
            let seen: jiff::Timestamp = seen.parse().unwrap();
            assert!(seen <= now && seen >= created, "{device}");
        }
    }
}

//! What happens to devices without the API.

use super::*;
use tailsteward_sandbox::DeviceState;

async fn happen(tailnet: &Tailnet, id: &str, state: Value) -> Answer {
    let url = format!("{}/_sandbox/devices/{id}", tailnet.sandbox.base_url());
    tailnet.send(tailnet.http.post(url).json(&state)).await
}

#[tokio::test]
async fn a_device_goes_offline_and_comes_back() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let (id, path) = (id_of(&device).to_owned(), format!("/device/{}", id_of(&device)));
    assert_eq!((&device["connectedToControl"], device.get("lastSeen")), (&json!(true), None));

    happen(&tailnet, &id, json!({ "online": false })).await.ok_and_empty();
    let gone = tailnet.get(&path).await.ok();
    tailnet.sandbox.advance(Duration::from_hours(1));
    let still = tailnet.get(&path).await.ok();
    happen(&tailnet, &id, json!({ "online": true })).await.ok_and_empty();
    let back = tailnet.get(&path).await.ok();

    assert_eq!(gone["connectedToControl"], false);
    // The end of the connection, to the second; it stays while time goes on.
    assert_eq!(
        (&gone["lastSeen"], &still["lastSeen"]),
        (&json!("2026-06-15T12:00:00Z"), &gone["lastSeen"])
    );
    assert_eq!((&back["connectedToControl"], back.get("lastSeen")), (&json!(true), None));
}

#[tokio::test]
async fn a_device_is_cloned_locked_out_and_updated() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    let (id, path) = (id_of(&device).to_owned(), format!("/device/{}?fields=all", id_of(&device)));
    let state = json!({
        "multipleConnections": true, "tailnetLockError": "node key is not signed",
        "clientVersion": "1.99.0-tabc", "updateAvailable": true, "advertisedRoutes": ["10.9.0.0/16"],
    });

    happen(&tailnet, &id, state).await.ok_and_empty();

    let now = tailnet.get(&path).await.ok();
    assert_eq!(now["multipleConnections"], true);
    assert_eq!(now["tailnetLockError"], "node key is not signed");
    assert_eq!(
        (&now["clientVersion"], &now["updateAvailable"]),
        (&json!("1.99.0-tabc"), &json!(true))
    );
    assert_eq!(
        (&now["advertisedRoutes"], &now["enabledRoutes"]),
        (&json!(["10.9.0.0/16"]), &json!([]))
    );
    let mut mended = DeviceState::default();
    mended.tailnet_lock_error = Some(String::new());
    assert!(tailnet.sandbox.set_device(&id, &mended));
    assert_eq!(tailnet.get(&path).await.ok()["tailnetLockError"], "");
}

#[tokio::test]
async fn what_is_not_there_or_not_known_is_refused() {
    let tailnet = Tailnet::new().await;
    let device = tailnet.personal().await;
    assert_eq!(happen(&tailnet, "n000", json!({ "online": true })).await.status, 404);
    assert_eq!(happen(&tailnet, id_of(&device), json!({ "onlin": true })).await.status, 400);
    assert!(!tailnet.sandbox.set_device("n000", &DeviceState::default()));
}

async fn moving() -> Tailnet {
    let now = Some("2026-06-15T12:00:00Z".parse().unwrap());
    Tailnet::with(Options { devices_move: true, now, ..Options::default() }).await
}

/// At each moment a device is on or off as its schedule says, and `lastSeen` is the end of the last span.
#[tokio::test]
async fn devices_come_and_go_as_their_schedules_say() {
    let tailnet = moving().await;
    let sandbox = &tailnet.sandbox;
    let start: jiff::Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
    let mut changed = 0;
    let (mut before, mut seen) = (std::collections::HashMap::new(), 0);
    for step in 0_i64..48 {
        let now = start + jiff::SignedDuration::from_mins(step * 97);
        for device in tailnet.devices().await {
            let id = text(&device["nodeId"]).to_owned();
            let spans = sandbox.scheduled(&id, start - jiff::SignedDuration::from_hours(48), now);
            let (online, of) = (device["connectedToControl"] == true, spans.last());
            if before.insert(id, online).is_some_and(|was| was != online) {
                changed += 1;
                let is_on = of.is_some_and(|(_, to)| *to == now);
                assert_eq!(online, is_on, "{device} {of:?}");
                if !online {
                    let ended = of.unwrap().1.to_string();
                    assert_eq!(text(&device["lastSeen"]), ended, "{device}");
                    seen += 1;
                }
            }
        }
        sandbox.advance(Duration::from_mins(97));
    }
    assert!(changed > 50 && seen > 20, "{changed} {seen}");
}

#[tokio::test]
async fn a_device_that_was_switched_by_hand_stays_as_it_is() {
    let tailnet = moving().await;
    let sandbox = &tailnet.sandbox;
    let all = tailnet.devices().await;
    let server = all.iter().find(|it| it["connectedToControl"] == true && it.get("tags").is_some());
    let id = text(&server.unwrap()["nodeId"]).to_owned();
    let mut off = DeviceState::default();
    off.online = Some(false);
    assert!(sandbox.set_device(&id, &off));
    for _ in 0..20 {
        sandbox.advance(Duration::from_hours(7));
        let now = tailnet.devices().await;
        let device = now.iter().find(|it| it["nodeId"] == id.as_str()).unwrap();
        assert_eq!(device["connectedToControl"], false);
    }
}

#[tokio::test]
async fn a_device_that_is_added_is_listed_and_like_no_other() {
    let tailnet = Tailnet::new().await;
    let before = tailnet.devices().await;
    let id = tailnet.sandbox.add_device("New Laptop").unwrap();
    let again = tailnet.sandbox.add_device("New Laptop").unwrap();
    let after = tailnet.devices().await;
    let of = |id: &str| after.iter().find(|it| it["nodeId"] == *id).unwrap();

    assert_eq!(after.len(), before.len() + 2);
    assert_eq!(of(&id)["hostname"], "New Laptop");
    assert_eq!(of(&id)["connectedToControl"], true);
    for field in ["id", "name", "addresses", "nodeKey", "machineKey"] {
        assert_ne!(of(&id)[field], of(&again)[field], "{field}");
    }
}

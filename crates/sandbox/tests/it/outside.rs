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

//! Addresses, methods and bodies.

use super::*;

#[tokio::test]
async fn the_tailnet_is_a_dash_or_its_name() {
    let tailnet = Tailnet::new().await;
    tailnet.get("/tailnet/-/devices").await.ok();
    tailnet.get(&format!("/tailnet/{}/devices", Sandbox::TAILNET)).await.ok();
    assert_eq!(tailnet.get("/tailnet/other.example/devices").await.status, 404);
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let tailnet = Tailnet::new().await;
    tailnet.get("/no/such/path").await.refused(404, "not found");
    tailnet.get("/tailnet/-/devices/").await.refused(404, "not found");
    let wrong = tailnet.call("PUT", "/tailnet/-/keys", Value::Null).await;
    wrong.refused(405, "method not allowed");
    assert_eq!(wrong.header("allow"), "GET, POST");
}

#[tokio::test]
async fn a_body_must_be_json() {
    let tailnet = Tailnet::new().await;
    let id = id_of(&tailnet.personal().await).to_owned();
    for body in ["", "{", "[]", "\"x\"", "{\"name\": 3}"] {
        let request = tailnet.bare("POST", &format!("/device/{id}/name"));
        let request = request.bearer_auth(Sandbox::API_KEY).body(body);
        let answer = tailnet.send(request).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.message().is_empty());
    }
}

#[tokio::test]
async fn answered_requests_are_remembered() {
    let tailnet = Tailnet::new().await;
    tailnet.get("/tailnet/-/devices?os=linux").await.ok();
    tailnet.get("/nowhere").await;
    let seen = tailnet.sandbox.requests();
    let expected = [("/api/v2/tailnet/-/devices?os=linux", 200), ("/api/v2/nowhere", 404)];
    assert_eq!(seen.len(), expected.len());
    for ((method, path, status), expected) in seen.iter().zip(expected) {
        assert_eq!((method.as_str(), (path.as_str(), *status)), ("GET", expected));
    }
}

#[tokio::test]
async fn a_dropped_sandbox_stops() {
    let tailnet = Tailnet::new().await;
    let (addr, http) = (tailnet.sandbox.addr(), http());
    drop(tailnet);
    for _ in 0..50 {
        if http.get(format!("http://{addr}/")).send().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("still answering");
}

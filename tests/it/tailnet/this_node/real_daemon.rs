//! Tools about this machine, with a real daemon.

use serde_json::{Value, json};
use tailsteward::sandbox::Sandbox;

use crate::{
    cli::command_line::program,
    support::{
        agent::Agent,
        daemons::{Daemons, soon},
        edits,
        tailnet::sandbox,
    },
};

/// Calls tools on the machine of `node1`.
async fn on_node1(daemons: &Daemons) -> (Sandbox, Agent) {
    let (sandbox, tailnet) = sandbox().await;
    let agent = edits::agent(&daemons.on(1, &tailnet)).await;
    (sandbox, agent)
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn the_state_of_the_machine_is_shown() {
    let daemons = Daemons::start(&["-n", "2"]);
    let (_sandbox, agent) = on_node1(&daemons).await;

    let state = agent.call("get_local_status", json!({})).await;

    assert_eq!((&state["machine"], &state["state"]), (&json!("node1"), &json!("Running")));
    assert_eq!(state["peers"], json!({ "known": 1, "connected": 1 }));
    assert_eq!(state["tailnet"], "example.com");
    let network = agent.call("get_netcheck", json!({})).await;
    assert_eq!((&network["machine"], &network["nearest_derp"]), (&json!("node1"), &json!("test")));
    let on = agent.call("set_accept_routes", json!({ "on": true })).await;
    assert_eq!(on["changes"][0]["after"], json!(true));
    assert!(daemons.daemon(1).prefs().await.unwrap().accept_routes);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn the_doctor_looks_at_daemon_funnel_and_identity() {
    let daemons = Daemons::start(&["-n", "1", "-funnel"]);
    let (sandbox, _tailnet) = sandbox().await;
    let socket = daemons.socket(1);
    let mut doctor = program(&["doctor", "--toolsets", "this_node,funnel", "--access", "danger"]);
    doctor.args(["--socket", socket.to_str().unwrap()]);
    doctor.env("TAILSCALE_API_KEY", Sandbox::API_KEY).env("TAILSCALE_BASE_URL", sandbox.base_url());

    let output = doctor.output().unwrap();

    let text = String::from_utf8(output.stdout).unwrap();
    for check in ["ok   daemon: tailscaled ", "funnel: ", "ok   identity: callers in the tailnet"] {
        assert!(text.contains(check), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn it_is_explained_where_a_connection_breaks() {
    let daemons = Daemons::start(&["-n", "2"]);
    let (_sandbox, agent) = on_node1(&daemons).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();

    // A daemon without a network device hands connections to 127.0.0.1.
    let open = agent.call("explain_connection", json!({ "to": "node2", "port": port })).await;
    drop(listener);
    let closed = agent.call("explain_connection", json!({ "to": "node2", "port": port })).await;
    daemons.post("/stop?node=node2&kill=true", "").await;
    let away = soon(|| async {
        let away = agent.call("explain_connection", json!({ "to": "node2", "port": port })).await;
        (away["breaks_at"] == "offline").then_some(away)
    })
    .await;

    assert_eq!((&open["reached"], &open["breaks_at"]), (&json!(true), &Value::Null), "{open}");
    assert_eq!(
        (&closed["reached"], &closed["breaks_at"]),
        (&json!(false), &json!("port")),
        "{closed}"
    );
    assert!(closed["next"].as_str().unwrap().contains("start the service"), "{closed}");
    assert_eq!(away["reached"], json!(false), "{away}");
    // The sandbox does not know this machine: that is unknown, and neither allowed nor refused.
    assert_eq!(open["steps"][0]["state"], "unknown");
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn what_the_machine_moves_is_measured() {
    let daemons = Daemons::start(&["-n", "2"]);
    let (_sandbox, agent) = on_node1(&daemons).await;
    let pinging = agent.call("ping_peer", json!({ "peer": "node2", "times": 20 }));
    let measuring = agent.call("monitor_bandwidth", json!({ "this_node_seconds": 3 }));

    let (pinged, moved) = tokio::join!(pinging, measuring);

    assert_eq!(pinged["machine"], "node1");
    assert!(pinged["answered"].as_u64().unwrap() >= 19, "{pinged}");
    assert_eq!(moved["machine"], "node1");
    assert!(moved["seconds"].as_f64().unwrap() >= 3.0, "{moved}");
    let paths = agent.call("get_connection_metrics", json!({ "this_node": true })).await;
    assert_eq!(paths["machine"], "node1");
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn filters_of_flow_logs_do_not_apply_to_a_measurement() {
    let daemons = Daemons::start(&["-n", "1"]);
    let (_sandbox, agent) = on_node1(&daemons).await;

    let by =
        agent.fail("monitor_bandwidth", json!({ "this_node_seconds": 1, "by": "pairs" })).await;
    let with =
        agent.fail("get_connection_metrics", json!({ "this_node": true, "since": "3h" })).await;

    assert!(by["message"].as_str().unwrap().contains("`by` does not apply"), "{by}");
    assert!(with["message"].as_str().unwrap().contains("`since` does not apply"), "{with}");
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn routes_are_advertised_checked_and_undone() {
    let daemons = Daemons::start(&["-n", "1"]);
    let (_sandbox, agent) = on_node1(&daemons).await;

    let wrong = agent.fail("advertise_routes", json!({ "routes": ["10.9.0.1/16"] })).await;
    let made = agent.call("advertise_routes", json!({ "routes": ["10.9.0.0/16"] })).await;
    let exit = agent.call("advertise_exit_node", json!({ "on": true })).await;
    let both = daemons.daemon(1).prefs().await.unwrap().advertise_routes;
    for change in [&exit, &made] {
        agent.call("undo_change", json!({ "change": change["change"] })).await;
    }

    assert!(wrong["message"].as_str().unwrap().contains("`10.9.0.0/16`"), "{wrong}");
    assert_eq!(both, ["10.9.0.0/16", "0.0.0.0/0", "::/0"]);
    assert!(daemons.daemon(1).prefs().await.unwrap().advertise_routes.is_empty());
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn only_a_connected_exit_node_is_used() {
    let daemons = Daemons::start(&["-n", "2"]);
    let (_sandbox, agent) = on_node1(&daemons).await;
    let none = agent.fail("use_exit_node", json!({ "exit_node": "node2" })).await;
    let mut edit = tailsteward::local::EditPrefs::default();
    edit.advertise_routes = Some(vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()]);
    daemons.daemon(2).edit_prefs(&edit).await.unwrap();
    daemons.post("/routes?node=node2&routes=0.0.0.0/0,::/0", "").await;
    soon(|| async {
        let usable = agent.call("suggest_exit_node", json!({})).await;
        (usable["usable"] == json!(["node2"])).then_some(())
    })
    .await;

    let used = agent.call("use_exit_node", json!({ "exit_node": "node2" })).await;
    let state = agent.call("get_local_status", json!({})).await;
    let ended = agent.call("use_exit_node", json!({})).await;
    daemons.post("/stop?node=node2&kill=true", "").await;
    let away = soon(|| async {
        let (answer, failed) = agent.ask("use_exit_node", json!({ "exit_node": "node2" })).await;
        if !failed {
            agent.call("use_exit_node", json!({})).await;
        }
        failed.then_some(answer)
    })
    .await;

    assert!(none["message"].as_str().unwrap().contains("not an exit node"), "{none}");
    assert_eq!(used["changes"][0]["after"], "node2", "{used}");
    assert_eq!(state["exit_node"]["name"], "node2");
    assert_eq!(ended["changes"][0]["after"], Value::Null);
    assert!(away["message"].as_str().unwrap().contains("not connected"), "{away}");
}

#[tokio::test]
#[ignore = "needs a real tailscaled: .ci/tailnet cargo test --test it real_daemon -- --ignored"]
async fn a_change_of_another_machine_is_not_undone_here() {
    let daemons = Daemons::start(&["-n", "2"]);
    let (_sandbox, tailnet) = sandbox().await;
    let (recorded, store) = crate::support::changes::recorded(&tailnet);
    let plan = daemons.on(1, &recorded).this_node().plan_accept_routes(true).await.unwrap();
    let report = daemons.on(1, &recorded).apply(&plan).await.unwrap();

    let undo = daemons.on(2, &recorded).changes().plan_undo(report.change.unwrap()).await;

    let error = undo.unwrap_err();
    assert!(error.to_string().contains("runs on `node2`"), "{error}");
    drop(store);
}

//! Two replicas that share nothing but a key: a question that one asks is answered by the other.

use serde_json::{Value, json};
use tailsteward::{
    Tailnet,
    mcp::{SealingKey, Server, Setup},
    tool::Risk,
};

use crate::support::{
    http::{Served, message, modern},
    tailnet::sandbox,
};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

async fn replica(tailnet: &Tailnet, key: SealingKey) -> Served {
    let mut setup = Setup::new(Risk::Danger).unwrap();
    setup.sealing_key = key;
    let product = Server::new(tailnet.clone(), setup);
    Served::serve(product, true, |it| it.stateless = true).await.0
}

/// Asks for the removal of a device, with what the client brings back from the question.
async fn remove(served: &Served, device: &str, answer: Option<&Value>) -> Value {
    let arguments = json!({ "device": device, "how": "remove" });
    let mut call = modern("revoke_device", &arguments);
    let capable = json!({ "elicitation": { "form": {} } });
    call["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capable;
    if let Some(state) = answer {
        call["params"]["requestState"] = state.clone();
        let yes = json!({ "action": "accept", "content": { "confirm": true } });
        call["params"]["inputResponses"] = json!({ "confirm": yes });
    }
    let request = served
        .post(&call)
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "revoke_device");
    message(request.send().await.unwrap()).await["result"].take()
}

#[tokio::test]
async fn a_question_of_one_replica_is_answered_by_another() {
    let (_sandbox, tailnet) = sandbox().await;
    let shared = || SealingKey::parse(&KEY.into()).unwrap();
    let asks = replica(&tailnet, shared()).await;
    let answers = replica(&tailnet, shared()).await;
    let stranger = replica(&tailnet, SealingKey::random().unwrap()).await;

    let question = remove(&asks, "web-01", None).await;

    assert_eq!(question["resultType"], "input_required", "{question}");
    let state = &question["requestState"];
    let refused = remove(&stranger, "web-01", Some(state)).await;
    assert_eq!(refused["isError"], true, "{refused}");
    let other = remove(&answers, "web-02", Some(state)).await;
    assert_eq!(other["isError"], true, "for another device: {other}");
    let done = remove(&answers, "web-01", Some(state)).await;
    assert!(done["content"][0]["text"].as_str().unwrap().contains("\"applied\":true"), "{done}");
    let left = tailnet.devices().list().await.unwrap();
    assert!(left.iter().any(|it| it.short_name() == "web-02"));
    assert!(!left.iter().any(|it| it.short_name() == "web-01"));
    let again = remove(&answers, "web-01", Some(state)).await;
    assert_eq!(again["isError"], true, "{again}");
}

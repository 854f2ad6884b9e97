//! What the tools and their answers cost a model, in cl100k tokens.

use serde_json::{Value, json};
use tailsteward::{catalogue, catalogue::Offer, mcp, tool::Risk};

use crate::support::{agent::Agent, tailnet::sandbox};

fn tokens(text: &str) -> usize {
    tiktoken_rs::cl100k_base_singleton().encode_with_special_tokens(text).len()
}

fn list(access: Risk) -> usize {
    let tools: Vec<_> = Offer::up_to(access).tools().map(|it| mcp::describe(it, access)).collect();
    tokens(&serde_json::to_string(&tools).unwrap())
}

/// Room for descriptions that stand alone and have the words of those who ask, by which a search finds them.
const READ: usize = 2_600;
const DANGER: usize = 4_560;
/// Of one tool, on average. Alert rules have many parameters, of which each condition takes a few.
const MEAN: usize = 145;

#[test]
fn the_list_of_tools_stays_small() {
    let (read, danger) = (list(Risk::Read), list(Risk::Danger));
    let mut all = 0;
    for tool in catalogue::all() {
        let text = serde_json::to_string(&mcp::describe(tool, Risk::Danger)).unwrap();
        println!("{:>5} {}", tokens(&text), tool.name);
        all += tokens(&text);
    }
    let mean = all / catalogue::all().count();
    println!("tools/list: {read} tokens with read access, {danger} with danger, {mean} a tool");
    assert!(read <= READ, "{read}");
    assert!(danger <= DANGER, "{danger}");
    assert!(mean <= MEAN, "{mean}");
}

#[tokio::test]
async fn the_instructions_stay_short() {
    let (_sandbox, tailnet) = sandbox().await;
    for access in [Risk::Read, Risk::Change, Risk::Danger] {
        let text = Agent::of(&tailnet, access).await.instructions();
        assert!(!text.is_empty() && text.len() <= 2_048, "{}", text.len());
        assert_eq!(text.contains("dry_run"), access > Risk::Read);
    }
}

#[tokio::test]
async fn a_page_of_devices_costs_45_tokens_a_device_and_6_kb_at_most() {
    let (_sandbox, tailnet) = sandbox().await;
    let agent = Agent::of(&tailnet, Risk::Read).await;

    for arguments in [json!({}), json!({ "online": false }), json!({ "sort": "last_seen" })] {
        let text = agent.text("list_devices", arguments.clone()).await;
        let page: Value = serde_json::from_str(&text).unwrap();
        let shown = usize::try_from(page["shown"].as_u64().unwrap()).unwrap();
        let cost = tokens(&text);
        println!("{arguments}: {} bytes, {} tokens a device", text.len(), cost / shown);
        assert!(shown >= 30, "{shown}");
        assert!(text.len() <= 6_000, "{} bytes", text.len());
        assert!(cost <= 45 * shown, "{cost} tokens for {shown} devices");
    }
}

//! `tailsteward tools`: lists the offered tools and their cost in tokens.

use std::fmt::Write as _;

use serde_json::json;

use crate::{catalogue::Offer, mcp, words::counted};

/// The tokens in a kilobyte of tool definitions, measured with `cl100k`.
const TOKENS_A_KILOBYTE: usize = 226;

fn tokens(bytes: usize) -> usize {
    bytes * TOKENS_A_KILOBYTE / 1000
}

/// Lists the offered tools, as a server for the tailnets with these names describes them.
pub(super) fn list(offer: &Offer, tailnets: &[&str], json: bool) -> String {
    let access = offer.access();
    let rows: Vec<_> = offer
        .tools()
        .map(|tool| {
            let described = mcp::describe_among(tool, access, tailnets);
            let bytes = serde_json::to_string(&described).map_or(0, |it| it.len());
            (tool, bytes)
        })
        .collect();
    let total: usize = rows.iter().map(|(_, bytes)| bytes).sum();
    if json {
        let tools: Vec<_> = rows
            .iter()
            .map(|(tool, bytes)| {
                json!({
                    "name": tool.name, "risk": tool.risk, "description": tool.description(),
                    "scopes": tool.scopes(), "bytes": bytes, "tokens": tokens(*bytes),
                })
            })
            .collect();
        return json!({
            "access": access, "tools": tools, "bytes": total, "tokens": tokens(total),
        })
        .to_string();
    }
    let mut text = String::new();
    let _ = writeln!(text, "{:<32} {:<7} {:>6} {:>7}", "tool", "risk", "bytes", "tokens");
    for (tool, bytes) in &rows {
        let risk = tool.risk.to_string();
        let tokens = tokens(*bytes);
        let _ = writeln!(text, "{:<32} {risk:<7} {bytes:>6} {tokens:>7}", tool.name);
    }
    let _ = write!(
        text,
        "{} with `{access}` access: {total} bytes, about {} tokens",
        counted(rows.len(), "tool", "tools"),
        tokens(total)
    );
    text
}

//! `tailsteward tools`: the catalogue of the tools, and a page about one of them.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::shown::{heading, push_wrapped, width};
use crate::{
    catalogue::{self, Offer},
    client::Result,
    mcp,
    tool::ToolDef,
    words::counted,
};

mod page;

/// The tokens in a kilobyte of tool definitions, measured with `cl100k`.
const TOKENS_A_KILOBYTE: usize = 226;
/// The columns of a name in the catalogue.
const NAME: usize = 30;

fn tokens(bytes: usize) -> usize {
    bytes * TOKENS_A_KILOBYTE / 1000
}

/// Which tools to list, or the one to describe.
#[derive(Debug, clap::Args)]
pub(super) struct ToolsArguments {
    /// Describe this tool: its parameters, an example, its scopes, and what can be undone
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl ToolsArguments {
    /// The offered tools, as a server for the tailnets with these names describes them, or one tool.
    pub(super) fn text(&self, offer: &Offer, tailnets: &[&str]) -> Result<String> {
        match &self.name {
            Some(name) => page(name, offer, self.json),
            None => Ok(list(offer, tailnets, self.json)),
        }
    }
}

/// The page about the tool called `name`, whether it is offered or not.
pub(super) fn page(name: &str, offer: &Offer, json: bool) -> Result<String> {
    let tool = catalogue::named(name)?;
    Ok(if json { page::json(tool).to_string() } else { page::text(tool, offer, width()) })
}

/// The parameters of the tool called `name`.
pub(super) fn parameters(name: &str) -> Result<String> {
    Ok(page::parameters_of(catalogue::named(name)?, width()))
}

struct Row {
    tool: &'static ToolDef,
    bytes: usize,
}

fn list(offer: &Offer, tailnets: &[&str], json: bool) -> String {
    let access = offer.access();
    let row = |tool| {
        let described = mcp::describe_among(tool, access, tailnets);
        let bytes = serde_json::to_string(&described).map_or(0, |it| it.len());
        Row { tool, bytes }
    };
    let sets: Vec<(&str, Vec<Row>)> = offer
        .toolsets()
        .map(|set| {
            let tools = set.tools.iter().filter(|it| offer.takes(it));
            (set.name, tools.map(row).collect::<Vec<_>>())
        })
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    let all = || sets.iter().flat_map(|(_, rows)| rows);
    let total: usize = all().map(|it| it.bytes).sum();
    if json {
        let tools: Vec<Value> =
            sets.iter().flat_map(|(set, rows)| rows.iter().map(|row| row.json(set))).collect();
        return json!({
            "access": access, "tools": tools, "bytes": total, "tokens": tokens(total),
        })
        .to_string();
    }
    let mut text = String::new();
    for (set, rows) in &sets {
        let _ = writeln!(text, "{}", heading(set));
        for row in rows {
            let mut lines = Vec::new();
            push_wrapped(&mut lines, &row.start(), &row.about(), width());
            let _ = writeln!(text, "{}", lines.join("\n"));
        }
        text.push('\n');
    }
    let _ = write!(
        text,
        "{} with `{access}` access, which cost a model about {} tokens (each in brackets)",
        counted(all().count(), "tool", "tools"),
        tokens(total)
    );
    let more = catalogue::all().count().saturating_sub(all().count());
    if more > 0 {
        let _ = write!(
            text,
            "\n{} not offered here: list them with --toolsets all --access danger",
            counted(more, "more tool is", "more tools are")
        );
    }
    text.push_str("\nParameters and an example of a tool: tailsteward tools NAME");
    text
}

impl Row {
    fn start(&self) -> String {
        let risk = self.tool.risk.to_string();
        format!("  {:<NAME$} {risk:<6}  ", self.tool.name)
    }

    fn about(&self) -> String {
        format!("{} [{}]", self.tool.description(), tokens(self.bytes))
    }

    fn json(&self, set: &str) -> Value {
        let Self { tool, bytes } = self;
        json!({
            "name": tool.name, "toolset": set, "risk": tool.risk, "description": tool.description(),
            "scopes": tool.scopes(), "bytes": bytes, "tokens": tokens(*bytes),
        })
    }
}

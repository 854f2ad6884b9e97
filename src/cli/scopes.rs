//! `tailsteward scopes`: the least that a credential has to allow.

use std::collections::BTreeSet;

use serde_json::json;

use super::{server_options::Offered, shown::push_wrapped};
use crate::{catalogue::Offer, client::Result, words::counted};

/// The scopes with which a credential needs tags, which its keys and devices get.
const NEED_TAGS: [&str; 2] = ["auth_keys", "devices:core"];

/// For which tools.
#[derive(Debug, clap::Args)]
pub(super) struct ScopesArguments {
    /// Toolsets, as for --toolsets; without them, those that the options select
    #[arg(value_name = "TOOLSETS")]
    names: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl ScopesArguments {
    /// The scopes of all tools that are offered.
    pub(super) fn text(&self, offered: &Offered, sandbox: bool) -> Result<String> {
        let offered = offered.with_toolsets(&self.names)?;
        let offer = offered.offer(&[], sandbox)?;
        let scopes = least(&offer);
        let tags = NEED_TAGS.into_iter().filter(|it| scopes.contains(it)).collect::<Vec<_>>();
        if self.json {
            let tools: Vec<&str> = offer.tools().map(|it| it.name).collect();
            return Ok(json!({
                "access": offer.access(), "scopes": scopes, "need_tags": tags, "tools": tools,
            })
            .to_string());
        }
        let mut lines: Vec<String> = scopes.iter().map(|it| (*it).to_owned()).collect();
        lines.push(String::new());
        let about = format!(
            "{} with `{}` access need {}. Select these for an OAuth client or a federated identity on the \
             Trust credentials page of the admin console; any of them can be left out, and the tools that \
             need it are then not offered.",
            counted(offer.tools().count(), "tool", "tools"),
            offer.access(),
            counted(scopes.len(), "scope", "scopes"),
        );
        push_wrapped(&mut lines, "", &about, super::shown::width());
        if !tags.is_empty() {
            let verb = if tags.len() == 1 { "needs" } else { "need" };
            let about = format!(
                "{} {verb} tags: select those that the credential's keys and devices may get.",
                tags.join(" and ")
            );
            push_wrapped(&mut lines, "", &about, super::shown::width());
        }
        Ok(lines.join("\n"))
    }
}

/// The scopes of all tools. One that allows writing allows reading, too.
fn least(offer: &Offer) -> BTreeSet<&'static str> {
    let all: BTreeSet<&str> = offer.tools().flat_map(crate::tool::ToolDef::scopes).collect();
    let writes = |scope: &str| scope.strip_suffix(":read").is_some_and(|it| all.contains(it));
    all.iter().copied().filter(|scope| !writes(scope)).collect()
}

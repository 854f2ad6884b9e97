//! The `policy` commands that ask: `diff`, `who-can-reach` and `can-reach`.

use serde_json::json;

use super::NO;
use crate::{
    Error, Tailnet,
    cli::print,
    client::Result,
    policy::{CutOff, Effect, Policy, Ports},
};

/// Prints which access a new file adds and removes. Returns whether there is any difference.
pub(super) async fn diff(old: &str, new: &str, tailnet: &Tailnet, json: bool) -> Result<bool> {
    let inventory = tailnet.policy_file().inventory().await?;
    let (before, after) = (parsed(old)?, parsed(new)?);
    let (before, after) = (before.compile(&inventory), after.compile(&inventory));
    let effect = Effect::between(&before, &after);
    let cut = CutOff::between(&before, &after);
    if json {
        print(&json!({ "effect": effect, "cut_off": cut }).to_string());
        return Ok(!effect.is_equal());
    }
    if effect.is_equal() {
        print("no access is gained or lost");
    }
    for line in effect.lines() {
        print(&line);
    }
    for it in &cut {
        print(&format!("! {it}"));
    }
    Ok(!effect.is_equal())
}

/// Prints which sources reach `to`, rule by rule.
pub(super) async fn who(to: &str, text: &str, tailnet: &Tailnet) -> Result<u8> {
    let judged = tailnet.policy_file().judged(Some(text)).await?;
    let entries = judged
        .compiled()
        .who_reaches(to)
        .map_err(|wrong| Error::invalid_input("to", format!("is invalid: {wrong}")))?;
    if entries.is_empty() {
        print(&format!("nothing can reach {to}"));
        return Ok(NO);
    }
    for it in &entries {
        let posture = match it.if_posture.join(" or ") {
            none if none.is_empty() => none,
            postures => format!(", with {postures}"),
        };
        let devices = if it.devices == 1 { "device" } else { "devices" };
        print(&format!(
            "{} ({} {devices}) on {}{posture}: {}, line {}",
            it.who.join(", "),
            it.devices,
            it.ports.join(", "),
            it.by.rule,
            it.by.at.line
        ));
    }
    if to.starts_with("tag:") {
        print(&format!("note: devices with {to} may also be reachable through their other tags"));
    }
    Ok(0)
}

/// Prints whether `from` reaches `to`, and by which rule, or why not.
pub(super) async fn can(
    from: &str,
    to: &str,
    port: &str,
    text: &str,
    tailnet: &Tailnet,
) -> Result<u8> {
    let ports =
        Ports::one(port).map_err(|wrong| Error::invalid_input("port", wrong.to_string()))?;
    let judged = tailnet.policy_file().judged(Some(text)).await?;
    let wrong = |field: &'static str| {
        move |wrong: String| Error::invalid_input(field, format!("is invalid: {wrong}"))
    };
    let policy = judged.compiled();
    policy.check_end(from).map_err(wrong("from"))?;
    policy.check_end(to).map_err(wrong("to"))?;
    let answer = policy.ask(from, to, ports.protocol, ports.first).map_err(wrong("from"))?;
    let verb = if answer.allowed { "reaches" } else { "does not reach" };
    print(&format!("{} {verb} {} on {}", answer.from, answer.to, answer.port));
    for by in &answer.by {
        print(&format!("  by {}, line {}: {}", by.rule, by.at.line, by.text));
    }
    for why in &answer.because {
        print(&format!("  because {why}"));
    }
    if let Some(grant) = &answer.smallest_grant {
        print(&format!("  the smallest grant that would allow it: {grant}"));
    }
    for note in &answer.notes {
        print(&format!("  note: {note}"));
    }
    Ok(if answer.allowed { 0 } else { NO })
}

fn parsed(text: &str) -> Result<Policy> {
    Policy::parse(text)
        .map_err(|wrong| Error::invalid_input("file", format!("is not valid HuJSON: {wrong}")))
}

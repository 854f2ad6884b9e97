//! What rules find in facts that are not about devices. Pure.

use jiff::Timestamp;

use super::{
    facts::{Facts, longest_gap},
    judge::{Found, Unknown},
    rule::Ready,
    when::When,
};
use crate::{
    history::{Event, Field, Remembered, Seconds},
    words::to_the_second,
};

/// The sources of log streams. Each has one stream, whose ID is the name of the source.
pub(super) const STREAMS: [&str; 2] = ["stream of audit logs", "stream of flow logs"];
/// How long an entry of the audit log fires.
pub(super) const EVENTS: Seconds = 86_400;
/// What the reason has in it if the API refuses a credential.
const REFUSED: &str = "401 Unauthorized";
/// How old an audit may be for what it found to count.
const AUDIT: Seconds = 26 * 3_600;

/// What a rule finds that is not about devices.
pub(super) fn judge<'a>(rule: &'a Ready, facts: &Facts<'a>) -> Found<'a> {
    let mut found = Found::default();
    let known = match rule.when {
        When::CredentialExpires => credentials(rule, facts, &mut found),
        When::OurCredential => own_credential(rule, facts, &mut found),
        When::SettingIs => setting(rule, facts, &mut found),
        When::Event => events(rule, facts, &mut found),
        When::Finding => finding(rule, facts, &mut found),
        When::StreamFailing => {
            for stream in STREAMS {
                if failing(facts, stream, Field::LAST_ERROR, &mut found).is_none() {
                    found.unknown.push(Unknown::Key(stream));
                }
            }
            Some(())
        }
        When::PostureSyncFailing => {
            failing(facts, "posture integrations", Field::SYNC_ERROR, &mut found)
        }
        When::NotWatched => {
            not_watched(rule, facts, &mut found);
            Some(())
        }
        _ => None,
    };
    known.map_or_else(Found::unknown, |()| found)
}

/// Users that wait for approval.
pub(super) fn users<'a>(rule: &'a Ready, facts: &Facts<'a>, found: &mut Found<'a>) {
    if !rule.scope.is_empty() {
        return;
    }
    let Some(users) = facts.things("users") else {
        return found.unknown.push(Unknown::Kind("user"));
    };
    for user in users.things() {
        if user.value(Field::STATUS) != "needs-approval" {
            continue;
        }
        let since = user.value(Field::CREATED).parse::<Timestamp>().ok();
        let since = since.map(Timestamp::as_second);
        if since.is_none_or(|at| facts.now - at >= rule.longer_than) {
            found.holds("user", user.key(), user.name(), since, "needs approval");
        }
    }
}

fn credentials<'a>(rule: &'a Ready, facts: &Facts<'a>, found: &mut Found<'a>) -> Option<()> {
    for key in facts.things("keys")?.things() {
        let kind = key.value(Field::KEY_TYPE);
        let is_wanted = rule.rule.kinds.is_empty() || rule.rule.kinds.iter().any(|it| it == kind);
        if is_wanted && let Some((since, summary)) = ends_soon(key, rule, facts) {
            found.holds("key", key.key(), key.name(), Some(since), summary);
        }
    }
    Some(())
}

/// Since when a key ends within the rule's time, in words. None if it does not, or has ended.
fn ends_soon(key: Remembered<'_>, rule: &Ready, facts: &Facts<'_>) -> Option<(Seconds, String)> {
    let is_dead = [Field::REVOKED, Field::INVALID].iter().any(|it| !key.value(*it).is_empty());
    let expires: Timestamp = key.value(Field::EXPIRES).parse().ok()?;
    let at = expires.as_second();
    let soon = !is_dead && at > facts.now && at - facts.now <= rule.within;
    soon.then(|| (at - rule.within, format!("expires at {}", to_the_second(expires))))
}

fn own_credential<'a>(rule: &'a Ready, facts: &Facts<'a>, found: &mut Found<'a>) -> Option<()> {
    let id = facts.credential;
    let devices = facts.looks.iter().find(|it| it.source == "devices");
    if let Some(look) = devices
        && look.error.as_deref().is_some_and(|it| it.contains(REFUSED))
    {
        let summary = "Tailscale refuses the credential of this server";
        found.holds("key", id, "the server's credential", look.good_at, summary);
        return Some(());
    }
    if let Some(key) = facts.things("keys")?.thing(id)
        && let Some((since, summary)) = ends_soon(key, rule, facts)
    {
        found.holds("key", id, key.name(), Some(since), format!("used by this server, {summary}"));
    }
    Some(())
}

fn setting<'a>(rule: &'a Ready, facts: &Facts<'a>, found: &mut Found<'a>) -> Option<()> {
    let settings = facts.things("settings")?.things().next()?;
    let name = rule.rule.setting.as_deref().unwrap_or_default();
    let is = settings.value(Field::named(name)?);
    // The credential may not read it.
    if is.is_empty() {
        return None;
    }
    let wanted = rule.rule.value.as_deref().unwrap_or_default();
    let written = match wanted {
        "true" => "1",
        "false" => "0",
        other => other,
    };
    if is == written {
        found.holds("setting", name, name, None, format!("is {wanted}"));
    }
    Some(())
}

fn events<'a>(rule: &'a Ready, facts: &Facts<'a>, found: &mut Found<'a>) -> Option<()> {
    facts.things("audit log").map(drop).or_else(|| {
        let look = facts.looks.iter().find(|it| it.source == "audit log")?;
        (facts.now - look.good_at? <= longest_gap("audit log")).then_some(())
    })?;
    let recent = facts.events.iter().filter(|it| facts.now - it.at < EVENTS);
    for event in recent.filter(|it| rule.rule.events.iter().any(|wanted| is_event(it, wanted))) {
        let what = [&event.action, &event.target, &event.property].map(String::as_str).join(" ");
        let summary = format!("{} by {}", what.trim_end(), event.actor);
        let name = if event.target_id.is_empty() { &event.target } else { &event.target_id };
        found.holds("event", &event.entry, name, Some(event.at), summary);
    }
    Some(())
}

/// Whether an entry of the audit log is what is `wanted`: `TARGET.ACTION.PROPERTY`, with `*` for any, and with
/// `=VALUE` for a value; or the kind of an actor.
fn is_event(event: &Event, wanted: &str) -> bool {
    let (path, value) = wanted.split_once('=').map_or((wanted, None), |(it, of)| (it, Some(of)));
    let parts: Vec<&str> = path.split('.').collect();
    let is = |wanted: &str, it: &str| wanted == "*" || wanted.eq_ignore_ascii_case(it);
    let is_value = value.is_none_or(|it| it.eq_ignore_ascii_case(&event.value));
    match parts.as_slice() {
        [actor] => is(actor, &event.actor_kind),
        [target, action] => is(target, &event.target) && is(action, &event.action) && is_value,
        [target, action, property] => {
            let named = is(target, &event.target) && is(action, &event.action);
            named && is(property, &event.property) && is_value
        }
        _ => false,
    }
}

fn finding<'a>(rule: &'a Ready, facts: &Facts<'a>, found: &mut Found<'a>) -> Option<()> {
    let (_, failing) = facts.audit.filter(|(at, _)| facts.now - at <= AUDIT)?;
    let check = rule.rule.check.as_deref().unwrap_or_default();
    if failing.iter().any(|it| it.eq_ignore_ascii_case(check)) {
        let title = crate::checks::find(check).map_or("", |it| it.title);
        found.holds("check", check, check, None, format!("fails in the last audit: {title}"));
    }
    Some(())
}

fn failing<'a>(
    facts: &Facts<'a>,
    source: &'static str,
    error: Field,
    found: &mut Found<'a>,
) -> Option<()> {
    for thing in facts.things(source)?.things() {
        let why = thing.value(error);
        if !why.is_empty() {
            let summary = format!("fails: {}", why.chars().take(200).collect::<String>());
            found.holds("integration", thing.key(), thing.name(), None, summary);
        }
    }
    Some(())
}

fn not_watched<'a>(rule: &'a Ready, facts: &Facts<'a>, found: &mut Found<'a>) {
    for look in facts.looks {
        let longest = rule.longer_than.max(longest_gap(&look.source));
        // What never could be read is no news: the credential may lack the scope.
        let Some(since) = look.good_at else { continue };
        if look.error.is_some() && facts.now - since > longest {
            let why = look.error.as_deref().unwrap_or_default();
            let summary = format!("cannot be read: {}", why.chars().take(200).collect::<String>());
            found.holds("source", &look.source, &look.source, Some(since), summary);
        }
    }
}

//! Prompts for frequent tasks of administrators, with the tools to use.

use rmcp::{
    ErrorData,
    model::{GetPromptResult, Prompt, PromptArgument, PromptMessage, Role},
};
use serde_json::{Map, Value};

use crate::{
    catalogue::{self, Offer},
    visible::{visible, visible_up_to},
    words::counted,
};

/// An argument of a prompt: name, description, whether it is required.
type Parameter = (&'static str, &'static str, bool);

struct Kind {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    /// The tools that the text names. Without any of them, the prompt is not offered.
    tools: &'static [&'static str],
    /// The text, with parameters in braces.
    words: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "why_no_connection",
        title: "Why can't A reach B?",
        about: "Find out why one device, user or tag cannot reach another.",
        parameters: &[
            ("from", "Device, user, group or tag that cannot connect.", true),
            ("to", "Device, tag, service or address that is not reached.", true),
            ("port", "The port, such as `22` or `tcp:443`.", false),
        ],
        tools: &["test_acl_policy", "get_device_status", "get_device_logs"],
        words: "Find out why {from} cannot reach {to} (port: {port}). Ask test_acl_policy whether the \
                policy file allows it, by which rule, and if not what the smallest grant would be. For \
                each end that is a device, look with get_device_status whether it is authorized and \
                online, and whether its key is valid. Look with get_device_logs whether anything about \
                either changed recently. Change nothing; say what you found, and how sure you are.",
    },
    Kind {
        name: "clean_up_stale_devices",
        title: "Clean up stale devices",
        about: "Find devices that are no longer used, and propose what to do about each.",
        parameters: &[("days", "Days without a connection, a number; default 90.", false)],
        tools: &["find_stale_devices", "find_duplicate_devices"],
        words: "Find devices that have not been connected for {days} with find_stale_devices, and \
                machines that are registered twice with find_duplicate_devices. For each, say who owns \
                it, which tags and routes it has, and whether removing it could break something. \
                Propose a list to remove and one to deauthorize first, and wait until I agree. Then do \
                it with one call of remove_devices or deauthorize_devices, and report the result.",
    },
    Kind {
        name: "review_policy_change",
        title: "Review a policy change",
        about: "Review a change to the policy file before it is made.",
        parameters: &[("change", "The new policy file, or the intended change.", true)],
        tools: &["update_acl_policy", "policy_analyzer"],
        words: "Review this change to the tailnet's policy file before it is made:\n\n\
                {change}\n\nCall update_acl_policy with it and `dry_run`: the plan says who gains and \
                who loses access to what, what could not be judged, and whether tests fail. Look with \
                policy_analyzer for rules that are broad or never apply. Say it in plain words, point \
                out what is broader than it needs to be, and whether an admin could be locked out. \
                Change nothing.",
    },
    Kind {
        name: "weekly_review",
        title: "Weekly review",
        about: "Review the tailnet as an administrator would once a week.",
        parameters: &[("days", "How far back, a number of days; default 7.", false)],
        tools: &[
            "get_network_status",
            "device_audit",
            "get_uptime_statistics",
            "control_connectivity",
            "get_audit_logs",
        ],
        words: "Review the tailnet for the last {days}. Call get_network_status; device_audit for what is \
                wrong; get_uptime_statistics with that window for the servers and routers; \
                control_connectivity for what is flapping or silent; get_audit_logs for what was changed, \
                and by whom. Say first what needs somebody, with the first step; then what is worse than \
                it should be; then, in one line, what is fine. Say how much of the time was watched, and \
                what could not be read. Change nothing.",
    },
    Kind {
        name: "what_changed",
        title: "What changed recently?",
        about: "Report what was changed in the tailnet, and what looks unusual.",
        parameters: &[("hours", "How far back, a number of hours; default 24.", false)],
        tools: &["get_audit_logs", "list_changes"],
        words: "Report what was changed in the last {hours}. The tailnet's own audit log has \
                every change, whoever made it: call get_audit_logs. \
                list_changes has only what was changed through this server, with what can be undone. \
                Group it by who did it. Point out what failed, what has an unknown outcome, what \
                cannot be undone, and what looks unusual. Change nothing.",
    },
];

/// The longest argument: a policy file is longer than anything else.
const MAX_ARGUMENT_BYTES: usize = 200_000;

/// An error if the argument cannot be what the prompt asks for.
fn check(parameter: &str, value: &str) -> std::result::Result<(), String> {
    if value.len() > MAX_ARGUMENT_BYTES {
        return Err(format!("`{parameter}` is longer than {MAX_ARGUMENT_BYTES} bytes"));
    }
    let is_number = matches!(parameter, "days" | "hours");
    if is_number && !value.parse::<u32>().is_ok_and(|number| (1..=10_000).contains(&number)) {
        return Err(format!("`{parameter}` must be a number from 1 to 10000"));
    }
    Ok(())
}

/// The default value of an optional parameter.
fn default(prompt: &str, parameter: &str) -> &'static str {
    match (prompt, parameter) {
        ("weekly_review", "days") => "7",
        (_, "days") => "90",
        (_, "hours") => "24",
        _ => "any",
    }
}

/// The prompts for which the caller has a tool. Who is not limited also gets those that need a toolset that the
/// administrator has not selected, and finds out which.
fn listed(offer: &Offer, of_server: &Offer) -> impl Iterator<Item = &'static Kind> {
    let has_any = |offer: &Offer, kind: &Kind| {
        kind.tools.iter().any(|it| catalogue::named(it).is_ok_and(|tool| offer.takes(tool)))
    };
    KINDS.iter().filter(move |kind| {
        has_any(offer, kind) || !(offer.is_limited() || has_any(of_server, kind))
    })
}

pub(super) fn list(offer: &Offer, of_server: &Offer) -> Vec<Prompt> {
    let describe = |it: &Kind| {
        let arguments = it.parameters.iter().map(|(name, about, required)| {
            PromptArgument::new(*name).with_description(*about).with_required(*required)
        });
        let arguments: Vec<PromptArgument> = arguments.collect();
        Prompt::new(it.name, Some(it.about), Some(arguments)).with_title(it.title)
    };
    listed(offer, of_server).map(describe).collect()
}

pub(super) fn get(
    (offer, of_server): (&Offer, &Offer),
    name: &str,
    arguments: &Map<String, Value>,
) -> std::result::Result<GetPromptResult, ErrorData> {
    let wrong = |text: String| ErrorData::invalid_params(text, None);
    let kind = listed(offer, of_server).find(|it| it.name == name).ok_or_else(|| {
        let names: Vec<&str> = listed(offer, of_server).map(|it| it.name).collect();
        let name = visible_up_to(name, 100);
        wrong(format!("unknown prompt `{name}`; known prompts: {}", names.join(", ")))
    })?;
    if let Some(odd) = arguments.keys().find(|it| kind.parameters.iter().all(|p| p.0 != **it)) {
        return Err(wrong(format!("`{name}` has no argument `{odd}`")));
    }
    let mut words = kind.words.to_owned();
    for (parameter, about, required) in kind.parameters {
        let given = arguments.get(*parameter).and_then(Value::as_str);
        let given = given.map(str::trim).filter(|it| !it.is_empty());
        if given.is_none() && *required {
            return Err(wrong(format!("`{parameter}` is required: {about}")));
        }
        let value = given.unwrap_or_else(|| default(kind.name, parameter));
        given.map_or(Ok(()), |given| check(parameter, given)).map_err(wrong)?;
        let lines: Vec<_> = value.lines().map(visible).collect();
        let value = match (*parameter, value.parse()) {
            ("days", Ok(days)) => counted(days, "day", "days"),
            ("hours", Ok(hours)) => counted(hours, "hour", "hours"),
            _ => lines.join("\n"),
        };
        words = words.replace(&format!("{{{parameter}}}"), &value);
    }
    let message = PromptMessage::new_text(Role::User, words);
    Ok(GetPromptResult::new(vec![message]).with_description(kind.about))
}

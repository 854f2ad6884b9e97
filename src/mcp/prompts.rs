//! Prompts for frequent tasks of administrators, with the tools to use.

use rmcp::{
    ErrorData,
    model::{GetPromptResult, Prompt, PromptArgument, PromptMessage, Role},
};
use serde_json::{Map, Value};

/// An argument of a prompt: name, description, whether it is required.
type Parameter = (&'static str, &'static str, bool);

struct Kind {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    parameters: &'static [Parameter],
    /// The text, with parameters in braces.
    words: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "why_no_connection",
        title: "Why can't A reach B?",
        about: "Find out why one device cannot reach another.",
        parameters: &[
            ("from", "The device that tries.", true),
            ("to", "The device that is not reached.", true),
            ("port", "The port, such as `22` or `tcp:443`.", false),
        ],
        words: "Find out why {from} cannot reach {to} (port: {port}). Look at both with \
                get_device_status: are they authorized, online, and are their keys valid? Read the \
                policy file (resource tailnet://policy) and name the rule that allows this \
                connection, or say that none does and what the smallest grant would be. Look with \
                get_device_logs whether anything about either changed lately. Change nothing; say \
                what you found, and how sure you are.",
    },
    Kind {
        name: "clean_up_stale_devices",
        title: "Clean up stale devices",
        about: "Find devices that nobody uses any more, and propose what to do about each.",
        parameters: &[("days", "Days without a connection; usually 90.", false)],
        words: "List devices that have not been connected for {days} days (list_devices with \
                `silent_for`), sorted by `last_seen`. Leave out what is shared in. For each, say who \
                owns it, which tags and routes it has, and whether removing it could break \
                something: subnet routers, exit nodes, servers. Propose a list to remove, and wait \
                until I agree. Then remove them one by one, and tell what became of each.",
    },
    Kind {
        name: "review_policy_change",
        title: "Review a policy change",
        about: "Judge a change of the policy file before it is made.",
        parameters: &[("change", "The new policy file, or what shall change.", true)],
        words: "Review this change of the tailnet's policy file before anybody makes it:\n\n\
                {change}\n\nRead the policy file as it is (resource tailnet://policy). Say in plain \
                words who gains and who loses access to what, with the devices it affects \
                (list_devices by tag and user). Point out what is broader than it needs to be, tags \
                that nobody owns, groups that are empty, and rules that never apply. Say whether an \
                admin could lock themselves out. Change nothing.",
    },
    Kind {
        name: "what_changed",
        title: "What changed lately?",
        about: "Tell what was changed in the tailnet, and what looks odd.",
        parameters: &[("hours", "How far back; usually 24.", false)],
        words: "Tell me what was changed in the last {hours} hours: through this server \
                (list_changes), and about the devices it names (get_device_logs). Group it by who \
                did it. Point out what failed, what has an unknown outcome, what cannot be undone, \
                and what looks unusual. Change nothing.",
    },
];

/// The default value of an optional parameter.
fn default(parameter: &str) -> &'static str {
    match parameter {
        "days" => "90",
        "hours" => "24",
        _ => "any",
    }
}

pub(super) fn list() -> Vec<Prompt> {
    let describe = |it: &Kind| {
        let arguments = it.parameters.iter().map(|(name, about, required)| {
            PromptArgument::new(*name).with_description(*about).with_required(*required)
        });
        let arguments: Vec<PromptArgument> = arguments.collect();
        Prompt::new(it.name, Some(it.about), Some(arguments)).with_title(it.title)
    };
    KINDS.iter().map(describe).collect()
}

pub(super) fn get(
    name: &str,
    arguments: &Map<String, Value>,
) -> std::result::Result<GetPromptResult, ErrorData> {
    let wrong = |text: String| ErrorData::invalid_params(text, None);
    let kind = KINDS.iter().find(|it| it.name == name).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|it| it.name).collect();
        wrong(format!("there is no prompt `{name}`; there is {}", names.join(", ")))
    })?;
    if let Some(odd) = arguments.keys().find(|it| kind.parameters.iter().all(|p| p.0 != **it)) {
        return Err(wrong(format!("`{name}` has no argument `{odd}`")));
    }
    let mut words = kind.words.to_owned();
    for (parameter, about, required) in kind.parameters {
        let given = arguments.get(*parameter).and_then(Value::as_str);
        let given = given.map(str::trim).filter(|it| !it.is_empty());
        if given.is_none() && *required {
            return Err(wrong(format!("`{parameter}` is missing: {about}")));
        }
        let value = given.unwrap_or_else(|| default(parameter));
        words = words.replace(&format!("{{{parameter}}}"), value);
    }
    let message = PromptMessage::new_text(Role::User, words);
    Ok(GetPromptResult::new(vec![message]).with_description(kind.about))
}

//! Which of the options that stand before and after a command apply to it: the others are not in its help, and
//! giving one of them is an error.

use clap::{
    Command, CommandFactory, FromArgMatches, error::ErrorKind as Usage, parser::ValueSource,
};

/// How the log is written; applies to all.
const LOG: &[&str] = &["log", "log_format"];
/// Which tailnet it is about.
const TAILNET: &[&str] = &[
    "sandbox",
    "sandbox_devices",
    "profiles",
    "private_resolvers",
    "config",
    "socket",
    "funnel_ingress",
];
/// Which tools there are.
const TOOLS: &[&str] = &["access", "toolsets", "tools", "exclude_tools", "read_only"];
/// How changes are confirmed, and under which name.
const CHANGES: &[&str] = &["yes", "confirm", "local"];
/// Where things are kept. The history is beside the journal unless it has a place of its own.
const KEPT: &[&str] = &["store", "history"];

/// The groups of options that apply to a command. Commands that are not named have all.
const APPLY: &[(&str, &[&[&str]])] = &[
    ("status", &[TAILNET, KEPT, &["local"]]),
    ("devices", &[TAILNET, KEPT, &["local"]]),
    ("changes", &[TAILNET, KEPT, &["local"]]),
    ("alerts", &[TAILNET, KEPT, &["local"]]),
    ("tools", &[&["sandbox", "profiles"], TOOLS]),
    ("doctor", &[TAILNET, TOOLS, KEPT, &["yes", "confirm"]]),
    ("scopes", &[&["sandbox"], TOOLS]),
    ("setup", &[&["sandbox", "profiles", "config"], TOOLS]),
    ("approve", &[&["sandbox", "config", "local", "store"]]),
    ("audit", &[TAILNET, KEPT]),
    ("report", &[TAILNET, KEPT]),
    ("traffic", &[TAILNET, KEPT]),
    ("uptime", &[TAILNET, KEPT]),
    ("watch", &[TAILNET, KEPT]),
    ("export", &[TAILNET, &["store", "local"]]),
    ("auth", &[&["config"]]),
    // A token has a --toolsets and a --read-only of its own.
    ("token", &[TOOLS]),
    ("sandbox", &[&["sandbox_devices"]]),
    ("completions", &[]),
    ("man", &[]),
];

/// Parses the command line. Prints nothing. Only help takes the time to hide what does not apply.
pub(super) fn parse<T: CommandFactory + FromArgMatches>() -> Result<T, clap::Error> {
    let mut command = T::command();
    let matches = match command.try_get_matches_from_mut(std::env::args_os()) {
        Err(shown) if is_help(shown.kind()) => {
            without_others(T::command()).try_get_matches_from_mut(std::env::args_os())?
        }
        matches => matches?,
    };
    if let Some((name, below)) = matches.subcommand() {
        let given = |id: &&&str| {
            let known = below.try_contains_id(id).is_ok();
            known && below.value_source(id) == Some(ValueSource::CommandLine)
        };
        let all = [TAILNET, TOOLS, CHANGES, KEPT].concat();
        if let Some(id) = all.iter().filter(|id| !applies(name, id)).find(given) {
            let option = command.get_arguments().find(|it| it.get_id() == *id);
            let option = option.and_then(|it| it.get_long()).unwrap_or(id);
            let problem = format!("--{option} does not apply to `{name}`; leave it out");
            return Err(command.error(Usage::ArgumentConflict, problem));
        }
    }
    T::from_arg_matches(&matches)
}

fn is_help(kind: Usage) -> bool {
    matches!(kind, Usage::DisplayHelp | Usage::DisplayHelpOnMissingArgumentOrSubcommand)
}

/// The command, each of whose subcommands hides the options that do not apply to it.
pub(super) fn without_others(mut command: Command) -> Command {
    command.build();
    command.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        hidden(command, &name)
    })
}

fn hidden(command: Command, name: &str) -> Command {
    let hide = |arg: clap::Arg| {
        let is_ours = arg.is_global_set() && !LOG.contains(&arg.get_id().as_str());
        // Those of `token` are refused with what would be right instead.
        let applies = name != "token" && applies(name, arg.get_id().as_str());
        if is_ours && !applies { arg.hide(true) } else { arg }
    };
    command.mut_args(hide).mut_subcommands(|below| hidden(below, name))
}

fn applies(command: &str, id: &str) -> bool {
    let groups = APPLY.iter().find(|(name, _)| *name == command).map(|(_, groups)| *groups);
    groups.is_none_or(|groups| groups.iter().any(|group| group.contains(&id)))
}

//! Reports a failed command on stderr: two lines for a person, JSON for a program.

use std::io::IsTerminal as _;

use console::Style;

use crate::{
    Error,
    catalogue::{failure, remedy},
    cli::{LogFormat, complain, complain_after},
};

/// Writes `error: …` and `hint: …` if stderr is a terminal, and one line of JSON if it is not or
/// `--log-format json` asks for it.
pub(in crate::cli) fn report(error: &Error, format: LogFormat) {
    if format != LogFormat::Text || !std::io::stderr().is_terminal() {
        return complain(&failure(error));
    }
    for line in lines(error).lines() {
        let (label, rest) = line.split_once(' ').unwrap_or_default();
        let style = Style::new().for_stderr().bold();
        let style = if label == "error:" { style.red() } else { style.cyan() };
        match label {
            "error:" | "hint:" => complain_after(&style.apply_to(label).to_string(), rest),
            _ => complain(line),
        }
    }
}

/// The message, and a hint on a line of its own.
fn lines(error: &Error) -> String {
    let hint = remedy(error).map(|remedy| format!("\nhint: {remedy}"));
    format!("error: {error}{}", hint.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Operation, client::Action};

    #[test]
    fn a_person_reads_what_failed_and_what_to_do() {
        let error = Error::config("the file has no profiles", "run `tailsteward auth set NAME`");
        let expected = "error: the file has no profiles\nhint: run `tailsteward auth set NAME`";
        assert_eq!(lines(&error), expected);
    }

    #[test]
    fn a_failure_without_a_remedy_is_one_line() {
        let error = Error::invalid_input("limit", "must be between 1 and 500");
        assert_eq!(lines(&error), "error: `limit` must be between 1 and 500");
    }

    #[test]
    fn a_hint_names_the_tool_for_an_action() {
        let action = Action::Call(Operation::ListTailnetDevices);
        let error = Error::invalid_input("device", "matches no device")
            .with_remedy("list the devices")
            .with_action(action);
        assert!(lines(&error).ends_with("\nhint: list the devices (list_devices)"), "{error}");
    }
}

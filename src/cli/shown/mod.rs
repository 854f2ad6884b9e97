//! How results look on a terminal: text for a person, JSON for a program.

use std::io::IsTerminal as _;

use console::{Style, Term};

use super::print;
use crate::{change::Report, client::Result, config};

pub(super) mod failure;
pub(super) mod progress;
mod report;
mod value;

pub(super) use value::{push_wrapped, verbatim};

/// The columns of a terminal that does not tell its width.
const USUAL_WIDTH: usize = 80;
/// The fewest columns that a table is laid out for.
const LEAST_WIDTH: usize = 40;

/// Whether a result is printed as text or as JSON.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Shape {
    /// Print JSON, as it is printed into a pipe
    #[arg(long)]
    json: bool,
    /// Print text into a pipe, too
    #[arg(long, conflicts_with = "json")]
    text: bool,
}

impl Shape {
    /// Whether text is printed: on a terminal, unless JSON is asked for.
    pub(super) fn is_text(self) -> bool {
        self.text || (!self.json && std::io::stdout().is_terminal())
    }

    /// Whether JSON is asked for.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result, which is JSON already.
    pub(super) fn print_answer(self, json: &str) {
        let value = if self.is_text() { serde_json::from_str(json).ok() } else { None };
        match value {
            Some(value) => print(&value::text(&value, width())),
            None => print(json),
        }
    }

    /// Prints what a change did or would do. `undo` is the command that takes it back.
    pub(super) fn print_report(self, report: &Report, undo: Option<&str>) -> Result<()> {
        if self.is_text() {
            print(&report::text(report, undo, width()));
        } else {
            print(&crate::tool::written(report)?);
        }
        Ok(())
    }
}

/// The columns of the terminal; `COLUMNS` says it for a pipe.
pub(super) fn width() -> usize {
    let of_terminal = || Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    config::columns()
        .or_else(of_terminal)
        .filter(|it| *it > 0)
        .unwrap_or(USUAL_WIDTH)
        .max(LEAST_WIDTH)
}

/// A heading. Without colours, as `NO_COLOR` and `CLICOLOR` ask for or in a pipe, it is plain text.
pub(super) fn heading(text: &str) -> String {
    Style::new().bold().apply_to(text).to_string()
}

fn warning(text: &str) -> String {
    format!("{} {text}", Style::new().yellow().apply_to("warning:"))
}

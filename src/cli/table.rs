//! What the tables on the terminal share: bars, units, and how they are shown again and again.

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use super::print;
use crate::client::Result;

/// The characters of the longest bar.
const BAR: usize = 24;
/// The characters of the longest name.
pub(super) const NAME: usize = 40;

/// How often a table is shown again.
#[derive(Debug, clap::Args)]
pub(super) struct Refresh {
    /// Refresh every SECONDS seconds
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "60",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(10..)
    )]
    watch: Option<u64>,
}

impl Refresh {
    /// Whether it is shown more than once.
    pub(super) fn is_on(&self) -> bool {
        self.watch.is_some()
    }

    /// Prints what `shown` returns, again and again with `--watch`. `shown` gets whether stdout is a terminal.
    pub(super) async fn print(&self, shown: impl AsyncFn(bool) -> Result<String>) -> Result<()> {
        again(self.watch, async |is_terminal| shown(is_terminal).await.map(Some)).await
    }
}

/// Prints what `shown` returns, if anything; with `every` again and again after so many seconds.
pub(super) async fn again(
    every: Option<u64>,
    shown: impl AsyncFn(bool) -> Result<Option<String>>,
) -> Result<()> {
    let is_terminal = std::io::stdout().is_terminal();
    loop {
        if let Some(text) = shown(is_terminal).await? {
            if every.is_some() && is_terminal {
                // Clears the terminal.
                let _ = write!(std::io::stdout().lock(), "\u{1b}[2J\u{1b}[H");
            }
            print(&text);
        }
        let Some(seconds) = every else { return Ok(()) };
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// A bar, up to eighths of a character.
pub(super) fn bar(count: u64, most: u64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let width = u64::try_from(BAR).unwrap_or_default() * 8;
    let eighths = u128::from(count) * u128::from(width) / u128::from(most.max(1));
    let eighths = usize::try_from(eighths).unwrap_or_default();
    let bar = format!("{}{}", "█".repeat(eighths / 8), PARTS.get(eighths % 8).unwrap_or(&""));
    format!("{bar:<BAR$}")
}

/// Adds a line: a name, a figure, its bar if there is room for one, and what else there is to say.
pub(super) fn line(
    text: &mut String,
    name: &str,
    width: usize,
    figure: &str,
    bar: Option<String>,
    more: &str,
) {
    let bar = bar.map(|it| format!("  {it}")).unwrap_or_default();
    let line = format!("\n{name:<width$}  {figure:>9}{bar}  {more}");
    text.push_str(line.trim_end_matches(' '));
}

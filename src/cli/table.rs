//! Tables with bars, for a terminal.

use std::fmt::Write as _;

/// The characters of the longest bar.
const BAR: usize = 24;

/// A bar, up to eighths of a character.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bar has few characters, and is never shorter than none"
)]
pub(super) fn bar(amount: f64, most: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if most > 0.0 { (amount / most).clamp(0.0, 1.0) } else { 0.0 };
    let eighths = (share * (BAR * 8) as f64) as usize;
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
    let _ = write!(text, "{}", line.trim_end_matches(' '));
}

//! Three-way merge of a policy file, line by line.

use std::ops::Range;

use similar::{Algorithm, DiffOp, TextDiff};

use super::hujson::Document;

/// The result of [`three_way`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// The merged text.
    Clean(String),
    /// The changes overlap, at these positions.
    Conflict(Vec<Conflict>),
}

/// Lines that both sides changed in different ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The first line in the base, counted from 1.
    pub line: usize,
    /// The lines of the base.
    pub base: String,
    /// The same lines in `ours`.
    pub ours: String,
    /// The same lines in `theirs`.
    pub theirs: String,
}

/// Lines of the base, and the lines that replace them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hunk<'t> {
    at: Range<usize>,
    new: Vec<&'t str>,
}

impl Hunk<'_> {
    /// Whether two changes overlap or are on adjacent lines.
    fn touches(&self, other: &Hunk<'_>) -> bool {
        self.at.start <= other.at.end && other.at.start <= self.at.end
    }
}

/// Merges the changes that `ours` and `theirs` each make to `base`.
///
/// ```
/// use tailsteward_policy::merge::{Merge, three_way};
///
/// let base = "{\n\"hosts\": {},\n// rules\n\"grants\": [],\n}\n";
/// let ours = base.replace("{},", "{\"a\": \"10.0.0.1\"},");
/// let theirs = base.replace("// rules", "// no rules yet");
/// let Merge::Conflict(places) = three_way(base, &ours, &theirs) else { panic!() };
/// assert_eq!(places[0].line, 2, "neighbours are too near");
/// ```
pub fn three_way(base: &str, ours: &str, theirs: &str) -> Merge {
    if ours == theirs || base == ours {
        return Merge::Clean(theirs.to_owned());
    }
    let lines: Vec<&str> = base.split_inclusive('\n').collect();
    let (mine, other) = (hunks(base, ours), hunks(base, theirs));
    let conflicts = conflicts(&lines, &mine, &other);
    if !conflicts.is_empty() {
        return Merge::Conflict(conflicts);
    }
    let mut all: Vec<&Hunk<'_>> = mine.iter().chain(&other).collect();
    all.sort_by_key(|it| (it.at.start, it.at.end));
    all.dedup();
    let (mut merged, mut done) = (String::with_capacity(theirs.len()), 0);
    for hunk in all {
        merged.extend(lines.get(done..hunk.at.start).unwrap_or_default().iter().copied());
        merged.extend(hunk.new.iter().copied());
        done = hunk.at.end;
    }
    merged.extend(lines.get(done..).unwrap_or_default().iter().copied());
    // Both sides may have added the same name in different places.
    let reads = |text: &str| Document::parse_strict(text).is_ok();
    if reads(ours) && reads(theirs) && !reads(&merged) {
        let all = |hunks: &[Hunk<'_>]| hunks.iter().flat_map(|it| it.new.clone()).collect();
        let line = mine.first().map_or(1, |it| it.at.start + 1);
        let (ours, theirs) = (all(&mine), all(&other));
        return Merge::Conflict(vec![Conflict { line, base: String::new(), ours, theirs }]);
    }
    Merge::Clean(merged)
}

/// The changed ranges of lines between the base and a text.
fn hunks<'t>(base: &'t str, text: &'t str) -> Vec<Hunk<'t>> {
    let new: Vec<&str> = text.split_inclusive('\n').collect();
    let mut hunks: Vec<Hunk<'t>> = Vec::new();
    for (at, with) in changes(base, text) {
        let added = new.get(with).unwrap_or_default().iter().copied();
        match hunks.last_mut().filter(|it| it.at.end == at.start) {
            Some(last) => {
                last.at.end = at.end;
                last.new.extend(added);
            }
            None => hunks.push(Hunk { at, new: added.collect() }),
        }
    }
    hunks
}

/// The changed ranges of lines, each in `from` and in `to`.
fn changes(from: &str, to: &str) -> Vec<(Range<usize>, Range<usize>)> {
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(from, to);
    let differs = |it: &&DiffOp| !matches!(it, DiffOp::Equal { .. });
    diff.ops().iter().filter(differs).map(|it| (it.old_range(), it.new_range())).collect()
}

fn conflicts(lines: &[&str], mine: &[Hunk<'_>], other: &[Hunk<'_>]) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    for ours in mine {
        for theirs in other.iter().filter(|it| it.touches(ours) && *it != ours) {
            let at = ours.at.start.min(theirs.at.start)..ours.at.end.max(theirs.at.end);
            // Show the lines that only the other side changed on both sides, so that they can be compared.
            let side = |hunk: &Hunk<'_>| {
                let before = lines.get(at.start..hunk.at.start).unwrap_or_default().concat();
                let after = lines.get(hunk.at.end..at.end).unwrap_or_default().concat();
                before + &hunk.new.concat() + &after
            };
            conflicts.push(Conflict {
                line: at.start + 1,
                base: lines.get(at.clone()).unwrap_or_default().concat(),
                ours: side(ours),
                theirs: side(theirs),
            });
        }
    }
    conflicts
}

/// The removed lines, each prefixed with `-`, and the added lines, each prefixed with `+`.
pub fn changed_lines(from: &str, to: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (from.lines().collect(), to.lines().collect());
    let mut lines = Vec::new();
    for (removed, added) in changes(from, to) {
        let line = |sign: char, text: &&str| format!("{sign} {}", text.trim());
        lines.extend(old.get(removed).unwrap_or_default().iter().map(|it| line('-', it)));
        lines.extend(new.get(added).unwrap_or_default().iter().map(|it| line('+', it)));
    }
    lines
}

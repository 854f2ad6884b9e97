//! Two edits of one text: what each changed, and what both come to. By lines, since that is how
//! people write policy files.

use std::ops::Range;

use similar::{Algorithm, DiffOp, TextDiff};

use super::hujson::Document;

/// What came of putting two edits of one text together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// They do not touch: the text with both.
    Clean(String),
    /// They do, at these places.
    Conflict(Vec<Conflict>),
}

/// A place that both changed, in different ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The line of the base where it starts, counted from 1.
    pub line: usize,
    /// What it was.
    pub base: String,
    /// What we make of it.
    pub ours: String,
    /// What they made of it.
    pub theirs: String,
}

/// Lines of the base that became others.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hunk<'t> {
    at: Range<usize>,
    new: Vec<&'t str>,
}

impl Hunk<'_> {
    /// Whether two changes are so near that nobody can tell what both together mean.
    fn touches(&self, other: &Hunk<'_>) -> bool {
        self.at.start <= other.at.end && other.at.start <= self.at.end
    }
}

/// Puts what `ours` and `theirs` each made of `base` together.
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
    // Both may have added the same name, in different places.
    let reads = |text: &str| Document::parse(text).is_ok();
    if reads(ours) && reads(theirs) && !reads(&merged) {
        let all = |hunks: &[Hunk<'_>]| hunks.iter().flat_map(|it| it.new.clone()).collect();
        let line = mine.first().map_or(1, |it| it.at.start + 1);
        let (ours, theirs) = (all(&mine), all(&other));
        return Merge::Conflict(vec![Conflict { line, base: String::new(), ours, theirs }]);
    }
    Merge::Clean(merged)
}

/// The stretches in which a text differs from the base.
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

/// Lines of one text, and those of the other that stand in their place.
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
            // Each side with the lines that only the other one changed, so that they compare.
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

/// The removed lines, each with a `-` in front, and the added lines, each with a `+`.
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

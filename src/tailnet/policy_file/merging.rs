//! Two edits of one text: what each changed, and what both come to.

/// What came of putting two edits of one text together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Merge {
    /// They do not touch: the text with both.
    Clean(String),
    /// They do, at these places.
    Conflict(Vec<Conflict>),
}

/// A place that both changed, in different ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conflict {
    /// The line of the base where it starts, counted from 1.
    pub(super) line: usize,
    /// What it was.
    pub(super) base: String,
    /// What we make of it.
    pub(super) ours: String,
    /// What they made of it.
    pub(super) theirs: String,
}

/// The one stretch of lines in which two texts differ, as lines of the first and of the second.
struct Hunk<'a> {
    start: usize,
    old: Vec<&'a str>,
    new: Vec<&'a str>,
}

impl<'a> Hunk<'a> {
    fn between(from: &'a str, to: &'a str) -> Self {
        let lines = |text: &'a str| text.split_inclusive('\n').collect::<Vec<_>>();
        let (from, to) = (lines(from), lines(to));
        let start = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let rest = from.len().min(to.len()) - start;
        let end =
            from.iter().rev().zip(to.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
        let cut = |lines: &[&'a str]| {
            lines.get(start..lines.len() - end).map(<[_]>::to_vec).unwrap_or_default()
        };
        Self { start, old: cut(&from), new: cut(&to) }
    }

    fn end(&self) -> usize {
        self.start + self.old.len()
    }
}

/// Puts what `ours` and `theirs` each made of `base` together.
pub(super) fn three_way(base: &str, ours: &str, theirs: &str) -> Merge {
    let (mine, other) = (Hunk::between(base, ours), Hunk::between(base, theirs));
    if ours == theirs || mine.old == mine.new {
        return Merge::Clean(theirs.to_owned());
    }
    let (first, second) = if mine.start < other.start { (&mine, &other) } else { (&other, &mine) };
    if first.end() >= second.start {
        return Merge::Conflict(vec![Conflict {
            line: mine.start.max(other.start) + 1,
            base: mine.old.concat(),
            ours: mine.new.concat(),
            theirs: other.new.concat(),
        }]);
    }
    let lines: Vec<&str> = base.split_inclusive('\n').collect();
    let between = |from: usize, to: usize| lines.get(from..to).unwrap_or_default().concat();
    Merge::Clean(
        [
            between(0, first.start),
            first.new.concat(),
            between(first.end(), second.start),
            second.new.concat(),
            between(second.end(), lines.len()),
        ]
        .concat(),
    )
}

/// The lines that went, each after `-`, and those that came, each after `+`.
pub(super) fn changed_lines(from: &str, to: &str) -> Vec<String> {
    let hunk = Hunk::between(from, to);
    let line = |sign: char, text: &str| format!("{sign} {}", text.trim());
    let gone = hunk.old.iter().map(|it| line('-', it));
    gone.chain(hunk.new.iter().map(|it| line('+', it))).collect()
}

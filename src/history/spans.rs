//! Spans of time, and what is common to several of them.

/// Seconds since 1970.
pub type Seconds = i64;

/// Spans of time in seconds since 1970, in order and without overlap; the end does not belong to a span.
///
/// ```
/// use tailsteward::history::Spans;
///
/// let watched = Spans::from_iter([(0, 60), (100, 160)]);
/// let up = Spans::from_iter([(30, 130)]);
/// assert_eq!(watched.seconds(), 120);
/// assert_eq!(watched.common(&up), Spans::from_iter([(30, 60), (100, 130)]));
/// assert_eq!(watched.without(&up), Spans::from_iter([(0, 30), (130, 160)]));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans(Vec<(Seconds, Seconds)>);

impl FromIterator<(Seconds, Seconds)> for Spans {
    fn from_iter<T: IntoIterator<Item = (Seconds, Seconds)>>(spans: T) -> Self {
        let mut all: Vec<_> = spans.into_iter().filter(|(from, to)| from < to).collect();
        all.sort_unstable();
        let mut joined: Vec<(Seconds, Seconds)> = Vec::with_capacity(all.len());
        for (from, to) in all {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        Self(joined)
    }
}

impl Spans {
    /// One span; none if it is empty.
    pub fn one(from: Seconds, to: Seconds) -> Self {
        std::iter::once((from, to)).collect()
    }

    /// The spans, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Seconds, Seconds)> {
        self.0.iter().copied()
    }

    /// The last span that begins before a time.
    pub(super) fn last_before(&self, at: Seconds) -> Option<(Seconds, Seconds)> {
        let index = self.0.partition_point(|it| it.0 < at);
        self.0.get(index.checked_sub(1)?).copied()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How long they are together.
    pub fn seconds(&self) -> Seconds {
        self.iter().map(|(from, to)| to - from).sum()
    }

    /// What is in one of both.
    #[must_use]
    pub fn and(&self, others: impl IntoIterator<Item = (Seconds, Seconds)>) -> Self {
        self.iter().chain(others).collect()
    }

    /// What is in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut common = Vec::new();
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            let (from, to) = (a.0.max(b.0), a.1.min(b.1));
            if from < to {
                common.push((from, to));
            }
            if a.1 < b.1 {
                left.next()
            } else {
                right.next()
            };
        }
        Self(common)
    }

    /// What is in these and not in the others.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut rest = other.0.iter().peekable();
        for (mut from, to) in self.iter() {
            while rest.next_if(|it| it.1 <= from).is_some() {}
            let mut others = rest.clone();
            while let Some(it) = others.next_if(|it| it.0 < to) {
                if from < it.0 {
                    left.push((from, it.0));
                }
                from = from.max(it.1);
            }
            if from < to {
                left.push((from, to));
            }
        }
        Self(left)
    }
}

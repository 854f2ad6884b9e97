//! The fields of a thing that are not false, absent or empty, in one piece of memory.

use super::Field;

/// Values by field. Which fields there are is a bit of each, so that one that is not there costs no look into memory;
/// judging 100,000 devices asks millions of times.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    /// The bit of each field that has a value.
    present: u64,
    /// Where the value of each ends in the text, in the order of the fields.
    ends: Vec<u32>,
    text: String,
}

impl Values {
    /// The value of a field; empty if it has none.
    pub(super) fn get(&self, field: Field) -> &str {
        if self.present & field.bit() == 0 { "" } else { self.at(self.rank(field)) }
    }

    /// All of them, in the order of their fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Field, &str)> {
        let fields = Field::of_bits(self.present);
        fields.enumerate().map(|(at, field)| (field, self.at(at)))
    }

    /// Puts a value in place of the one before; an empty one takes it away.
    pub(super) fn set(&mut self, field: Field, value: &str) {
        let (at, was) = (self.rank(field), self.present & field.bit() != 0);
        let from = self.start(at);
        let to = if was { self.end(at) } else { from };
        // Longer than the API's largest answers, so that no end can be out of range.
        if self.text.len() + value.len() > u32::MAX as usize {
            return;
        }
        self.text.replace_range(from..to, value);
        match (was, value.is_empty()) {
            (true, true) => drop(self.ends.remove(at)),
            (false, false) => self.ends.insert(at, index(from)),
            _ => {}
        }
        let rest = if value.is_empty() { at } else { at + 1 };
        let (less, more) = (index(to - from), index(value.len()));
        if let Some(end) = self.ends.get_mut(at).filter(|_| !value.is_empty()) {
            *end = index(from) + more;
        }
        for end in self.ends.iter_mut().skip(rest) {
            *end = *end - less + more;
        }
        if value.is_empty() {
            self.present &= !field.bit();
        } else {
            self.present |= field.bit();
        }
    }

    /// How many fields with a value come before.
    fn rank(&self, field: Field) -> usize {
        (self.present & (field.bit() - 1)).count_ones() as usize
    }

    fn at(&self, at: usize) -> &str {
        self.text.get(self.start(at)..self.end(at)).unwrap_or_default()
    }

    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.end(before))
    }

    fn end(&self, at: usize) -> usize {
        self.ends.get(at).map_or(self.text.len(), |it| *it as usize)
    }
}

/// Texts are shorter than 4 GiB: see [`Values::set`].
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is set, taken away and set again, what is there is what a map would have.
        #[test]
        fn values_are_those_of_a_map(
            sets in prop::collection::vec((1..51_i64, "[a-zé]{0,5}"), 0..60),
        ) {
            let (mut values, mut map) = (Values::default(), BTreeMap::new());
            for (number, value) in sets {
                let Some(field) = Field::numbered(number) else { continue };
                values.set(field, &value);
                if value.is_empty() { map.remove(&field) } else { map.insert(field, value) };
                let all: Vec<(Field, &str)> = map.iter().map(|(it, of)| (*it, &**of)).collect();
                prop_assert_eq!(values.iter().collect::<Vec<_>>(), all);
                for number in 1..51 {
                    let Some(field) = Field::numbered(number) else { continue };
                    let expected = map.get(&field).map_or("", String::as_str);
                    prop_assert_eq!(values.get(field), expected);
                }
            }
        }
    }
}

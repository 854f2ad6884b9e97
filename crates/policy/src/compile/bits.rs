//! A set of devices, by their index in the inventory.

/// A bit set with one bit for each device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bits(Box<[u64]>);

const WORD: usize = u64::BITS as usize;

impl Bits {
    pub(crate) fn none(of: usize) -> Self {
        Self(vec![0; of.div_ceil(WORD)].into())
    }

    pub(crate) fn of(count: usize, devices: impl IntoIterator<Item = usize>) -> Self {
        let mut bits = Self::none(count);
        for device in devices {
            bits.add(device);
        }
        bits
    }

    pub(crate) fn all(of: usize) -> Self {
        Self::of(of, 0..of)
    }

    pub(crate) fn add(&mut self, device: usize) {
        if let Some(word) = self.0.get_mut(device / WORD) {
            *word |= 1 << (device % WORD);
        }
    }

    pub(crate) fn has(&self, device: usize) -> bool {
        self.0.get(device / WORD).is_some_and(|word| word & (1 << (device % WORD)) != 0)
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub(crate) fn keep(&mut self, other: &Self) {
        for (word, kept) in self.0.iter_mut().zip(&other.0) {
            *word &= kept;
        }
    }

    pub(crate) fn remove_all(&mut self, other: &Self) {
        for (word, gone) in self.0.iter_mut().zip(&other.0) {
            *word &= !gone;
        }
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(word, inner)| inner & !word == 0)
    }

    /// The capacity in bits: the number of devices, rounded up.
    pub(crate) fn len(&self) -> usize {
        self.0.len() * WORD
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|it| *it == 0)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|it| it.count_ones() as usize).sum()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest.wrapping_sub(1);
                (bit < WORD).then_some(index * WORD + bit)
            })
        })
    }
}

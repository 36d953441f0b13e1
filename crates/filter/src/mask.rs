//! Sets of rows, as bits.

/// A set of the rows 0 to `rows - 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    words: Vec<u64>,
    rows: usize,
}

impl Mask {
    /// No row.
    pub fn none(rows: usize) -> Self {
        Self {
            words: vec![0; rows.div_ceil(64)],
            rows,
        }
    }

    /// Every row.
    pub fn all(rows: usize) -> Self {
        Self::none(rows).complement()
    }

    /// The rows that `holds` says.
    pub fn of(rows: usize, mut holds: impl FnMut(usize) -> bool) -> Self {
        let mut mask = Self::none(rows);
        for (index, word) in mask.words.iter_mut().enumerate() {
            let start = index * 64;
            for bit in 0..64.min(rows - start) {
                *word |= u64::from(holds(start + bit)) << bit;
            }
        }
        mask
    }

    /// As [`Self::bytes`] wrote it; `None` if there are too many or too few.
    pub fn from_bytes(rows: usize, bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        (rest.is_empty() && words.len() == rows.div_ceil(64)).then_some(Self { words, rows })
    }

    /// Little-endian words.
    pub fn bytes(&self) -> Vec<u8> {
        self.words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    /// How many rows there are, in the set or not.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the row is in the set.
    pub fn has(&self, row: usize) -> bool {
        self.words[row / 64] >> (row % 64) & 1 == 1
    }

    /// Adds a row.
    pub fn insert(&mut self, row: usize) {
        self.words[row / 64] |= 1 << (row % 64);
    }

    /// Takes a row out.
    pub fn remove(&mut self, row: usize) {
        self.words[row / 64] &= !(1 << (row % 64));
    }

    /// Whether no row is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many rows are in the set.
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// The rows that are in both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
        self
    }

    /// The rows that are in either.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
        self
    }

    /// The rows that are not in it.
    #[must_use]
    pub fn complement(mut self) -> Self {
        for word in &mut self.words {
            *word = !*word;
        }
        if let Some(last) = self.words.last_mut()
            && !self.rows.is_multiple_of(64)
        {
            *last &= (1 << (self.rows % 64)) - 1;
        }
        self
    }

    /// The rows, the last first.
    pub fn newest_first(&self) -> impl Iterator<Item = usize> {
        self.words
            .iter()
            .enumerate()
            .rev()
            .flat_map(|(index, word)| {
                let mut rest = *word;
                std::iter::from_fn(move || {
                    let bit = 63_u32.checked_sub(rest.leading_zeros())?;
                    rest &= !(1 << bit);
                    Some(index * 64 + bit as usize)
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set(mask: &Mask) -> BTreeSet<usize> {
        mask.newest_first().collect()
    }

    proptest! {
        #[test]
        fn it_is_a_set(
            rows in 0_usize..200,
            left in prop::collection::btree_set(0_usize..200, 0..60),
            right in prop::collection::btree_set(0_usize..200, 0..60),
        ) {
            let (left, right) = (
                Mask::of(rows, |row| left.contains(&row)),
                Mask::of(rows, |row| right.contains(&row)),
            );
            let (a, b) = (set(&left), set(&right));
            prop_assert_eq!(left.count(), a.len());
            prop_assert_eq!(set(&left.clone().and(&right)), &a & &b);
            prop_assert_eq!(set(&left.clone().or(&right)), &a | &b);
            prop_assert_eq!(set(&left.clone().complement()), &(0..rows).collect::<BTreeSet<_>>() - &a);
            prop_assert_eq!(Mask::from_bytes(rows, &left.bytes()), Some(left));
        }
    }
}

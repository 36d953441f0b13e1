//! Digests of points that do not depend on their order: histories are compared without being kept in memory.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use crate::record::bits;

/// The points of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Digest {
    pub(super) count: u64,
    /// Sum of the hashes of all points: a point that is there twice counts twice.
    sum: u128,
}

impl Digest {
    /// Adds a point.
    pub(super) fn add(&mut self, step: i64, time_us: i64, value: f64) {
        let half = |salt: u8| {
            let mut hash = DefaultHasher::new();
            (salt, step, time_us, bits(value)).hash(&mut hash);
            u128::from(hash.finish())
        };
        self.count += 1;
        self.sum = self.sum.wrapping_add(half(0) << 64 | half(1));
    }
}

/// The points of a run, by key.
pub(super) type Digests = BTreeMap<String, Digest>;

#[cfg(test)]
mod tests {
    use super::Digest;

    fn of(points: &[(i64, i64, f64)]) -> Digest {
        let mut digest = Digest::default();
        for &(step, time, value) in points {
            digest.add(step, time, value);
        }
        digest
    }

    #[test]
    fn order_does_not_count_but_number_and_values_do() {
        let points = [(1, 10, 0.5), (1, 10, f64::NAN), (-3, 11, f64::INFINITY)];
        let mut turned = points;
        turned.reverse();
        assert_eq!(of(&points), of(&turned));
        assert_ne!(of(&points), of(&points[..2]));
        assert_ne!(of(&[(1, 10, 0.5)]), of(&[(1, 10, 0.5), (1, 10, 0.5)]));
        assert_ne!(of(&[(1, 10, 0.5)]), of(&[(1, 10, -0.5)]));
        assert_ne!(of(&[(1, 2, 0.5)]), of(&[(2, 1, 0.5)]));
        assert_eq!(of(&[(1, 10, 0.0)]), of(&[(1, 10, -0.0)]));
    }
}

//! Curves reduced to what a chart can show without hiding a spike.
//!
//! The range of x is cut into buckets of equal width; each keeps its first, smallest, largest and last
//! value, as the M4 aggregation does (Jugel et al., "M4: A Visualization-Oriented Time Series Data
//! Aggregation", VLDB 2014). The first and the last bucket end at the first and the last point.

/// A bucket of a curve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    pub(crate) first_x: i64,
    pub(crate) last_x: i64,
    pub(crate) first: f64,
    /// Extremes of the finite values; NaN if there are none.
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) last: f64,
    pub(crate) count: u64,
    pub(crate) nonfinite: u64,
}

impl Bucket {
    fn of(x: i64, value: f64) -> Self {
        let finite = if value.is_finite() { value } else { f64::NAN };
        Self {
            first_x: x,
            last_x: x,
            first: value,
            min: finite,
            max: finite,
            last: value,
            count: 1,
            nonfinite: u64::from(!value.is_finite()),
        }
    }

    /// Takes in the next point along x.
    fn add(&mut self, x: i64, value: f64) {
        self.last_x = x;
        self.last = value;
        self.count += 1;
        if value.is_finite() {
            // `min` and `max` of floats pass a NaN over.
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        } else {
            self.nonfinite += 1;
        }
    }
}

/// The buckets of a curve, at most `buckets`, those without points left out. Points of equal x keep
/// the order in which they were logged.
pub(crate) fn envelope(mut points: Vec<(i64, f64)>, buckets: u32) -> Vec<Bucket> {
    if !points.is_sorted_by_key(|(x, _)| *x) {
        points.sort_by_key(|(x, _)| *x);
    }
    let (Some((low, _)), Some((high, _))) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let (low, buckets) = (i128::from(*low), i128::from(buckets.max(1)));
    let width = i128::from(*high) - low + 1;
    let mut found: Vec<(i128, Bucket)> = Vec::new();
    for (x, value) in points {
        let place = (i128::from(x) - low) * buckets / width;
        match found.last_mut() {
            Some((last, bucket)) if *last == place => bucket.add(x, value),
            _ => found.push((place, Bucket::of(x, value))),
        }
    }
    found.into_iter().map(|(_, bucket)| bucket).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_spike_and_a_nan_are_never_hidden() {
        let mut points: Vec<_> = (0..10_000).map(|x| (x, 1.0)).collect();
        points[5_001].1 = 99.0;
        points[7_002].1 = f64::NAN;
        let curve = envelope(points, 10);
        assert_eq!(curve.len(), 10);
        assert_eq!(curve[5].max, 99.0);
        assert_eq!((curve[7].nonfinite, curve[7].count), (1, 1_000));
        assert_eq!((curve[0].first_x, curve[9].last_x), (0, 9_999));
    }

    #[test]
    fn the_ends_of_the_numbers_do_not_overflow() {
        let curve = envelope(vec![(i64::MAX, 2.0), (i64::MIN, 1.0), (0, 0.5)], 4);
        assert_eq!(
            curve.iter().map(|b| b.first).collect::<Vec<_>>(),
            [1.0, 0.5, 2.0]
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_made_up(
            points in prop::collection::vec((-50_i64..50, -9_i32..9), 1..200), buckets in 1_u32..40,
        ) {
            let points: Vec<(i64, f64)> = points.into_iter().map(|(x, v)| (x, f64::from(v))).collect();
            let mut sorted = points.clone();
            sorted.sort_by_key(|(x, _)| *x);
            let curve = envelope(points, buckets);
            prop_assert!(curve.len() <= buckets as usize);
            let mut rest = sorted.as_slice();
            for bucket in &curve {
                let (here, after) = rest.split_at(bucket.count as usize);
                let values = || here.iter().map(|(_, value)| *value);
                prop_assert_eq!((bucket.first_x, bucket.last_x), (here[0].0, here[here.len() - 1].0));
                prop_assert_eq!((bucket.first, bucket.last), (here[0].1, here[here.len() - 1].1));
                prop_assert_eq!(bucket.min, values().fold(f64::INFINITY, f64::min));
                prop_assert_eq!(bucket.max, values().fold(f64::NEG_INFINITY, f64::max));
                prop_assert!(after.first().is_none_or(|(x, _)| *x > bucket.last_x));
                rest = after;
            }
            prop_assert!(rest.is_empty());
        }
    }
}

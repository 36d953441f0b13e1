//! Curves reduced to what a chart can show without hiding a spike.
//!
//! A bucket keeps the first, smallest, largest and last value of its points, as the M4 aggregation does
//! (Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014). Buckets lie on
//! a grid that is the same for all curves: their width is a power of two and they begin at multiples of
//! it. So a finer bucket always lies in a coarser one, and buckets that were made beforehand, of any part
//! of a curve, add up to exactly what its points would give.

/// Points of a curve that lie together along x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket<X = i64> {
    pub(crate) first_x: X,
    pub(crate) last_x: X,
    /// Value at the least x; of equal x the first logged.
    pub(crate) first: f64,
    /// Extremes of the finite values; NaN if there are none.
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Value at the largest x; of equal x the last logged.
    pub(crate) last: f64,
    /// Of the finite values.
    pub(crate) sum: f64,
    pub(crate) count: u64,
    pub(crate) nonfinite: u64,
}

impl<X: Copy + PartialOrd> Bucket<X> {
    /// Of one point.
    pub(crate) fn of(x: X, value: f64) -> Self {
        let finite = value.is_finite();
        let extreme = if finite { value } else { f64::NAN };
        Self {
            first_x: x,
            last_x: x,
            first: value,
            min: extreme,
            max: extreme,
            last: value,
            sum: if finite { value } else { 0.0 },
            count: 1,
            nonfinite: u64::from(!finite),
        }
    }

    /// Takes in a point that was logged later.
    pub(crate) fn add(&mut self, x: X, value: f64) {
        if x < self.first_x {
            (self.first_x, self.first) = (x, value);
        }
        if x >= self.last_x {
            (self.last_x, self.last) = (x, value);
        }
        self.count += 1;
        if value.is_finite() {
            // `min` and `max` of floats pass a NaN over.
            self.min = self.min.min(value);
            self.max = self.max.max(value);
            self.sum += value;
        } else {
            self.nonfinite += 1;
        }
    }

    /// Takes in points that were logged later.
    fn merge(&mut self, later: &Self) {
        if later.first_x < self.first_x {
            (self.first_x, self.first) = (later.first_x, later.first);
        }
        if later.last_x >= self.last_x {
            (self.last_x, self.last) = (later.last_x, later.last);
        }
        self.min = self.min.min(later.min);
        self.max = self.max.max(later.max);
        self.sum += later.sum;
        self.count += later.count;
        self.nonfinite += later.nonfinite;
    }
}

/// The cell of `x` in a grid of cells `2^shift` wide.
fn cell(x: i64, shift: u8) -> i64 {
    if shift > 63 { 0 } else { x >> shift }
}

/// The least shift with which `low..=high` lies in at most `cells` cells.
pub(crate) fn shift_for(low: i64, high: i64, cells: usize) -> u8 {
    let count = |shift| i128::from(cell(high, shift)) - i128::from(cell(low, shift)) + 1;
    let enough = i128::try_from(cells.max(1)).unwrap_or(i128::MAX);
    (0..=64).find(|shift| count(*shift) <= enough).unwrap_or(64)
}

/// Buckets that are being filled.
#[derive(Debug)]
pub(crate) struct Envelope {
    shift: u8,
    first_cell: i64,
    cells: Vec<Option<Bucket>>,
}

impl Envelope {
    /// For points with x within `low..=high`, in at most `buckets` buckets; in more than half as many if
    /// the points fill the range, unless that crosses 0.
    pub(crate) fn new(low: i64, high: i64, buckets: usize) -> Self {
        let shift = shift_for(low, high, buckets);
        let first_cell = cell(low, shift);
        let cells = cell(high, shift).wrapping_sub(first_cell);
        let cells = usize::try_from(cells).unwrap_or_default() + 1;
        Self {
            shift,
            first_cell,
            cells: vec![None; cells],
        }
    }

    /// Width of a bucket as a power of two.
    pub(crate) fn shift(&self) -> u8 {
        self.shift
    }

    fn place(&mut self, x: i64) -> Option<&mut Option<Bucket>> {
        let place = cell(x, self.shift).wrapping_sub(self.first_cell);
        self.cells.get_mut(usize::try_from(place).ok()?)
    }

    /// Adds a point. Points and buckets are added in the order in which they were logged; those out of
    /// range are left out.
    pub(crate) fn add(&mut self, x: i64, value: f64) {
        if let Some(place) = self.place(x) {
            match place {
                Some(bucket) => bucket.add(x, value),
                None => *place = Some(Bucket::of(x, value)),
            }
        }
    }

    /// Adds a bucket of a grid that is as fine or finer.
    pub(crate) fn merge(&mut self, bucket: &Bucket) {
        if let Some(place) = self.place(bucket.first_x) {
            match place {
                Some(known) => known.merge(bucket),
                None => *place = Some(*bucket),
            }
        }
    }

    /// The buckets that have points, in the order of x.
    pub(crate) fn finish(self) -> Vec<Bucket> {
        self.cells.into_iter().flatten().collect()
    }
}

impl IntoIterator for Envelope {
    type Item = Option<Bucket>;
    type IntoIter = std::vec::IntoIter<Option<Bucket>>;

    /// Its cells in the order of x, those without points too.
    fn into_iter(self) -> Self::IntoIter {
        self.cells.into_iter()
    }
}

/// The buckets of some points, at most `buckets`, and their shift.
pub(crate) fn summarise(xs: &[i64], values: &[f64], buckets: usize) -> (u8, Vec<Bucket>) {
    let (Some(low), Some(high)) = (xs.iter().min(), xs.iter().max()) else {
        return (0, Vec::new());
    };
    let mut envelope = Envelope::new(*low, *high, buckets);
    for (x, value) in xs.iter().zip(values) {
        envelope.add(*x, *value);
    }
    (envelope.shift(), envelope.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(points: &[(i64, f64)], buckets: usize) -> Vec<Bucket> {
        let (xs, values): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
        summarise(&xs, &values, buckets).1
    }

    #[test]
    fn a_spike_and_a_nan_are_never_hidden() {
        let mut points: Vec<_> = (0..10_000).map(|x| (x, 1.0)).collect();
        points[5_121].1 = 99.0;
        points[7_172].1 = f64::NAN;
        let curve = of(&points, 10);
        assert_eq!(curve.len(), 10);
        assert_eq!(curve[5].max, 99.0);
        assert_eq!((curve[7].nonfinite, curve[7].count), (1, 1_024));
        assert_eq!((curve[0].first_x, curve[9].last_x), (0, 9_999));
    }

    #[test]
    fn the_ends_of_the_numbers_do_not_overflow() {
        let points = [(i64::MAX, 2.0), (i64::MIN, 1.0), (0, 0.5)];
        let firsts = |buckets| {
            of(&points, buckets)
                .iter()
                .map(|b| b.first)
                .collect::<Vec<_>>()
        };
        assert_eq!(firsts(4), [1.0, 0.5, 2.0]);
        assert_eq!(firsts(2), [1.0, 0.5]);
        assert_eq!(firsts(1), [1.0]);
    }

    #[test]
    fn the_grid_is_as_fine_as_it_may_be() {
        assert_eq!(shift_for(0, 319, 320), 0);
        assert_eq!(shift_for(0, 320, 320), 1);
        assert_eq!(shift_for(5, 5, 1), 0);
        assert_eq!(shift_for(-1, 0, 1), 64);
    }

    fn points() -> impl Strategy<Value = Vec<(i64, f64)>> {
        let value = prop_oneof![(-9_i32..9).prop_map(f64::from), Just(f64::INFINITY)];
        prop::collection::vec((-50_i64..50, value), 1..200)
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_made_up(points in points(), buckets in 2_usize..40) {
            let mut sorted = points.clone();
            sorted.sort_by_key(|(x, _)| *x);
            let curve = of(&points, buckets);
            prop_assert!(curve.len() <= buckets);
            let mut rest = sorted.as_slice();
            for bucket in &curve {
                let (here, after) = rest.split_at(bucket.count as usize);
                let finite = || here.iter().map(|(_, value)| *value).filter(|v| v.is_finite());
                let count = finite().count();
                prop_assert_eq!((bucket.first_x, bucket.last_x), (here[0].0, here[here.len() - 1].0));
                prop_assert_eq!((bucket.first, bucket.last), (here[0].1, here[here.len() - 1].1));
                prop_assert_eq!(bucket.nonfinite as usize, here.len() - count);
                prop_assert_eq!(bucket.sum, finite().sum::<f64>());
                prop_assert_eq!(bucket.min.is_nan(), count == 0);
                if count > 0 {
                    prop_assert_eq!(bucket.min, finite().fold(f64::INFINITY, f64::min));
                    prop_assert_eq!(bucket.max, finite().fold(f64::NEG_INFINITY, f64::max));
                }
                prop_assert!(after.first().is_none_or(|(x, _)| *x > bucket.last_x));
                rest = after;
            }
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn buckets_of_parts_add_up_to_those_of_the_whole(
            points in points(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
            fine in 1_usize..64, buckets in 1_usize..40,
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(points.len())).collect();
            cuts.extend([0, points.len()]);
            cuts.sort_unstable();
            let low = points.iter().map(|(x, _)| *x).min().unwrap();
            let high = points.iter().map(|(x, _)| *x).max().unwrap();
            let mut envelope = Envelope::new(low, high, buckets);
            for part in cuts.windows(2).map(|pair| &points[pair[0]..pair[1]]) {
                let (xs, values): (Vec<_>, Vec<_>) = part.iter().copied().unzip();
                let (shift, summary) = summarise(&xs, &values, fine);
                if shift <= envelope.shift() {
                    summary.iter().for_each(|bucket| envelope.merge(bucket));
                } else {
                    part.iter().for_each(|(x, value)| envelope.add(*x, *value));
                }
            }
            let bits = |buckets: Vec<Bucket>| buckets.iter().map(|b| format!("{b:?}")).collect::<Vec<_>>();
            prop_assert_eq!(bits(envelope.finish()), bits(of(&points, buckets)));
        }
    }
}

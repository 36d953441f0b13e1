//! What curves of several runs have in common.

use super::envelope::Bucket;

/// A bucket of a band.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct BandBucket {
    pub(crate) first_x: i64,
    pub(crate) last_x: i64,
    /// Mean, and standard deviation of a sample, over the runs; each counts by the mean of its values.
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
    /// Extremes of all values.
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Runs that count.
    pub(crate) runs: u32,
}

/// The band of some curves on one grid. Mean and deviation are updated run by run (Welford, "Note on a
/// Method for Calculating Corrected Sums of Squares and Products", Technometrics 1962).
pub(crate) fn band(curves: &[&[Option<Bucket>]]) -> Vec<BandBucket> {
    let cells = curves
        .iter()
        .map(|curve| curve.len())
        .max()
        .unwrap_or_default();
    let in_cell = |cell: usize| {
        let mut found: Option<(BandBucket, f64)> = None;
        for bucket in curves.iter().filter_map(|curve| curve.get(cell)?.as_ref()) {
            let finite = bucket.count - bucket.nonfinite;
            if finite == 0 {
                continue;
            }
            let value = bucket.sum / finite as f64;
            match &mut found {
                None => {
                    let first = BandBucket {
                        first_x: bucket.first_x,
                        last_x: bucket.last_x,
                        mean: value,
                        deviation: 0.0,
                        min: bucket.min,
                        max: bucket.max,
                        runs: 1,
                    };
                    found = Some((first, 0.0));
                }
                Some((band, squares)) => {
                    band.runs += 1;
                    let off = value - band.mean;
                    band.mean += off / f64::from(band.runs);
                    *squares += off * (value - band.mean);
                    band.first_x = band.first_x.min(bucket.first_x);
                    band.last_x = band.last_x.max(bucket.last_x);
                    band.min = band.min.min(bucket.min);
                    band.max = band.max.max(bucket.max);
                }
            }
        }
        found.map(|(mut band, squares)| {
            band.deviation = (squares / f64::from((band.runs - 1).max(1))).sqrt();
            band
        })
    };
    (0..cells).filter_map(in_cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::envelope::Envelope;

    #[test]
    fn a_run_counts_once_and_only_where_it_has_values() {
        let curve = |points: &[(i64, f64)]| -> Vec<Option<Bucket>> {
            let mut envelope = Envelope::new(0, 3, 2);
            points
                .iter()
                .for_each(|(x, value)| envelope.add(*x, *value));
            envelope.into_iter().collect()
        };
        let a = curve(&[(0, 1.0), (1, 3.0), (2, 5.0)]);
        let b = curve(&[(0, 4.0), (3, f64::NAN)]);
        let found = band(&[&a, &b]);
        assert_eq!(found.len(), 2);
        let (first, second) = (found[0], found[1]);
        assert_eq!(
            (first.mean, first.runs, first.min, first.max),
            (3.0, 2, 1.0, 4.0)
        );
        assert!((first.deviation - 2_f64.sqrt()).abs() < 1e-12);
        assert_eq!((first.first_x, first.last_x), (0, 1));
        assert_eq!((second.mean, second.deviation, second.runs), (5.0, 0.0, 1));
    }
}

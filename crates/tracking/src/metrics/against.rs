//! A metric against another one: curves whose x axis is a metric.

use std::collections::HashMap;

use super::{Series, envelope::Bucket};

/// The points of `y` along what `x` is at the same step (the value logged last, if there are several), in
/// at most `buckets` equal parts of the range of x. Points whose x is missing, not finite, or not within
/// `range` are left out; of equal x, the order of steps and of logging counts.
pub(crate) fn against(
    x: &Series,
    y: &Series,
    range: (f64, f64),
    buckets: usize,
) -> Vec<Bucket<f64>> {
    let at: HashMap<i64, f64> = x
        .steps
        .iter()
        .copied()
        .zip(x.values.iter().copied())
        .collect();
    let mut points: Vec<(f64, i64, f64)> = y
        .steps
        .iter()
        .zip(&y.values)
        .filter_map(|(step, value)| Some((*at.get(step)?, *step, *value)))
        .filter(|(x, ..)| x.is_finite() && (range.0..=range.1).contains(x))
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let (Some((low, ..)), Some((high, ..))) = (points.first(), points.last()) else {
        return Vec::new();
    };
    // Halved, for the whole range may be more than a float holds.
    let (low, half_width) = (*low, high / 2.0 - low / 2.0);
    let parts = buckets.max(1);
    let place = |x: f64| {
        let share = (x / 2.0 - low / 2.0) / half_width;
        let share = if share.is_nan() { 0.0 } else { share };
        ((share * parts as f64) as usize).min(parts - 1)
    };
    let mut found: Vec<(usize, Bucket<f64>)> = Vec::new();
    for (x, _, value) in points {
        let place = place(x);
        match found.last_mut() {
            Some((last, bucket)) if *last == place => bucket.add(x, value),
            _ => found.push((place, Bucket::of(x, value))),
        }
    }
    found.into_iter().map(|(_, bucket)| bucket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(points: &[(i64, f64)]) -> Series {
        let mut series = Series::default();
        for (step, value) in points {
            series.push(1, &[*step], &[0], &[*value]);
        }
        series
    }

    #[test]
    fn points_meet_at_their_steps() {
        let tokens = series(&[
            (1, 100.0),
            (2, 200.0),
            (3, f64::NAN),
            (4, 400.0),
            (2, 250.0),
        ]);
        let loss = series(&[(1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6), (5, 0.5)]);
        let all = (f64::NEG_INFINITY, f64::INFINITY);
        let curve = against(&tokens, &loss, all, 100);
        let shown: Vec<_> = curve
            .iter()
            .map(|b| (b.first_x, b.first, b.count))
            .collect();
        assert_eq!(shown, [(100.0, 0.9, 1), (250.0, 0.8, 1), (400.0, 0.6, 1)]);
        let one = against(&tokens, &loss, all, 1);
        assert_eq!((one.len(), one[0].last, one[0].count), (1, 0.6, 3));
        assert_eq!(against(&tokens, &loss, (150.0, 300.0), 9).len(), 1);
    }

    #[test]
    fn the_widest_range_does_not_overflow() {
        let x = series(&[(1, f64::MIN), (2, 0.0), (3, f64::MAX)]);
        let all = (f64::NEG_INFINITY, f64::INFINITY);
        assert_eq!(against(&x, &x, all, 3).len(), 3);
        assert_eq!(against(&series(&[(1, 5.0)]), &x, all, 3).len(), 1);
    }
}

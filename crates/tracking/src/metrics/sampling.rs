//! Some points of a metric that lie evenly along it.

use std::cmp::Ordering;

use super::reader::Piece;

/// Points of a metric, as rows.
#[derive(Debug, Default)]
pub(crate) struct Sampling(Vec<Point>);

#[derive(Debug, Clone, Copy)]
struct Point {
    step: i64,
    time_us: i64,
    value: f64,
}

impl Point {
    /// By step, then time, then value; NaN with itself.
    fn order(&self, other: &Self) -> Ordering {
        (self.step, self.time_us)
            .cmp(&(other.step, other.time_us))
            .then_with(|| self.value.total_cmp(&other.value))
    }
}

impl Sampling {
    pub(crate) fn add(&mut self, piece: &Piece) {
        let columns = piece.steps.iter().zip(&piece.times_us).zip(&piece.values);
        self.0.extend(columns.map(|((step, time_us), value)| Point {
            step: *step,
            time_us: *time_us,
            value: *value,
        }));
    }

    /// The first point of each of `count` parts of nearly equal size, and the last of all, equal points counted once.
    pub(crate) fn take(self, key: String, count: usize) -> Piece {
        let Self(mut points) = self;
        // Mostly they came in order.
        if !points.is_sorted_by(|a, b| a.order(b).is_le()) {
            points.sort_unstable_by(Point::order);
        }
        points.dedup_by(|a, b| a.order(b).is_eq());
        let parts = count.min(points.len());
        let mut sample = Piece {
            key,
            ..Piece::default()
        };
        for part in 0..parts {
            // The last part may be the last point alone.
            let place = if part + 1 == parts {
                points.len() - 1
            } else {
                start_of(part, parts, points.len())
            };
            sample.steps.push(points[place].step);
            sample.times_us.push(points[place].time_us);
            sample.values.push(points[place].value);
        }
        sample
    }
}

/// Where a part begins, as SQL's `ntile` divides.
fn start_of(part: usize, parts: usize, points: usize) -> usize {
    part * (points / parts) + part.min(points % parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(steps: impl IntoIterator<Item = i64>, count: usize) -> Vec<i64> {
        let steps: Vec<i64> = steps.into_iter().collect();
        let mut sampling = Sampling::default();
        sampling.add(&Piece {
            key: String::new(),
            times_us: vec![0; steps.len()],
            values: vec![f64::NAN; steps.len()],
            steps,
        });
        sampling.take("loss".to_owned(), count).steps
    }

    #[test]
    fn samples_have_the_first_and_the_last() {
        assert_eq!(sampled(0..0, 3), [0; 0]);
        assert_eq!(sampled(0..3, 5), [0, 1, 2]);
        assert_eq!(sampled(0..3, 3), [0, 1, 2]);
        assert_eq!(sampled(0..10, 3), [0, 4, 9]);
        assert_eq!(sampled(0..10, 1), [9]);
        assert_eq!(sampled(0..10, 4), [0, 3, 6, 9]);
    }

    #[test]
    fn samples_are_in_order_and_equal_points_count_once() {
        assert_eq!(sampled([2, 0, 1, 2, 0, 3, 3, 3, 3], 4), [0, 1, 2, 3]);
    }
}

//! What a metric came to.

/// Latest value, extremes and count of some points of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    /// Value at the largest step; of equal steps the latest in time; of equal times the last logged.
    pub(crate) latest: f64,
    pub(crate) latest_step: i64,
    pub(crate) latest_time_us: i64,
    /// Extremes of the finite values.
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) count: i64,
}

impl Summary {
    /// Of one point.
    pub(crate) fn of(step: i64, time_us: i64, value: f64) -> Self {
        let finite = Some(value).filter(|value| value.is_finite());
        Self {
            latest: value,
            latest_step: step,
            latest_time_us: time_us,
            min: finite,
            max: finite,
            count: 1,
        }
    }

    /// Takes in points that were logged later.
    pub(crate) fn add(&mut self, later: &Self) {
        let place = |summary: &Self| (summary.latest_step, summary.latest_time_us);
        if place(later) >= place(self) {
            self.latest = later.latest;
            self.latest_step = later.latest_step;
            self.latest_time_us = later.latest_time_us;
        }
        let pick = |a: Option<f64>, b: Option<f64>, choose: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(choose(a, b)),
            (a, b) => a.or(b),
        };
        self.min = pick(self.min, later.min, f64::min);
        self.max = pick(self.max, later.max, f64::max);
        self.count += later.count;
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn the_latest_is_that_of_the_largest_step_then_time_then_order() {
        let mut summary = Summary::of(5, 100, 0.5);
        summary.add(&Summary::of(4, 900, 0.4));
        assert_eq!(summary.latest, 0.5);
        summary.add(&Summary::of(5, 100, 0.6));
        assert_eq!(summary.latest, 0.6);
        summary.add(&Summary::of(5, 99, 0.7));
        assert_eq!(summary.latest, 0.6);
        assert_eq!(
            (summary.min, summary.max, summary.count),
            (Some(0.4), Some(0.7), 4)
        );
    }

    #[test]
    fn what_is_not_finite_counts_but_is_no_extreme() {
        let mut summary = Summary::of(1, 1, f64::NAN);
        assert_eq!((summary.min, summary.max), (None, None));
        summary.add(&Summary::of(2, 2, f64::INFINITY));
        summary.add(&Summary::of(3, 3, -1.0));
        assert_eq!(
            (summary.min, summary.max, summary.count),
            (Some(-1.0), Some(-1.0), 3)
        );
    }
}

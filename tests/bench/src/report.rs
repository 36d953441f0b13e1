//! What was measured, as a table and as JSON.

use std::collections::BTreeMap;

/// What was measured.
pub(crate) struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    /// What it must reach at least: a rate no lower, anything else no higher.
    floor: Option<f64>,
}

impl Figure {
    pub(crate) fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self {
            name,
            value,
            unit,
            floor: None,
        }
    }

    /// With what it must reach.
    pub(crate) fn at_least(self, floor: f64) -> Self {
        Self {
            floor: Some(floor),
            ..self
        }
    }

    fn is_rate(&self) -> bool {
        self.unit == "/s"
    }

    /// How many times as good it is as `other`.
    fn ratio(&self, other: f64) -> f64 {
        if self.is_rate() {
            self.value / other
        } else {
            other / self.value
        }
    }

    /// Whether it reached its floor, in a word.
    fn verdict(&self) -> &'static str {
        match self.floor {
            None => "",
            Some(floor) if self.ratio(floor) >= 1.0 => "reached",
            Some(_) => "missed",
        }
    }
}

/// Prints a line a figure, with what a peer came to beside it, and then all of it as JSON.
pub(crate) fn print(figures: &[Figure], peer: &BTreeMap<String, f64>) {
    println!(
        "{:52} {:>12} {:4} {:>11} {:8} {:>11} {:>8}",
        "", "Herdbook", "", "at least", "", "MLflow", "ratio"
    );
    for figure in figures {
        let floor = figure.floor.map(number).unwrap_or_default();
        let other = peer.get(figure.name);
        let ratio = other.map(|other| format!("{}x", number(figure.ratio(*other))));
        let line = format!(
            "{:52} {:>12} {:4} {floor:>11} {:8} {:>11} {:>8}",
            figure.name,
            number(figure.value),
            figure.unit,
            figure.verdict(),
            other.map(|other| number(*other)).unwrap_or_default(),
            ratio.unwrap_or_default(),
        );
        println!("{}", line.trim_end());
    }
    let named = figures.iter().map(|figure| {
        let value = serde_json::json!({
            "value": figure.value,
            "unit": figure.unit,
            "floor": figure.floor,
            "mlflow": peer.get(figure.name),
        });
        (figure.name.to_owned(), value)
    });
    println!("{}", serde_json::Value::Object(named.collect()));
}

/// Whole, or with three digits where it is small.
fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

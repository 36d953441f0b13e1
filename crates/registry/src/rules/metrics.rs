//! Rules about the metrics of the source run.

use super::{Case, Finding};
use crate::{
    facts::Occupant,
    policy::{Comparison, Direction},
};

pub(super) fn threshold(case: &Case, key: &str, comparison: Comparison, threshold: f64) -> Finding {
    let requirement = format!("{key} {} {threshold}", comparison.words());
    let (passed, evidence) = match case.facts.metric(case.version.run, key) {
        Ok(value) => (
            comparison.holds(value, threshold),
            format!("{key} is {value} in run {}", case.version.run_id()),
        ),
        Err(missing) => (false, missing),
    };
    Finding {
        passed,
        remedy: format!("register a version from a run with {requirement}"),
        requirement,
        evidence,
    }
}

pub(super) fn no_worse(
    case: &Case,
    to: &str,
    key: &str,
    direction: Direction,
    margin: f64,
) -> Finding {
    let better = match direction {
        Direction::Higher => "higher",
        Direction::Lower => "lower",
    };
    let slack = match margin {
        0.0 => String::new(),
        margin => format!(" by more than {margin}"),
    };
    let requirement = format!("{key} no worse than in {to}{slack} ({better} is better)");
    let others = case.standing.occupants.iter();
    let others: Vec<_> = others
        .filter(|other| other.number != case.version.number)
        .collect();
    if others.is_empty() {
        return Finding {
            passed: true,
            requirement,
            evidence: format!("{to} is empty"),
            remedy: String::new(),
        };
    }
    let remedy = format!("register a version from a run with a better {key}");
    let value = match case.facts.metric(case.version.run, key) {
        Ok(value) => value,
        Err(evidence) => {
            return Finding {
                passed: false,
                requirement,
                evidence,
                remedy,
            };
        }
    };
    let mut passed = true;
    let mut seen = Vec::new();
    for other in others {
        let Some(theirs) = metric_of(case, other, key) else {
            // A version that never had the metric is nothing to fall behind.
            seen.push(format!("version {} has none", other.number));
            continue;
        };
        let gain = match direction {
            Direction::Higher => value - theirs,
            Direction::Lower => theirs - value,
        };
        // So put that infinities and rounding cannot make a worse value pass: NaN is no pass.
        passed &= gain >= -margin || value == theirs;
        seen.push(format!("version {} has {theirs}", other.number));
    }
    Finding {
        passed,
        requirement,
        evidence: format!(
            "{key} is {value} in run {}; {}",
            case.version.run_id(),
            seen.join(", ")
        ),
        remedy,
    }
}

/// The metric of a version in the target stage: of its run, or as registered where the run is gone.
fn metric_of(case: &Case, other: &Occupant, key: &str) -> Option<f64> {
    let value = match case.facts.run(other.run) {
        Some(metrics) => metrics.get(key),
        None => other.metrics.get(key),
    };
    value.copied().filter(|value| !value.is_nan())
}

//! Imports and checks in words.

use std::time::Duration;

use herdbook_importer::{Comparison, Counts, Ledger, Report};

use crate::output;

/// Differences of a kind that are shown; the file has all of them.
const SHOWN: usize = 20;

/// What was done so far, in a line.
pub(super) fn progress(ledger: &Ledger, done: &str, elapsed: Duration) -> String {
    let (brought, unchanged) = ledger.counts();
    let rate = brought.points as f64 / elapsed.as_secs_f64().max(0.001);
    let mut line = format!("{done}: {}", counts(&brought));
    if unchanged.runs > 0 {
        line.push_str(&format!("; {} runs were here", unchanged.runs));
    }
    match brought.points {
        0 => line,
        _ => format!("{line}  ({} points/s)", output::number(rate)),
    }
}

/// An import.
pub(super) fn report(report: &Report) -> String {
    let (brought, unchanged) = (&report.brought, &report.unchanged);
    let mut lines = Vec::new();
    if report.dry_run {
        lines.push(format!("there is to bring: {}", counts(brought)));
        lines.push("nothing was written".to_owned());
    } else if *brought == Counts::default() {
        lines.push("nothing new".to_owned());
    } else {
        lines.push(format!("brought: {}", counts(brought)));
    }
    if *unchanged != Counts::default() {
        lines.push(format!("here already, unchanged: {}", counts(unchanged)));
    }
    for (title, expected) in [("not brought, as must be:", true), ("LEFT OUT:", false)] {
        let left = report
            .left_out
            .iter()
            .filter(|left| left.expected == expected);
        for (index, left) in left.enumerate() {
            if index == 0 {
                lines.push(title.to_owned());
            }
            let examples = match left.examples.is_empty() {
                true => String::new(),
                false => format!(
                    " ({}{})",
                    left.examples.join(", "),
                    more(left.count, left.examples.len())
                ),
            };
            lines.push(format!(
                "  {} {}: {}{examples}",
                left.count, left.kind, left.reason
            ));
        }
    }
    lines.join("\n")
}

fn more(count: u64, shown: usize) -> &'static str {
    match usize::try_from(count).is_ok_and(|count| count > shown) {
        true => ", …",
        false => "",
    }
}

/// A check.
pub(super) fn comparison(found: &Comparison) -> String {
    let compared = format!("compared: {}", counts(&found.compared));
    if found.differences.is_empty() {
        return format!("{compared}\nboth sides are the same");
    }
    let mut lines = vec![compared];
    for same_kind in found
        .differences
        .chunk_by(|one, other| one.kind == other.kind)
    {
        let kind = same_kind.first().map_or("", |first| &first.kind);
        lines.push(format!("{kind}: {} differences", same_kind.len()));
        for difference in same_kind.iter().take(SHOWN) {
            lines.push(format!("  {}: {}", difference.id, difference.what));
        }
        if same_kind.len() > SHOWN {
            lines.push(format!(
                "  and {} more; --report FILE has all",
                same_kind.len() - SHOWN
            ));
        }
    }
    lines.join("\n")
}

/// What there is any of.
fn counts(counts: &Counts) -> String {
    let bytes = i64::try_from(counts.bytes).unwrap_or(i64::MAX);
    let parts = [
        (counts.experiments, "experiments"),
        (counts.runs, "runs"),
        (counts.points, "points"),
        (counts.logged_models, "logged models"),
        (counts.models, "models"),
        (counts.versions, "versions"),
        (counts.stages, "stages"),
        (counts.aliases, "aliases"),
        (counts.files, "files"),
    ];
    let mut parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    if counts.files > 0 {
        parts.push(output::size(bytes));
    }
    match parts.is_empty() {
        true => "nothing".to_owned(),
        false => parts.join(", "),
    }
}

//! `herdbook runs show` and `compare`.

use std::collections::BTreeSet;

use herdbook_proto::tracking::v1::Run;

use super::list::value;
use crate::output;

/// A run whole.
pub(super) fn show(run: &Run) -> String {
    let source = run.source.clone().unwrap_or_default();
    let environment = run.environment.clone().unwrap_or_default();
    let metrics = run.metrics.iter().map(|metric| {
        let range = match (metric.min, metric.max) {
            (Some(min), Some(max)) => {
                format!("min {}, max {}, ", output::number(min), output::number(max))
            }
            _ => String::new(),
        };
        let latest = output::number(metric.latest);
        format!(
            "{} = {latest} at step {} ({range}{} points)",
            metric.key, metric.latest_step, metric.count
        )
    });
    let inputs = run.inputs.iter().map(|input| {
        let dataset = input.dataset.clone().unwrap_or_default();
        format!(
            "{} {} ({})",
            dataset.name,
            output::short(&dataset.digest),
            input.context
        )
    });
    let dirty = if source.dirty {
        ", with uncommitted changes"
    } else {
        ""
    };
    let code = match source.commit.is_empty() {
        true => String::new(),
        false => format!(
            "{} {} on {}{dirty}",
            source.repository, source.commit, source.branch
        ),
    };
    let packages = environment.requirements.len();
    let python = match environment.python_version.is_empty() {
        true => String::new(),
        false => {
            format!(
                "Python {} on {}, {packages} packages",
                environment.python_version, environment.platform
            )
        }
    };
    let fork = run.forked_from.as_ref();
    let fork = fork.map(|fork| format!("{} at step {}", fork.run_id, fork.step));
    output::facts(&[
        ("id", run.id.clone()),
        ("name", run.name.clone()),
        ("experiment", run.experiment_id.to_string()),
        ("status", status(run)),
        ("user", run.user.clone()),
        ("started", output::time(run.started_at.as_ref())),
        ("ended", output::time(run.ended_at.as_ref())),
        ("parent", run.parent_run_id.clone()),
        ("forked from", fork.unwrap_or_default()),
        ("based on", run.based_on.join(", ")),
        ("description", run.description.clone()),
        ("params", output::pairs(&run.params)),
        ("metrics", metrics.collect::<Vec<_>>().join("\n")),
        ("tags", output::pairs(&run.tags)),
        ("inputs", inputs.collect::<Vec<_>>().join("\n")),
        ("code", code),
        ("script", source.entry_point),
        ("environment", python),
    ])
}

/// A row for each fact in which runs differ, a column a run.
pub(super) fn compare(runs: &[Run], all: bool) -> String {
    let params = runs
        .iter()
        .flat_map(|run| run.params.keys())
        .map(|key| format!("params.{key}"));
    let metrics = runs
        .iter()
        .flat_map(|run| &run.metrics)
        .map(|m| format!("metrics.{}", m.key));
    let tags = runs
        .iter()
        .flat_map(|run| run.tags.keys())
        .map(|key| format!("tags.{key}"));
    let columns: BTreeSet<String> = params.chain(metrics).chain(tags).collect();
    let mut rows = Vec::new();
    for column in columns {
        let values: Vec<String> = runs.iter().map(|run| value(run, &column)).collect();
        if all || values.iter().any(|value| Some(value) != values.first()) {
            rows.push(std::iter::once(column).chain(values).collect());
        }
    }
    if rows.is_empty() {
        return "the runs do not differ".to_owned();
    }
    let names = runs.iter().map(|run| run.name.clone());
    output::columns(std::iter::once(String::new()).chain(names), rows)
}

/// How a run stands, such as `finished`.
pub(super) fn status(run: &Run) -> String {
    output::name(run.status().as_str_name(), "RUN_STATUS_")
}

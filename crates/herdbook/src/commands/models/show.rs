//! Models, versions, policies and decisions as people read them.

use herdbook_proto::registry::v1::{
    AuditRecord, Decision, Model, Outcome, Policy, StageContent, Version, rule::Rule as Asks,
};

use crate::output;

pub(super) fn decision(decision: &Decision) -> String {
    let Decision {
        model,
        version,
        from,
        to,
        ..
    } = decision;
    let moves = match decision.outcome() {
        Outcome::WouldAllow => "would move",
        Outcome::WouldRefuse => "would not move",
        _ => "moved",
    };
    let mut lines = vec![format!("{model}/{version} {moves} from {from} to {to}")];
    lines.extend(decision.verdicts.iter().map(|verdict| {
        let mark = if verdict.passed { '✓' } else { '✗' };
        let remedy = match verdict.remedy.as_str() {
            "" => String::new(),
            remedy => format!("; {remedy}"),
        };
        format!(
            "  {mark} {}: {} ({}){remedy}",
            verdict.rule, verdict.requirement, verdict.evidence
        )
    }));
    lines.extend(
        decision
            .displaced
            .iter()
            .map(|number| format!("  {model}/{number} made way for it")),
    );
    lines.join("\n")
}

pub(super) fn stages(model: &Model) -> String {
    let stage = |content: &StageContent| {
        let versions: Vec<_> = content.versions.iter().map(ToString::to_string).collect();
        match versions.len() {
            0..=4 => format!("{} {}", content.stage, versions.join(",")),
            count => format!("{} ({count})", content.stage),
        }
    };
    model
        .stages
        .iter()
        .map(stage)
        .collect::<Vec<_>>()
        .join(" · ")
}

pub(super) fn model(model: &Model) -> String {
    let mut aliases: Vec<_> = model
        .aliases
        .iter()
        .map(|(alias, number)| format!("{alias} -> {number}"))
        .collect();
    aliases.sort_unstable();
    output::facts(&[
        ("name", model.name.clone()),
        ("description", model.description.clone()),
        ("stages", stages(model)),
        ("aliases", aliases.join(", ")),
        ("tags", output::pairs(&model.tags)),
        (
            "created",
            format!(
                "{} by {}",
                output::time(model.created_at.as_ref()),
                model.created_by
            ),
        ),
        ("revision", model.revision.to_string()),
    ])
}

pub(super) fn version(version: &Version) -> String {
    let files = version.files.iter().map(|file| {
        format!(
            "{}  {}  {}",
            file.path,
            output::size(file.size),
            output::short(&file.digest)
        )
    });
    let mut metrics: Vec<_> = version
        .metrics
        .iter()
        .map(|(key, value)| format!("{key} = {}", output::number(*value)))
        .collect();
    metrics.sort_unstable();
    output::facts(&[
        ("version", format!("{}/{}", version.model, version.number)),
        ("label", version.label.clone()),
        (
            "stage",
            format!(
                "{}, since {}",
                version.stage,
                output::time(version.stage_since.as_ref())
            ),
        ),
        ("aliases", version.aliases.join(", ")),
        ("description", version.description.clone()),
        ("source", version.source.clone()),
        ("based on", version.based_on.join(", ")),
        ("files", files.collect::<Vec<_>>().join("\n")),
        ("digest", version.digest.clone()),
        ("metrics", metrics.join("\n")),
        ("params", output::pairs(&version.params)),
        ("tags", output::pairs(&version.tags)),
        (
            "created",
            format!(
                "{} by {}",
                output::time(version.created_at.as_ref()),
                version.created_by
            ),
        ),
        ("revision", version.revision.to_string()),
    ])
}

pub(super) fn policy(policy: &Policy) -> String {
    let mut lines = vec!["Stages".to_owned()];
    lines.extend(policy.stages.iter().map(|stage| match stage.exclusive {
        true => format!(
            "  {} (one at a time; the former goes to {})",
            stage.name, stage.displaced_to
        ),
        false => format!("  {}", stage.name),
    }));
    lines.push("Moves".to_owned());
    for step in &policy.moves {
        let from = if step.from == "*" { "any" } else { &step.from };
        lines.push(format!("  {from} -> {}", step.to));
        lines.extend(
            step.rules
                .iter()
                .map(|rule| format!("    {}: {}", rule.name, ask(rule.rule.as_ref()))),
        );
    }
    lines.push(format!("Revision {}", policy.revision));
    lines.join("\n")
}

fn ask(asks: Option<&Asks>) -> String {
    match asks {
        Some(Asks::MetricThreshold(asks)) => {
            let comparison = output::name(asks.comparison().as_str_name(), "COMPARISON_");
            format!(
                "{} {} {}",
                asks.metric,
                comparison.replace('_', " "),
                asks.threshold
            )
        }
        Some(Asks::RequiredTags(asks)) => format!("the tags {}", asks.keys.join(", ")),
        Some(Asks::RequiredRole(asks)) => {
            format!(
                "the role {}",
                output::name(asks.role().as_str_name(), "ROLE_")
            )
        }
        Some(Asks::RequiredDescription(_)) => "a description".to_owned(),
        None => String::new(),
    }
}

/// What a record was about, for a line.
pub(crate) fn subject(record: &AuditRecord) -> String {
    match record.version {
        0 => record.model.clone(),
        number => format!("{}/{number}", record.model),
    }
}

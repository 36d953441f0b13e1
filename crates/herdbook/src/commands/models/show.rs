//! Models, versions, policies and decisions as people read them.

use herdbook_proto::registry::v1::{
    AuditRecord, Decision, FreezeWindow, ListStaysResponse, Model, ModelCard, NoWorse, Outcome,
    Policy, Rule, Stage, StageContent, Stay, Version, rule::Rule as Asks,
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
        Outcome::WouldPend => "would wait to move",
        Outcome::Pending => "waits to move",
        Outcome::Overridden => "was MOVED AGAINST THE RULES",
        _ => "moved",
    };
    let makes_way = match decision.outcome() {
        Outcome::Allowed | Outcome::Overridden => "made way for it",
        _ => "would make way for it",
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
            .map(|number| format!("  {model}/{number} {makes_way}")),
    );
    if !decision.override_reason.is_empty() {
        let Decision {
            principal,
            override_reason,
            ..
        } = decision;
        lines.push(format!("  overridden by {principal}: {override_reason}"));
    }
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
        ("owners", model.owners.join(", ")),
        ("licence", licence(model.card.as_ref())),
        ("stages", stages(model)),
        ("aliases", aliases.join(", ")),
        ("tags", output::pairs(&model.tags)),
        ("policy", model.policy.clone()),
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
        ("flavor", version.flavor.clone()),
        ("licence", licence(version.card.as_ref())),
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

fn licence(card: Option<&ModelCard>) -> String {
    card.map(|card| card.licence.clone()).unwrap_or_default()
}

/// What stood in a stage and when.
pub(super) fn stays(found: &ListStaysResponse) -> String {
    let row = |stay: &Stay| {
        let left = match stay.left_at {
            Some(_) => output::time(stay.left_at.as_ref()),
            None => "stands there".to_owned(),
        };
        vec![
            stay.version.to_string(),
            stay.label.clone(),
            output::time(stay.entered_at.as_ref()),
            left,
            stay.left_revision
                .map(|r| r.to_string())
                .unwrap_or_default(),
        ]
    };
    let header = ["version", "label", "from", "until", "left at revision"];
    output::table(&header, found.stays.iter().map(row))
}

/// The stages, moves and rules of a policy.
pub(crate) fn policy(policy: &Policy) -> String {
    let mut lines = vec!["Stages".to_owned()];
    lines.extend(policy.stages.iter().map(stage));
    lines.push("Moves".to_owned());
    for step in &policy.moves {
        let from = if step.from == "*" { "any" } else { &step.from };
        lines.push(format!("  {from} -> {}", step.to));
        lines.extend(step.rules.iter().map(rule));
    }
    if let Some(rollback) = &policy.rollback {
        lines.push("  rollback of any stage".to_owned());
        lines.extend(rollback.rules.iter().map(rule));
    }
    lines.push(format!("Revision {}", policy.revision));
    lines.join("\n")
}

fn stage(stage: &Stage) -> String {
    let Stage {
        name, displaced_to, ..
    } = stage;
    let limit = match (stage.exclusive, stage.holds) {
        (true, _) | (_, 1) => format!(" (one at a time; the former goes to {displaced_to})"),
        (_, 0) => String::new(),
        (_, holds) => format!(" ({holds} at a time; the oldest there goes to {displaced_to})"),
    };
    let terminal = if stage.terminal { " (for good)" } else { "" };
    let frozen = if stage.frozen { " (frozen)" } else { "" };
    format!("  {name}{limit}{terminal}{frozen}")
}

fn rule(rule: &Rule) -> String {
    format!("    {}: {}", rule.name, ask(rule.rule.as_ref()))
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
        Some(Asks::RequiredCard(asks)) => format!("a card with {}", asks.fields.join(", ")),
        Some(Asks::RequiredPrincipal(asks)) => format!("moved by {}", asks.names.join(" or ")),
        Some(Asks::NoWorse(asks)) => {
            let better = output::name(asks.direction().as_str_name(), "DIRECTION_");
            let NoWorse { metric, margin, .. } = asks;
            format!("{metric} ({better} is better) no worse than there, within {margin}")
        }
        Some(Asks::MinimumSoak(asks)) => {
            format!("{} in the stage before", length(asks.duration.as_ref()))
        }
        Some(Asks::FreezeWindow(asks)) => {
            let FreezeWindow {
                cron, time_zone, ..
            } = asks;
            let length = length(asks.duration.as_ref());
            format!("no freeze window open ({cron} {time_zone}, for {length})")
        }
        Some(Asks::CleanLineage(asks)) => {
            format!("no ancestor tagged {}", asks.without_tags.join(", "))
        }
        Some(Asks::RequiredChecks(asks)) => format!("the checks {}", asks.names.join(", ")),
        Some(Asks::RequiredApprovals(asks)) => {
            let from = match asks.names.is_empty() {
                true => format!(
                    "the role {}",
                    output::name(asks.role().as_str_name(), "ROLE_")
                ),
                false => asks.names.join(", "),
            };
            format!("{} of {from}", output::counted(asks.count, "approval"))
        }
        Some(Asks::SignedBy(asks)) => {
            let names: Vec<_> = asks.keys.iter().map(|key| key.name.as_str()).collect();
            format!("signed by {} of {}", asks.threshold, names.join(", "))
        }
        Some(Asks::Cel(asks)) => asks.expression.clone(),
        None => String::new(),
    }
}

fn length(duration: Option<&prost_types::Duration>) -> String {
    let seconds = duration.map_or(0, |duration| duration.seconds);
    let seconds = u64::try_from(seconds).unwrap_or_default();
    humantime::format_duration(std::time::Duration::from_secs(seconds)).to_string()
}

/// What a record was about, for a line.
pub(crate) fn subject(record: &AuditRecord) -> String {
    match (record.model.as_str(), record.version) {
        ("", _) => subject_of_workspace(&record.details),
        (model, 0) => model.to_owned(),
        (model, number) => format!("{model}/{number}"),
    }
}

/// What a record without a model is about: a shared policy or a webhook.
fn subject_of_workspace(details: &str) -> String {
    let details: serde_json::Value = serde_json::from_str(details).unwrap_or_default();
    let named = |kind| Some(format!("{kind} {}", details.get(kind)?.as_str()?));
    let mut kinds = ["policy", "webhook"].into_iter();
    kinds.find_map(named).unwrap_or_default()
}

//! How a rule judges the facts: pure functions, so that a dry run and the real one cannot differ.

pub(crate) mod expression;
pub(crate) mod freeze;
mod metrics;
pub(crate) mod people;
mod signatures;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use herdbook_core::PrincipalId;
use herdbook_rpc::Role;

use self::freeze::Window;
use crate::{
    descent::Proof,
    facts::{Check, Facts, Standing},
    policy::{Asks, Descent, Rule},
    request::Approval,
    version::Version,
};

/// The kind of the rule that a move may wait for.
pub(crate) const APPROVALS: &str = "REQUIRED_APPROVALS";

/// How a rule judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rule: String,
    /// UPPER_SNAKE, such as `METRIC_THRESHOLD`.
    pub(crate) kind: &'static str,
    pub(crate) passed: bool,
    pub(crate) requirement: String,
    pub(crate) evidence: String,
    /// Empty if it holds.
    pub(crate) remedy: String,
}

/// What a rule found, before it is known by the rule's name.
struct Finding {
    passed: bool,
    requirement: String,
    evidence: String,
    /// What would satisfy it if it does not hold.
    remedy: String,
}

/// Who asks for a move.
#[derive(Debug, Clone)]
pub(crate) struct Mover {
    pub(crate) principal: PrincipalId,
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
}

/// All that a move is judged by.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) version: Version,
    pub(crate) mover: Mover,
    /// What other services said, before the model was locked.
    pub(crate) facts: Facts,
    /// What the registry itself knows, under the model's lock.
    pub(crate) standing: Standing,
}

impl Case {
    /// What was approved of this move: by others, of a request that the mover has opened.
    pub(crate) fn approvals(&self) -> &[Approval] {
        match &self.standing.request {
            Some(request) if request.requester == self.mover.principal => &request.approvals,
            _ => &[],
        }
    }
}

/// Judges a move to the stage `to` by one rule.
pub(crate) fn judge(rule: &Rule, to: &str, case: &Case) -> Verdict {
    let finding = match &rule.asks {
        Asks::Metric {
            key,
            comparison,
            threshold,
        } => metrics::threshold(case, key, *comparison, *threshold),
        Asks::NoWorse {
            key,
            direction,
            margin,
        } => metrics::no_worse(case, to, key, *direction, *margin),
        Asks::Tags(keys) => tags(case, keys),
        Asks::Description => description(case),
        Asks::Card(fields) => card(case, fields),
        Asks::Role(number) => people::role(case, *number),
        Asks::Principals(names) => people::principals(case, names),
        Asks::Approvals { count, from } => people::approvals(case, *count, from),
        Asks::Checks(names) => checks(case, names),
        Asks::Lineage(descent) => lineage(case, descent),
        Asks::Signed { keys, threshold } => signatures::signed_by(case, keys, *threshold),
        Asks::Soak(seconds) => soak(case, *seconds),
        Asks::Freeze {
            cron,
            seconds,
            zone,
        } => frozen(case, cron, *seconds, zone),
        Asks::Expression { text, message } => expression::judge(case, to, text, message),
    };
    let Finding {
        passed,
        requirement,
        evidence,
        remedy,
    } = finding;
    Verdict {
        rule: rule.name.clone(),
        kind: kind(&rule.asks),
        passed,
        requirement,
        evidence,
        remedy: if passed { String::new() } else { remedy },
    }
}

fn kind(asks: &Asks) -> &'static str {
    match asks {
        Asks::Metric { .. } => "METRIC_THRESHOLD",
        Asks::NoWorse { .. } => "NO_WORSE",
        Asks::Tags(_) => "REQUIRED_TAGS",
        Asks::Description => "REQUIRED_DESCRIPTION",
        Asks::Card(_) => "REQUIRED_CARD",
        Asks::Role(_) => "REQUIRED_ROLE",
        Asks::Principals(_) => "REQUIRED_PRINCIPAL",
        Asks::Soak(_) => "MINIMUM_SOAK",
        Asks::Freeze { .. } => "FREEZE_WINDOW",
        Asks::Expression { .. } => "EXPRESSION",
        Asks::Checks(_) => "REQUIRED_CHECKS",
        Asks::Lineage(_) => "CLEAN_LINEAGE",
        Asks::Signed { .. } => "SIGNED_BY",
        Asks::Approvals { .. } => APPROVALS,
    }
}

fn tags(case: &Case, keys: &[String]) -> Finding {
    let unset = |key: &&String| !case.version.tags.contains_key(*key);
    let missing: Vec<_> = keys.iter().filter(unset).cloned().collect();
    let missing_names = missing.join(", ");
    Finding {
        passed: missing.is_empty(),
        requirement: format!("the tags {}", keys.join(", ")),
        evidence: match missing.is_empty() {
            true => "all of them are set".to_owned(),
            false => format!("not set: {missing_names}"),
        },
        remedy: format!("set the tags {missing_names} of the version"),
    }
}

fn description(case: &Case) -> Finding {
    let described = !case.version.description.trim().is_empty();
    Finding {
        passed: described,
        requirement: "a description".to_owned(),
        evidence: if described {
            "it has one".to_owned()
        } else {
            "it has none".to_owned()
        },
        remedy: "describe the version".to_owned(),
    }
}

fn card(case: &Case, fields: &[String]) -> Finding {
    let card = &case.version.card;
    let unsaid = |name: &&String| card.field(name).is_none_or(|text| text.trim().is_empty());
    let missing: Vec<_> = fields.iter().filter(unsaid).cloned().collect();
    let missing = missing.join(", ");
    Finding {
        passed: missing.is_empty(),
        requirement: format!("a card with {}", fields.join(", ")),
        evidence: match missing.as_str() {
            "" => "it says all of them".to_owned(),
            missing => format!("not said: {missing}"),
        },
        remedy: format!("write {missing} in the card of the version or of its model"),
    }
}

fn checks(case: &Case, names: &[String]) -> Finding {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for name in names {
        let Some(check) = case.standing.checks.get(name) else {
            found.push(format!("{name} was not reported"));
            missing.push(name.as_str());
            continue;
        };
        let Check {
            passed,
            details,
            url,
            reported_by,
            reported_at,
        } = check;
        let outcome = if *passed { "passed" } else { "failed" };
        let told = [details.as_str(), url.as_str()].into_iter();
        let told: Vec<_> = told.filter(|text| !text.is_empty()).collect();
        let told = match told.is_empty() {
            true => String::new(),
            false => format!(" ({})", told.join(", ")),
        };
        let at = stamp(*reported_at);
        found.push(format!(
            "{name} {outcome}{told}, reported by {reported_by} at {at}"
        ));
        if !passed {
            missing.push(name.as_str());
        }
    }
    Finding {
        passed: missing.is_empty(),
        requirement: format!("the checks {}", names.join(", ")),
        evidence: found.join("; "),
        remedy: format!(
            "have the pipeline report that {} passed for {}",
            missing.join(", "),
            case.version.digest
        ),
    }
}

fn lineage(case: &Case, descent: &Descent) -> Finding {
    let tags = descent.without_tags.join(", ");
    let known = match descent.known_depth {
        0 => "every origin known".to_owned(),
        depth => format!("every origin known {depth} edges back"),
    };
    let requirement = format!("no ancestor tagged {tags}, and {known}");
    let Some(proof) = case.facts.proof(descent) else {
        return Finding {
            passed: false,
            requirement,
            evidence: "lineage does not know the version yet".to_owned(),
            remedy: "ask again in a moment".to_owned(),
        };
    };
    let Proof {
        examined,
        tainted_by,
        unknown,
        digest,
    } = proof;
    let mut found = vec![format!("{examined} nodes examined ({digest})")];
    found.extend(tainted_by.iter().map(|node| format!("{node} is tagged so")));
    found.extend(unknown.iter().cloned());
    let remedy = match tainted_by.is_empty() {
        true => "record what is unknown",
        false => "train without it, and register that",
    };
    Finding {
        passed: tainted_by.is_empty() && unknown.is_empty(),
        requirement,
        evidence: found.join("; "),
        remedy: remedy.to_owned(),
    }
}

fn soak(case: &Case, seconds: u32) -> Finding {
    let Version {
        stage, stage_since, ..
    } = &case.version;
    let needed = TimeDelta::seconds(seconds.into());
    let stood = case.standing.now - *stage_since;
    let ripe = *stage_since + needed;
    Finding {
        passed: stood >= needed,
        requirement: format!("{} in {stage}", span(needed)),
        evidence: format!(
            "it has stood there for {}, since {}",
            span(stood),
            stamp(*stage_since)
        ),
        remedy: format!("ask again after {}", stamp(ripe)),
    }
}

fn frozen(case: &Case, cron: &str, seconds: u32, zone: &str) -> Finding {
    let now = case.standing.now;
    let length = span(TimeDelta::seconds(seconds.into()));
    let shown_zone = if zone.is_empty() { "UTC" } else { zone };
    let (passed, evidence, remedy) = match freeze::open_window(cron, seconds, zone, now) {
        Ok(None) => (
            true,
            format!("none is open at {}", stamp(now)),
            String::new(),
        ),
        Ok(Some(Window { opened, closes })) => (
            false,
            format!("one opened at {}", opened.format("%F %H:%M %Z")),
            format!("ask again after {}", closes.format("%F %H:%M %Z")),
        ),
        // Checked when the policy was saved; only a later database of time zones can bring this about.
        Err(error) => (
            false,
            error.to_string(),
            "correct the rule in the policy".to_owned(),
        ),
    };
    Finding {
        passed,
        requirement: format!("no open freeze window ({cron} {shown_zone}, for {length})"),
        evidence,
        remedy,
    }
}

/// A time to the second, as evidence shows it.
pub(crate) fn stamp(time: DateTime<Utc>) -> String {
    time.format("%F %H:%M:%S UTC").to_string()
}

/// A span in its two largest units, such as `2 d 3 h`.
pub(crate) fn span(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")];
    let shown: Vec<_> = parts
        .iter()
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if shown.is_empty() {
        return "0 s".to_owned();
    }
    shown.join(" ")
}

/// The number by which a policy keeps a role; `None` for the unspecified and the unknown.
pub(crate) fn role_number(number: i32) -> Option<i32> {
    Role::from_proto(number).map(|role| role.to_proto().into())
}

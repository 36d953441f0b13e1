//! What a policy is checked for before it is kept.

use std::collections::BTreeSet;

use herdbook_core::{check_key, check_name};
use herdbook_proto::{InvalidRequest, Violations};

use super::{ANY, Approvers, Asks, Move, Policy, Rule, Stage, TrustedKey};
use crate::{
    card::Card,
    rules::{expression, freeze},
    signing::PublicKey,
};

/// Stages and moves of a policy, and rules of a move, at most.
const STAGES: usize = 50;
const MOVES: usize = 1_000;
const RULES: usize = 50;
/// Versions that a stage with a limit holds at most: each is read with every move into it.
const HOLDS: u32 = 20;
/// Names in a rule at most.
const NAMES: usize = 100;
/// Approvals that a rule may ask for.
const APPROVALS: u32 = 20;
/// Bytes of the message of an expression.
const MESSAGE: usize = 1_024;
const YEAR: u32 = 366 * 24 * 3_600;

impl Policy {
    /// Checks all of the policy, and names the place of each thing that is wrong.
    pub(crate) fn check(&self) -> Result<(), InvalidRequest> {
        let mut violations = Violations::default();
        for (field, count, limit) in [
            ("policy.stages", self.stages.len(), STAGES),
            ("policy.moves", self.moves.len(), MOVES),
        ] {
            if count == 0 || count > limit {
                violations.add(
                    field,
                    format!("has {count} entries; 1 to {limit} are needed"),
                );
            }
        }
        violations.finish()?;
        let mut violations = Violations::default();
        self.check_stages(&mut violations);
        self.check_moves(&mut violations);
        violations.finish()?;
        let mut violations = Violations::default();
        self.check_reach(&mut violations);
        violations.finish()
    }

    fn check_stages(&self, violations: &mut Violations) {
        let mut seen = BTreeSet::new();
        for (index, stage) in self.stages.iter().enumerate() {
            let place = format!("policy.stages[{index}]");
            violations.check(format!("{place}.name"), check_name(&stage.name));
            if stage.name == ANY || stage.name.eq_ignore_ascii_case("latest") {
                violations.add(
                    format!("{place}.name"),
                    format!("{:?} has a meaning of its own", stage.name),
                );
            }
            if !seen.insert(stage.name.to_lowercase()) {
                violations.add(
                    format!("{place}.name"),
                    format!("{:?} stands twice", stage.name),
                );
            }
            let Some(displaced_to) = &stage.displaced_to else {
                continue;
            };
            let problem = match self.stages.iter().find(|other| other.name == *displaced_to) {
                None => Some(format!("{displaced_to:?} is not a stage of this policy")),
                Some(other) if other.name == stage.name => {
                    Some("the former version cannot stay in the stage it leaves".to_owned())
                }
                Some(other) if other.displaced_to.is_some() => Some(format!(
                    "{displaced_to:?} has a limit itself; choose a stage that holds many"
                )),
                Some(_) if stage.terminal => {
                    Some("versions stay in a terminal stage; none makes way".to_owned())
                }
                Some(_) => None,
            };
            if stage.holds.get() > HOLDS {
                let what = format!(
                    "is {}; a stage with a limit holds at most {HOLDS}",
                    stage.holds
                );
                violations.add(format!("{place}.holds"), what);
            }
            if let Some(problem) = problem {
                violations.add(format!("{place}.displaced_to"), problem);
            }
        }
    }

    fn check_moves(&self, violations: &mut Violations) {
        let known = |name: &str| self.stages.iter().any(|stage| stage.name == name);
        let mut seen = BTreeSet::new();
        for (index, step) in self.moves.iter().enumerate() {
            let place = format!("policy.moves[{index}]");
            if step.from != ANY && !known(&step.from) {
                let what = format!("{:?} is not a stage of this policy, nor *", step.from);
                violations.add(format!("{place}.from"), what);
            }
            if self.is_terminal(&step.from) {
                let what = format!("{:?} is terminal; no move leads out of it", step.from);
                violations.add(format!("{place}.from"), what);
            }
            if !known(&step.to) {
                violations.add(
                    format!("{place}.to"),
                    format!("{:?} is not a stage of this policy", step.to),
                );
            }
            if !seen.insert((&step.from, &step.to)) {
                violations.add(&place, format!("{} -> {} stands twice", step.from, step.to));
            }
            check_rules(&place, &step.rules, self.target(step), violations);
        }
        if let Some(rules) = &self.rollback {
            check_rules("policy.rollback", rules, None, violations);
        }
    }

    fn target(&self, step: &Move) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == step.to)
    }

    /// Every stage but the first must be entered by some move or displacement.
    fn check_reach(&self, violations: &mut Violations) {
        let mut reached = BTreeSet::from([self.first_stage()]);
        loop {
            let by_move = self
                .moves
                .iter()
                .filter(|m| m.from == ANY || reached.contains(&*m.from));
            let displaced = self
                .stages
                .iter()
                .filter(|stage| reached.contains(&*stage.name));
            let next: Vec<&str> = by_move
                .map(|m| m.to.as_str())
                .chain(displaced.filter_map(|stage| stage.displaced_to.as_deref()))
                .filter(|name| !reached.contains(name))
                .collect();
            if next.is_empty() {
                break;
            }
            reached.extend(next);
        }
        for (index, stage) in self.stages.iter().enumerate() {
            if !reached.contains(&*stage.name) {
                let what = format!(
                    "no move leads to {:?} from {:?}",
                    stage.name,
                    self.first_stage()
                );
                violations.add(format!("policy.stages[{index}]"), what);
            }
        }
    }
}

/// Checks the rules of a move to `target`, or of rollbacks of any stage.
fn check_rules(place: &str, rules: &[Rule], target: Option<&Stage>, violations: &mut Violations) {
    if rules.len() > RULES {
        violations.add(
            format!("{place}.rules"),
            format!("has over {RULES} entries"),
        );
    }
    let mut names = BTreeSet::new();
    for (number, rule) in rules.iter().enumerate() {
        let place = format!("{place}.rules[{number}]");
        violations.check(format!("{place}.name"), check_name(&rule.name));
        if !names.insert(&rule.name) {
            violations.add(
                format!("{place}.name"),
                format!("{:?} stands twice in this move", rule.name),
            );
        }
        check_asks(&place, &rule.asks, target, violations);
    }
}

/// Checks what a rule of a move to `target` asks.
fn check_asks(place: &str, asks: &Asks, target: Option<&Stage>, violations: &mut Violations) {
    match asks {
        Asks::Metric { key, threshold, .. } => {
            let place = format!("{place}.metric_threshold");
            violations.check(format!("{place}.metric"), check_key(key));
            if !threshold.is_finite() {
                violations.add(format!("{place}.threshold"), "must be a finite number");
            }
        }
        Asks::NoWorse { key, margin, .. } => {
            let place = format!("{place}.no_worse");
            violations.check(format!("{place}.metric"), check_key(key));
            if !margin.is_finite() || *margin < 0.0 {
                violations.add(
                    format!("{place}.margin"),
                    "must be a finite number, 0 or more",
                );
            }
            if let Some(target) = target.filter(|target| target.limit().is_none()) {
                let what = format!(
                    "{:?} holds as many versions as come; give it a limit to compare with what it holds",
                    target.name
                );
                violations.add(place, what);
            }
        }
        Asks::Tags(keys) => {
            check_each(
                &format!("{place}.required_tags.keys"),
                keys,
                check_key,
                violations,
            );
        }
        Asks::Principals(names) => {
            check_each(
                &format!("{place}.required_principal.names"),
                names,
                check_name,
                violations,
            );
        }
        Asks::Soak(seconds) => {
            let place = format!("{place}.minimum_soak.duration");
            check_seconds(&place, *seconds, 1, 10 * YEAR, violations);
        }
        Asks::Freeze {
            cron,
            seconds,
            zone,
        } => {
            let place = format!("{place}.freeze_window");
            check_seconds(&format!("{place}.duration"), *seconds, 60, YEAR, violations);
            violations.check(format!("{place}.cron"), freeze::schedule(cron));
            violations.check(format!("{place}.time_zone"), freeze::zone(zone));
        }
        Asks::Expression { text, message } => {
            let place = format!("{place}.cel");
            violations.check(format!("{place}.expression"), expression::check(text));
            if message.trim().is_empty() || message.len() > MESSAGE {
                let what = format!("must say what would satisfy the rule, in 1 to {MESSAGE} bytes");
                violations.add(format!("{place}.message"), what);
            }
        }
        Asks::Checks(names) => {
            let place = format!("{place}.required_checks.names");
            check_each(&place, names, check_key, violations);
        }
        Asks::Approvals { count, from } => {
            let place = format!("{place}.required_approvals");
            if *count == 0 || *count > APPROVALS {
                let what = format!("is {count}; 1 to {APPROVALS} are possible");
                violations.add(format!("{place}.count"), what);
            }
            if let Approvers::Named(names) = from {
                let place = format!("{place}.names");
                check_each(&place, names, check_name, violations);
                let others: BTreeSet<_> = names.iter().collect();
                if others.len() < usize::try_from(*count).unwrap_or(usize::MAX) {
                    violations.add(place, format!("has fewer names than the {count} needed"));
                }
            }
        }
        Asks::Lineage(descent) => {
            let place = format!("{place}.clean_lineage.without_tags");
            check_each(&place, &descent.without_tags, check_key, violations);
        }
        Asks::Card(fields) => {
            let place = format!("{place}.required_card.fields");
            let known = Card::FIELDS;
            let check = |name: &str| match known.contains(&name) {
                true => Ok(()),
                false => Err(format!("must be one of {}", known.join(", "))),
            };
            check_each(&place, fields, check, violations);
        }
        Asks::Signed { keys, threshold } => {
            check_keys(&format!("{place}.signed_by"), keys, *threshold, violations);
        }
        Asks::Role(_) | Asks::Description => {}
    }
}

fn check_keys(place: &str, keys: &[TrustedKey], threshold: u32, violations: &mut Violations) {
    let list = format!("{place}.keys");
    if keys.is_empty() || keys.len() > NAMES {
        let what = format!("has {} entries; 1 to {NAMES} are needed", keys.len());
        violations.add(&list, what);
    }
    let mut seen = BTreeSet::new();
    for (index, key) in keys.iter().enumerate() {
        let place = format!("{list}[{index}]");
        violations.check(format!("{place}.name"), check_name(&key.name));
        if !seen.insert(key.name.clone()) {
            violations.add(
                format!("{place}.name"),
                format!("{:?} stands twice", key.name),
            );
        }
        let read = PublicKey::from_pem(&key.public_key);
        let read = violations.check(format!("{place}.public_key"), read);
        if let Some(read) = read
            && !seen.insert(read.id().to_string())
        {
            violations.add(
                format!("{place}.public_key"),
                "stands twice; it would count twice",
            );
        }
    }
    if usize::try_from(threshold).unwrap_or(usize::MAX) > keys.len() {
        let what = format!("is {threshold}, and there are only {} keys", keys.len());
        violations.add(format!("{place}.threshold"), what);
    }
}

fn check_each<E: std::fmt::Display>(
    place: &str,
    names: &[String],
    check: impl Fn(&str) -> Result<(), E>,
    violations: &mut Violations,
) {
    if names.is_empty() || names.len() > NAMES {
        violations.add(
            place,
            format!("has {} entries; 1 to {NAMES} are needed", names.len()),
        );
    }
    for (index, name) in names.iter().enumerate() {
        violations.check(format!("{place}[{index}]"), check(name));
    }
}

fn check_seconds(place: &str, seconds: u32, least: u32, most: u32, violations: &mut Violations) {
    if seconds < least || seconds > most {
        let what = format!("is {seconds} s; {least} s to {most} s are possible");
        violations.add(place, what);
    }
}

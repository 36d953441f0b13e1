//! Policies: the stages of a model, the moves between them, and what must hold for each.

use std::collections::BTreeSet;

use herdbook_core::{check_key, check_name};
use herdbook_proto::{InvalidRequest, Violations};
use serde::{Deserialize, Serialize};

/// Stages and moves of a policy, and rules of a move, at most.
const STAGES: usize = 50;
const MOVES: usize = 1_000;
const RULES: usize = 50;
/// A move from any stage.
pub(crate) const ANY: &str = "*";

/// By which the versions of a model move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) stages: Vec<Stage>,
    pub(crate) moves: Vec<Move>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// Where the former version goes when another comes; `None` if the stage holds many.
    pub(crate) displaced_to: Option<String>,
}

/// A move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Move {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) rules: Vec<Rule>,
}

/// What must hold for a move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) asks: Asks,
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Asks {
    Metric {
        key: String,
        comparison: Comparison,
        threshold: f64,
    },
    Tags(Vec<String>),
    /// A number of `herdbook.common.v1.Role`.
    Role(i32),
    Description,
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Comparison {
    AtLeast,
    Above,
    AtMost,
    Below,
}

impl Comparison {
    pub(crate) fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::AtLeast => value >= threshold,
            Self::Above => value > threshold,
            Self::AtMost => value <= threshold,
            Self::Below => value < threshold,
        }
    }

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::AtLeast => "at least",
            Self::Above => "above",
            Self::AtMost => "at most",
            Self::Below => "below",
        }
    }
}

impl Default for Policy {
    /// None, Staging, Production (one version at a time) and Archived, with every move between them.
    fn default() -> Self {
        let stage = |name: &str, displaced_to: Option<&str>| Stage {
            name: name.to_owned(),
            displaced_to: displaced_to.map(str::to_owned),
        };
        let stages = vec![
            stage("None", None),
            stage("Staging", None),
            stage("Production", Some("Archived")),
            stage("Archived", None),
        ];
        let to = |stage: &Stage| Move {
            from: ANY.to_owned(),
            to: stage.name.clone(),
            rules: vec![],
        };
        Self {
            moves: stages.iter().map(to).collect(),
            stages,
        }
    }
}

impl Policy {
    /// The stage of a name, in any case.
    pub(crate) fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages
            .iter()
            .find(|stage| stage.name.eq_ignore_ascii_case(name))
    }

    /// Where a new version starts.
    pub(crate) fn first_stage(&self) -> &str {
        self.stages.first().map_or("None", |stage| &stage.name)
    }

    /// The move between two stages: the one named for both, or else the one from any.
    pub(crate) fn find_move(&self, from: &str, to: &str) -> Option<&Move> {
        let named = |start: &str| self.moves.iter().find(|m| m.from == start && m.to == to);
        named(from).or_else(|| named(ANY))
    }

    /// The stages that a version in `from` may be asked to go to.
    pub(crate) fn targets(&self, from: &str) -> Vec<&str> {
        let names = self.stages.iter().map(|stage| stage.name.as_str());
        names
            .filter(|to| *to != from && self.find_move(from, to).is_some())
            .collect()
    }

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
                    "{displaced_to:?} is exclusive itself; choose a stage that holds many"
                )),
                Some(_) => None,
            };
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
            if !known(&step.to) {
                violations.add(
                    format!("{place}.to"),
                    format!("{:?} is not a stage of this policy", step.to),
                );
            }
            if !seen.insert((&step.from, &step.to)) {
                violations.add(&place, format!("{} -> {} stands twice", step.from, step.to));
            }
            if step.rules.len() > RULES {
                violations.add(
                    format!("{place}.rules"),
                    format!("has over {RULES} entries"),
                );
            }
            let mut names = BTreeSet::new();
            for (number, rule) in step.rules.iter().enumerate() {
                let place = format!("{place}.rules[{number}]");
                violations.check(format!("{place}.name"), check_name(&rule.name));
                if !names.insert(&rule.name) {
                    violations.add(
                        format!("{place}.name"),
                        format!("{:?} stands twice in this move", rule.name),
                    );
                }
                check_asks(&place, &rule.asks, violations);
            }
        }
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

fn check_asks(place: &str, asks: &Asks, violations: &mut Violations) {
    match asks {
        Asks::Metric { key, threshold, .. } => {
            violations.check(format!("{place}.metric_threshold.metric"), check_key(key));
            if !threshold.is_finite() {
                violations.add(
                    format!("{place}.metric_threshold.threshold"),
                    "must be a finite number",
                );
            }
        }
        Asks::Tags(keys) => {
            if keys.is_empty() {
                violations.add(format!("{place}.required_tags.keys"), "must name a tag");
            }
            for (index, key) in keys.iter().enumerate() {
                violations.check(
                    format!("{place}.required_tags.keys[{index}]"),
                    check_key(key),
                );
            }
        }
        Asks::Role(_) | Asks::Description => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(policy: &Policy) -> Vec<String> {
        let error = policy.check().unwrap_err();
        error
            .violations()
            .iter()
            .map(|violation| violation.field.clone())
            .collect()
    }

    #[test]
    fn the_default_policy_is_sound() {
        let policy = Policy::default();
        policy.check().unwrap();
        assert_eq!(
            policy.targets("None"),
            ["Staging", "Production", "Archived"]
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let mut policy = Policy::default();
        policy.moves[1].to = "Stagign".to_owned();
        assert_eq!(refused(&policy), ["policy.moves[1].to"]);

        let mut policy = Policy::default();
        policy.stages[2].displaced_to = Some("Production".to_owned());
        assert_eq!(refused(&policy), ["policy.stages[2].displaced_to"]);

        let mut policy = Policy::default();
        let asks = Asks::Metric {
            key: "acc".into(),
            comparison: Comparison::Above,
            threshold: f64::NAN,
        };
        policy.moves[2].rules.push(Rule {
            name: "good".into(),
            asks,
        });
        assert_eq!(
            refused(&policy),
            ["policy.moves[2].rules[0].metric_threshold.threshold"]
        );
    }

    #[test]
    fn a_stage_that_nothing_leads_to_is_refused() {
        let mut policy = Policy::default();
        policy.moves.retain(|m| m.to != "Staging");
        assert_eq!(refused(&policy), ["policy.stages[1]"]);
        // Archived is still reached: by being displaced from Production.
        let mut policy = Policy::default();
        policy.moves.retain(|m| m.to != "Archived");
        policy.check().unwrap();
    }

    #[test]
    fn a_named_move_goes_before_one_from_any() {
        let mut policy = Policy::default();
        let asks = Asks::Description;
        let rules = vec![Rule {
            name: "described".into(),
            asks,
        }];
        policy.moves.push(Move {
            from: "Staging".into(),
            to: "Production".into(),
            rules,
        });
        assert_eq!(
            policy
                .find_move("Staging", "Production")
                .unwrap()
                .rules
                .len(),
            1
        );
        assert_eq!(
            policy.find_move("None", "Production").unwrap().rules.len(),
            0
        );
    }
}

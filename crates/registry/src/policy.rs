//! Policies: the stages of a model, the moves between them, and what must hold for each.

mod check;

use std::{borrow::Cow, num::NonZeroU32};

use herdbook_rpc::Role;
use serde::{Deserialize, Serialize};

/// A move from any stage.
pub(crate) const ANY: &str = "*";

/// By which the versions of a model move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) stages: Vec<Stage>,
    pub(crate) moves: Vec<Move>,
    /// What must hold for a rollback; that an approver asks for it if `None`.
    #[serde(default)]
    pub(crate) rollback: Option<Vec<Rule>>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// Where versions go that have to make way; `None` if the stage holds as many as come.
    pub(crate) displaced_to: Option<String>,
    /// How many it holds at a time, if `displaced_to` is given.
    #[serde(default = "one")]
    pub(crate) holds: NonZeroU32,
    /// Whether versions stay for good.
    #[serde(default)]
    pub(crate) terminal: bool,
    /// Whether the records of versions stay as they are.
    #[serde(default)]
    pub(crate) frozen: bool,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl Stage {
    /// How many versions it holds at a time; `None` for as many as come.
    pub(crate) fn limit(&self) -> Option<usize> {
        let holds = usize::try_from(self.holds.get()).unwrap_or(usize::MAX);
        self.displaced_to.is_some().then_some(holds)
    }
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
    /// Names of those who may.
    Principals(Vec<String>),
    NoWorse {
        key: String,
        direction: Direction,
        margin: f64,
    },
    /// For how many seconds the version must have stood where it stands.
    Soak(u32),
    Freeze {
        cron: String,
        seconds: u32,
        zone: String,
    },
    Expression {
        text: String,
        message: String,
    },
    /// Names of checks that must have passed.
    Checks(Vec<String>),
    Approvals {
        count: u32,
        from: Approvers,
    },
    Lineage(Descent),
    /// Names of fields of the card.
    Card(Vec<String>),
    Signed {
        keys: Vec<TrustedKey>,
        /// How many of them must have signed.
        threshold: u32,
    },
}

/// A key whose signature counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrustedKey {
    pub(crate) name: String,
    /// As PEM.
    pub(crate) public_key: String,
}

/// What a version may not descend from, and what of its descent must be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Descent {
    pub(crate) without_tags: Vec<String>,
    /// Edges up to which every origin must be known; all if 0.
    pub(crate) known_depth: u32,
}

/// Who may approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Approvers {
    /// Those with at least the role of this number of `herdbook.common.v1.Role`.
    Role(i32),
    Named(Vec<String>),
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Direction {
    Higher,
    Lower,
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
            holds: NonZeroU32::MIN,
            terminal: false,
            frozen: false,
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
            rollback: None,
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

    /// The move between two stages: the one named for both, or else the one from any. None leads out of
    /// a terminal stage.
    pub(crate) fn find_move(&self, from: &str, to: &str) -> Option<&Move> {
        if self.is_terminal(from) {
            return None;
        }
        let named = |start: &str| self.moves.iter().find(|m| m.from == start && m.to == to);
        named(from).or_else(|| named(ANY))
    }

    /// What must hold for a rollback.
    pub(crate) fn rollback_rules(&self) -> Cow<'_, [Rule]> {
        match &self.rollback {
            Some(rules) => Cow::Borrowed(rules),
            None => Cow::Owned(vec![Rule {
                name: "rollback".to_owned(),
                asks: Asks::Role(Role::Approver.to_proto().into()),
            }]),
        }
    }

    /// Why a version that stands in a stage may not be deleted; `None` if it may.
    pub(crate) fn guard(&self, stage: &str) -> Option<&'static str> {
        let ruled = |step: &Move| step.to == stage && !step.rules.is_empty();
        if self.is_terminal(stage) {
            return Some("where versions stay for good");
        }
        if self.is_frozen(stage) {
            return Some("which is frozen");
        }
        self.moves.iter().any(ruled).then_some("which rules guard")
    }

    pub(crate) fn is_terminal(&self, stage: &str) -> bool {
        self.stages
            .iter()
            .any(|other| other.terminal && other.name == stage)
    }

    pub(crate) fn is_frozen(&self, stage: &str) -> bool {
        self.stages
            .iter()
            .any(|other| other.frozen && other.name == stage)
    }

    /// The stages that a version in `from` may be asked to go to.
    pub(crate) fn targets(&self, from: &str) -> Vec<&str> {
        let names = self.stages.iter().map(|stage| stage.name.as_str());
        names
            .filter(|to| *to != from && self.find_move(from, to).is_some())
            .collect()
    }
}

#[cfg(test)]
mod tests;

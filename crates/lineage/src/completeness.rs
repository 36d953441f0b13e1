//! What is missing to reproduce a thing, and to account for it, by named rules.

mod rules;

use std::collections::BTreeSet;

use herdbook_core::Digest;

use crate::{
    making::{Descent, Making},
    node::{Node, NodeKey},
};

use rules::RULES;

/// What a rule is for; the numbers are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Purpose {
    Reproduction = 1,
    Audit = 2,
}

/// A rule.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) purpose: Purpose,
    /// Those of a purpose are 100 together, so that a weight is a share in percent.
    pub(crate) weight: u32,
    pub(crate) asks: &'static str,
    pub(crate) remedy: &'static str,
    /// The nodes where it does not hold; none if it holds.
    fails_at: fn(&Case<'_>) -> BTreeSet<NodeKey>,
}

/// What came of a rule.
pub(crate) struct Finding {
    pub(crate) rule: &'static Rule,
    /// Where it does not hold; empty if it holds.
    pub(crate) missing_at: BTreeSet<NodeKey>,
}

/// What rules look at.
pub(crate) struct Case<'a> {
    descent: &'a Descent,
    making: Option<Making<'a>>,
    /// Files that the run left.
    outputs: &'a [Node],
}

/// Applies every rule to `descent`, whose run left `outputs`.
pub(crate) fn check(descent: &Descent, outputs: &[Node]) -> Vec<Finding> {
    let case = Case {
        descent,
        making: descent.making(),
        outputs,
    };
    let find = |rule: &'static Rule| Finding {
        rule,
        missing_at: (rule.fails_at)(&case),
    };
    RULES.iter().map(find).collect()
}

/// Share of the weights of the rules for `purpose` that hold, in percent, rounded down.
pub(crate) fn score(findings: &[Finding], purpose: Purpose) -> u32 {
    let weights = |all: bool| -> u32 {
        let findings = findings.iter();
        let counted =
            findings.filter(|f| f.rule.purpose == purpose && (all || f.missing_at.is_empty()));
        counted.map(|finding| finding.rule.weight).sum()
    };
    100 * weights(false) / weights(true).max(1)
}

impl Case<'_> {
    /// Fails at the run that made it, or at the thing itself where no such run is known.
    fn of_making(&self, holds: impl Fn(&Making<'_>) -> bool) -> BTreeSet<NodeKey> {
        match &self.making {
            Some(making) if holds(making) => BTreeSet::new(),
            Some(making) => [making.run.key.clone()].into(),
            None => [self.descent.subject.clone()].into(),
        }
    }

    /// Fails at the data that the run read; at the run if it read none.
    fn of_data(&self, holds: impl Fn(&Node) -> bool) -> BTreeSet<NodeKey> {
        let data = self.making.iter().flat_map(|making| &making.data);
        let fails: BTreeSet<_> = data
            .filter(|(node, _)| !holds(node))
            .map(|(node, _)| node.key.clone())
            .collect();
        match fails.is_empty() {
            true => self.of_making(|making| !making.data.is_empty()),
            false => fails,
        }
    }

    fn of_kind(&self, kind: &str, holds: impl Fn(&Node) -> bool) -> BTreeSet<NodeKey> {
        self.of_kinds(|node| node.key.kind != kind || holds(node))
    }

    fn of_kinds(&self, holds: impl Fn(&Node) -> bool) -> BTreeSet<NodeKey> {
        let nodes = self.descent.pedigree.nodes.values();
        let fails = nodes.filter(|node| !holds(node));
        fails.map(|node| node.key.clone()).collect()
    }

    fn of_subject(&self, holds: impl Fn(&Node) -> bool) -> BTreeSet<NodeKey> {
        self.of_kinds(|node| node.key != self.descent.subject || holds(node))
    }
}

/// Whether a digest is that of the bytes of a file, so that anybody can check it.
pub(crate) fn is_checkable(digest: &str) -> bool {
    digest.starts_with("sha256:") && digest.parse::<Digest>().is_ok()
}

#[cfg(test)]
mod tests;
